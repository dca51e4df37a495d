/** The three limits of a call and the end of the invocation, by a clock that the test moves. */
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../lib/ports.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { FUNCTION_LEG, LEGS, messagesOf } from '../support/gateway-harness.ts';
import type { FaultyUpstream } from '../support/faulty-upstream.ts';
import { openFaulty, openScripted } from './fixtures.ts';

const ERAS = [
  ['modern', '2026-07-28'],
  ['legacy', '2025-11-25'],
] as const;

/** Lets everything run that is ready to: nothing waits for the clock of the system here. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass in steps, and what falls due in between happen. */
async function pass(clock: ManualClock, ms: number, stepMs = 1000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left));
    await turns(2);
  }
}

/** A clock that tells when a timer of this length has been started. */
function observeTimers(clock: ManualClock, ofMs: number) {
  let started = Promise.withResolvers<void>();
  const observed: Clock = {
    ...clock,
    schedule(ms, callback) {
      if (ms === ofMs) {
        started.resolve();
        started = Promise.withResolvers();
      }
      return clock.schedule(ms, callback);
    },
  };
  return { clock: observed, next: (): Promise<void> => started.promise };
}

/** Whether a promise has settled, as far as can be told without waiting. */
function watch(promise: Promise<unknown>): () => boolean {
  let settled = false;
  void promise.finally(() => (settled = true));
  return () => settled;
}

