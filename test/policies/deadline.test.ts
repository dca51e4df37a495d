import { describe, expect, test } from 'vitest';
import { DeadlineExpired, startDeadline, type DeadlineLimits } from '../../lib/policies/deadline.ts';
import { createManualClock } from '../support/manual-clock.ts';

const NO_LIMITS: DeadlineLimits = { totalMs: 55_000, idleMs: undefined, endsAt: Infinity };

function start(limits: Partial<DeadlineLimits> = {}) {
  const clock = createManualClock(0);
  return { clock, deadline: startDeadline(clock, { ...NO_LIMITS, ...limits }) };
}

const TOTAL = { kind: 'upstream-timeout', limitMs: 55_000 };

describe('the total', () => {
  test('ends the call at its limit, not before', () => {
    const { clock, deadline } = start();
    clock.advance(54_999);
    expect([deadline.expiry(), deadline.signal.aborted]).toEqual([undefined, false]);
    clock.advance(1);
    expect([deadline.expiry(), deadline.signal.aborted]).toEqual([TOTAL, true]);
  });

  test('is extended by nothing', () => {
    const { clock, deadline } = start({ idleMs: 1000 });
    for (let ms = 0; ms < 55_000; ms += 500) {
      deadline.active();
      clock.advance(500);
    }
    expect(deadline.expiry()).toEqual(TOTAL);
  });
});

describe('the idle limit', () => {
  test('ends a call that is silent from its beginning', () => {
    const { clock, deadline } = start({ idleMs: 1000 });
    clock.advance(1000);
    expect(deadline.expiry()).toEqual({ kind: 'upstream-idle', limitMs: 1000 });
  });

  test('begins anew with each sign of life', () => {
    const { clock, deadline } = start({ idleMs: 1000 });
    clock.advance(999);
    deadline.active();
    clock.advance(999);
    expect(deadline.expiry()).toBeUndefined();
    clock.advance(1);
    expect(deadline.expiry()).toEqual({ kind: 'upstream-idle', limitMs: 1000 });
  });

  test('does not exist unless it is set: a slow tool that says nothing is slow, not dead', () => {
    const { clock, deadline } = start();
    deadline.active();
    expect(clock.scheduled).toBe(1);
  });
});

describe('the end of the invocation', () => {
  test('ends the call a second before, so that there is time for a last word', () => {
    const { clock, deadline } = start({ endsAt: 10_000 });
    clock.advance(8999);
    expect(deadline.expiry()).toBeUndefined();
    clock.advance(1);
    expect(deadline.expiry()).toEqual({ kind: 'invocation-ending' });
  });

  test('gives way to the total when that comes first', () => {
    const { clock, deadline } = start({ endsAt: 56_001 });
    clock.advance(55_000);
    expect(deadline.expiry()).toEqual(TOTAL);
  });

  test.each([1000, 999, 0, -5000])('that is near or past (%i ms away) ends the call at once', (endsAt) => {
    const { clock, deadline } = start({ endsAt });
    clock.advance(0);
    expect(deadline.expiry()).toEqual({ kind: 'invocation-ending' });
  });

  test('is not shortened by the wall clock having begun elsewhere', () => {
    const clock = createManualClock(1_800_000_000_000);
    const deadline = startDeadline(clock, { ...NO_LIMITS, endsAt: 1_800_000_010_000 });
    clock.advance(8999);
    expect(deadline.expiry()).toBeUndefined();
  });
});

describe('cancelling', () => {
  test('ends the call as cancelled', () => {
    const { deadline } = start();
    deadline.cancel();
    expect([deadline.expiry(), deadline.signal.aborted]).toEqual([{ kind: 'cancelled' }, true]);
  });

  test('changes nothing when the call has expired already', () => {
    const { clock, deadline } = start();
    clock.advance(55_000);
    deadline.cancel();
    expect(deadline.expiry()).toEqual(TOTAL);
  });

  test('stays the reason when the total passes later', () => {
    const { clock, deadline } = start();
    deadline.cancel();
    clock.advance(55_000);
    expect(deadline.expiry()).toEqual({ kind: 'cancelled' });
  });
});

describe('guard', () => {
  test('gives what the promise gives', async () => {
    await expect(start().deadline.guard(Promise.resolve('value'))).resolves.toBe('value');
  });

  test('fails as the promise fails', async () => {
    await expect(start().deadline.guard(Promise.reject(new Error('own')))).rejects.toThrow('own');
  });

  test('does not wait for a promise that never settles', async () => {
    const { clock, deadline } = start();
    const guarded = deadline.guard(new Promise(() => {}));
    clock.advance(55_000);
    await expect(guarded).rejects.toBeInstanceOf(DeadlineExpired);
  });

  test('fails at once when the call has expired before', async () => {
    const { deadline } = start();
    deadline.cancel();
    await expect(deadline.guard(Promise.resolve('too late'))).rejects.toBeInstanceOf(DeadlineExpired);
  });

  test('lets nobody hear of a promise that fails after the expiry', async () => {
    const { deadline } = start();
    const late = Promise.withResolvers<never>();
    const guarded = deadline.guard(late.promise);
    deadline.cancel();
    late.reject(new Error('nobody catches this'));
    await expect(guarded).rejects.toBeInstanceOf(DeadlineExpired);
  });
});

describe('stopping', () => {
  test('leaves no timer behind', () => {
    const { clock, deadline } = start({ idleMs: 1000, endsAt: 30_000 });
    deadline.active();
    deadline.stop();
    expect(clock.scheduled).toBe(0);
  });

  test('leaves none even when a sign of life comes afterwards', () => {
    const { clock, deadline } = start({ idleMs: 1000 });
    deadline.stop();
    deadline.active();
    expect(clock.scheduled).toBe(0);
  });

  test('means that the call never expires', () => {
    const { clock, deadline } = start({ idleMs: 1000, endsAt: 30_000 });
    deadline.stop();
    clock.advance(60_000);
    expect([deadline.expiry(), deadline.signal.aborted]).toEqual([undefined, false]);
  });
});
