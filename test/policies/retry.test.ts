import { describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../lib/errors.ts';
import { pauseBeforeRetry, type Spent } from '../../lib/policies/retry.ts';
import { createManualClock } from '../support/manual-clock.ts';

const RESET = { kind: 'upstream-reset' } as const;

const spent = (changes: Partial<Spent> = {}): Spent => ({
  retried: 0,
  retries: 2,
  leftMs: 55_000,
  clock: createManualClock(Date.UTC(2026, 0, 1)),
  fraction: 0,
  ...changes,
});

/** Whether a fault may pass by itself, for every one there is. */
const PASSING: { readonly [Kind in UpstreamFault['kind']]: readonly [UpstreamFault & { kind: Kind }, boolean] } = {
  'upstream-unreachable': [{ kind: 'upstream-unreachable' }, true],
  'upstream-connect-timeout': [{ kind: 'upstream-connect-timeout', limitMs: 3000 }, true],
  'upstream-reset': [RESET, true],
  'upstream-closed': [{ kind: 'upstream-closed' }, true],
  'upstream-throttled': [{ kind: 'upstream-throttled', retryAfter: undefined }, true],
  'upstream-http': [{ kind: 'upstream-http', status: 500 }, true],
  'upstream-timeout': [{ kind: 'upstream-timeout', limitMs: 55_000 }, false],
  'upstream-idle': [{ kind: 'upstream-idle', limitMs: 15_000 }, false],
  'invocation-ending': [{ kind: 'invocation-ending' }, false],
  'upstream-garbled': [{ kind: 'upstream-garbled', reason: 'x' }, false],
  'upstream-redirect': [{ kind: 'upstream-redirect' }, false],
  'upstream-too-large': [{ kind: 'upstream-too-large', limitBytes: 20 }, false],
  'upstream-credentials': [{ kind: 'upstream-credentials' }, false],
  'upstream-unauthorized': [{ kind: 'upstream-unauthorized' }, false],
  'upstream-session-lost': [{ kind: 'upstream-session-lost' }, false],
  'upstream-busy': [{ kind: 'upstream-busy', retryAfterMs: 1 }, false],
  'breaker-open': [{ kind: 'breaker-open', retryAfterMs: 1 }, false],
  'upstream-refused': [{ kind: 'upstream-refused', error: { code: 1, message: 'x' } }, false],
};

describe('a call is sent again', () => {
  test.each(Object.entries(PASSING))('after %s, or not', (_kind, [fault, passes]) => {
    expect(pauseBeforeRetry(fault, spent()) !== undefined).toBe(passes);
  });

  test.each([
    [499, false],
    [500, true],
    [503, true],
    [599, true],
  ])('after status %i: %s', (status, passes) => {
    expect(pauseBeforeRetry({ kind: 'upstream-http', status }, spent()) !== undefined).toBe(passes);
  });

  test('as often as it may be, and no more', () => {
    const pauses = [0, 1, 2, 3].map((retried) => pauseBeforeRetry(RESET, spent({ retried, retries: 2 })));
    expect(pauses).toEqual([100, 200, undefined, undefined]);
    expect(pauseBeforeRetry(RESET, spent({ retries: 0 }))).toBeUndefined();
  });

  test('only when there is time left after the pause', () => {
    expect(pauseBeforeRetry(RESET, spent({ leftMs: 101 }))).toBe(100);
    for (const leftMs of [100, 1, 0, -5]) expect(pauseBeforeRetry(RESET, spent({ leftMs }))).toBeUndefined();
  });
});

describe('the pause before that', () => {
  test('doubles each time, up to a limit', () => {
    const pauses = [0, 1, 2, 3, 4, 5, 6, 60].map((retried) =>
      pauseBeforeRetry(RESET, spent({ retried, retries: 100 })),
    );
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  test('is shorter by up to a half, so that calls that failed together do not come together', () => {
    const pauses = [0, 0.25, 0.5, 0.999].map((fraction) => pauseBeforeRetry(RESET, spent({ fraction })) ?? 0);
    expect(pauses[0]).toBe(100);
    expect(pauses.toSorted((one, other) => other - one)).toEqual(pauses);
    expect(new Set(pauses).size).toBe(4);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(50);
  });

  const throttled = (retryAfter: string) => pauseBeforeRetry({ kind: 'upstream-throttled', retryAfter }, spent());

  test.each([
    ['2', 2000],
    [' 3 ', 3000],
    ['0', 100],
    ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 100],
    ['soon', 100],
    ['-1', 100],
    ['', 100],
  ])('is what the upstream asks for, if that is longer: %j', (retryAfter, expected) => {
    expect(throttled(retryAfter)).toBe(expected);
  });

  test('is what a status of 503 asks for', () => {
    expect(pauseBeforeRetry({ kind: 'upstream-http', status: 503, retryAfter: '4' }, spent())).toBe(4000);
  });

  test.each(['56', '99999999999999999999', '9'.repeat(400), 'Fri, 01 Jan 2027 00:00:00 GMT'])(
    'is never longer than the call has time: with %j there is no other attempt',
    (retryAfter) => {
      expect(throttled(retryAfter)).toBeUndefined();
    },
  );
});
