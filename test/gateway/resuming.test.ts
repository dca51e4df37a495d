/** What becomes of a legacy client's stream that breaks: the rest of it is to be had at any environment. */
import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { streamKey } from '../../lib/gateway/event-ids.ts';
import { StoreError, type Stores } from '../../lib/ports/stores.ts';
import { LEGACY_REVISIONS, LEGS, NODE_LEG, type Harness, type Leg } from '../support/gateway-harness.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import type { SseEvent, WireStream } from '../support/wire.ts';
import { openScripted } from './fixtures.ts';
import type { Incoming } from './scripted-upstream.ts';

const ID = /^[A-Za-z0-9_-]{32}\.\d+$/;

/** Says that something was kept of a stream. */
function observeStreams() {
  const appended: number[] = [];
  let failing: string | undefined;
  let news = Promise.withResolvers<void>();
  return {
    /** The methods of the store that were called, in order. */
    used: [] as string[],
    fail: (method: string | undefined) => void (failing = method),
    /** Resolves once the event of this number is kept. */
    async kept(number: number): Promise<void> {
      while (!appended.some((last) => last >= number)) await news.promise;
    },
    wrapStores(stores: Stores): Stores {
      const { used } = this;
      const streams = new Proxy(stores.streams, {
        get(target, method: keyof Stores['streams']) {
          return async (...args: unknown[]) => {
            used.push(method);
            if (method === failing) throw new StoreError(`streams.${method}`, 'TROUBLE', undefined);
            const result = await (target[method] as (...given: unknown[]) => Promise<unknown>)(...args);
            if (method === 'append') {
              appended.push((args[1] as { readonly last: number }).last);
              news.resolve();
              news = Promise.withResolvers();
            }
            return result;
          };
        },
      });
      return { ...stores, streams };
    },
  };
}

async function openWatched(leg: Leg, options: Omit<Parameters<typeof openScripted>[0] & object, 'leg'> = {}) {
  const streams = observeStreams();
  const { upstream, gateway } = await openScripted({
    leg,
    wrapStores: (stores) => streams.wrapStores(stores),
    ...options,
  });
  const arrived: Incoming[] = [];
  let arrival = Promise.withResolvers<void>();
  upstream.onCall((incoming) => {
    arrived.push(incoming);
    arrival.resolve();
    arrival = Promise.withResolvers();
  });
  return {
    upstream,
    gateway,
    streams,
    /** The next call that the upstream gets. */
    async nextCall(): Promise<Incoming> {
      while (arrived.length === 0) await arrival.promise;
      return arrived.shift()!;
    },
  };
}

/** The next event; comments are passed over. */
async function nextEvent(stream: WireStream): Promise<SseEvent> {
  for (;;) {
    const next = await stream.events.next();
    if (next.done === true) throw new Error('The stream has ended');
    if (next.value.kind === 'event') return next.value;
  }
}

/** The events to the end of the stream. */
async function eventsOf(stream: WireStream): Promise<SseEvent[]> {
  const events: SseEvent[] = [];
  for await (const event of stream.events) if (event.kind === 'event') events.push(event);
  return events;
}

/** Lets time pass until something has happened. */
async function passUntil<T>(clock: ManualClock, happening: Promise<T>, stepMs = 250): Promise<T> {
  let settled = false;
  const note = (): void => void (settled = true);
  happening.then(note, note);
  for (;;) {
    for (let turns = 0; turns < 5; turns += 1) await turn();
    if (settled) return await happening;
    clock.advance(stepMs);
  }
}

const withData = (events: readonly SseEvent[]): SseEvent[] => events.filter(({ data }) => data !== '');

const messagesOf = (events: readonly SseEvent[]) => events.map(({ message }): unknown => message);

/** A stream of three reports and an answer, read to its end. */
async function finishedStream(leg: Leg, revision: string) {
  const world = await openWatched(leg);
  const peer = await world.gateway.client.connect(revision);
  const stream = await startStream(world, peer);
  for (const count of [2, 3]) stream.incoming.progress(count);
  stream.incoming.answer({ content: [] });
  const events = [...stream.begun, ...(await eventsOf(stream.stream))];
  await world.gateway.settled();
  return { ...world, peer, events };
}

type World = Awaited<ReturnType<typeof openWatched>>;
type Peer = Awaited<ReturnType<Harness['client']['connect']>>;

