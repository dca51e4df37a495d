/** Where the time of a call went, told to whoever asks: the same that the action log says. */
import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Action } from '../../lib/ports/action-log.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import { initializeMessage, LEGS, type Harness } from '../support/gateway-harness.ts';
import { createManualClock, passingTime, type ManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import type { WireResponse } from '../support/wire.ts';
import { openGateway, openScripted } from './fixtures.ts';
import { startScriptedUpstream, type Incoming, type ScriptedUpstream } from './scripted-upstream.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const PAIRS = [
  ['2026-07-28', 'modern'],
  ['2026-07-28', 'legacy'],
  ['2025-11-25', 'legacy'],
  ['2025-11-25', 'modern'],
  ['2025-03-26', 'legacy'],
] as const;

const TIMING = 'io.sluice/timing';
const ASKING = { _meta: { [TIMING]: true } };

/** What a line of the action log says of the time, as clients are told it. */
function toldOf(line: Action | undefined) {
  if (line === undefined) throw new Error('There is no such line');
  const { gatewayMs, upstreamMs, attempt, replayed, environment } = line;
  return { gatewayMs, upstreamMs, attempts: attempt, replayed, environment };
}

function headerOf({ gatewayMs, upstreamMs }: { readonly gatewayMs: number; readonly upstreamMs: number }): string {
  return `gateway;dur=${gatewayMs}, upstream;dur=${upstreamMs}`;
}

const timingOf = (answer: WireResponse): AnyJson => answer.messages.at(-1)?.result?._meta?.[TIMING];

/** Lists as an upstream without anything to list has them. */
function answerLists(upstream: ScriptedUpstream): void {
  for (const member of ['tools', 'prompts', 'resources']) {
    upstream.on(`${member}/list`, ({ answer }) => answer({ [member]: [], ttlMs: 0, cacheScope: 'private' }));
  }
  upstream.on('resources/templates/list', ({ answer }) =>
    answer({ resourceTemplates: [], ttlMs: 0, cacheScope: 'private' }),
  );
}

const METHODS: Readonly<Record<string, object>> = {
  'tools/call': { name: 'up__pay' },
  'tools/list': {},
  'prompts/list': {},
  'resources/list': {},
  'resources/templates/list': {},
  'prompts/get': { name: 'up__p' },
  'resources/read': { uri: 'x://a' },
  'completion/complete': { ref: { type: 'ref/prompt', name: 'up__p' }, argument: { name: 'a', value: 'b' } },
};
const MODERN_METHODS = { 'server/discover': {} };
const LEGACY_METHODS = { ping: {}, 'logging/setLevel': { level: 'info' } };
/** What only an upstream of its own era does for a legacy client. */
const SESSION_METHODS = { 'resources/subscribe': { uri: 'x://a' } };

/** A store that takes its time over one method. */
function slow<Name extends keyof Stores>(clock: ManualClock, name: Name, method: keyof Stores[Name], ms: number) {
  return (stores: Stores): Stores => ({
    ...stores,
    [name]: new Proxy(stores[name], {
      get(target, property) {
        const original = Reflect.get(target, property) as (...args: unknown[]) => unknown;
        return (...args: unknown[]): unknown => {
          if (property === method) clock.advance(ms);
          return original.apply(target, args);
        };
      },
    }),
  });
}