function inside(upstream: FaultyUpstream, tool: string) {
  return upstream.received((request) => request.tool === tool);
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(ERAS)('a call of a %s upstream', (era, revision) => {
    test('that is never answered ends after 55 seconds, before clients give up', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty(era, { leg, clock });
      upstream.on('silent', 'hang');
      const peer = await gateway.client.connect(revision);
      const answer = peer.request('tools/call', { name: 'up__silent' });
      const isOver = watch(answer);
      const call = await inside(upstream, 'silent');
      await pass(clock, 54_999);
      expect(isOver()).toBe(false);
      clock.advance(1);
      const { status, messages } = await answer;
      expect(status).toBe(200);
      expect(messages).toMatchObject([
        {
          error: {
            code: 1005,
            message: 'Upstream up did not finish within 55000 ms',
            data: { upstream: 'up', tool: 'up__silent', phase: 'request', elapsedMs: 55_000, mayHaveRun: true },
          },
        },
      ]);
      await call.abandoned;
    });

    test('that is given up is called off upstream', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty(era, { leg, clock, upstream: { timeoutMs: 5000 } });
      upstream.on('silent', 'hang');
      const peer = await gateway.client.connect(revision);
      const answer = peer.call('up__silent', {}, { id: 'mine' });
      const call = await inside(upstream, 'silent');
      clock.advance(5000);
      expect((await answer).error.code).toBe(1005);
      // The modern era says so by closing the connection, the legacy era in words and by the upstream's own id as well.
      await call.abandoned;
      await gateway.settled();
      expect(upstream.cancellations.map(({ requestId }): unknown => requestId)).toEqual(
        era === 'legacy' ? [call.message.id] : [],
      );
      expect((await peer.call('up__ok')).result).toBeDefined();
      await gateway.settled();
      expect(clock.scheduled).toBe(0);
    });

    test('has the limits of its tool instead of those of its upstream', async () => {
      const clock = createManualClock();
      const tools = { report: { timeoutMs: 120_000 }, quick: { timeoutMs: 1000 }, chatty: { idleTimeoutMs: 500 } };
      const { gateway, upstream } = await openFaulty(era, { leg, clock, upstream: { tools } });
      for (const tool of ['quick', 'chatty', 'up__quick']) upstream.on(tool, 'hang');
      const { entered, release } = upstream.gate('report');
      const peer = await gateway.client.connect(revision);
      const report = peer.call('up__report');
      const quick = peer.call('up__quick');
      const chatty = peer.call('up__chatty');
      const other = peer.call('up__up__quick');
      const isOver = watch(other);
      await Promise.all([entered, ...['quick', 'chatty', 'up__quick'].map((tool) => inside(upstream, tool))]);
      await turns();
      clock.advance(500);
      expect((await chatty).error).toMatchObject({ code: 1006, message: 'Upstream up was silent for 500 ms' });
      clock.advance(500);
      expect((await quick).error).toMatchObject({ code: 1005, message: 'Upstream up did not finish within 1000 ms' });
      // Tools are configured by the upstream's own names.
      await pass(clock, 53_000);
      expect(isOver()).toBe(false);
      await pass(clock, 1000);
      expect((await other).error.code).toBe(1005);
      await pass(clock, 60_000);
      release();
      expect((await report).result).toBeDefined();
    });

    test('that says something in time is never idle, but its total counts on', async () => {
      const clock = createManualClock();
      const limits = { timeoutMs: 5000, idleTimeoutMs: 1000 };
      const { gateway, upstream } = await openScripted({ leg, clock, upstream: limits });
      const speak = Promise.withResolvers<() => void>();
      upstream.onCall(({ progress }) => {
        let count = 0;
        speak.resolve(() => progress((count += 1)));
      });
      const peer = await gateway.client.connect(revision);
      const opening = peer.stream('tools/call', { name: 'up__x' }, { progressToken: 't' });
      const say = await speak.promise;
      say();
      const messages = messagesOf(await opening);
      expect((await messages.next()).value.params.progress).toBe(1);
      for (let count = 2; count <= 6; count += 1) {
        clock.advance(900);
        say();
        expect((await messages.next()).value.params.progress).toBe(count);
      }
      clock.advance(500);
      expect((await messages.next()).value.error).toMatchObject({ code: 1005, data: { phase: 'response' } });
      expect((await messages.next()).done).toBe(true);
    });

    test('whose upstream shows that it lives by comments is not idle', async () => {
      const clock = createManualClock();
      const idle = observeTimers(clock, 1500);
      const { gateway, upstream } = await openScripted({ leg, clock: idle.clock, upstream: { idleTimeoutMs: 1500 } });
      const held = Promise.withResolvers<{ beat: () => void; end: () => void }>();
      upstream.onCall(({ response, progress, answer }) => {
        progress(1);
        held.resolve({ beat: () => void response.write(': alive\n\n'), end: () => answer({ done: true }) });
      });
      const peer = await gateway.client.connect(revision);
      const messages = messagesOf(await peer.stream('tools/call', { name: 'up__x' }, { progressToken: 't' }));
      await messages.next();
      const { beat, end } = await held.promise;
      for (let count = 0; count < 3; count += 1) {
        clock.advance(1400);
        const begunAnew = idle.next();
        beat();
        await begunAnew;
      }
      end();
      expect((await messages.next()).value.result).toMatchObject({ done: true });
    });

    test('that goes silent is idle from its last word', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openScripted({ leg, clock, upstream: { idleTimeoutMs: 1000 } });
      upstream.onCall(({ progress }) => progress(1));
      const peer = await gateway.client.connect(revision);
      const messages = messagesOf(await peer.stream('tools/call', { name: 'up__x' }, { progressToken: 't' }));
      await messages.next();
      clock.advance(1000);
      expect((await messages.next()).value.error).toMatchObject({
        code: 1006,
        message: 'Upstream up was silent for 1000 ms',
        data: { phase: 'response', elapsedMs: 1000, mayHaveRun: true },
      });
    });
  });

  test('the total of a call spans opening a session, losing it and opening another', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, clock, upstream: { timeoutMs: 5000 } });
    const peer = await gateway.client.connect('2025-11-25');
    const steps = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
    upstream.onCall(async ({ response }) => {
      if (upstream.of('tools/call').length > 1) return steps[3]!.resolve();
      clock.advance(2000);
      response.writeHead(404).end();
    });
    upstream.on('initialize', ({ response, params, answer }) => {
      clock.advance(2000);
      response.setHeader('mcp-session-id', 'second');
      answer({ protocolVersion: params.protocolVersion, capabilities: {} });
    });
    const answer = peer.call('up__x');
    await steps[3]!.promise;
    clock.advance(999);
    await turns();
    clock.advance(1);
    expect((await answer).error).toMatchObject({
      code: 1005,
      message: 'Upstream up did not finish within 5000 ms',
      data: { elapsedMs: 5000, mayHaveRun: true },
    });
  });

  test('a call whose session cannot be opened in time has not run', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('legacy', { leg, clock, upstream: { timeoutMs: 5000 } });
    await gateway.client.connect('2025-11-25');
    await gateway.settled();
    // The upstream is known by now, so that this one has no upstream session.
    const peer = await gateway.client.connect('2025-11-25');
    upstream.onMethod('initialize', 'hang');
    const answer = peer.call('up__ok');
    await upstream.received(({ method }) => method === 'initialize', 2);
    clock.advance(5000);
    expect((await answer).error).toMatchObject({
      code: 1005,
      data: { phase: 'session', elapsedMs: 5000, mayHaveRun: false },
    });
    await gateway.settled();
    expect(upstream.cancellations).toEqual([]);
    expect(upstream.calls('ok')).toEqual([]);
  });

  test('a call that is answered too late is not answered twice', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('modern', { leg, clock, upstream: { timeoutMs: 1000 } });
    const { entered, release } = upstream.gate('slow');
    const peer = await gateway.client.connect('2026-07-28');
    const answer = peer.request('tools/call', { name: 'up__slow' });
    await entered;
    clock.advance(1000);
    release();
    const { messages } = await answer;
    expect(messages).toHaveLength(1);
    expect(messages[0].error.code).toBe(1005);
    await gateway.settled();
    expect(gateway.actions.filter(({ method }) => method === 'tools/call')).toHaveLength(1);
  });

  describe('a stream to the client', () => {
    test('begins after ten seconds of silence and shows every ten that it lives', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('modern', { leg, clock });
      const { entered, release } = upstream.gate('slow');
      const peer = await gateway.client.connect('2026-07-28');
      const opening = peer.stream('tools/call', { name: 'up__slow' });
      const isOpen = watch(opening);
      await entered;
      await pass(clock, 9999);
      expect(isOpen()).toBe(false);
      clock.advance(1);
      const { status, headers, events } = await opening;
      expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
      const heartbeat = { kind: 'comment', text: 'heartbeat' };
      expect((await events.next()).value).toEqual(heartbeat);
      for (let count = 0; count < 2; count += 1) {
        const next = events.next();
        await turns();
        clock.advance(10_000);
        expect((await next).value).toEqual(heartbeat);
      }
      release();
      expect((await events.next()).value).toMatchObject({ kind: 'event', message: { result: {} } });
      expect((await events.next()).done).toBe(true);
    });

    test('is none for a client that takes JSON only, however long it takes', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
      const { entered, release } = upstream.gate('slow');
      const peer = await gateway.client.connect('2025-11-25');
      const headers = { accept: 'application/json' };
      const answer = peer.request('tools/call', { name: 'up__slow' }, { headers });
      await entered;
      await pass(clock, 50_000);
      release();
      const { headers: received, messages } = await answer;
      expect(received['content-type']).toBe('application/json');
      expect(messages[0].result).toBeDefined();
    });

    test('that has begun carries the error that would have had another status', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openScripted({ leg, clock });
      const held = Promise.withResolvers<() => void>();
      upstream.onCall(({ fail }) => held.resolve(() => fail(-32021, 'Elicitation is needed', {})));
      const peer = await gateway.client.connect('2026-07-28');
      const opening = peer.stream('tools/call', { name: 'up__slow' });
      const fail = await held.promise;
      await turns();
      clock.advance(10_000);
      const stream = await opening;
      expect(stream.status).toBe(200);
      fail();
      const messages = messagesOf(stream);
      expect((await messages.next()).value.error.code).toBe(-32021);
      expect((await messages.next()).done).toBe(true);
    });
  });
});

