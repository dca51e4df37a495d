/** What a legacy client is told beside its calls: by a GET that says what there is, or by one that is held open. */
import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import type { Subscription } from '../../lib/ports/listening.ts';
import { FUNCTION_LEG, LEGS, NODE_LEG, type Harness, type Peer } from '../support/gateway-harness.ts';
import { prompts, resources, tools, type ListingUpstream } from '../support/listing-upstream.ts';
import { asTimePasses, passing } from '../support/passing-time.ts';
import { turn } from '../support/turn.ts';
import { callTool, LEGACY, listOf } from './listing-fixtures.ts';
import {
  allOf,
  openTelling,
  poll,
  reading,
  subscribe,
  TOOLS_CHANGED,
  toolsChanged,
  updated,
  UPDATED,
} from './listening-fixtures.ts';

async function restarted(upstream: ListingUpstream): Promise<void> {
  await upstream.stop();
  await upstream.start();
}

/** What is kept of them. */
async function subscriptionsOf({ stores }: Harness, { sessionId }: Peer): Promise<readonly Subscription[]> {
  const { subscriptions } = await stores.listening.read(cryptoIds.digest(sessionId!));
  return subscriptions;
}

const URI = 'note://1';
const OTHER_URI = 'note://2';
const legacySpec = { era: 'legacy', tools: tools('a'), resources: resources(URI, OTHER_URI) } as const;
const modernSpec = { ...legacySpec, era: 'modern' } as const;

