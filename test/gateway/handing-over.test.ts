/** A call that outlives its invocation: another environment goes on with it where the upstream's stream can be resumed. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { LEGACY_REVISIONS, type GatewayClient, type Leg, type Peer } from '../support/gateway-harness.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { startResumableUpstream, type RunningCall } from '../support/resumable-upstream.ts';
import { turn } from '../support/turn.ts';
import type { SseEvent, WireStream } from '../support/wire.ts';
import { openGateway, openScripted } from './fixtures.ts';

/** Invocations end on function URLs only. */
const FUNCTION_LEGS: readonly Leg[] = [
  { name: 'over memory', store: 'memory', platform: 'function' },
  { name: 'over dynalite', store: 'dynalite', platform: 'function' },
];

/** Their clients do not come back after a stream that ended by itself. */
const OLDER = LEGACY_REVISIONS.filter((revision) => revision < '2025-11-25');

/** The first environment ends soon, the second later, and the third when the test is over. */
const ENDS_MS = [20_000, 60_000, 1_000_000];

const LIMITS = { timeoutMs: 200_000 };

function timesOf(clock: ManualClock) {
  const start = clock.now();
  return { clock, environments: 3, endsAt: (environment: number) => start + ENDS_MS[environment]! };
}

async function openResumable(leg: Leg, limits: object = {}, retryMs?: number) {
  const clock = createManualClock();
  const upstream = await startResumableUpstream(retryMs);
  onTestFinished(() => upstream.stop());
  const gateway = await openGateway({ leg, url: upstream.url, upstream: { ...LIMITS, ...limits }, ...timesOf(clock) });
  return { clock, upstream, gateway };
}

type World = Awaited<ReturnType<typeof openResumable>>;

/** Lets time pass until something has happened. */
async function passUntil<T>(clock: ManualClock, happening: Promise<T>): Promise<T> {
  let settled = false;
  const note = (): void => void (settled = true);
  happening.then(note, note);
  for (;;) {
    for (let turns = 0; turns < 20; turns += 1) await turn();
    if (settled) return await happening;
    clock.advance(100);
  }
}

async function eventsOf(stream: WireStream): Promise<SseEvent[]> {
  const events: SseEvent[] = [];
  for await (const event of stream.events) if (event.kind === 'event') events.push(event);
  return events;
}

async function nextMessage(stream: WireStream): Promise<SseEvent> {
  for (;;) {
    const { value, done } = await stream.events.next();
    if (done === true) throw new Error('The stream has ended');
    if (value.kind === 'event' && value.data !== '') return value;
  }
}

const messages = (events: readonly SseEvent[]) =>
  events.filter(({ data }) => data !== '').map(({ message }): unknown => message);

/** A call that has reported once, in the first environment, up to the end of that. */
async function handedOver({ gateway, upstream, clock }: World, revision: string, meta?: object) {
  const [first, second, third] = gateway.environments as [GatewayClient, GatewayClient, GatewayClient];
  const peer = (await third.connect(revision)).through(first);
  const params = { name: 'up__steps', ...(meta === undefined ? {} : { _meta: meta }) };
  const opening = peer.stream('tools/call', params, { id: 'mine', progressToken: 't' });
  const call = await upstream.nextCall();
  await call.progress(1);
  const stream = await opening;
  const begun = await nextMessage(stream);
  const rest = await passUntil(clock, eventsOf(stream));
  await gateway.settled();
  return { call, begun, last: rest.at(-1)!, rest, peer, second, third };
}

/**
 * The stream of whoever resumes, as far as a report that the upstream made while nobody listened. Until that has come, an
 * upstream of the SDK may still be about to find out where to say what it has to say.
 */
async function takenUp(peer: Peer, lastEventId: string, call: RunningCall) {
  await call.progress(2);
  const stream = await peer.resume(lastEventId);
  const reported = await nextMessage(stream);
  expect(reported.message.params).toEqual({ progressToken: 't', progress: 2 });
  return { reported, ended: eventsOf(stream) };
}

