/** Every client revision against every kind of upstream, over every leg. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { META } from '../../lib/protocol/modern/envelope.ts';
import { eraOf, initializeMessage, LEGACY_REVISIONS, LEGS, REVISIONS } from '../support/gateway-harness.ts';
import { startHttpSseUpstream, type HttpSseUpstream } from '../support/http-sse-upstream.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openFaulty, openGateway, openScripted } from './fixtures.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';

const SERVER_INFO = META.serverInfo;
const GATEWAY = { name: 'sluice', title: 'Sluice', version: expect.any(String) };

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
    const unlike = (upstream: ScriptedUpstream) =>
      upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());

    test.each(['a-1', 7, '7'])('has its call answered in its own era, under its id %j', async (id) => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const answer = await peer.request('tools/call', { name: 'up__ok', arguments: { città: 'Zürich' } }, { id });
      expect(answer.status).toBe(200);
      expect(answer.messages).toEqual([
        {
          jsonrpc: '2.0',
          id,
          result: {
            resultType: 'complete',
            content: [{ type: 'text', text: '{"città":"Zürich"}' }],
            _meta: { [SERVER_INFO]: GATEWAY },
          },
        },
      ]);
      const [call] = upstream.calls('ok');
      expect(call?.message.params).toEqual({ name: 'ok', arguments: { città: 'Zürich' } });
      expect(call?.headers).not.toHaveProperty('mcp-method');
      expect(call?.headers).not.toHaveProperty('mcp-name');
      expect(call?.headers['mcp-protocol-version']).toBe('2025-11-25');
    });

    test('lists its tools, with what its era says of lists', async () => {
      const { gateway } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('tools/list');
      expect(status).toBe(200);
      expect(messages[0].result).toEqual({
        tools: [{ name: 'up__ok', inputSchema: { type: 'object' } }],
        resultType: 'complete',
        ttlMs: 60_000,
        cacheScope: 'private',
        _meta: { [SERVER_INFO]: GATEWAY },
      });
    });

    test('is introduced to it by server/discover', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      unlike(upstream);
      upstream.capabilities = { tools: {}, logging: {} };
      upstream.hello = { instructions: 'Be kind.' };
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('server/discover');
      expect(status).toBe(200);
      expect(messages[0].result).toEqual({
        resultType: 'complete',
        supportedVersions: [...REVISIONS],
        capabilities: { tools: { listChanged: true }, logging: {} },
        instructions: 'Be kind.',
        ttlMs: 60_000,
        cacheScope: 'private',
        _meta: { [SERVER_INFO]: GATEWAY },
      });
    });

    test('hears progress under its token and the log messages that it wants', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      unlike(upstream);
      upstream.onCall(({ progress, say, answer }) => {
        progress(1);
        for (const level of ['debug', 'info', 'error']) {
          say({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: level } });
        }
        answer({ content: [] });
      });
      const peer = await gateway.client.connect('2026-07-28');
      const { messages } = await peer.request(
        'tools/call',
        { name: 'up__x' },
        { progressToken: 't', logLevel: 'info' },
      );
      expect(messages.slice(0, -1).map(({ params }): unknown => params.data ?? params)).toEqual([
        { progressToken: 't', progress: 1 },
        'info',
        'error',
      ]);
      expect(upstream.of('logging/setLevel').map(({ message }): unknown => message.params)).toEqual([
        { level: 'info' },
      ]);
      const silent = await peer.request('tools/call', { name: 'up__x' });
      expect(silent.messages).toHaveLength(1);
      expect(upstream.of('logging/setLevel')).toHaveLength(1);
    });

    test('gets the error of its upstream as it is', async () => {
      const { gateway } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('tools/call', { name: 'up__missing' }, { id: 3 });
      expect(status).toBe(200);
      expect(messages).toEqual([{ jsonrpc: '2.0', id: 3, error: { code: -32602, message: 'Unknown tool: missing' } }]);
    });

    test('is not asked what its upstream would ask, who is told so', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      unlike(upstream);
      upstream.onCall(async ({ ask, answer }) => answer({ heard: await ask(7, 'elicitation/create', {}) }));
      const peer = await gateway.client.connect('2026-07-28', { capabilities: { elicitation: {} } });
      const { messages } = await peer.request('tools/call', { name: 'up__ask' });
      expect(messages).toHaveLength(1);
      expect(messages[0].result.heard).toMatchObject({ id: 7, error: { code: -32601 } });
      expect(upstream.of('initialize')[0]?.message.params.capabilities).toEqual({});
    });

    test('has a session of its own for each call, which ends with the call', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      upstream.barrier('together', 2);
      const peer = await gateway.client.connect('2026-07-28');
      await Promise.all([peer.call('up__together'), peer.call('up__together')]);
      await gateway.settled();
      const used = upstream.calls('together').map(({ sessionId }) => sessionId);
      expect(new Set(used).size).toBe(2);
      expect(new Set(upstream.deleted)).toEqual(new Set(used));
      expect(upstream.deleted.length).toBe(2);
      expect(upstream.sessions).toEqual([]);
    });

    test('costs the upstream no probe while it is remembered that it lacks the era', async () => {
      // Everything is learned within one millisecond of this clock.
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock: createManualClock() });
      const peer = await gateway.client.connect('2026-07-28');
      await peer.call('up__ok');
      await gateway.settled();
      const opening = ['initialize', 'notifications/initialized', 'tools/call', undefined];
      expect(upstream.requests.map(({ method }) => method)).toEqual(['server/discover', ...opening]);
      for (const environment of gateway.environments) {
        const before = upstream.requests.length;
        expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
        await gateway.settled();
        expect(upstream.requests.slice(before).map(({ method }) => method)).toEqual(opening);
      }
    });

    test('is served in its own era about a minute after the upstream has learned it', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openScripted({ leg, clock });
      unlike(upstream);
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__ok')).result).toBeDefined();
      await gateway.settled();
      upstream.on('server/discover', (incoming) => incoming.answer({ supportedVersions: ['2026-07-28'] }));
      clock.advance(61_000);
      const before = upstream.received.length;
      expect((await peer.call('up__ok')).result).toBeDefined();
      const since = upstream.received.slice(before).map(({ message }): unknown => message.method);
      expect(since).toEqual(['server/discover', 'tools/call']);
    });
  });

  describe.each(LEGACY_REVISIONS)('a %s client of an upstream that speaks modern only', (revision) => {
    test('gets a session in its own revision, and its calls answered', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const peer = await gateway.client.connect(revision, { capabilities: { sampling: {}, roots: {} } });
      expect(peer.initialized).toEqual({
        protocolVersion: revision,
        // Older clients do not come back by themselves to be told.
        capabilities: { tools: revision === LEGACY_REVISIONS[0] ? { listChanged: true } : {}, logging: {} },
        serverInfo: GATEWAY,
      });
      const answer = await peer.request('tools/call', { name: 'up__ok', arguments: { n: 1 } }, { id: 'c' });
      expect(answer.status).toBe(200);
      expect(answer.messages).toEqual([
        { jsonrpc: '2.0', id: 'c', result: { content: [{ type: 'text', text: '{"n":1}' }] } },
      ]);
      const [call] = upstream.calls('ok');
      expect(call?.headers).toMatchObject({
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'ok',
      });
      expect(call?.sessionId).toBeUndefined();
      expect(call?.message.params).toEqual({
        name: 'ok',
        arguments: { n: 1 },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'harness', version: '1.0.0' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      });
    });

    test('lists its tools', async () => {
      const { gateway } = await openFaulty('modern', { leg });
      const peer = await gateway.client.connect(revision);
      const { messages } = await peer.request('tools/list');
      expect(messages[0].result).toEqual({ tools: [{ name: 'up__ok', inputSchema: { type: 'object' } }] });
    });

    test('hears progress under its token, and log messages once it has asked for them', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      upstream.on('stream', 'sse');
      const peer = await gateway.client.connect(revision);
      const call = () => peer.request('tools/call', { name: 'up__stream', arguments: {} }, { progressToken: 't' });
      expect((await call()).messages.map(({ method }): unknown => method ?? 'answer')).toEqual([
        'notifications/progress',
        'answer',
      ]);
      await peer.request('logging/setLevel', { level: 'info' });
      const { messages } = await call();
      expect(messages.map(({ method }): unknown => method ?? 'answer')).toEqual([
        'notifications/progress',
        'notifications/message',
        'answer',
      ]);
      expect(messages[0].params).toEqual({ progressToken: 't', progress: 1 });
      expect(messages[1].params).toEqual({ level: 'info', data: 'half way' });
    });

    test('cannot be asked for input, and is told so', async () => {
      const { gateway, upstream } = await openScripted({ leg, upstream: { era: 'modern' } });
      upstream.onCall(({ answer }) =>
        answer({
          resultType: 'input_required',
          inputRequests: { one: { method: 'elicitation/create', params: { message: '?', requestedSchema: {} } } },
        }),
      );
      const peer = await gateway.client.connect(revision, { capabilities: { elicitation: {} } });
      const { error } = await peer.call('up__ask');
      expect(error).toMatchObject({ code: 1022, data: { upstream: 'up', tool: 'up__ask' } });
      expect(error.message).toContain('elicitation');
      expect(upstream.of('tools/call')).toHaveLength(1);
      expect(gateway.actions.at(-1)).toMatchObject({ outcome: 'error', errorKind: 'cannot-ask' });
    });

    test('asks it for no session again while it is remembered that it has none', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg, clock: createManualClock() });
      const peer = await gateway.client.connect(revision);
      await gateway.settled();
      expect(upstream.requests.filter(({ method }) => method === 'initialize')).toHaveLength(1);
      for (const environment of gateway.environments) {
        const before = upstream.requests.length;
        expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
        await gateway.settled();
        expect(upstream.requests.slice(before).map(({ method }) => method)).toEqual(['tools/call']);
      }
    });
  });

  describe('an upstream that speaks neither era', () => {
    const openMute = async () => {
      const opened = await openScripted({ leg });
      for (const method of ['initialize', 'server/discover', 'tools/call', 'tools/list']) {
        opened.upstream.on(method, ({ response }) => void response.writeHead(404).end());
      }
      return opened;
    };

    test.each(['tools/call', 'tools/list', 'server/discover'])(
      'says how it turned a modern client away in reply to %s',
      async (method) => {
        const { gateway, upstream } = await openMute();
        const peer = await gateway.client.connect('2026-07-28');
        const { status, messages } = await peer.request(method, { name: 'up__ok' }, { id: 5 });
        expect(status).toBe(200);
        expect(messages[0]).toMatchObject({
          id: 5,
          error: { code: 1009, message: 'Upstream up answered with HTTP status 404', data: { mayHaveRun: false } },
        });
        expect(upstream.of(method === 'server/discover' ? 'tools/call' : method)).toEqual([]);
      },
    );

    test('makes initialize fail with what it says to it, and no session is left', async () => {
      const { gateway, upstream } = await openMute();
      const answer = await gateway.client.post(initializeMessage('2025-11-25'));
      expect(answer.headers['mcp-session-id']).toBeUndefined();
      expect(answer.messages[0]).toMatchObject({
        id: 'initialize',
        error: { code: 1009, data: { upstream: 'up', status: 404, mayHaveRun: false } },
      });
      upstream.on('initialize', ({ fail }) => fail(-32602, 'Unsupported protocol version', { supported: ['1'] }));
      const { messages } = await gateway.client.post(initializeMessage('2025-11-25'));
      expect(messages[0].error).toEqual({
        code: -32602,
        message: 'Unsupported protocol version',
        data: { supported: ['1'] },
      });
    });

    test('is asked again by the next call: it may be no MCP server only now', async () => {
      const { gateway, upstream } = await openMute();
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__ok')).error.code).toBe(1009);
      for (const method of ['server/discover', 'tools/call']) upstream.asUsual(method);
      expect((await peer.call('up__ok')).result).toBeDefined();
    });
  });

  describe('an upstream whose era is configured', () => {
    test('is not asked for it', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg, upstream: { era: 'modern' } });
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.requests.map(({ method }) => method)).toEqual(['tools/call']);
    });

    test('as modern is spoken to in that era only, whatever it offers', async () => {
      const { gateway, upstream } = await openFaulty('both', { leg, upstream: { era: 'modern' } });
      const peer = await gateway.client.connect('2025-06-18');
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.requests.map(({ method }) => method)).toEqual(['server/discover', 'tools/call']);
      expect(upstream.sessions).toEqual([]);
    });

    test('as legacy is spoken to in that era only, whatever it offers', async () => {
      const { gateway, upstream } = await openFaulty('both', { leg, upstream: { era: 'legacy' } });
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.requests.slice(0, 3).map(({ method }) => method)).toEqual([
        'initialize',
        'notifications/initialized',
        'tools/call',
      ]);
    });

    test('as legacy, but speaks modern only, says why it cannot be called', async () => {
      const { gateway } = await openFaulty('modern', { leg, upstream: { era: 'legacy' } });
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('tools/call', { name: 'up__ok' });
      expect(status).toBe(200);
      expect(messages[0].error.code).not.toBe(-32603);
      expect(messages[0].error.message).not.toBe('');
      const { messages: opening } = await gateway.client.post(initializeMessage('2025-11-25'));
      expect(opening[0].error).toBeDefined();
      expect(opening[0].error.code).not.toBe(-32603);
    });
  });

  describe('an upstream of HTTP+SSE', () => {
    const methodsOf = ({ heard }: HttpSseUpstream): string[] =>
      heard.map(({ method, path }) => `${method} ${path.replace(/\?.*$/, '')}`);

    const openSse = async (upstream: object = {}) => {
      const server = await startHttpSseUpstream();
      onTestFinished(() => server.close());
      return { server, gateway: await openGateway({ leg, url: server.url, upstream }) };
    };

    test.each(REVISIONS)('is found by a %s client, and remembered', async (revision) => {
      const { server, gateway } = await openSse();
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__echo', { text: 'hello' })).result.content[0].text).toContain('hello');
      await gateway.settled();
      for (const environment of gateway.environments) {
        const before = server.heard.length;
        expect((await peer.through(environment).call('up__echo', { text: 'again' })).result).toBeDefined();
        expect(methodsOf(server)[before]).toBe('GET /sse');
      }
      await server.deserted();
    });

    test.each(REVISIONS)(
      'that speaks Streamable HTTP by now is served to a %s client, and remembered',
      async (revision) => {
        const { gateway, upstream } = await openScripted({ leg });
        const key = cryptoIds.digest(JSON.stringify([upstream.url, []]));
        const before = {
          versions: { modern: [], legacy: ['2024-11-05'] },
          transport: 'sse',
          learnedAt: Date.now(),
        } as const;
        await gateway.stores.upstreamEras.write(key, before, Date.now() + 60_000);
        const peer = await gateway.client.connect(revision);
        expect((await peer.call('up__ok')).result).toBeDefined();
        await gateway.settled();
        expect((await gateway.stores.upstreamEras.read(key))?.transport).toBe('http');
      },
    );

    test('is found once where its era is configured too', async () => {
      const { server, gateway } = await openSse({ era: 'legacy' });
      const peer = await gateway.client.connect('2026-07-28');
      await peer.call('up__echo', { text: 'hello' });
      expect(methodsOf(server)[0]).toBe('POST /sse');
      await gateway.settled();
      for (const environment of gateway.environments) {
        const before = server.heard.length;
        expect((await peer.through(environment).call('up__echo', { text: 'again' })).result).toBeDefined();
        expect(methodsOf(server)[before]).toBe('GET /sse');
      }
    });
  });

  test('an upstream that turns out to have lost the modern era is called in the other, and in it no more', async () => {
    const { gateway, upstream } = await openScripted({ leg, environments: 1 });
    const peer = await gateway.client.connect('2026-07-28');
    expect((await peer.call('up__ok')).result).toBeDefined();
    upstream.onCall(({ modern, response, answer }) => {
      if (modern) response.writeHead(404).end('nothing here');
      else answer({ content: [] });
    });
    upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
    const answer = await peer.request('tools/call', { name: 'up__ok' });
    expect(answer.status).toBe(200);
    expect(answer.messages[0].result).toMatchObject({ resultType: 'complete', content: [] });
    await gateway.settled();
    const before = upstream.received.length;
    expect((await peer.call('up__ok')).result).toBeDefined();
    const since = upstream.received.slice(before).map(({ message }): unknown => message?.method);
    expect(since.slice(0, 3)).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
  });
});