/** No part of it has reached the upstream. */
function expectNothingUpstream(upstream: ScriptedUpstream): void {
  expect(upstream.received.filter(({ text }) => text.includes('io.sluice'))).toEqual([]);
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of %s on a %s upstream', (revision, era) => {
    const open = (options: object = {}) => openScripted({ leg, upstream: { era }, ...options });
    const ofLegacy = era === 'legacy' ? { ...LEGACY_METHODS, ...SESSION_METHODS } : LEGACY_METHODS;
    const ofEra = revision === '2026-07-28' ? MODERN_METHODS : ofLegacy;

    test.each(Object.entries({ ...METHODS, ...ofEra }))(
      'that asks with %s is told what the action log says',
      async (method, params) => {
        const { gateway, upstream } = await open();
        upstream.capabilities = { ...upstream.capabilities, resources: { subscribe: true } };
        answerLists(upstream);
        const peer = await gateway.client.connect(revision);
        const answer = await peer.request(method, { ...params, ...ASKING });
        const line = gateway.actions.at(-1)!;
        expect(line).toMatchObject({ method, outcome: 'ok' });
        expect(timingOf(answer)).toEqual(toldOf(line));
        expect(line.gatewayMs + line.upstreamMs).toBeCloseTo(line.totalMs, 9);
        expect(line.bytesOut).toBe(Buffer.byteLength(answer.text));
        expect(answer.headers['server-timing']).toBe(headerOf(line));
        expectNothingUpstream(upstream);
      },
    );

    test.each([undefined, false, 'true', 1, null, {}, [true]])(
      'that says %j is told nothing in the result, and is served',
      async (said) => {
        const { gateway, upstream } = await open();
        const peer = await gateway.client.connect(revision);
        const answer = await peer.request('tools/call', { name: 'up__pay', _meta: { [TIMING]: said } });
        expect(answer.messages[0].result.content).toBeDefined();
        expect(answer.text).not.toContain(TIMING);
        expect(answer.headers['server-timing']).toBe(headerOf(gateway.actions.at(-1)!));
        expectNothingUpstream(upstream);
      },
    );

    test('learns of a slow upstream', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await open({ clock });
      upstream.onCall(({ answer }) => {
        clock.advance(250.25);
        answer({ content: [] });
      });
      const peer = await gateway.client.connect(revision);
      const answer = await peer.request('tools/call', { name: 'up__pay', ...ASKING });
      expect(timingOf(answer)).toMatchObject({ gatewayMs: 0, upstreamMs: 250.25, attempts: 1, replayed: false });
      expect(answer.headers['server-timing']).toBe('gateway;dur=0, upstream;dur=250.25');
    });

    test('learns of a slow store', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await open({ clock, wrapStores: slow(clock, 'idempotency', 'begin', 40.5) });
      upstream.onCall(({ answer }) => {
        clock.advance(10);
        answer({ content: [] });
      });
      const peer = await gateway.client.connect(revision);
      const headers = { 'idempotency-key': randomUUID() };
      const answer = await peer.request('tools/call', { name: 'up__pay', ...ASKING }, { headers });
      expect(timingOf(answer)).toMatchObject({ gatewayMs: 40.5, upstreamMs: 10 });
      expect(answer.headers['server-timing']).toBe('gateway;dur=40.5, upstream;dur=10');
    });

    test('learns how often a call was sent', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await open({ clock });
      upstream.on('prompts/get', ({ answer, response }) => {
        if (upstream.of('prompts/get').length === 1) response.writeHead(503).end();
        else answer({ messages: [] });
      });
      const peer = await gateway.client.connect(revision);
      const answer = await passingTime(clock, 10, peer.request('prompts/get', { name: 'up__p', ...ASKING }));
      expect(timingOf(answer)).toEqual(toldOf(gateway.actions.at(-1)));
      expect(timingOf(answer).attempts).toBe(2);
    });

    test('is told of its own call when it is the answer to an earlier one, whose times are not kept', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await open({ clock });
      upstream.onCall(({ answer }) => {
        clock.advance(100);
        answer({ content: [], _meta: { own: 1, [TIMING]: 'forged' } });
      });
      const peer = await gateway.client.connect(revision);
      const options = { headers: { 'idempotency-key': randomUUID() } };
      const first = await peer.request('tools/call', { name: 'up__pay', ...ASKING }, options);
      const again = await peer.request('tools/call', { name: 'up__pay', ...ASKING }, options);
      const unasked = await peer.request('tools/call', { name: 'up__pay' }, options);
      expect(timingOf(first)).toMatchObject({ upstreamMs: 100, attempts: 1, replayed: false });
      expect(timingOf(again)).toEqual({
        ...toldOf(gateway.actions.at(-2)),
        upstreamMs: 0,
        attempts: 0,
        replayed: true,
      });
      expect(unasked.messages[0].result._meta).toMatchObject({ own: 1, 'io.sluice/replayed': true });
      expect(unasked.messages[0].result._meta).not.toHaveProperty([TIMING]);
    });

    test('is told nothing by the upstream in its place, and everything else', async () => {
      const { gateway, upstream } = await open();
      upstream.onCall(({ answer }) => answer({ content: [], _meta: { own: 1, [TIMING]: { gatewayMs: 1 } } }));
      const peer = await gateway.client.connect(revision);
      const unasked = await peer.request('tools/call', { name: 'up__pay' });
      expect(unasked.messages[0].result._meta).toMatchObject({ own: 1 });
      expect(unasked.messages[0].result._meta).not.toHaveProperty([TIMING]);
      const asked = await peer.request('tools/call', { name: 'up__pay', ...ASKING });
      expect(asked.messages[0].result._meta).toMatchObject({ own: 1, [TIMING]: toldOf(gateway.actions.at(-1)) });
    });

    test('gets every other byte of the result as the upstream wrote it', async () => {
      const { gateway, upstream } = await open();
      const members = '"content":[],"x":{ "y":1.0,"big":9007199254740993 },"é\\u00e9":"\\/"';
      const meta = '"own":1e2,"o/x":[ 1 , 2 ]';
      upstream.onCall(({ answerText, message, modern }) => {
        const type = modern ? '"resultType":"complete",' : '';
        const id = JSON.stringify(message.id);
        answerText(`{"jsonrpc":"2.0","id":${id},"result":{${type}${members},"_meta":{${meta}}}}`);
      });
      const peer = await gateway.client.connect(revision);
      const unasked = await peer.request('tools/call', { name: 'up__pay' }, { id: 'mine' });
      const asked = await peer.request('tools/call', { name: 'up__pay', ...ASKING }, { id: 'mine' });
      const told = JSON.stringify(toldOf(gateway.actions.at(-1)));
      expect(unasked.text).toContain(`${members},"_meta":{${meta}`);
      expect(asked.text.replace(`,"${TIMING}":${told}`, '')).toBe(unasked.text);
      expect(asked.text).not.toBe(unasked.text);
    });

    test('is told at the end of a stream, whose own headers left before', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await open({ clock });
      upstream.onCall(({ answer, progress }) => {
        clock.advance(20);
        progress(1);
        clock.advance(30);
        answer({ content: [] });
      });
      const peer = await gateway.client.connect(revision);
      const answer = await peer.request('tools/call', { name: 'up__pay', ...ASKING }, { progressToken: 't' });
      expect(answer.headers['content-type']).toMatch('text/event-stream');
      expect(answer.headers).not.toHaveProperty('server-timing');
      expect(answer.messages).toHaveLength(2);
      expect(answer.messages[0]).toMatchObject({ method: 'notifications/progress', params: { progressToken: 't' } });
      expect(timingOf(answer)).toMatchObject({ gatewayMs: 0, upstreamMs: 50 });
      expect(timingOf(answer)).toEqual(toldOf(gateway.actions.at(-1)));
      expectNothingUpstream(upstream);
    });

    test('is told of each of its calls at once what is true of that one', async () => {
      const { gateway, upstream } = await open();
      const waiting: Incoming[] = [];
      upstream.onCall((incoming) => {
        waiting.push(incoming);
        if (waiting.length === 10) for (const { answer } of waiting.toReversed()) answer({ content: [] });
      });
      const peer = await gateway.client.connect(revision);
      const calls = Array.from({ length: 10 }, (_, call) =>
        peer.request('tools/call', { name: `up__t${call}`, ...ASKING }),
      );
      const answers = await Promise.all(calls);
      const lines = answers.map((_, call) => gateway.actions.find(({ tool }) => tool === `up__t${call}`));
      expect(answers.map(timingOf)).toEqual(lines.map(toldOf));
      expect(answers.map(({ headers }) => headers['server-timing'])).toEqual(lines.map((line) => headerOf(line!)));
    });

    test('is told of an error in the header only', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await open({ clock });
      upstream.onCall(({ fail }) => {
        clock.advance(70);
        fail(-32603, 'no');
      });
      const peer = await gateway.client.connect(revision);
      const answer = await peer.request('tools/call', { name: 'up__pay', ...ASKING });
      expect(answer.messages[0].error.code).toBe(-32603);
      expect(answer.text).not.toContain('io.sluice');
      expect(answer.headers['server-timing']).toBe('gateway;dur=0, upstream;dur=70');
    });

    test('is told of a tool that reports an error, which is a result', async () => {
      const { gateway, upstream } = await open();
      upstream.onCall(({ answer }) => answer({ content: [], isError: true }));
      const peer = await gateway.client.connect(revision);
      const answer = await peer.request('tools/call', { name: 'up__pay', ...ASKING });
      expect(gateway.actions.at(-1)).toMatchObject({ outcome: 'tool-error' });
      expect(timingOf(answer)).toEqual(toldOf(gateway.actions.at(-1)));
    });
  });

  test('initialize says it, too', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, clock, upstream: { era: 'legacy' } });
    upstream.on('initialize', ({ answer, params, response }) => {
      clock.advance(15);
      response.setHeader('mcp-session-id', 'own');
      const { protocolVersion } = params;
      answer({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } });
    });
    const { params, ...message } = initializeMessage('2025-11-25');
    const answer = await gateway.client.post({ ...message, params: { ...params, ...ASKING } });
    expect(answer.messages[0].result.protocolVersion).toBe('2025-11-25');
    expect(timingOf(answer)).toEqual(toldOf(gateway.actions.at(-1)));
    expect(answer.headers['server-timing']).toBe('gateway;dur=0, upstream;dur=15');
    expectNothingUpstream(upstream);
  });

  describe('a batch', () => {
    const call = (id: number, params: object = {}) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: `up__t${id}`, ...params },
    });

    /** Its two calls are with the upstream at the same time, one for 100 ms, the other for 150 ms. */
    async function sendTwo(messages: readonly object[]) {
      const clock = createManualClock();
      const options = { leg, clock, upstream: { era: 'legacy' }, wrapStores: slow(clock, 'clientSessions', 'read', 7) };
      const { gateway, upstream } = await openScripted(options);
      const waiting = new Map<string, Incoming>();
      upstream.onCall(async (incoming) => {
        waiting.set(incoming.params.name, incoming);
        if (waiting.size < 2) return;
        clock.advance(100);
        waiting.get('t1')!.answer({ content: [] });
        await finished(gateway, 'up__t1');
        clock.advance(50);
        waiting.get('t2')!.answer({ content: [] });
      });
      const peer = await gateway.client.connect('2025-03-26');
      const answer = await gateway.client.post(messages, peer.headers);
      return { answer, gateway, upstream };
    }

    /** Resolves once the line of this tool has been written. */
    async function finished({ actions }: Harness, name: string): Promise<void> {
      while (!actions.some(({ tool }) => tool === name)) await turn();
    }

    test('is told of each call by itself, and of itself as a whole', async () => {
      const { answer, gateway, upstream } = await sendTwo([call(1, ASKING), call(2, ASKING)]);
      expect(answer.messages.map((message): unknown => message.result._meta[TIMING])).toEqual([
        { gatewayMs: 7, upstreamMs: 100, attempts: 1, replayed: false, environment: expect.any(String) },
        { gatewayMs: 7, upstreamMs: 150, attempts: 1, replayed: false, environment: expect.any(String) },
      ]);
      expect(gateway.actions.slice(-2).map(toldOf)).toEqual(
        answer.messages.map((message): unknown => message.result._meta[TIMING]),
      );
      expect(answer.headers['server-timing']).toBe('gateway;dur=7, upstream;dur=150');
      expectNothingUpstream(upstream);
    });

    test('is told of those calls only that ask', async () => {
      const { answer } = await sendTwo([call(1), call(2, ASKING)]);
      const said = new Map(answer.messages.map(({ id, result }) => [id, result._meta?.[TIMING]?.upstreamMs]));
      expect(said).toEqual(
        new Map([
          [1, undefined],
          [2, 150],
        ]),
      );
    });
  });

  test('a batch whose calls wait one after the other has waited for both', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, clock, upstream: { era: 'legacy', maxConcurrent: 1 } });
    upstream.onCall(({ answer }) => {
      clock.advance(30);
      answer({ content: [] });
    });
    const peer = await gateway.client.connect('2025-03-26');
    const batch = [1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'up__t' } }));
    const answer = await passingTime(clock, 1, gateway.client.post(batch, peer.headers));
    const lines = gateway.actions.slice(-2);
    const [gatewayMs, upstreamMs] = durationsOf(answer);
    expect(answer.messages.map(({ result }) => result !== undefined)).toEqual([true, true]);
    expect(gatewayMs! + upstreamMs!).toBeCloseTo(Math.max(...lines.map(({ totalMs }) => totalMs)), 9);
    expect(upstreamMs).toBeCloseTo(lines[0]!.upstreamMs + lines[1]!.upstreamMs, 9);
    expect(upstreamMs).toBeGreaterThanOrEqual(60);
  });

  describe('Server-Timing', () => {
    test.each([
      ['a path that is not there', 'POST', '/nowhere', {}, 404],
      ['what is not JSON', 'POST', '/mcp', { 'content-type': 'application/json' }, 400],
      ['a type that is not JSON', 'POST', '/mcp', { 'content-type': 'text/plain' }, 415],
      ['a form that is not served', 'POST', '/mcp', { 'content-type': 'application/json', accept: 'image/png' }, 406],
      ['an origin that is not allowed', 'POST', '/mcp', { origin: 'https://evil.example' }, 403],
      ['a session that is not there', 'DELETE', '/mcp', { 'mcp-session-id': 'x' }, 404],
    ])('is said of %s', async (_what, method, path, headers, status) => {
      const { gateway } = await openScripted({ leg });
      const answer = await gateway.client.send(method, path, method === 'POST' ? '{' : '', headers);
      expect(answer.status).toBe(status);
      const { totalMs, upstreamMs } = gateway.actions.at(-1)!;
      expect(upstreamMs).toBe(0);
      expect(answer.headers['server-timing']).toBe(headerOf({ gatewayMs: totalMs, upstreamMs }));
    });

    test('is said of an answer to the upstream that was not taken', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openScripted({ leg, clock, upstream: { era: 'legacy' } });
      const peer = await gateway.client.connect('2025-11-25');
      upstream.take = (response) => {
        clock.advance(12);
        response.writeHead(500).end();
      };
      const answer = await peer.respond('up/1', { result: {} });
      expect(answer.status).toBe(502);
      expect(answer.headers['server-timing']).toBe('gateway;dur=0, upstream;dur=12');
    });

    test('is said of nothing that is not an answer in JSON', async () => {
      const { gateway } = await openScripted({ leg, upstream: { era: 'legacy' } });
      const peer = await gateway.client.connect('2025-11-25');
      const answers = [
        await gateway.client.send('GET', '/'),
        await gateway.client.send('OPTIONS', '/mcp'),
        await peer.notify('notifications/initialized'),
        await peer.request('ping', {}, { headers: { accept: 'text/event-stream' } }),
        await peer.terminate(),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 204, 202, 200, 204]);
      expect(answers.filter(({ headers }) => 'server-timing' in headers)).toEqual([]);
    });
  });
});