describe.each(FUNCTION_LEGS)('$name', (leg) => {
  test('a call goes on in another environment', async () => {
    const world = await openResumable(leg);
    const { call, begun, rest, last, peer, second } = await handedOver(world, '2025-11-25');
    expect(messages(rest)).toEqual([]);
    expect(last).toMatchObject({ id: begun.id, data: '' });
    expect(call.signal.aborted).toBe(false);
    const { ended } = await takenUp(peer.through(second), last.id!, call);
    await call.progress(3);
    call.answer('done');
    expect(messages(await ended)).toEqual([
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 't', progress: 3 } },
      { jsonrpc: '2.0', id: 'mine', result: { content: [{ type: 'text', text: 'done' }] } },
    ]);
    expect(world.upstream.calls).toBe(1);
    expect(world.upstream.resumptions).toEqual(['GET']);
    await world.gateway.settled();
    expect(world.gateway.actions.map(({ method, errorKind }) => `${method} ${errorKind}`)).toEqual([
      'initialize null',
      'notifications/initialized null',
      'tools/call invocation-ending',
      'tools/call null',
      'GET null',
    ]);
  });

  test('and says there where the time of its rest went, if it was asked for the time', async () => {
    const world = await openResumable(leg);
    const { call, last, peer, second, third } = await handedOver(world, '2025-11-25', { 'io.sluice/timing': true });
    const { reported, ended } = await takenUp(peer.through(second), last.id!, call);
    world.clock.advance(125);
    call.answer('done');
    const [answer] = messages(await ended);
    await world.gateway.settled();
    const [before, rest] = world.gateway.actions.filter(({ method }) => method === 'tools/call');
    const { gatewayMs, upstreamMs, environment, attempt: attempts } = rest!;
    const timing = { gatewayMs, upstreamMs, attempts, replayed: false, environment };
    expect(answer).toMatchObject({ id: 'mine', result: { _meta: { 'io.sluice/timing': timing } } });
    expect([before!.environment, environment]).toEqual(['environment-0', 'environment-1']);
    expect(upstreamMs).toBeGreaterThanOrEqual(125);
    expect(gatewayMs + upstreamMs).toBeLessThan(before!.totalMs);
    // Whoever comes for the stream again gets what was said, to the byte.
    expect(messages(await eventsOf(await peer.through(third).resume(reported.id!)))).toEqual([answer]);
  });

  test('and what it says there is kept as well', async () => {
    const world = await openResumable(leg);
    const { call, begun, last, peer, second, third } = await handedOver(world, '2025-11-25');
    const { reported, ended } = await takenUp(peer.through(second), last.id!, call);
    call.answer('done');
    const there = [reported, ...(await ended)].filter(({ data }) => data !== '');
    await world.gateway.settled();
    const again = await eventsOf(await peer.through(third).resume(begun.id!));
    expect(again.filter(({ data }) => data !== '')).toEqual(there);
    expect(there.map(({ id }) => id)).toEqual([2, 3].map((number) => begun.id!.replace(/\d+$/, String(number))));
  });

  test('time and again', async () => {
    const world = await openResumable(leg);
    const { call, last, peer, second, third } = await handedOver(world, '2025-11-25');
    const { reported, ended } = await takenUp(peer.through(second), last.id!, call);
    const [left, ...others] = await passUntil(world.clock, ended);
    expect(left).toMatchObject({ id: reported.id, data: '' });
    expect(others).toEqual([]);
    await world.gateway.settled();
    const later = await takenUp(peer.through(third), left!.id!, call);
    call.answer('done');
    expect(messages(await later.ended)).toMatchObject([{ id: 'mine', result: {} }]);
    expect(world.upstream.calls).toBe(1);
    await world.gateway.settled();
  });

  test('with one environment, of several that could go on with it', async () => {
    const world = await openResumable(leg);
    const { call, last, peer, second, third } = await handedOver(world, '2025-11-25');
    const all = [second, third, second, third].map((at) => takenUp(peer.through(at), last.id!, call));
    const resumed = await passUntil(world.clock, Promise.all(all));
    call.answer('done');
    for (const { ended } of resumed) {
      expect(messages(await passUntil(world.clock, ended)).at(-1)).toMatchObject({ id: 'mine', result: {} });
    }
    expect(world.upstream.resumptions).toEqual(['GET']);
    await world.gateway.settled();
  });

  test('and can still be cancelled', async () => {
    const world = await openResumable(leg);
    const { call, last, peer, third } = await handedOver(world, '2025-11-25');
    const there = peer.through(third);
    const ended = eventsOf(await there.resume(last.id!));
    await there.notify('notifications/cancelled', { requestId: 'mine' });
    expect(messages(await passUntil(world.clock, ended))).toMatchObject([{ id: 'mine', error: { code: 1020 } }]);
    await world.gateway.settled();
    expect(call.signal.aborted).toBe(true);
  });

  test('and what it says there of a resource that its client subscribed to is kept for the client', async () => {
    const world = await openResumable(leg);
    const { call, last, peer, third } = await handedOver(world, '2025-11-25');
    const { listening } = world.gateway.stores;
    const key = cryptoIds.digest(peer.sessionId!);
    const subscription = { uri: 'note://1', upstream: 'up', generation: null };
    await listening.subscribe(key, subscription, 1, world.clock.now() + 1_000_000);
    const { ended } = await takenUp(peer.through(third), last.id!, call);
    await call.updated('note://1');
    call.answer('done');
    expect(messages(await ended)).toMatchObject([{ id: 'mine', result: {} }]);
    await world.gateway.settled();
    expect((await listening.read(key)).updates).toMatchObject([{ uri: 'note://1' }]);
  });

  test('no sooner than the upstream wishes to be asked again', async () => {
    const world = await openResumable(leg, {}, 30_000);
    const { call, last, peer, second } = await handedOver(world, '2025-11-25');
    const began = world.clock.now();
    const ended = eventsOf(await peer.through(second).resume(last.id!));
    await passUntil(world.clock, world.upstream.resumed);
    expect(world.clock.now() - began).toBeGreaterThanOrEqual(30_000);
    call.answer('done');
    expect(messages(await passUntil(world.clock, ended))).toMatchObject([{ id: 'mine', result: {} }]);
    await passUntil(world.clock, world.gateway.settled());
  });

  test('until its own limit, of which the upstream is told', async () => {
    const world = await openResumable(leg);
    const { call, last, peer, third } = await handedOver(world, '2025-11-25');
    const ended = await passUntil(world.clock, eventsOf(await peer.through(third).resume(last.id!)));
    expect(messages(ended)).toMatchObject([
      {
        error: {
          code: 1005,
          message: 'Upstream up did not finish within 200000 ms',
          data: { tool: 'up__steps', mayHaveRun: true },
        },
      },
    ]);
    await world.gateway.settled();
    expect(call.signal.aborted).toBe(true);
  });

  test('unless the upstream has forgotten it, which is told as what may have run', async () => {
    const world = await openResumable(leg);
    const { last, peer, third } = await handedOver(world, '2025-11-25');
    world.upstream.forget();
    const ended = await passUntil(world.clock, eventsOf(await peer.through(third).resume(last.id!)));
    expect(messages(ended)).toMatchObject([
      { id: 'mine', error: { code: 1004, data: { upstream: 'up', mayHaveRun: true } } },
    ]);
    await world.gateway.settled();
  });

  test('and only in the session that it belongs to', async () => {
    const world = await openResumable(leg);
    const { call, last, peer, third } = await handedOver(world, '2025-11-25');
    const stranger = await third.connect('2025-11-25');
    expect((await passUntil(world.clock, stranger.resume(last.id!))).status).toBe(405);
    expect(world.upstream.resumptions).toEqual([]);
    const { ended } = await takenUp(peer.through(third), last.id!, call);
    call.answer('done');
    expect(messages(await ended)).toHaveLength(1);
    await world.gateway.settled();
  });

  test('an upstream whose stream cannot be resumed has its call ended by an error', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, upstream: LIMITS, ...timesOf(clock) });
    const arrived = Promise.withResolvers<void>();
    upstream.onCall(({ progress }) => {
      progress(1);
      arrived.resolve();
    });
    const [first] = gateway.environments;
    const peer = (await gateway.environments[2]!.connect('2025-11-25')).through(first!);
    const opening = peer.stream('tools/call', { name: 'up__x' }, { id: 'mine', progressToken: 't' });
    await arrived.promise;
    const events = messages(await passUntil(clock, opening.then(eventsOf)));
    expect(events).toMatchObject([
      { params: { progress: 1 } },
      {
        id: 'mine',
        error: {
          code: 1007,
          message: "Upstream up did not finish before the gateway's invocation had to end",
          data: { mayHaveRun: true },
        },
      },
    ]);
    await gateway.settled();
    expect(upstream.received.map(({ message }): unknown => message?.method)).toContain('notifications/cancelled');
  });

  /** A call that has reported once has its end, of which the upstream is told, in the invocation that it came in. */
  async function expectEndThere({ gateway, upstream, clock }: World, revision: string, headers = {}): Promise<void> {
    const [first, , third] = gateway.environments;
    const peer = (await third!.connect(revision)).through(first!);
    const opening = peer.stream('tools/call', { name: 'up__steps' }, { id: 'mine', progressToken: 't', headers });
    const call = await upstream.nextCall();
    await call.progress(1);
    const events = messages(await passUntil(clock, opening.then(eventsOf)));
    expect(events.at(-1)).toMatchObject({ id: 'mine', error: { code: 1007, data: { mayHaveRun: true } } });
    await gateway.settled();
    expect(call.signal.aborted).toBe(true);
  }

  test.each(OLDER)(
    'a client of revision %s, which would not come back, has its call ended by an error',
    async (older) => {
      await expectEndThere(await openResumable(leg), older);
    },
  );

  test('a call that holds a slot of its upstream has its end with it', async () => {
    await expectEndThere(await openResumable(leg, { maxConcurrent: 1 }), '2025-11-25');
  });

  test('a call with an idempotency key has its end in its own invocation', async () => {
    await expectEndThere(await openResumable(leg), '2025-11-25', { 'idempotency-key': 'once' });
  });

  test('a client that takes JSON only has its call ended by an error, too', async () => {
    const { gateway, upstream, clock } = await openResumable(leg);
    const [first, , third] = gateway.environments;
    const peer = (await third!.connect('2025-11-25')).through(first!);
    const headers = { accept: 'application/json' };
    const answer = peer.request('tools/call', { name: 'up__steps' }, { id: 'mine', headers });
    const call = await upstream.nextCall();
    expect((await passUntil(clock, answer)).messages).toMatchObject([{ error: { code: 1007 } }]);
    await gateway.settled();
    expect(call.signal.aborted).toBe(true);
  });
});