describe.each(LEGS)('$name', (leg) => {
  describe('with "listen": "off"', () => {
    const off = { leg, listen: 'off' } as const;

    test('a GET is 405', async () => {
      const { gateway } = await openTelling({ one: legacySpec }, off);
      const peer = await gateway.client.connect(LEGACY);
      const { status, headers } = await peer.listen();
      expect([status, headers['allow']]).toEqual([405, 'POST, DELETE']);
    });

    test('no change is promised, and nobody can subscribe', async () => {
      const { gateway, upstreams } = await openTelling({ one: legacySpec }, off);
      const peer = await gateway.client.connect(LEGACY);
      expect(peer.initialized.capabilities).toEqual({ tools: {}, resources: {} });
      const { messages } = await peer.request('resources/subscribe', { uri: URI });
      expect(messages[0].error.code).toBe(-32601);
      expect(upstreams.one.of('resources/subscribe')).toEqual([]);
    });
  });

  // The Go SDK ends the whole session when six streams in a row have ended without a new id.
  test.each(['poll', { holdSeconds: 1 }] as const)(
    'each stream has a new id to come back with (%j)',
    async (listen) => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg, listen });
      const [first, second, third] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const listenAgain = async (at: typeof first, lastEventId?: string) => {
        const back = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
        const headers = { ...peer.headers, accept: 'text/event-stream', ...back };
        const { status, text, messages } = await asTimePasses(clock, at!.send('GET', '/mcp', '', headers));
        expect(status).toBe(200);
        return { id: /^id: (\S+)$/m.exec(text)?.[1], messages };
      };
      const begun = await listenAgain(second);
      upstreams.one.announcing = [TOOLS_CHANGED];
      await callTool(peer, 'one__a');
      await gateway.settled();
      const told = await listenAgain(third, begun.id);
      expect(told.messages).toEqual([toolsChanged]);
      await gateway.settled();
      const quiet = await listenAgain(second, told.id);
      expect(quiet.messages).toEqual([]);
      const ids = [begun.id, told.id, quiet.id];
      expect(new Set(ids.filter((id) => id !== undefined)).size).toBe(3);
    },
  );

  describe('with "listen": "poll"', () => {
    test('a client is told nothing when nothing has changed, and when to come back', async () => {
      const { gateway, clock } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      const answer = await asTimePasses(
        clock,
        gateway.client.send('GET', '/mcp', '', { ...peer.headers, accept: 'text/event-stream' }),
      );
      expect(answer.headers['content-type']).toBe('text/event-stream');
      expect(answer.text).toMatch(/^id: \S+\n\nretry: 15000\n\n$/);
    });

    test('a poll without news costs three requests to the database and one to each upstream with a session', async () => {
      const { gateway, clock } = await openTelling({ one: legacySpec, two: modernSpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await poll(clock, peer);
      await poll(clock, peer);
      await gateway.settled();
      const polls = gateway.actions.filter(({ method }) => method === 'GET');
      expect(polls.map(({ dynamodbRequests }) => dynamodbRequests)).toEqual([4, 3]);
      expect(polls.map(({ upstreamRequests }) => upstreamRequests)).toEqual([1, 1]);
      expect(polls[1]).toMatchObject({ era: 'legacy', outcome: 'ok', status: 200, server: 'default' });
    });

    test('a client that does not come back by itself is promised no changes, and may ask', async () => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect('2025-06-18');
      expect(peer.initialized.capabilities).toEqual({ tools: {}, resources: {} });
      expect(await poll(clock, peer)).toEqual([]);
      upstreams.one.announcing = [TOOLS_CHANGED];
      await callTool(peer, 'one__a');
      await gateway.settled();
      expect(await poll(clock, peer)).toEqual([toolsChanged]);
    });

    test('a change that one environment has heard of is told by another one, once', async () => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const [first, second, third] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      expect(await poll(clock, peer)).toEqual([]);
      upstreams.one.announcing = [TOOLS_CHANGED];
      await callTool(peer.through(second!), 'one__a');
      await gateway.settled();
      expect(await poll(clock, peer.through(third!))).toEqual([toolsChanged]);
      await gateway.settled();
      expect(await poll(clock, peer)).toEqual([]);
    });

    test.each([
      ['prompts', 'notifications/prompts/list_changed', { prompts: prompts('p') }],
      ['resources', 'notifications/resources/list_changed', { resources: resources('note://3') }],
      ['resourceTemplates', 'notifications/resources/list_changed', { resourceTemplates: [] }],
    ] as const)('a list of %s that turns out to be another one is told as a change', async (list, method, after) => {
      const before = { prompts: [], resources: [], resourceTemplates: [{ uriTemplate: 'a://{x}', name: 'a' }] };
      const spec = { ...legacySpec, ...before, config: { listTtlMs: 30_000 } };
      const { gateway, clock, upstreams } = await openTelling({ one: spec }, { leg });
      const [first, second, third] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const other = await second!.connect(LEGACY);
      if (list === 'prompts' || list === 'resources')
        upstreams.one.lists = { ...upstreams.one.lists, [list]: [{ name: 'x', uri: 'x' }] };
      await listOf(other, list);
      await gateway.settled();
      expect(await poll(clock, peer)).toEqual([]);
      await gateway.settled();
      upstreams.one.lists = {
        ...upstreams.one.lists,
        ...after,
        ...(list === 'resourceTemplates' ? { resourceTemplates: [{ uriTemplate: 'b://{x}', name: 'b' }] } : {}),
      };
      clock.advance(30_000);
      await listOf(other, list);
      await gateway.settled();
      expect(await poll(clock, peer.through(third!))).toEqual([{ jsonrpc: '2.0', method }]);
    });

    test('nobody is told of an upstream that another virtual server shows', async () => {
      const servers = { default: { upstreams: ['one'] }, other: { upstreams: ['two'] } };
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec, two: legacySpec }, { leg, servers });
      const peer = await gateway.client.connect(LEGACY);
      const neighbour = await gateway.client.connect(LEGACY, { path: '/mcp/other' });
      await poll(clock, peer);
      await poll(clock, neighbour);
      upstreams.two.announcing = [TOOLS_CHANGED];
      await callTool(neighbour, 'two__a');
      await gateway.settled();
      expect(await poll(clock, peer)).toEqual([]);
      expect(await poll(clock, neighbour)).toEqual([toolsChanged]);
    });

    test('what a legacy upstream kept for the session is told, if its client subscribed to it', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      const { sessionId } = upstreams.one.of('resources/subscribe')[0]!;
      telling.one.queue(sessionId!, UPDATED, { uri: URI });
      telling.one.queue(sessionId!, UPDATED, { uri: OTHER_URI });
      expect(await poll(clock, peer)).toEqual([updated(URI)]);
      await telling.one.open(0);
    });

    test('an upstream with an event store is asked in each poll for what it has said since', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      await subscribe(peer, URI);
      const { sessionId } = upstreams.one.of('resources/subscribe')[0]!;
      telling.one.queueEvent(sessionId!, 'e1', UPDATED, { uri: URI });
      expect(await poll(clock, peer)).toEqual([updated(URI)]);
      await gateway.settled();
      await telling.one.open(0);
      telling.one.queueEvent(sessionId!, 'e2');
      expect(await poll(clock, peer.through(second!))).toEqual([]);
      await gateway.settled();
      await telling.one.open(0);
      await poll(clock, peer);
      expect(telling.one.resumedFrom).toEqual([undefined, 'e1', 'e2']);
    });

    test('an upstream session that takes the place of a lost one is heard from its beginning', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      const { sessionId } = upstreams.one.of('resources/subscribe')[0]!;
      telling.one.queueEvent(sessionId!, 'e1', UPDATED, { uri: URI });
      await poll(clock, peer);
      await gateway.settled();
      await restarted(upstreams.one);
      await callTool(peer, 'one__a');
      await poll(clock, peer);
      expect(telling.one.resumedFrom).toEqual([undefined, undefined]);
    });

    test('an upstream that has no stream beside the calls is asked once in a poll, and nothing is waited for', async () => {
      const { gateway, upstreams } = await openTelling({ one: legacySpec }, { leg });
      upstreams.one.onStream = undefined;
      const peer = await gateway.client.connect(LEGACY);
      const stream = await peer.listen();
      // No time passes.
      expect(await allOf(stream)).toEqual([]);
      expect(upstreams.one.heard.filter(({ httpMethod }) => httpMethod === 'GET')).toHaveLength(1);
    });

    test('an update on the stream of a call is kept, and told by whatever environment is asked next, once', async () => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const [first, second, third] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const stranger = await first!.connect(LEGACY);
      await subscribe(peer, URI);
      await subscribe(stranger, OTHER_URI);
      upstreams.one.on('tools/call', ({ response, answer }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const uri of [URI, OTHER_URI, URI]) response.write(`data: ${JSON.stringify(updated(uri))}\n\n`);
        answer({ content: [] });
      });
      await peer.through(second!).call('one__a');
      await gateway.settled();
      expect(await poll(clock, peer.through(third!))).toEqual([updated(URI)]);
      await gateway.settled();
      expect(await poll(clock, peer)).toEqual([]);
      expect(await poll(clock, stranger)).toEqual([]);
    });

    test('the word of an upstream counts for its own resources only', async () => {
      const two = { ...legacySpec, resources: resources('two://1') };
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec, two }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      upstreams.two.on('tools/call', ({ response, answer }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${JSON.stringify(updated(URI))}\n\n`);
        answer({ content: [] });
      });
      await peer.call('two__a');
      await gateway.settled();
      expect(await poll(clock, peer)).toEqual([]);
    });

    test('a subscription is renewed in the session that takes the place of a lost one', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      await upstreams.one.stop();
      await upstreams.one.start();
      await callTool(peer, 'one__a');
      await poll(clock, peer);
      await gateway.settled();
      const [before, after, ...others] = upstreams.one.of('resources/subscribe');
      expect(after!.sessionId).not.toBe(before!.sessionId);
      expect(others).toEqual([]);
      telling.one.queue(after!.sessionId!, UPDATED, { uri: URI });
      expect(await poll(clock, peer)).toEqual([updated(URI)]);
      await gateway.settled();
      expect(upstreams.one.of('resources/subscribe')).toHaveLength(2);
    });

    test('a subscription that cannot be renewed now is renewed later', async () => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      await restarted(upstreams.one);
      await callTool(peer, 'one__a');
      upstreams.one.on('resources/subscribe', ({ response }) => void response.writeHead(503).end());
      await poll(clock, peer);
      await gateway.settled();
      upstreams.one.on('resources/subscribe', ({ answer }) => answer({}));
      const before = upstreams.one.of('resources/subscribe').length;
      for (let round = 0; round < 3; round += 1) {
        await poll(clock, peer);
        await gateway.settled();
      }
      expect(upstreams.one.of('resources/subscribe')).toHaveLength(before + 1);
    });

    test('a subscription that its upstream refuses to renew has ended', async () => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      await restarted(upstreams.one);
      await callTool(peer, 'one__a');
      upstreams.one.on('resources/subscribe', ({ fail }) => fail(-32602, 'Gone'));
      await poll(clock, peer);
      await gateway.settled();
      expect(await subscriptionsOf(gateway, peer)).toEqual([]);
    });

    test('a renewal brings nothing back that was unsubscribed meanwhile', async () => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      await subscribe(peer, URI);
      await restarted(upstreams.one);
      await callTool(peer, 'one__a');
      const gate = upstreams.one.hold('resources/subscribe');
      const polled = poll(clock, peer);
      await gate.entered;
      await peer.through(second!).request('resources/unsubscribe', { uri: URI });
      gate.release();
      await polled;
      await gateway.settled();
      expect(await subscriptionsOf(gateway, peer)).toEqual([]);
    });

    test('a renewal that is refused ends nothing that was subscribed to anew meanwhile', async () => {
      const { gateway, clock, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      await subscribe(peer, URI);
      await restarted(upstreams.one);
      await callTool(peer, 'one__a');
      const renewing = Promise.withResolvers<void>();
      const refusal = Promise.withResolvers<void>();
      let asked = 0;
      upstreams.one.on('resources/subscribe', ({ answer, fail }) => {
        asked += 1;
        if (asked > 1) return answer({});
        renewing.resolve();
        void refusal.promise.then(() => fail(-32602, 'Gone'));
      });
      const polled = poll(clock, peer);
      await renewing.promise;
      await subscribe(peer.through(second!), URI);
      refusal.resolve();
      await polled;
      await gateway.settled();
      expect((await subscriptionsOf(gateway, peer)).map(({ uri }) => uri)).toEqual([URI]);
    });

    test('a stranger gets nothing of a session', async () => {
      const { gateway } = await openTelling({ one: legacySpec }, { leg });
      const { status } = await gateway.client.listen({ 'mcp-session-id': 'A'.repeat(32) });
      expect(status).toBe(404);
    });
  });

  describe('a subscription', () => {
    test('at a modern upstream is taken if that tells of updates and streams are held, and kept', async () => {
      const { gateway, upstreams } = await openTelling({ one: modernSpec }, { leg, listen: { holdSeconds: 60 } });
      const peer = await gateway.client.connect(LEGACY);
      expect(peer.initialized.capabilities.resources).toEqual({ listChanged: true, subscribe: true });
      await subscribe(peer, URI);
      expect(upstreams.one.of('resources/subscribe')).toEqual([]);
    });

    test.each(['modern', 'auto'] as const)(
      'at a modern upstream (%s) is neither promised nor taken with "poll"',
      async (era) => {
        const spec = { ...modernSpec, config: { era } };
        const { gateway } = await openTelling({ one: spec }, { leg });
        const peer = await gateway.client.connect(LEGACY);
        expect(peer.initialized.capabilities.resources).toEqual({ listChanged: true });
        const { messages } = await peer.request('resources/subscribe', { uri: URI });
        expect(messages[0].error.code).toBe(-32601);
        expect(await subscriptionsOf(gateway, peer)).toEqual([]);
      },
    );

    test('at a modern upstream that tells of nothing is refused', async () => {
      const { gateway } = await openTelling({ one: { ...modernSpec, capabilities: { resources: {} } } }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      expect(peer.initialized.capabilities.resources).toEqual({ listChanged: true });
      const { messages } = await peer.request('resources/subscribe', { uri: URI });
      expect(messages[0].error.code).toBe(-32601);
    });

    test('goes to the upstream that lists the resource, and is refused in its words', async () => {
      const two = { ...legacySpec, resources: resources('two://1') };
      const { gateway, upstreams } = await openTelling({ one: legacySpec, two }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, 'two://1');
      expect(upstreams.one.of('resources/subscribe')).toEqual([]);
      upstreams.two.on('resources/subscribe', ({ fail }) => fail(-32000, 'Not today'));
      const { messages } = await peer.request('resources/subscribe', { uri: 'two://1' });
      expect(messages[0].error).toEqual({ code: -32000, message: 'Not today' });
    });

    test('ends with resources/unsubscribe, at the upstream as well', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      const { messages } = await peer.request('resources/unsubscribe', { uri: URI });
      expect(messages[0].result).toEqual({});
      const { sessionId } = upstreams.one.of('resources/unsubscribe')[0]!;
      telling.one.queue(sessionId!, UPDATED, { uri: URI });
      expect(await poll(clock, peer)).toEqual([]);
    });

    test('that does not exist can be ended', async () => {
      const { gateway, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      expect((await peer.request('resources/unsubscribe', { uri: URI })).messages[0].result).toEqual({});
      expect(upstreams.one.of('resources/unsubscribe')).toEqual([]);
    });

    test.each(['', `x://${'y'.repeat(2048)}`])('to a URI that cannot be kept is refused', async (uri) => {
      const { gateway, upstreams } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      const { messages } = await peer.request('resources/subscribe', { uri });
      expect(messages[0].error.code).toBe(-32602);
      expect(upstreams.one.of('resources/subscribe')).toEqual([]);
    });

    test('is refused when the session has a hundred others', async () => {
      const { gateway } = await openTelling({ one: legacySpec }, { leg });
      const peer = await gateway.client.connect(LEGACY);
      for (let index = 0; index < 100; index += 1) await subscribe(peer, `note://${index}`);
      const { messages } = await peer.request('resources/subscribe', { uri: 'note://one-more' });
      expect(messages[0].error).toEqual({
        code: -32602,
        message: 'A session may subscribe to no more than 100 resources',
      });
      // One of them may be renewed.
      await subscribe(peer, 'note://7');
    });
  });

  describe('with "listen": { "holdSeconds": 60 }', () => {
    const held = { leg, listen: { holdSeconds: 60 } } as const;
    const long = { leg, listen: { holdSeconds: 600 } } as const;

    test('an older client is promised changes as well', async () => {
      const { gateway } = await openTelling({ one: legacySpec }, held);
      const peer = await gateway.client.connect('2025-06-18');
      expect(peer.initialized.capabilities.resources).toEqual({ listChanged: true, subscribe: true });
    });

    test('the stream shows that it lives, and ends with a moment to come back at', async () => {
      const { gateway, clock } = await openTelling({ one: legacySpec }, held);
      const peer = await gateway.client.connect(LEGACY);
      const began = clock.elapsed();
      const { text } = await asTimePasses(
        clock,
        gateway.client.send('GET', '/mcp', '', { ...peer.headers, accept: 'text/event-stream' }),
      );
      expect(text).toMatch(/^: heartbeat\n\nid: \S+\n\n(: heartbeat\n\n){2,6}retry: 1000\n\n$/);
      expect(clock.elapsed() - began).toBeGreaterThanOrEqual(60_000);
    });

    test.each([
      ['legacy', legacySpec],
      ['modern', modernSpec],
    ] as const)('what a %s upstream says is told at once', async (_era, spec) => {
      const { gateway, clock, telling } = await openTelling({ one: spec }, held);
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      const read = reading(clock, await peer.listen());
      await telling.one.open(1);
      const began = clock.elapsed();
      telling.one.updated(OTHER_URI);
      telling.one.updated(URI);
      expect(await read.next()).toEqual(updated(URI));
      expect(clock.elapsed() - began).toBeLessThan(1000);
      telling.one.tell(TOOLS_CHANGED);
      expect(await read.next()).toEqual(toolsChanged);
      expect(await read.next()).toBeUndefined();
      await telling.one.open(0);
    });

    test.each([
      ['legacy', legacySpec],
      ['modern', modernSpec],
    ] as const)('what is subscribed to at a %s upstream while it is held is told as well', async (era, spec) => {
      const { gateway, clock, telling } = await openTelling({ one: spec }, held);
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const read = reading(clock, await peer.listen());
      await telling.one.open(1);
      await subscribe(peer.through(second!), URI);
      if (era === 'modern') {
        const subscribing = async (): Promise<void> => {
          while (telling.one.filters.at(-1)?.resourceSubscriptions === undefined) await telling.one.changed();
        };
        await asTimePasses(clock, subscribing());
      } else clock.advance(2000);
      const next = read.next();
      telling.one.updated(URI);
      expect(await next).toEqual(updated(URI));
    });

    test('the stream of a session goes on while its client subscribes to more', async () => {
      const { gateway, clock, telling } = await openTelling({ one: legacySpec }, held);
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const read = reading(clock, await peer.listen());
      await asTimePasses(clock, telling.one.open(1));
      await subscribe(peer.through(second!), URI);
      await passing(clock, 5000);
      telling.one.updated(URI);
      expect(await read.next()).toEqual(updated(URI));
      expect(telling.one.resumedFrom).toHaveLength(1);
    });

    test('an upstream that still sees an earlier stream is asked again', async () => {
      const { gateway, clock, telling, upstreams } = await openTelling({ one: legacySpec }, long);
      const peer = await gateway.client.connect(LEGACY);
      const serve = upstreams.one.onStream!;
      let refused = 0;
      upstreams.one.onStream = (asked) => {
        if (refused === 2) return serve(asked);
        refused += 1;
        asked.response.writeHead(409).end();
      };
      await peer.listen();
      await asTimePasses(clock, telling.one.open(1));
      expect(refused).toBe(2);
    });

    test('a quiet stream that an upstream ends now and then is opened again as soon as ever', async () => {
      const { gateway, clock, telling } = await openTelling({ one: legacySpec }, long);
      const peer = await gateway.client.connect(LEGACY);
      await peer.listen();
      for (let round = 0; round < 8; round += 1) {
        await asTimePasses(clock, telling.one.open(1));
        await passing(clock, 5000);
        telling.one.cut();
        await telling.one.open(0);
        const cutAt = clock.elapsed();
        await asTimePasses(clock, telling.one.open(1));
        expect(clock.elapsed() - cutAt).toBeLessThan(2000);
      }
    });

    test('a stream that is opened again goes on after the last event that was read', async () => {
      const { gateway, clock, telling } = await openTelling({ one: legacySpec }, long);
      const peer = await gateway.client.connect(LEGACY);
      await peer.listen();
      await asTimePasses(clock, telling.one.open(1));
      telling.one.cut('e7');
      await telling.one.open(0);
      await asTimePasses(clock, telling.one.open(1));
      expect(telling.one.resumedFrom).toEqual([undefined, 'e7']);
    });

    test('an upstream that says for how long is left alone before it is listened to again', async () => {
      const { gateway, clock, telling } = await openTelling({ one: legacySpec }, long);
      const peer = await gateway.client.connect(LEGACY);
      await peer.listen();
      await asTimePasses(clock, telling.one.open(1));
      telling.one.cut('e7', 7000);
      await telling.one.open(0);
      const cutAt = clock.elapsed();
      await asTimePasses(clock, telling.one.open(1));
      expect(clock.elapsed() - cutAt).toBeGreaterThanOrEqual(7000);
    });

    test('an upstream that does not know the last event any more is listened to from now on', async () => {
      const { gateway, clock, telling, upstreams } = await openTelling({ one: legacySpec }, long);
      const peer = await gateway.client.connect(LEGACY);
      await peer.listen();
      await asTimePasses(clock, telling.one.open(1));
      const serve = upstreams.one.onStream!;
      upstreams.one.onStream = (asked) => {
        if (asked.headers['last-event-id'] === undefined) serve(asked);
        else asked.response.writeHead(400).end();
      };
      telling.one.cut('e7');
      await telling.one.open(0);
      await asTimePasses(clock, telling.one.open(1));
      expect(telling.one.resumedFrom).toEqual([undefined, undefined]);
    });

    test('the word of an upstream counts for its own resources only', async () => {
      const two = { ...legacySpec, resources: resources('two://1') };
      const { gateway, clock, telling } = await openTelling({ one: legacySpec, two }, held);
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      await subscribe(peer, 'two://1');
      const read = reading(clock, await peer.listen());
      await telling.one.open(1);
      await telling.two.open(1);
      telling.two.shout(UPDATED, { uri: URI });
      telling.two.shout(UPDATED, { uri: 'two://1' });
      expect(await read.next()).toEqual(updated('two://1'));
      expect(await read.next()).toBeUndefined();
    });

    test('a change that another environment learns of is told within seconds', async () => {
      const { gateway, clock, upstreams } = await openTelling(
        { one: { ...legacySpec, capabilities: { tools: {} } } },
        held,
      );
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const read = reading(clock, await peer.listen());
      const began = clock.elapsed();
      upstreams.one.announcing = [TOOLS_CHANGED];
      await callTool(peer.through(second!), 'one__a');
      expect(await read.next()).toEqual(toolsChanged);
      expect(clock.elapsed() - began).toBeLessThan(5000);
    });

    test('an upstream that dies is listened to again when it is back, and the stream goes on', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: modernSpec, two: legacySpec }, held);
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      const read = reading(clock, await peer.listen());
      await telling.one.open(1);
      await upstreams.one.stop();
      await telling.one.open(0);
      await upstreams.one.start();
      await asTimePasses(clock, telling.one.open(1));
      telling.one.updated(URI);
      expect(await read.next()).toEqual(updated(URI));
    });

    test('the stream ends when its session does', async () => {
      const { gateway, clock } = await openTelling({ one: legacySpec }, held);
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const began = clock.elapsed();
      const stream = await peer.listen();
      await peer.through(second!).terminate();
      await asTimePasses(clock, allOf(stream));
      expect(clock.elapsed() - began).toBeLessThan(15_000);
    });

    test('a client that comes back ends the stream that it left, which takes no news with it', async () => {
      const quiet = { ...legacySpec, capabilities: { tools: {} } };
      const { gateway, clock, upstreams } = await openTelling({ one: quiet }, held);
      const [first, second, third] = gateway.environments;
      const peer = await first!.connect(LEGACY);
      const left = await peer.listen();
      await asTimePasses(clock, left.events.next());
      const began = clock.elapsed();
      const read = reading(clock, await peer.through(second!).listen());
      upstreams.one.announcing = [TOOLS_CHANGED];
      await callTool(peer.through(third!), 'one__a');
      expect(await asTimePasses(clock, allOf(left))).toEqual([]);
      expect(clock.elapsed() - began).toBeLessThan(5000);
      expect(await read.next()).toEqual(toolsChanged);
    });

    test('what an upstream asks on its stream is put to the client, whose answer goes back to it', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, held);
      const [first, second] = gateway.environments;
      const peer = await first!.connect(LEGACY, { capabilities: { roots: {} } });
      const read = reading(clock, await peer.listen());
      await telling.one.open(1);
      telling.one.ask('roots/list', 'q1');
      const question = await read.next();
      expect(question).toMatchObject({ method: 'roots/list' });
      expect((await peer.through(second!).respond(question.id, { result: { roots: [] } })).status).toBe(202);
      const answers = upstreams.one.of(undefined).filter(({ message }) => message !== undefined);
      expect(answers.map(({ message }): unknown => message)).toEqual([
        { jsonrpc: '2.0', id: 'q1', result: { roots: [] } },
      ]);
    });

    test('a ping on the stream is answered, and what nobody may ask is declined', async () => {
      const { gateway, upstreams, telling } = await openTelling({ one: legacySpec }, held);
      const peer = await gateway.client.connect(LEGACY);
      await peer.listen();
      await telling.one.open(1);
      telling.one.ask('tools/call', 'q1');
      telling.one.ask('ping', 'q2');
      await upstreams.one.receive(undefined, 3);
      const heard = upstreams.one.of(undefined).filter(({ message }) => message !== undefined);
      const answers: readonly unknown[] = heard.map(({ message }): unknown => message);
      expect(answers).toHaveLength(2);
      expect(answers).toContainEqual({
        jsonrpc: '2.0',
        id: 'q1',
        error: { code: -32601, message: 'The client cannot be asked this' },
      });
      expect(answers).toContainEqual({ jsonrpc: '2.0', id: 'q2', result: {} });
    });

    test('an upstream that pings without end gets twenty answers at a time, and goes on being heard', async () => {
      const { gateway, clock, upstreams, telling } = await openTelling({ one: legacySpec }, long);
      const peer = await gateway.client.connect(LEGACY);
      await subscribe(peer, URI);
      const read = reading(clock, await peer.listen());
      await asTimePasses(clock, telling.one.open(1));
      let [underWay, most] = [0, 0];
      upstreams.one.onAnswer = ({ response }) => {
        underWay += 1;
        most = Math.max(most, underWay);
        response.once('close', () => void (underWay -= 1));
      };
      for (let round = 0; round < 500; round += 1)
        telling.one.ask(round % 2 === 0 ? 'ping' : 'tools/call', `q${round}`);
      telling.one.updated(URI);
      expect(await read.next()).toEqual(updated(URI));
      expect(await read.next()).toBeUndefined();
      await gateway.settled();
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(20);
    });
  });
});

