/** Every client revision against every kind of upstream, over every leg. */
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../support/manual-clock.ts';
import { eraOf, initializeMessage, LEGACY_REVISIONS, LEGS, REVISIONS } from '../support/gateway-harness.ts';
import { openFaulty, openScripted } from './fixtures.ts';

const ERAS = ['modern', 'legacy', 'both'] as const;

const pairs = REVISIONS.flatMap((revision) => ERAS.map((upstreamEra) => ({ revision, upstreamEra })));
const served = pairs.filter(({ revision, upstreamEra }) => [eraOf(revision), 'both'].includes(upstreamEra));

describe.each(LEGS)('$name', (leg) => {
  describe.each(served)('a $revision client of an upstream that speaks $upstreamEra', ({ revision, upstreamEra }) => {
    test.each(['a-1', 7, '7', Number.MIN_SAFE_INTEGER])('has its call answered under its id %j', async (id) => {
      const { gateway, upstream } = await openFaulty(upstreamEra, { leg });
      const peer = await gateway.client.connect(revision);
      const answer = await peer.request('tools/call', { name: 'up__ok', arguments: { città: 'Zürich' } }, { id });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe('application/json');
      expect(answer.messages).toHaveLength(1);
      expect(answer.messages[0]).toMatchObject({
        jsonrpc: '2.0',
        id,
        result: { content: [{ type: 'text', text: '{"città":"Zürich"}' }] },
      });
      expect(upstream.calls('ok')).toHaveLength(1);
    });

    test('lists the tools under its prefix', async () => {
      const { gateway, upstream } = await openFaulty(upstreamEra, { leg });
      upstream.on('slow', 'ok');
      const peer = await gateway.client.connect(revision);
      const { messages } = await peer.request('tools/list');
      expect(messages[0].result.tools).toEqual([
        { name: 'up__ok', inputSchema: { type: 'object' } },
        { name: 'up__slow', inputSchema: { type: 'object' } },
      ]);
    });

    test.each(['token', 7])('hears progress under its token %j and log messages before its answer', async (token) => {
      const { gateway, upstream } = await openFaulty(upstreamEra, { leg });
      upstream.on('stream', 'sse');
      const peer = await gateway.client.connect(revision);
      const params = { name: 'up__stream', arguments: {} };
      const { headers, messages } = await peer.request('tools/call', params, {
        progressToken: token,
        logLevel: 'info',
      });
      expect(headers['content-type']).toBe('text/event-stream');
      expect(messages.map(({ method }): unknown => method ?? 'answer')).toEqual([
        'notifications/progress',
        'notifications/message',
        'answer',
      ]);
      expect(messages[0].params).toEqual({ progressToken: token, progress: 1 });
      expect(messages[1].params).toEqual({ level: 'info', data: 'half way' });
    });

    test('has six calls answered that wait for each other', async () => {
      const { gateway, upstream } = await openFaulty(upstreamEra, { leg });
      upstream.barrier('together', 6);
      const peer = await gateway.client.connect(revision);
      const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => peer.call('up__together', { n })));
      expect(answers.map(({ result }): unknown => result.content[0].text)).toEqual(
        answers.map((_, n) => JSON.stringify({ n })),
      );
    });

    test('has a quick call answered while a slow one is held', async () => {
      const { gateway, upstream } = await openFaulty(upstreamEra, { leg });
      const { entered, release } = upstream.gate('slow');
      const peer = await gateway.client.connect(revision);
      const slow = peer.call('up__slow', { which: 'slow' });
      await entered;
      for (const environment of gateway.environments) {
        expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
      }
      release();
      expect((await slow).result.content).toEqual([{ type: 'text', text: '{"which":"slow"}' }]);
    });

    test('gets the error of its upstream as it is', async () => {
      const { gateway } = await openFaulty(upstreamEra, { leg });
      const peer = await gateway.client.connect(revision);
      const { status, messages } = await peer.request('tools/call', { name: 'up__missing' }, { id: 3 });
      expect(status).toBe(200);
      expect(messages).toEqual([{ jsonrpc: '2.0', id: 3, error: { code: -32602, message: 'Unknown tool: missing' } }]);
    });
  });

  describe('a modern client of an upstream that speaks legacy only', () => {
    test.each(['tools/call', 'tools/list', 'server/discover'])('is told so in reply to %s', async (method) => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request(method, { name: 'up__ok' }, { id: 5 });
      expect(status).toBe(400);
      expect(messages[0]).toEqual({
        jsonrpc: '2.0',
        id: 5,
        error: {
          code: -32022,
          message: 'Unsupported protocol version: upstream up speaks 2025-11-25',
          data: { supported: ['2025-11-25'], requested: '2026-07-28', upstream: 'up' },
        },
      });
      expect(upstream.calls('ok')).toEqual([]);
    });

    test('leaves no session open that was opened to find out', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      await peer.call('up__ok');
      await gateway.settled();
      expect(upstream.deleted).toHaveLength(1);
      expect(upstream.sessions).toEqual([]);
    });

    test('costs the upstream nothing while that is remembered', async () => {
      // Everything is learned within one millisecond of this clock.
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock: createManualClock() });
      const peer = await gateway.client.connect('2026-07-28');
      await peer.call('up__ok');
      await gateway.settled();
      const before = upstream.requests.length;
      for (const environment of gateway.environments) {
        const answer = await peer.through(environment).call('up__ok');
        expect(answer.error.code).toBe(-32022);
      }
      expect(upstream.requests).toHaveLength(before);
    });

    test('is served about a minute after the upstream has learned its era', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openScripted({ leg, clock });
      upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__ok')).error.code).toBe(-32022);
      await gateway.settled();
      upstream.on('server/discover', (incoming) => incoming.answer({ supportedVersions: ['2026-07-28'] }));
      clock.advance(61_000);
      expect((await peer.call('up__ok')).result).toBeDefined();
    });
  });

  describe.each(LEGACY_REVISIONS)('a %s client of an upstream that speaks modern only', (revision) => {
    test('is told so in reply to initialize, and gets no session', async () => {
      const { gateway } = await openFaulty('modern', { leg });
      const answer = await gateway.client.post(initializeMessage(revision));
      expect(answer.status).toBe(200);
      expect(answer.headers['mcp-session-id']).toBeUndefined();
      expect(answer.messages).toEqual([
        {
          jsonrpc: '2.0',
          id: 'initialize',
          error: {
            code: -32602,
            message: 'Unsupported protocol version: upstream up speaks 2026-07-28',
            data: { supported: ['2026-07-28'], requested: revision, upstream: 'up' },
          },
        },
      ]);
    });
  });

  describe('an upstream whose era is configured', () => {
    test('is not asked for it', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg, upstream: { era: 'modern' } });
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.requests.map(({ method }) => method)).toEqual(['tools/call']);
    });

    test('as modern refuses legacy clients without being called', async () => {
      const { gateway, upstream } = await openFaulty('both', { leg, upstream: { era: 'modern' } });
      const { messages } = await gateway.client.post(initializeMessage('2025-06-18'));
      expect(messages[0].error).toMatchObject({ code: -32602, data: { supported: ['2026-07-28'] } });
      expect(upstream.requests).toEqual([]);
    });

    test('as legacy refuses modern clients without being called', async () => {
      const { gateway, upstream } = await openFaulty('both', { leg, upstream: { era: 'legacy' } });
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('tools/list');
      expect(status).toBe(400);
      expect(messages[0].error).toMatchObject({
        code: -32022,
        data: { supported: ['2025-11-25', '2025-06-18', '2025-03-26'], requested: '2026-07-28', upstream: 'up' },
      });
      expect(upstream.requests).toEqual([]);
    });
  });

  test('an upstream that turns out to have lost the modern era is called in it no more', async () => {
    const { gateway, upstream } = await openScripted({ leg, environments: 1 });
    const peer = await gateway.client.connect('2026-07-28');
    expect((await peer.call('up__ok')).result).toBeDefined();
    upstream.onCall(({ response }) => void response.writeHead(404).end('nothing here'));
    upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
    const { status, messages } = await peer.request('tools/call', { name: 'up__ok' });
    expect(status).toBe(400);
    expect(messages[0].error).toMatchObject({ code: -32022, data: { supported: ['2025-11-25'] } });
    await gateway.settled();
    const calls = upstream.of('tools/call').length;
    await peer.call('up__ok');
    expect(upstream.of('tools/call')).toHaveLength(calls);
  });
});