describe('the end of the invocation', () => {
  const leg = FUNCTION_LEG;

  test.each(ERAS)('ends a %s call a second early, with a word', async (era, revision) => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty(era, { leg, clock, endsAt: clock.now() + 5000 });
    upstream.on('silent', 'hang');
    const peer = await gateway.client.connect(revision);
    const answer = peer.request('tools/call', { name: 'up__silent' });
    const isOver = watch(answer);
    const call = await inside(upstream, 'silent');
    await pass(clock, 3999);
    expect(isOver()).toBe(false);
    clock.advance(1);
    const { status, messages } = await answer;
    expect(status).toBe(200);
    expect(messages[0].error).toMatchObject({
      code: 1007,
      message: "Upstream up did not finish before the gateway's invocation had to end",
      data: { upstream: 'up', tool: 'up__silent', phase: 'request', elapsedMs: 4000, mayHaveRun: true },
    });
    await call.abandoned;
    await gateway.settled();
    expect(upstream.cancellations).toHaveLength(era === 'legacy' ? 1 : 0);
  });

  test('does not lengthen a shorter limit', async () => {
    const clock = createManualClock();
    const endsAt = clock.now() + 60_000;
    const { gateway, upstream } = await openFaulty('modern', { leg, clock, endsAt, upstream: { timeoutMs: 2000 } });
    upstream.on('silent', 'hang');
    const peer = await gateway.client.connect('2026-07-28');
    const answer = peer.call('up__silent');
    await inside(upstream, 'silent');
    clock.advance(2000);
    expect((await answer).error.code).toBe(1005);
  });

  test('comes before the answer of an upstream to initialize', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('legacy', { leg, clock, endsAt: clock.now() + 2500 });
    upstream.onMethod('initialize', 'hang');
    const opening = gateway.client.connect('2025-11-25');
    await upstream.received(({ method }) => method === 'initialize');
    clock.advance(1500);
    expect((await opening).initialized.protocolVersion).toBe('2025-11-25');
  });
});