test('a held stream ends before its invocation does', async () => {
  const { gateway, clock } = await openTelling(
    { one: legacySpec },
    { leg: FUNCTION_LEG, listen: { holdSeconds: 600 }, endsAfterMs: 30_000 },
  );
  const peer = await gateway.client.connect(LEGACY);
  const began = clock.elapsed();
  await asTimePasses(clock, allOf(await peer.listen()));
  expect(clock.elapsed() - began).toBeGreaterThan(28_000);
  expect(clock.elapsed() - began).toBeLessThan(30_000);
});

test('a client that is seen to go is told when it is back what it was not told before', async () => {
  const { gateway, clock, upstreams } = await openTelling(
    { one: { ...legacySpec, capabilities: { tools: {} } } },
    { leg: NODE_LEG, listen: { holdSeconds: 60 } },
  );
  const [first, second, third] = gateway.environments;
  const peer = await first!.connect(LEGACY);
  const stream = await peer.listen();
  // The first look is over once the upstreams are known.
  await upstreams.one.receive('initialize', 1);
  await stream.events.next();
  await passing(clock, 3000);
  upstreams.one.announcing = [TOOLS_CHANGED];
  await callTool(peer.through(third!), 'one__a');
  const isOver = (): boolean => gateway.actions.some(({ method }) => method === 'GET');
  stream.close();
  // No time passes.
  while (!isOver()) await turn();
  await gateway.settled();
  expect(await reading(clock, await peer.through(second!).listen()).next()).toEqual(toolsChanged);
});

test('a client that is seen to go ends its stream, and those at the upstreams', async () => {
  const { gateway, telling } = await openTelling({ one: modernSpec }, { leg: NODE_LEG, listen: { holdSeconds: 60 } });
  const peer = await gateway.client.connect(LEGACY);
  const stream = await peer.listen();
  await telling.one.open(1);
  stream.close();
  // No time passes.
  await telling.one.open(0);
  await gateway.settled();
  expect(gateway.actions.at(-1)).toMatchObject({ method: 'GET', outcome: 'ok' });
});
