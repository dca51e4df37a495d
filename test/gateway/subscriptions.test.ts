/** `subscriptions/listen`: what a modern client is told of changes while it listens. */
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../lib/ports/stores.ts';
import type { Peer } from '../support/gateway-harness.ts';
import { FUNCTION_LEG, LEGS, NODE_LEG } from '../support/gateway-harness.ts';
import { resources, tools } from '../support/listing-upstream.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { asTimePasses } from '../support/passing-time.ts';
import { callTool, listOf, MODERN } from './listing-fixtures.ts';
import { allOf, openTelling, reading, TOOLS_CHANGED, UPDATED } from './listening-fixtures.ts';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const MINUTES_MS = 60_000;
const URI = 'note://1';
const OTHER_URI = 'note://2';
const legacySpec = { era: 'legacy', tools: tools('a'), resources: resources(URI, OTHER_URI) } as const;
const modernSpec = { ...legacySpec, era: 'modern' } as const;

function acknowledged(id: unknown, notifications: object): object {
  const params = { _meta: { [SUBSCRIPTION]: id }, notifications };
  return { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params };
}

function changed(id: unknown): object {
  return { jsonrpc: '2.0', method: TOOLS_CHANGED, params: { _meta: { [SUBSCRIPTION]: id } } };
}

function updated(id: unknown, uri: string): object {
  return { jsonrpc: '2.0', method: UPDATED, params: { _meta: { [SUBSCRIPTION]: id }, uri } };
}

function ended(id: unknown): object {
  return { jsonrpc: '2.0', id, result: { resultType: 'complete', _meta: { [SUBSCRIPTION]: id } } };
}

/** Opens a subscription and reads its acknowledgement, without any time passing. */
async function subscribe(clock: ManualClock, peer: Peer, notifications: object, id: string | number = 7) {
  const stream = await peer.stream('subscriptions/listen', { notifications }, { id });
  const first = await stream.events.next();
  if (first.value?.kind !== 'event') throw new Error(`No acknowledgement: ${JSON.stringify(first.value)}`);
  return { stream, acknowledgement: first.value.message, ...reading(clock, stream) };
}

