/** The trouble of one upstream is its own: what it does, or fails to do, neither stops the others nor costs much. */
import { describe, expect, test } from 'vitest';
import { StoreError, type Stores } from '../../lib/ports/stores.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { resources, templates, tool, tools, type Asked, type ListingUpstream } from '../support/listing-upstream.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import {
  callTool,
  LEGACY,
  listOf,
  LOST,
  MODERN,
  namesIn,
  namesOf,
  openListing,
  readResource,
  UNAVAILABLE,
} from './listing-fixtures.ts';

const HOUR_MS = 3_600_000;

/** Fresh for so long that nothing else than what a test does makes a list old. */
const LASTING = { ttlMs: HOUR_MS, cacheScope: 'public' } as const;

/** No test here needs half of it; what they are there to prevent took much longer. */
const QUICK_MS = 5000;

function isMissing(result: { readonly _meta?: Readonly<Record<string, unknown>> }, upstream: string) {
  expect(result._meta?.[UNAVAILABLE]).toEqual([{ upstream, reason: expect.stringMatching(/./) }]);
}

// ------------------------------------------------------------------------------------------------------------- pings

/** Writes on the stream of a request. */
function write({ response }: Asked, message: object, headers: Readonly<Record<string, string>> = {}): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
  response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
}

/** Resolves with what the gateway answers to the upstream's question. */
async function answerTo(upstream: ListingUpstream, id: string): Promise<object> {
  for (let count = 1; ; count += 1) {
    const { message } = await upstream.receive(undefined, count);
    if (message?.id === id) return message as object;
  }
}

/** Pings on the stream of a request of this method, and goes on when it has been answered. */
function pingDuring(upstream: ListingUpstream, method: string): () => readonly object[] {
  const answers: object[] = [];
  upstream.on(method, async (asked) => {
    const id = `ping-${answers.length}`;
    write(asked, { id, method: 'ping' });
    answers.push(await answerTo(upstream, id));
    upstream.usual(asked);
  });
  return () => answers;
}

/** As `pingDuring`, before the answer to `initialize`. */
function pingBeforeHello(upstream: ListingUpstream): () => readonly object[] {
  const answers: object[] = [];
  upstream.on('initialize', async (asked) => {
    let sessionId = '';
    let hello: object = {};
    const response = { setHeader: (_name: string, value: string) => void (sessionId = value) };
    upstream.usual({
      ...asked,
      response: response as unknown as Asked['response'],
      answer: (result) => void (hello = result),
    });
    const id = `ping-${answers.length}`;
    write(asked, { id, method: 'ping' }, { 'mcp-session-id': sessionId });
    answers.push(await answerTo(upstream, id));
    asked.answer(hello);
  });
  return () => answers;
}

const PONG = { jsonrpc: '2.0', id: 'ping-0', result: {} };

describe.each([MODERN, LEGACY])('for a client of %s, a legacy upstream that pings', (revision) => {
  test('while it lists is answered, and its list is served', async () => {
    const { gateway, upstreams } = await openListing({ up: { era: 'legacy', tools: tools('a') } });
    const answers = pingDuring(upstreams.up, 'tools/list');
    const peer = await gateway.client.connect(revision);
    expect(await namesIn(peer)).toEqual(['up__a']);
    expect(answers()).toEqual([PONG]);
  });

  test('before it answers initialize is answered, and its list is served', async () => {
    const { gateway, upstreams } = await openListing({ up: { era: 'legacy', tools: tools('a') } });
    const answers = pingBeforeHello(upstreams.up);
    const peer = await gateway.client.connect(revision);
    expect(await namesIn(peer)).toEqual(['up__a']);
    expect(answers()[0]).toEqual(PONG);
  });
});

test('a legacy upstream that pings during the call of a modern client is answered', async () => {
  const { gateway, upstreams } = await openListing({ up: { era: 'legacy', tools: tools('a') } });
  const answers = pingDuring(upstreams.up, 'tools/call');
  expect(await callTool(await gateway.client.connect(MODERN), 'up__a')).toBe('up:a');
  expect(answers()).toEqual([PONG]);
});

// ------------------------------------------------------------------------------------------------------ its own words