/** A call that has reported once. */
async function startStream({ nextCall }: World, peer: Peer, id: string | number = 'mine') {
  const opening = peer.stream('tools/call', { name: 'up__x' }, { id, progressToken: 't' });
  const incoming = await nextCall();
  incoming.progress(1);
  const stream = await opening;
  const begun: SseEvent[] = [];
  do begun.push(await nextEvent(stream));
  while (begun.at(-1)!.data === '');
  return { stream, incoming, begun };
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(LEGACY_REVISIONS)('a stream of revision %s', (revision) => {
    test('has an id of its own on every event, and is primed where clients expect it', async () => {
      const { events } = await finishedStream(leg, revision);
      const ids = events.map(({ id }) => id);
      for (const id of ids) expect(id).toMatch(ID);
      expect(new Set(ids).size).toBe(events.length);
      expect(new Set(ids.map((id) => id!.split('.')[0])).size).toBe(1);
      expect(events.map(({ data }) => data === '')).toEqual(
        revision === '2025-11-25' ? [true, false, false, false, false] : [false, false, false, false],
      );
    });

    test('is to be had again from each of its events, at another environment, under the same ids', async () => {
      const { events, peer, gateway } = await finishedStream(leg, revision);
      for (const [index, { id }] of events.slice(0, -1).entries()) {
        const rest = await peer.resume(id!);
        expect(rest).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' } });
        const resumed = await eventsOf(rest);
        expect(withData(resumed)).toEqual(events.slice(index + 1));
        const primed = revision === '2025-11-25' ? [{ id, data: '' }] : [];
        expect(resumed.filter(({ data }) => data === '')).toMatchObject(primed);
      }
      await gateway.settled();
      expect(gateway.actions.at(-1)).toMatchObject({ method: 'GET', outcome: 'ok', errorKind: null, status: 200 });
    });

    test('is followed while it goes on', async () => {
      const world = await openWatched(leg);
      const peer = await world.gateway.client.connect(revision);
      const { incoming, begun, stream } = await startStream(world, peer);
      const resumed = eventsOf(await peer.resume(begun.at(-1)!.id!));
      incoming.progress(2);
      await world.streams.kept(2);
      incoming.answer({ content: [] });
      const live = await eventsOf(stream);
      expect(withData(await resumed)).toEqual(live);
      expect(live.at(-1)!.message).toEqual({ jsonrpc: '2.0', id: 'mine', result: { content: [] } });
    });
  });

  test('an answer in JSON is kept nowhere and costs nothing', async () => {
    const { gateway, streams, nextCall } = await openWatched(leg);
    const peer = await gateway.client.connect('2025-11-25');
    const answer = peer.call('up__x');
    (await nextCall()).answer({ content: [] });
    expect((await answer).result).toEqual({ content: [] });
    await gateway.settled();
    expect(streams.used).toEqual([]);
  });

  test('a stream costs its client nothing but a few writes behind its back', async () => {
    const { streams } = await finishedStream(leg, '2025-11-25');
    expect(streams.used[0]).toBe('begin');
    expect(streams.used.slice(1)).toEqual(Array(streams.used.length - 1).fill('append'));
    expect(streams.used.length).toBeLessThanOrEqual(4);
  });

  test('a modern client has no ids, and nothing is kept for it', async () => {
    const world = await openWatched(leg);
    const peer = await world.gateway.client.connect('2026-07-28');
    const { incoming, stream, begun } = await startStream(world, peer);
    incoming.answer({ content: [] });
    const events = [...begun, ...(await eventsOf(stream))];
    expect(events.map(({ id, data }) => id ?? data === '')).toEqual([false, false]);
    await world.gateway.settled();
    expect(world.streams.used).toEqual([]);
  });

  test('a client that takes events only can have its answer again', async () => {
    const { gateway, nextCall } = await openWatched(leg);
    const peer = await gateway.client.connect('2025-11-25');
    const opening = peer.stream('tools/call', { name: 'up__x' }, { id: 1, headers: { accept: 'text/event-stream' } });
    (await nextCall()).answer({ content: [] });
    const events = await eventsOf(await opening);
    await gateway.settled();
    expect(events.map(({ data }) => data === '')).toEqual([true, false]);
    expect(withData(await eventsOf(await peer.resume(events[0]!.id!)))).toEqual([events[1]]);
  });

  describe('an id is refused with 405, at which clients stop asking,', () => {
    test.each([
      'nonsense',
      '',
      `${'a'.repeat(32)}.1`,
      `${'a'.repeat(32)}.end`,
      `${'a'.repeat(31)}.1`,
      `${'a'.repeat(32)}.1e3`,
      `${'a'.repeat(32)}.999999999999`,
    ])('that is nobody’s: %j', async (id) => {
      const { gateway } = await openWatched(leg);
      const peer = await gateway.client.connect('2025-11-25');
      const refused = await gateway.client.send('GET', '/mcp', '', {
        ...peer.headers,
        accept: 'text/event-stream',
        'last-event-id': id,
      });
      expect(refused.status).toBe(405);
      expect(gateway.actions.at(-1)).toMatchObject({ outcome: 'refused', status: 405 });
    });

    test('that is the last one of its stream', async () => {
      const { events, peer } = await finishedStream(leg, '2025-11-25');
      const refused = await peer.resume(events.at(-1)!.id!);
      expect(refused.status).toBe(405);
    });

    test('that belongs to another session, though it be the same caller’s', async () => {
      const { events, peer, gateway } = await finishedStream(leg, '2025-11-25');
      const stranger = await gateway.client.connect('2025-11-25');
      expect((await stranger.resume(events[1]!.id!)).status).toBe(405);
      expect(withData(await eventsOf(await peer.resume(events[1]!.id!)))).toEqual(events.slice(2));
    });

    test('once the stream has expired', async () => {
      const clock = createManualClock();
      const world = await openWatched(leg, { clock });
      const peer = await world.gateway.client.connect('2025-11-25');
      const { incoming, begun, stream } = await startStream(world, peer);
      incoming.answer({ content: [] });
      await eventsOf(stream);
      await world.gateway.settled();
      clock.advance(10 * 60 * 1000);
      expect((await peer.resume(begun[0]!.id!)).status).toBe(200);
      clock.advance(60_000);
      expect((await passUntil(clock, peer.resume(begun[0]!.id!))).status).toBe(405);
    });
  });

  test('without its session, no stream is resumed', async () => {
    const { events, peer, gateway } = await finishedStream(leg, '2025-11-25');
    await peer.terminate();
    expect((await peer.resume(events[0]!.id!)).status).toBe(404);
    const { status } = await gateway.client.listen({ 'last-event-id': events[0]!.id! });
    expect(status).toBe(400);
  });

  test('a question on a stream that broke is asked again, and its answer reaches the upstream', async () => {
    const world = await openWatched(leg);
    const peer = await world.gateway.client.connect('2025-11-25', { capabilities: { elicitation: {} } });
    const { incoming, begun } = await startStream(world, peer);
    const answer = incoming.ask(7, 'elicitation/create', { message: 'Which?' });
    const resumed = await peer.resume(begun.at(-1)!.id!);
    let asked = await nextEvent(resumed);
    while (asked.data === '') asked = await nextEvent(resumed);
    expect(asked.message).toMatchObject({ method: 'elicitation/create', params: { message: 'Which?' } });
    await peer.respond(asked.message.id, { result: { action: 'decline' } });
    expect((await answer).result).toEqual({ action: 'decline' });
    incoming.answer({ content: [] });
    expect((await eventsOf(resumed)).at(-1)!.message.result).toEqual({ content: [] });
  });

  test('of a batch, the answers that are still to come are had', async () => {
    const world = await openWatched(leg);
    const { gateway, nextCall } = world;
    const peer = await gateway.client.connect('2025-03-26');
    const batch = ['a', 'b'].map((id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: `up__${id}` } }));
    const opening = gateway.client.stream(batch, peer.headers);
    const first = await nextCall();
    const second = await nextCall();
    first.log('one');
    const live = await opening;
    const log = await nextEvent(live);
    first.answer({ content: [] });
    const answered = await nextEvent(live);
    second.answer({ content: [] });
    const last = await nextEvent(live);
    await gateway.settled();
    expect(new Set([answered.message.id, last.message.id])).toEqual(new Set(['a', 'b']));
    expect(withData(await eventsOf(await peer.resume(log.id!)))).toEqual([answered, last]);
    expect(withData(await eventsOf(await peer.resume(answered.id!)))).toEqual([last]);
    expect((await peer.resume(last.id!)).status).toBe(405);
  });

  describe('what is too much', () => {
    test('is not kept, of events, and whoever resumes is told so instead of the answer', async () => {
      const world = await openWatched(leg);
      const peer = await world.gateway.client.connect('2025-11-25');
      const { incoming, stream, begun } = await startStream(world, peer);
      for (let count = 2; count <= 1001; count += 1) incoming.progress(count);
      incoming.answer({ content: [] });
      const live = [...begun, ...(await eventsOf(stream))];
      expect(live).toHaveLength(1003);
      expect(live.at(-1)!.message.result).toBeDefined();
      await world.gateway.settled();
      const resumed = withData(await eventsOf(await peer.resume(begun[0]!.id!)));
      expect(resumed.slice(0, 1000)).toEqual(live.slice(1, 1001));
      expect(messagesOf(resumed.slice(1000))).toEqual([notKept('mine')]);
      // From beyond what is kept as well; and the error is the last that there is to be had.
      const beyond = withData(await eventsOf(await peer.resume(live[1001]!.id!)));
      expect(messagesOf(beyond)).toEqual([notKept('mine')]);
      expect((await peer.resume(beyond[0]!.id!)).status).toBe(405);
    });

    test('is not kept, of bytes either', async () => {
      const world = await openWatched(leg);
      const peer = await world.gateway.client.connect('2025-11-25');
      const { incoming, stream, begun } = await startStream(world, peer);
      const megabyte = 'x'.repeat(1024 * 1024);
      for (let count = 0; count < 3; count += 1) incoming.log(megabyte);
      incoming.answer({ content: [{ type: 'text', text: megabyte }] });
      const live = await eventsOf(stream);
      expect(live).toHaveLength(4);
      await world.gateway.settled();
      const resumed = withData(await eventsOf(await peer.resume(begun.at(-1)!.id!)));
      expect(resumed.slice(0, 3)).toEqual(live.slice(0, 3));
      expect(messagesOf(resumed.slice(3))).toEqual([notKept('mine')]);
    });
  });

  describe('a store that fails', () => {
    test('as a stream begins costs nothing but the possibility to resume it', async () => {
      const world = await openWatched(leg);
      const peer = await world.gateway.client.connect('2025-11-25');
      world.streams.fail('begin');
      const { incoming, stream, begun } = await startStream(world, peer);
      incoming.progress(2);
      incoming.answer({ content: [] });
      expect((await eventsOf(stream)).at(-1)!.message.result).toBeDefined();
      await world.gateway.settled();
      expect(world.gateway.takeDefects()).toEqual([expect.any(StoreError)]);
      expect(world.streams.used).toEqual(['begin']);
      expect((await peer.resume(begun[0]!.id!)).status).toBe(405);
    });

    test('as events are kept is forgotten by the live stream, and whoever resumes is told', async () => {
      const world = await openWatched(leg);
      const peer = await world.gateway.client.connect('2025-11-25');
      const { incoming, stream, begun } = await startStream(world, peer);
      await world.streams.kept(1);
      world.streams.fail('append');
      incoming.log('x'.repeat(70_000));
      await nextEvent(stream);
      while (world.streams.used.filter((method) => method === 'append').length < 2) await turn();
      world.streams.fail(undefined);
      incoming.answer({ content: [] });
      expect((await eventsOf(stream)).at(-1)!.message.result).toBeDefined();
      await world.gateway.settled();
      expect(world.gateway.takeDefects()).toEqual([expect.any(StoreError)]);
      const resumed = withData(await eventsOf(await peer.resume(begun[0]!.id!)));
      expect(resumed.map(({ message }): unknown => message.error?.code)).toEqual([undefined, 1028]);
    });

    test('as a stream is resumed is told so with 503', async () => {
      const { events, peer, streams, gateway } = await finishedStream(leg, '2025-11-25');
      streams.fail('read');
      expect((await peer.resume(events[0]!.id!)).status).toBe(503);
      expect(gateway.takeDefects()).toHaveLength(1);
    });

    test('as a stream is followed ends it with an error for a client that would not come again', async () => {
      const world = await openWatched(leg);
      const peer = await world.gateway.client.connect('2025-06-18');
      const { incoming, stream, begun } = await startStream(world, peer);
      incoming.progress(2);
      await world.streams.kept(2);
      const resumed = await peer.resume(begun[0]!.id!);
      expect((await nextEvent(resumed)).message.params).toMatchObject({ progress: 2 });
      world.streams.fail('read');
      expect(messagesOf(await eventsOf(resumed))).toMatchObject([{ id: 'mine', error: { code: 1027 } }]);
      expect(world.gateway.takeDefects()).toHaveLength(1);
      incoming.answer({ content: [] });
      await eventsOf(stream);
    });

    test('as a stream is followed sends the client away to come again', async () => {
      const world = await openWatched(leg);
      const peer = await world.gateway.client.connect('2025-11-25');
      const { incoming, stream, begun } = await startStream(world, peer);
      await world.streams.kept(1);
      const resumed = await peer.resume(begun[0]!.id!);
      expect((await nextEvent(resumed)).data).toBe('');
      expect((await nextEvent(resumed)).id).toBe(begun[1]!.id);
      world.streams.fail('read');
      const [last, ...others] = await eventsOf(resumed);
      expect(last).toMatchObject({ id: begun[1]!.id, data: '' });
      expect(others).toEqual([]);
      expect(world.gateway.takeDefects()).toHaveLength(1);
      incoming.answer({ content: [] });
      await eventsOf(stream);
    });
  });

  describe('an environment that is gone', () => {
    /** What it has left behind of a stream: two requests, one of them answered. */
    async function abandoned(gateway: Harness, sessionId: string, heldUntil: number): Promise<string> {
      const stream = cryptoIds.random();
      const key = streamKey(cryptoIds, { key: cryptoIds.digest(sessionId) }, stream);
      const head = { holder: 'gone', heldUntil, requests: ['"a"', '2'], continuation: undefined };
      await gateway.stores.streams.begin(key, head, heldUntil + 600_000);
      const events = ['{"jsonrpc":"2.0","method":"notifications/message"}', '{"jsonrpc":"2.0","id":"a","result":{}}'];
      await gateway.stores.streams.append(key, { last: 2, events, answered: [0], cut: false }, heldUntil + 600_000);
      return stream;
    }

    test('has its streams ended by an error for each request that was not answered', async () => {
      const clock = createManualClock();
      const { gateway } = await openWatched(leg, { clock });
      const peer = await gateway.client.connect('2025-11-25');
      const stream = await abandoned(gateway, peer.sessionId!, clock.now() + 5000);
      const resumed = await peer.resume(`${stream}.1`);
      const ended = eventsOf(resumed);
      const began = clock.now();
      const [primed, answered, lost, ...others] = await passUntil(clock, ended);
      expect(clock.now() - began).toBeGreaterThan(5000);
      expect(primed).toMatchObject({ id: `${stream}.1`, data: '' });
      expect(answered).toMatchObject({ id: `${stream}.2`, message: { id: 'a', result: {} } });
      expect(lost!.message).toEqual({
        jsonrpc: '2.0',
        id: 2,
        error: {
          code: 1027,
          message: 'The environment that held the call ended before the answer; the call may have run',
          data: { mayHaveRun: true },
        },
      });
      expect(others).toEqual([]);
      expect(gateway.actions.at(-1)).toMatchObject({ method: 'GET', outcome: 'error', errorKind: 'stream-lost' });
      expect((await peer.resume(lost!.id!)).status).toBe(405);
      expect(clock.scheduled).toBe(0);
    });

    test('that has left something that cannot be read has its streams ended at once', async () => {
      const { gateway } = await openWatched(leg);
      const peer = await gateway.client.connect('2025-11-25');
      for (const continuation of ['', '{}', '{"last":2,"bytes":1,"continuation":"{}"}']) {
        const stream = await abandoned(gateway, peer.sessionId!, Date.now() + 60_000);
        const key = streamKey(cryptoIds, { key: cryptoIds.digest(peer.sessionId!) }, stream);
        await gateway.stores.streams.handOver(key, 'gone', continuation, Date.now() + 60_000);
        const resumed = withData(await eventsOf(await peer.resume(`${stream}.2`)));
        expect(messagesOf(resumed)).toMatchObject([{ id: 2, error: { code: 1027 } }]);
      }
    });

    test('that has lost some events is told of as what was not kept', async () => {
      const { gateway } = await openWatched(leg);
      const peer = await gateway.client.connect('2025-11-25');
      const stream = await abandoned(gateway, peer.sessionId!, Date.now() + 60_000);
      const key = streamKey(cryptoIds, { key: cryptoIds.digest(peer.sessionId!) }, stream);
      const answer = '{"jsonrpc":"2.0","id":2,"result":{}}';
      await gateway.stores.streams.append(
        key,
        { last: 4, events: [answer], answered: [0, 1], cut: false },
        Date.now() + 60_000,
      );
      const resumed = withData(await eventsOf(await peer.resume(`${stream}.1`)));
      expect(messagesOf(resumed)).toMatchObject([{ id: 'a' }, { id: 2, error: { code: 1028 } }]);
    });

    test('is waited for with heartbeats', async () => {
      const clock = createManualClock();
      const { gateway } = await openWatched(leg, { clock });
      const peer = await gateway.client.connect('2025-11-25');
      const stream = await abandoned(gateway, peer.sessionId!, clock.now() + 35_000);
      const resumed = await peer.resume(`${stream}.2`);
      const heartbeats = (async () => {
        let count = 0;
        for await (const event of resumed.events) if (event.kind === 'comment') count += 1;
        return count;
      })();
      expect(await passUntil(clock, heartbeats)).toBe(3);
    });
  });

  test('whoever resumes may go again', async () => {
    const world = await openWatched(leg);
    const peer = await world.gateway.client.connect('2025-11-25');
    const { incoming, stream, begun } = await startStream(world, peer);
    const resumed = await peer.resume(begun[0]!.id!);
    await nextEvent(resumed);
    resumed.close();
    incoming.answer({ content: [] });
    await eventsOf(stream);
    await world.gateway.settled();
    expect(withData(await eventsOf(await peer.resume(begun[1]!.id!)))).toHaveLength(1);
  });
});