describe.each(LEGS)('$name', (leg) => {
  test('a subscription is acknowledged first, tagged throughout, and ended with its result after five minutes', async () => {
    const { gateway, clock } = await openTelling({ one: modernSpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const began = clock.elapsed();
    const stream = await peer.stream(
      'subscriptions/listen',
      { notifications: { toolsListChanged: true } },
      { id: 'x' },
    );
    const messages = await asTimePasses(clock, allOf(stream), 200);
    expect(messages).toEqual([acknowledged('x', { toolsListChanged: true }), ended('x')]);
    expect(clock.elapsed() - began).toBeGreaterThanOrEqual(5 * MINUTES_MS);
    expect(clock.elapsed() - began).toBeLessThan(6 * MINUTES_MS);
    await gateway.settled();
    expect(gateway.actions.at(-1)).toMatchObject({ method: 'subscriptions/listen', outcome: 'ok', status: 200 });
  });

  test('a quiet subscription shows every ten seconds that it lives', async () => {
    const { gateway, clock } = await openTelling({ one: modernSpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { stream } = await subscribe(clock, peer, { toolsListChanged: true });
    clock.advance(9999);
    clock.advance(1);
    expect((await stream.events.next()).value).toEqual({ kind: 'comment', text: 'heartbeat' });
  });

  test.each(['9007199254740993', '"9"', '1.0'])('an id %s comes back as it was written', async (id) => {
    const { gateway, clock } = await openTelling({ one: modernSpec }, { leg });
    const meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const params = JSON.stringify({ _meta: meta, notifications: {} });
    const body = `{"jsonrpc":"2.0","id":${id},"method":"subscriptions/listen","params":${params}}`;
    const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'subscriptions/listen' };
    const { text } = await asTimePasses(clock, gateway.client.post(body, headers), 500);
    expect(text).toContain(`"params":{"_meta":{"${SUBSCRIPTION}":${id}},"notifications":{}}`);
    expect(text).toContain(`"id":${id},"result":{"resultType":"complete","_meta":{"${SUBSCRIPTION}":${id}}}`);
  });

  test.each([
    ['no filter', undefined],
    ['a filter that is a list', []],
    ['a wish that is no boolean', { toolsListChanged: 'yes' }],
    ['URIs that are no list', { resourceSubscriptions: URI }],
    ['a URI that is no text', { resourceSubscriptions: [7] }],
    ['an empty URI', { resourceSubscriptions: [''] }],
    ['a URI that is too long', { resourceSubscriptions: [`x://${'y'.repeat(2048)}`] }],
    ['too many URIs', { resourceSubscriptions: Array.from({ length: 101 }, (_, index) => `x://${index}`) }],
  ])('%s is refused', async (_what, notifications) => {
    const { gateway, upstreams } = await openTelling({ one: modernSpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { messages } = await peer.request('subscriptions/listen', { notifications });
    expect(messages).toHaveLength(1);
    expect(messages[0].error.code).toBe(-32602);
    expect(upstreams.one.heard).toEqual([]);
  });

  test('a client that takes no event stream is refused at once', async () => {
    const { gateway } = await openTelling({ one: modernSpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { status } = await peer.request(
      'subscriptions/listen',
      { notifications: {} },
      { headers: { accept: 'application/json' } },
    );
    expect(status).toBe(406);
  });

  test('what nobody has, and what the protocol does not know, is not honoured', async () => {
    const quiet = { ...modernSpec, capabilities: { tools: {}, resources: { listChanged: true } } };
    const { gateway, clock } = await openTelling({ one: quiet }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { acknowledgement } = await subscribe(clock, peer, {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: false,
      resourceSubscriptions: [URI],
      more: true,
    });
    expect(acknowledgement).toEqual(acknowledged(7, { toolsListChanged: true }));
  });

  test('a resource that its legacy upstream does not take a subscription to is not acknowledged', async () => {
    const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
    upstreams.one.on('resources/subscribe', ({ params, answer, fail }) => {
      if (params.uri === URI) fail(-32602, 'No such thing can be subscribed to');
      else answer({});
    });
    const peer = await gateway.client.connect(MODERN);
    const { acknowledgement } = await subscribe(clock, peer, { resourceSubscriptions: [URI, OTHER_URI] });
    expect(acknowledgement).toEqual(acknowledged(7, { resourceSubscriptions: [OTHER_URI] }));
    expect(telling.one.streams).toBe(1);
  });

  test('a resource that its modern upstream does not acknowledge is not acknowledged', async () => {
    const { gateway, clock, upstreams } = await openTelling({ one: modernSpec }, { leg });
    upstreams.one.on('subscriptions/listen', ({ response, message }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const notice = acknowledged(message.id, { resourceSubscriptions: [OTHER_URI, 'note://not-asked-for'] });
      response.write(`data: ${JSON.stringify(notice)}\n\n`);
    });
    const peer = await gateway.client.connect(MODERN);
    const { acknowledgement } = await subscribe(clock, peer, { resourceSubscriptions: [URI, OTHER_URI] });
    expect(acknowledgement).toEqual(acknowledged(7, { resourceSubscriptions: [OTHER_URI] }));
  });

  test('a change that another environment has heard of is told within seconds, and only if it was asked for', async () => {
    const quiet = { ...legacySpec, capabilities: { tools: {}, resources: {} } };
    const { gateway, clock, upstreams } = await openTelling({ one: quiet }, { leg });
    const [first, second] = gateway.environments;
    const peer = await first!.connect(MODERN);
    const listening = await subscribe(clock, peer, { toolsListChanged: true });
    const deaf = await subscribe(clock, peer, { resourcesListChanged: true }, 8);
    upstreams.one.announcing = [TOOLS_CHANGED];
    await callTool(peer.through(second!), 'one__a');
    const began = clock.elapsed();
    expect(await listening.next()).toEqual(changed(7));
    expect(clock.elapsed() - began).toBeLessThan(5000);
    expect(await deaf.next()).toEqual(ended(8));
  });

  test('a change that a list has shown is told', async () => {
    const spec = { ...modernSpec, capabilities: { tools: {} }, ttlMs: 10_000, cacheScope: 'public' as const };
    const { gateway, clock, upstreams } = await openTelling({ one: spec }, { leg });
    const [first, second] = gateway.environments;
    const peer = await first!.connect(MODERN);
    await listOf(peer);
    await gateway.settled();
    const { next } = await subscribe(clock, peer, { toolsListChanged: true });
    upstreams.one.lists = { ...upstreams.one.lists, tools: tools('b') };
    clock.advance(10_000);
    await listOf(peer.through(second!));
    expect(await next()).toEqual(changed(7));
  });

  test.each([
    ['modern', modernSpec],
    ['legacy', legacySpec],
  ] as const)('what a %s upstream says is told at once, of the resources that were asked for', async (_era, spec) => {
    const { gateway, clock, telling } = await openTelling({ one: spec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { acknowledgement, next } = await subscribe(clock, peer, {
      toolsListChanged: true,
      resourceSubscriptions: [URI, URI],
    });
    expect(acknowledgement).toEqual(acknowledged(7, { toolsListChanged: true, resourceSubscriptions: [URI] }));
    await telling.one.open(1);
    const began = clock.elapsed();
    telling.one.updated(OTHER_URI);
    telling.one.updated(URI);
    expect(await next()).toEqual(updated(7, URI));
    expect(clock.elapsed() - began).toBeLessThan(1000);
    telling.one.tell(TOOLS_CHANGED);
    expect(await next()).toEqual(changed(7));
  });

  test('a legacy upstream is listened to in a session of its own, which is closed afterwards', async () => {
    const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { next } = await subscribe(clock, peer, { resourceSubscriptions: [URI] });
    await telling.one.open(1);
    expect(upstreams.one.sessions).toBe(1);
    expect(await next()).toEqual(ended(7));
    await gateway.settled();
    expect(upstreams.one.sessions).toBe(0);
  });

  test('each upstream is asked for its own resources only, and nobody for what it does not tell of', async () => {
    const two = { ...modernSpec, resources: resources('two://1') };
    const three = { ...modernSpec, capabilities: { tools: {} } };
    const { gateway, clock, upstreams, telling } = await openTelling({ one: modernSpec, two, three }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { acknowledgement } = await subscribe(clock, peer, { resourceSubscriptions: [URI, 'two://1'] });
    expect(acknowledgement).toEqual(acknowledged(7, { resourceSubscriptions: [URI, 'two://1'] }));
    expect([telling.one.filters, telling.two.filters]).toEqual([
      [{ resourceSubscriptions: [URI] }],
      [{ resourceSubscriptions: ['two://1'] }],
    ]);
    expect(upstreams.three.of('subscriptions/listen')).toEqual([]);
  });

  test('the word of an upstream counts for the resources that it was asked for only', async () => {
    const two = { ...legacySpec, resources: resources('two://1') };
    const { gateway, clock, telling } = await openTelling({ one: legacySpec, two }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { next } = await subscribe(clock, peer, { resourceSubscriptions: [URI, 'two://1'] });
    await telling.one.open(1);
    await telling.two.open(1);
    telling.two.shout(UPDATED, { uri: URI });
    telling.two.shout(UPDATED, { uri: 'two://1' });
    expect(await next()).toEqual(updated(7, 'two://1'));
  });

  test('nobody is told of an upstream that another virtual server shows', async () => {
    const servers = { default: { upstreams: ['one'] }, other: { upstreams: ['two'] } };
    const { gateway, clock, upstreams, telling } = await openTelling(
      { one: modernSpec, two: modernSpec },
      { leg, servers },
    );
    const peer = await gateway.client.connect(MODERN);
    const neighbour = await gateway.client.connect(MODERN, { path: '/mcp/other' });
    const { next } = await subscribe(clock, peer, { toolsListChanged: true });
    upstreams.two.announcing = [TOOLS_CHANGED];
    await callTool(neighbour, 'two__a');
    expect(telling.two.filters).toEqual([]);
    expect(await next()).toEqual(ended(7));
  });

  test('a subscription is acknowledged while an upstream is down, and hears of it when it is back', async () => {
    const { gateway, clock, upstreams, telling } = await openTelling({ one: modernSpec, two: modernSpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    await upstreams.two.stop();
    const { acknowledgement, next } = await subscribe(clock, peer, { toolsListChanged: true });
    expect(acknowledgement).toEqual(acknowledged(7, { toolsListChanged: true }));
    await upstreams.two.start();
    await asTimePasses(clock, telling.two.open(1));
    telling.two.tell(TOOLS_CHANGED);
    expect(await next()).toEqual(changed(7));
  });

  test('a subscription outlives an upstream that dies, and hears it when it is back', async () => {
    const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { next } = await subscribe(clock, peer, { resourceSubscriptions: [URI] });
    await telling.one.open(1);
    await upstreams.one.stop();
    await telling.one.open(0);
    await upstreams.one.start();
    await asTimePasses(clock, telling.one.open(1));
    telling.one.updated(URI);
    expect(await next()).toEqual(updated(7, URI));
  });

  test('an upstream that says the same without end is passed on a few times a second at most', async () => {
    const { gateway, clock, telling } = await openTelling({ one: modernSpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { next } = await subscribe(clock, peer, { resourceSubscriptions: [URI] });
    await telling.one.open(1);
    const began = clock.elapsed();
    for (let round = 0; round < 500; round += 1) telling.one.updated(URI);
    let told = 0;
    while ((await next()).method !== undefined) told += 1;
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(Math.ceil((clock.elapsed() - began) / 250));
    expect(told).toBeLessThan(20);
  });

  test('an upstream that announces without end has its changes counted once a second at most', async () => {
    const { gateway, clock, telling } = await openTelling({ one: modernSpec }, { leg });
    const peer = await gateway.client.connect(MODERN);
    const { next } = await subscribe(clock, peer, { toolsListChanged: true });
    await telling.one.open(1);
    for (let round = 0; round < 500; round += 1) telling.one.tell(TOOLS_CHANGED);
    expect(await next()).toEqual(changed(7));
    await next();
    const requests = gateway.actions.map(({ dynamodbRequests }) => dynamodbRequests);
    expect(Math.max(0, ...requests)).toBeLessThan(400);
  });

  test('a store that does not answer for a while does not end a subscription', async () => {
    let failing = false;
    const failed = Promise.withResolvers<void>();
    const { gateway, clock, telling } = await openTelling(
      { one: modernSpec },
      {
        leg,
        wrapStores: (stores) => ({
          ...stores,
          catalog: {
            ...stores.catalog,
            changesOf: async (upstreams) => {
              if (failing) failed.resolve();
              if (failing) throw new StoreError('catalog.changesOf', 'trouble', undefined);
              return stores.catalog.changesOf(upstreams);
            },
          },
        }),
      },
    );
    const peer = await gateway.client.connect(MODERN);
    const { next } = await subscribe(clock, peer, { toolsListChanged: true, resourceSubscriptions: [URI] });
    await telling.one.open(1);
    failing = true;
    telling.one.updated(URI);
    expect(await next()).toEqual(updated(7, URI));
    await asTimePasses(clock, failed.promise);
    failing = false;
    telling.one.tell(TOOLS_CHANGED);
    expect(await next()).toEqual(changed(7));
    expect(gateway.takeDefects()).toContainEqual(expect.any(StoreError));
  });
});

test('a subscription ends before its invocation does', async () => {
  const { gateway, clock } = await openTelling({ one: modernSpec }, { leg: FUNCTION_LEG, endsAfterMs: 30_000 });
  const peer = await gateway.client.connect(MODERN);
  const began = clock.elapsed();
  const { next } = await subscribe(clock, peer, {});
  expect(await next()).toEqual(ended(7));
  expect(clock.elapsed() - began).toBeGreaterThan(28_000);
  expect(clock.elapsed() - began).toBeLessThan(30_000);
});

test('a client that is seen to go ends its subscription, and those at the upstreams', async () => {
  const { gateway, clock, telling } = await openTelling({ one: modernSpec, two: legacySpec }, { leg: NODE_LEG });
  const peer = await gateway.client.connect(MODERN);
  const { stream } = await subscribe(clock, peer, { toolsListChanged: true });
  await telling.one.open(1);
  await telling.two.open(1);
  stream.close();
  // No time passes.
  await telling.one.open(0);
  await telling.two.open(0);
  await gateway.settled();
  expect(gateway.actions.at(-1)).toMatchObject({ outcome: 'cancelled', errorKind: 'client-gone' });
});
