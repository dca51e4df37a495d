/** An upstream's stream ends before the answer is there: the rest is asked for, and the call is not sent again. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { LEGS, type Leg } from '../support/gateway-harness.ts';
import { createManualClock, passingTime } from '../support/manual-clock.ts';
import { startResumableUpstream, type RunningCall } from '../support/resumable-upstream.ts';
import type { SseEvent, WireStream } from '../support/wire.ts';
import { openGateway } from './fixtures.ts';

/** A call that has reported once. `retryMs`: how long its upstream wants to be left alone. */
async function openCall(leg: Leg, { retryMs, upstream: limits = {} }: { retryMs?: number; upstream?: object } = {}) {
  const clock = createManualClock();
  const upstream = await startResumableUpstream(retryMs);
  onTestFinished(() => upstream.stop());
  const config = { era: 'legacy', ...limits } as const;
  const gateway = await openGateway({ leg, url: upstream.url, upstream: config, clock });
  const peer = await gateway.client.connect('2025-11-25', { capabilities: { elicitation: {} } });
  const opening = peer.stream('tools/call', { name: 'up__steps' }, { id: 'mine', progressToken: 't' });
  const call = await upstream.nextCall();
  await call.progress(1);
  const stream = await opening;
  await nextMessage(stream);
  return { clock, upstream, gateway, peer, call, stream };
}

type World = Awaited<ReturnType<typeof openCall>>;

async function nextMessage(stream: WireStream): Promise<SseEvent> {
  for (;;) {
    const { value, done } = await stream.events.next();
    if (done === true) throw new Error('The stream has ended');
    if (value.kind === 'event' && value.data !== '') return value;
  }
}

const DONE = { result: { content: [{ type: 'text', text: 'done' }] } };

/** The two ways for a connection to go. */
const ENDINGS: readonly [string, (world: World) => void][] = [
  ['that the upstream closes to be asked again', ({ call }) => call.closeStream()],
  ['that breaks', ({ upstream }) => upstream.cut()],
];

/** Ends the connection, and waits until somebody has come for the rest. */
async function endAndResume(world: World, end: (world: World) => void): Promise<RunningCall> {
  end(world);
  await passingTime(world.clock, 100, world.upstream.resumed);
  return world.call;
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(ENDINGS)('a connection %s', (_, end) => {
    test('is not the end of the call, which is not sent again', async () => {
      const world = await openCall(leg);
      end(world);
      world.call.answer('done');
      expect((await passingTime(world.clock, 100, nextMessage(world.stream))).message).toMatchObject(DONE);
      expect(world.upstream.calls).toBe(1);
      await passingTime(world.clock, 100, world.gateway.settled());
      // The call took one, and the rest of its stream another.
      expect(world.gateway.actions.at(-1)).toMatchObject({ method: 'tools/call', outcome: 'ok', upstreamRequests: 2 });
    });

    test('casts no doubt on its session, where the answer could be had all the same', async () => {
      const world = await openCall(leg);
      end(world);
      world.call.answer('done');
      await passingTime(world.clock, 100, nextMessage(world.stream));
      await passingTime(world.clock, 100, world.gateway.settled());
      const again = world.peer.call('up__steps');
      (await world.upstream.nextCall()).answer('done');
      expect(await again).toMatchObject(DONE);
      await passingTime(world.clock, 100, world.gateway.settled());
      expect(world.gateway.actions.at(-1)).toMatchObject({ method: 'tools/call', upstreamRequests: 1 });
    });

    test('leaves the client able to be told, and to be asked', async () => {
      const world = await openCall(leg);
      const call = await endAndResume(world, end);
      await call.progress(2);
      const told = await passingTime(world.clock, 100, nextMessage(world.stream));
      expect(told.message.params).toMatchObject({ progress: 2 });
      const action = call.ask();
      const asked = await passingTime(world.clock, 100, nextMessage(world.stream));
      expect(asked.message.method).toBe('elicitation/create');
      await world.peer.respond(asked.message.id, { result: { action: 'decline' } });
      expect(await passingTime(world.clock, 100, action)).toBe('decline');
      call.answer('done');
      expect((await passingTime(world.clock, 100, nextMessage(world.stream))).message).toMatchObject(DONE);
      expect(world.upstream.calls).toBe(1);
    });

    test('ends the call where the upstream has forgotten it, and that may have run', async () => {
      const world = await openCall(leg, { upstream: { retries: 2 } });
      world.upstream.forget();
      end(world);
      const { message } = await passingTime(world.clock, 100, nextMessage(world.stream));
      expect(message).toMatchObject({ error: { code: 1004, data: { mayHaveRun: true } } });
      expect(world.upstream.calls).toBe(1);
      expect(world.upstream.resumptions).toEqual(['GET']);
    });
  });

  test('an upstream is left alone for as long as it wishes', async () => {
    const world = await openCall(leg, { retryMs: 15_000 });
    const began = world.clock.now();
    await endAndResume(world, ({ call }) => call.closeStream());
    expect(world.clock.now() - began).toBeGreaterThanOrEqual(15_000);
    world.call.answer('done');
    expect((await passingTime(world.clock, 100, nextMessage(world.stream))).message).toMatchObject(DONE);
  });

  test('but a call does not wait beyond its own limit, of which the upstream is told', async () => {
    const world = await openCall(leg, { retryMs: 15_000, upstream: { timeoutMs: 5000 } });
    world.call.closeStream();
    const { message } = await passingTime(world.clock, 100, nextMessage(world.stream));
    expect(message).toMatchObject({ error: { code: 1005, data: { mayHaveRun: true } } });
    await passingTime(world.clock, 100, world.gateway.settled());
    expect(world.call.signal.aborted).toBe(true);
    expect(world.upstream.resumptions).toEqual([]);
  });
});