function durationsOf({ headers }: WireResponse): number[] {
  return [...String(headers['server-timing']).matchAll(/dur=([\d.]+)/g)].map(([, duration]) => Number(duration));
}

test('time that was waited for an upstream is its own, whatever else is still being asked for', async () => {
  const clock = createManualClock();
  const slow = await startScriptedUpstream();
  onTestFinished(() => slow.stop());
  const upstreams = {
    up: { url: '', era: 'modern' },
    slow: { url: slow.url, era: 'modern' },
  };
  const { gateway, upstream } = await openScriptedAmong(upstreams, clock);
  answerLists(upstream);
  upstream.on('resources/list', ({ answer }) =>
    answer({ resources: [{ uri: 'doc://a', name: 'a' }], ttlMs: 0, cacheScope: 'private' }),
  );
  const listing = Promise.withResolvers<Incoming>();
  slow.on('resources/list', (incoming) => listing.resolve(incoming));
  slow.on('resources/templates/list', ({ answer }) =>
    answer({ resourceTemplates: [], ttlMs: 0, cacheScope: 'private' }),
  );
  upstream.on('resources/read', ({ answer }) => {
    clock.advance(300);
    answer({ contents: [], ttlMs: 0, cacheScope: 'private' });
  });
  const peer = await gateway.client.connect('2026-07-28');
  const answer = await peer.request('resources/read', { uri: 'doc://a', ...ASKING });
  expect(timingOf(answer)).toMatchObject({ gatewayMs: 0, upstreamMs: 300 });
  expect(answer.headers['server-timing']).toBe('gateway;dur=0, upstream;dur=300');
  (await listing.promise).answer({ resources: [], ttlMs: 0, cacheScope: 'private' });
});

/** A scripted upstream `up` in front of others. */
async function openScriptedAmong(upstreams: Readonly<Record<string, object>>, clock: ManualClock) {
  const upstream = await startScriptedUpstream();
  onTestFinished(() => upstream.stop());
  const file = {
    upstreams: { ...upstreams, up: { ...upstreams['up'], url: upstream.url } },
    servers: { default: { upstreams: Object.keys(upstreams) } },
  };
  return { upstream, gateway: await openGateway({ clock, url: upstream.url, file }) };
}