test('a client that lost its connection gets the rest', async () => {
  const world = await openWatched(NODE_LEG);
  const peer = await world.gateway.client.connect('2025-11-25');
  const { incoming, stream, begun } = await startStream(world, peer);
  stream.close();
  const resumed = await peer.resume(begun.at(-1)!.id!);
  incoming.progress(2);
  incoming.answer({ content: [] });
  const events = withData(await eventsOf(resumed));
  expect(events.map(({ message }): unknown => message.params?.progress ?? message.result)).toEqual([
    2,
    { content: [] },
  ]);
  await world.gateway.settled();
  expect(world.gateway.actions.map(({ method, outcome }) => `${method} ${outcome}`)).toContain('tools/call ok');
  expect(world.upstream.received.map(({ message }): unknown => message?.method)).not.toContain(
    'notifications/cancelled',
  );
});

/** What a client gets that resumes a stream which goes on, in an environment that ends soon. */
async function resumedAtTheEnd(revision: string) {
  const clock = createManualClock();
  const start = clock.now();
  const world = await openWatched(LEGS[0]!, {
    clock,
    endsAt: (environment) => start + (environment === 0 ? 60_000 : 6000),
  });
  const [, short] = world.gateway.environments;
  const peer = (await world.gateway.client.connect(revision)).through(world.gateway.environments[0]!);
  const { incoming, stream, begun } = await startStream(world, peer);
  const { id } = begun.at(-1)!;
  const resuming = peer.through(short!).resume(id!);
  const events = await passUntil(clock, resuming.then(eventsOf));
  expect(clock.now() - start).toBeLessThan(5500);
  incoming.answer({ content: [] });
  await eventsOf(stream);
  await world.gateway.settled();
  return { id, events };
}

test('whoever resumes shortly before the end of the invocation is sent away to come again', async () => {
  const { id, events } = await resumedAtTheEnd('2025-11-25');
  expect(events).toMatchObject([
    { id, data: '' },
    { id, data: '' },
  ]);
});

test('or gets an error where clients do not come again after a stream that ended by itself', async () => {
  const { events } = await resumedAtTheEnd('2025-06-18');
  expect(messagesOf(events)).toMatchObject([{ id: 'mine', error: { code: 1027, data: { mayHaveRun: true } } }]);
});

function notKept(id: string) {
  const message = 'The rest of the stream was not kept, and the answer with it; the call may have run';
  return { jsonrpc: '2.0', id, error: { code: 1028, message, data: { mayHaveRun: true } } };
}