test.each([MODERN, LEGACY])('a client of %s hears why an upstream refuses initialize', async (revision) => {
  const { gateway, upstreams } = await openListing({
    up: { era: 'legacy', tools: tools('a') },
    good: { tools: tools('b') },
  });
  upstreams.up.on('initialize', ({ message, response }) => {
    const error = { code: -32600, message: 'Licence expired' };
    response
      .writeHead(400, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
  });
  const peer = await gateway.client.connect(revision);
  expect(await callTool(peer, 'up__a')).toMatchObject({ code: -32600, message: 'Licence expired' });
  expect(await callTool(peer, 'good__b')).toBe('good:b');
});

test('progress that a client reports goes to none of several upstreams', async () => {
  const { gateway, upstreams } = await openListing({
    a: { era: 'legacy', tools: tools('x') },
    b: { era: 'legacy', tools: tools('x') },
  });
  const peer = await gateway.client.connect(LEGACY);
  await callTool(peer, 'a__x');
  await callTool(peer, 'b__x');
  await peer.notify('notifications/progress', { progressToken: 'of-a', progress: 1, message: 'private to a' });
  await gateway.settled();
  expect(upstreams.a.of('notifications/progress')).toEqual([]);
  expect(upstreams.b.of('notifications/progress')).toEqual([]);
});

// --------------------------------------------------------------------------------------------------------- monstrous

describe('an upstream is unavailable, and the others are served at once,', () => {
  async function openMonstrous(script: (asked: Asked) => void) {
    const world = await openListing({
      evil: { era: 'modern', tools: tools('a') },
      good: { era: 'modern', tools: tools('b') },
    });
    world.upstreams.evil.on('tools/list', script);
    const peer = await world.gateway.client.connect(MODERN);
    const began = performance.now();
    const result = await listOf(peer);
    expect(performance.now() - began).toBeLessThan(QUICK_MS);
    expect(namesOf(result)).toEqual(['good__b']);
    isMissing(result, 'evil');
    return world;
  }

  test('when its page has 150,000 items', async () => {
    const { upstreams } = await openMonstrous(({ answer }) =>
      answer({ tools: Array.from({ length: 150_000 }, () => ({})), ttlMs: 0 }),
    );
    expect(upstreams.evil.of('tools/list')).toHaveLength(1);
  });

  test('when its pages together are longer than a message may be', async () => {
    const description = 'x'.repeat(4 * 1024 * 1024);
    let page = 0;
    const { upstreams } = await openMonstrous(({ answer }) => {
      page += 1;
      answer({ tools: [tool(`t${page}`, { description })], nextCursor: String(page) });
    });
    expect(upstreams.evil.of('tools/list')).toHaveLength(5);
  });
});

test('1,000 hostile templates do not keep a resource of another upstream waiting', async () => {
  const hostile = Array.from({ length: 1000 }, (_, index) => `${'{+a}'.repeat(50)}z${index}`);
  const { gateway } = await openListing({
    evil: { era: 'modern', resourceTemplates: templates(...hostile), ...LASTING },
    good: { era: 'modern', resourceTemplates: templates('file:///{name}'), ...LASTING },
  });
  const peer = await gateway.client.connect(MODERN);
  const began = performance.now();
  const uri = `file:///${'x'.repeat(2000)}`;
  expect(await readResource(peer, uri)).toBe(`good:${uri}`);
  expect(performance.now() - began).toBeLessThan(QUICK_MS / 2);
});

test('10,000 lost claims are 20 notices, and 100 in the list', async () => {
  const same = Array.from({ length: 10_000 }, () => 'x:1');
  const { gateway } = await openListing({
    a: { era: 'modern', resources: resources('x:1') },
    b: { era: 'modern', resources: resources(...same) },
  });
  const result = await listOf(await gateway.client.connect(MODERN), 'resources');
  expect(result.resources).toHaveLength(1);
  expect(result._meta[LOST]).toHaveLength(100);
  expect(gateway.notices).toHaveLength(20);
});

describe.each(LEGS)('$name', (leg) => {
  // --------------------------------------------------------------------------------------------------------- hanging

  describe('an upstream that hangs, whose era is no longer remembered,', () => {
    async function openHanging() {
      const clock = createManualClock();
      const world = await openListing(
        {
          old: { era: 'legacy', tools: tools('a'), config: { listTtlMs: HOUR_MS } },
          good: { era: 'modern', tools: tools('b') },
        },
        { leg, clock },
      );
      const peer = await world.gateway.client.connect(MODERN);
      const hang = async () => {
        await world.gateway.settled();
        clock.advance(61_000);
        return world.upstreams.old.hold('server/discover');
      };
      return { ...world, clock, peer, hang };
    }

    test('is listed as it was while its list is fresh', async () => {
      const { clock, peer, hang } = await openHanging();
      expect(await namesIn(peer)).toEqual(['old__a', 'good__b']);
      const { entered } = await hang();
      const listing = listOf(peer);
      await entered;
      clock.advance(2000);
      const result = await listing;
      expect(namesOf(result)).toEqual(['old__a', 'good__b']);
      expect(result._meta[UNAVAILABLE]).toBeUndefined();
    });

    test('is introduced as it was, and leaves the others time to introduce themselves', async () => {
      const { gateway, clock, peer, hang } = await openHanging();
      await peer.request('server/discover');
      const { entered } = await hang();
      const discovering = peer.request('server/discover');
      await entered;
      clock.advance(1000);
      const { messages } = await discovering;
      expect(messages.at(-1)?.result.capabilities).toEqual({ tools: { listChanged: true } });
      expect(gateway.notices).toEqual([]);
    });
  });

  test('the time that several slow upstreams take at once is counted once', async () => {
    const clock = createManualClock();
    const { gateway, upstreams } = await openListing(
      {
        one: { era: 'modern', tools: tools('a') },
        two: { era: 'modern', tools: tools('b') },
        three: { era: 'modern', tools: tools('c') },
      },
      { leg, clock, wrapStores: (stores) => withSlowHeads(stores, clock) },
    );
    const gates = Object.values(upstreams).map((upstream) => upstream.hold('tools/list'));
    const listing = namesIn(await gateway.client.connect(MODERN));
    await Promise.all(gates.map(({ entered }) => entered));
    clock.advance(1000);
    for (const { release } of gates) release();
    expect(await listing).toEqual(['one__a', 'two__b', 'three__c']);
    await gateway.settled();
    const action = gateway.actions.find(({ method }) => method === 'tools/list');
    expect(action).toMatchObject({ totalMs: 1010, upstreamMs: 1000, gatewayMs: 10 });
  });

  // -------------------------------------------------------------------------------------------------------- announcing

  test('20,000 announced changes on the stream of one call cost a handful of writes', async () => {
    let writes = 0;
    const { gateway, upstreams } = await openListing(
      { one: { era: 'modern', tools: tools('a') } },
      {
        leg,
        clock: createManualClock(),
        wrapStores: (stores) => ({
          ...stores,
          catalog: {
            ...stores.catalog,
            countChange: (upstream, member) => {
              writes += 1;
              return stores.catalog.countChange(upstream, member);
            },
          },
        }),
      },
    );
    upstreams.one.announcing = Array.from({ length: 20_000 }, () => 'notifications/tools/list_changed');
    expect(await callTool(await gateway.client.connect(MODERN), 'one__a')).toBe('one:a');
    await gateway.settled();
    expect(writes).toBeGreaterThan(0);
    expect(writes).toBeLessThanOrEqual(3);
  });

  test('a change that is announced right after another one is written down as well', async () => {
    const clock = createManualClock();
    const { gateway, upstreams } = await openListing(
      { one: { era: 'modern', tools: tools('a'), ...LASTING } },
      { leg, clock },
    );
    const peer = await gateway.client.connect(MODERN);
    const announced = Promise.withResolvers<void>();
    upstreams.one.on('tools/call', async (asked) => {
      write(asked, { method: 'notifications/tools/list_changed' });
      await announced.promise;
      write(asked, { method: 'notifications/tools/list_changed' });
      upstreams.one.usual(asked);
    });
    await namesIn(peer);
    const calling = callTool(peer, 'one__a');
    await upstreams.one.receive('tools/call');
    await upToDate(
      () => namesIn(peer),
      () => upstreams.one.of('tools/list').length === 2,
    );
    upstreams.one.lists.tools = tools('b');
    upstreams.one.on('tools/list', (asked) => upstreams.one.usual(asked));
    announced.resolve();
    await calling;
    await gateway.settled();
    expect(await namesIn(peer)).toEqual(['one__b']);
  });

  test('reads of files that a template promises and nobody has do not make lists old', async () => {
    const clock = createManualClock();
    const { gateway, upstreams } = await openListing(
      {
        one: { era: 'modern', resources: resources('x:1'), resourceTemplates: templates('file:///{p}'), ...LASTING },
        two: { era: 'modern', resources: resources('y:1'), ...LASTING },
      },
      { leg, clock },
    );
    upstreams.one.on('resources/read', ({ fail }) => fail(-32602, 'Resource not found'));
    const peer = await gateway.client.connect(MODERN);
    await readResource(peer, 'file:///missing');
    await gateway.settled();
    for (let index = 0; index < 5; index += 1) {
      clock.advance(10);
      expect(await readResource(peer, `file:///missing${index}`)).toMatchObject({ code: -32602 });
      await gateway.settled();
    }
    expect(upstreams.one.of('resources/list')).toHaveLength(1);
    expect(upstreams.one.of('resources/templates/list')).toHaveLength(1);
  });

  test('a tool that gains a mirrored argument is called after its list was asked for once more', async () => {
    const clock = createManualClock();
    const taking = (header?: string) => {
      const q = { type: 'string', ...(header === undefined ? {} : { 'x-mcp-header': header }) };
      return tool('a', { inputSchema: { type: 'object', properties: { q } } });
    };
    const { gateway, upstreams } = await openListing(
      { up: { era: 'modern', tools: [taking()], ...LASTING } },
      { leg, clock },
    );
    const peer = await gateway.client.connect(LEGACY);
    await namesIn(peer);
    await gateway.settled();
    upstreams.up.lists = { tools: [taking('Q')] };
    upstreams.up.on('tools/call', (asked) => {
      if (asked.headers['mcp-param-q'] === 'x') upstreams.up.usual(asked);
      else asked.fail(-32020, 'Header mismatch');
    });
    for (let count = 0; count < 3; count += 1) {
      clock.advance(60_000);
      expect((await peer.call('up__a', { q: 'x' })).result.content).toEqual([{ type: 'text', text: 'up:a' }]);
      await gateway.settled();
    }
    expect(upstreams.up.of('tools/list')).toHaveLength(2);
  });

  // ------------------------------------------------------------------------------------------------ forgetting a list

  test.each([
    { era: 'modern', revision: MODERN },
    { era: 'legacy', revision: LEGACY },
  ] as const)('a $era upstream that no longer knows a list it had is unavailable until it does', async (kind) => {
    const clock = createManualClock();
    const { gateway, upstreams } = await openListing(
      {
        up: { era: kind.era, tools: tools('a'), ttlMs: 1000, config: { listTtlMs: 1000 } },
        good: { tools: tools('b') },
      },
      { leg, clock },
    );
    const peer = await gateway.client.connect(kind.revision);
    expect(await namesIn(peer)).toEqual(['up__a', 'good__b']);
    await gateway.settled();
    clock.advance(1001);
    upstreams.up.on('tools/list', ({ fail }) => fail(-32601, 'Method not found'));
    const without = await listOf(peer);
    expect(namesOf(without)).toEqual(['good__b']);
    isMissing(without, 'up');
    await gateway.settled();
    upstreams.up.asUsual('tools/list');
    expect(await namesIn(peer)).toEqual(['up__a', 'good__b']);
  });

  // -------------------------------------------------------------------------------------------------- failing stores

  test('shared sessions that cannot be read leave the other upstreams in the list', async () => {
    const slowBegins = Promise.withResolvers<void>();
    const { gateway, upstreams } = await openListing(
      {
        sh: { era: 'legacy', tools: tools('a'), config: { isolation: 'shared' } },
        slow: { era: 'legacy', tools: tools('b') },
      },
      { leg, wrapStores: (stores) => withoutSharedSessions(stores, slowBegins.promise) },
    );
    const gate = upstreams.slow.hold('initialize');
    const listing = listOf(await gateway.client.connect(MODERN));
    await gate.entered;
    slowBegins.resolve();
    await turn();
    gate.release();
    const result = await listing;
    expect(namesOf(result)).toEqual(['slow__b']);
    isMissing(result, 'sh');
    await gateway.settled();
    expect(upstreams.slow.sessions).toBe(0);
    expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
  });

  // ----------------------------------------------------------------------------------------------------- cancelling

  test('a call that is cancelled while its pins are looked up is never made', async () => {
    const clock = createManualClock();
    const { gateway, upstreams } = await openListing(
      { up: { era: 'legacy', tools: tools('a'), config: { pin: true } } },
      { leg, clock },
    );
    const peer = await gateway.client.connect(LEGACY);
    const gate = upstreams.up.hold('tools/list');
    const calling = peer.call('up__a', {}, { id: 'c-1' });
    await gate.entered;
    await peer.notify('notifications/cancelled', { requestId: 'c-1' });
    clock.advance(1000);
    expect((await calling).error).toMatchObject({ code: 1020, data: { mayHaveRun: false } });
    gate.release();
    await gateway.settled();
    expect(upstreams.up.called).toEqual([]);
  });
});

/** Repeats until it is so. */
async function upToDate(again: () => Promise<unknown>, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await turn();
    await again();
  }
}

/** Reading what is kept takes 10 ms. */
function withSlowHeads(stores: Stores, clock: ManualClock): Stores {
  return {
    ...stores,
    catalog: {
      ...stores.catalog,
      async heads(keys) {
        const heads = await stores.catalog.heads(keys);
        clock.advance(10);
        return heads;
      },
    },
  };
}

function withoutSharedSessions(stores: Stores, when: Promise<void>): Stores {
  return {
    ...stores,
    upstreamSessions: {
      ...stores.upstreamSessions,
      async read() {
        await when;
        throw new StoreError('upstreamSessions.read', 'the record cannot be read', undefined);
      },
    },
  };
}
