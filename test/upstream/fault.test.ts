import { describe, expect, test } from 'vitest';
import { createManualClock } from '../support/manual-clock.ts';
import {
  detach,
  faultOfStatus,
  faultOfTransport,
  newCost,
  newTally,
  waitedBy,
  waitFor,
} from '../../lib/upstream/fault.ts';

test.each([
  [{ kind: 'failure', cause: 'unreachable', sent: false }, { kind: 'upstream-unreachable' }],
  [
    { kind: 'failure', cause: 'connect-timeout', sent: false },
    { kind: 'upstream-connect-timeout', limitMs: 1234 },
  ],
  [{ kind: 'failure', cause: 'reset', sent: true }, { kind: 'upstream-reset' }],
  [{ kind: 'failure', cause: 'aborted', sent: true }, { kind: 'upstream-reset' }],
] as const)('the transport failure %o is a fault', (failure, fault) => {
  expect(faultOfTransport(failure, 1234)).toEqual(fault);
});

describe('the status', () => {
  test.each([500, 501, 502, 503, 504, 599, 100, 101, 199, 0, 600])('%i is a fault by itself', (status) => {
    expect(faultOfStatus(status, undefined)).toEqual({ kind: 'upstream-http', status });
  });

  test('503 may say when to come again', () => {
    expect(faultOfStatus(503, '7')).toEqual({ kind: 'upstream-http', status: 503, retryAfter: '7' });
  });

  test.each([300, 301, 302, 303, 304, 307, 308, 399])('%i is a redirect', (status) => {
    expect(faultOfStatus(status, undefined)).toEqual({ kind: 'upstream-redirect' });
  });

  test.each([401, 403])('%i means that the gateway is not accepted', (status) => {
    expect(faultOfStatus(status, undefined)).toEqual({ kind: 'upstream-unauthorized' });
  });

  test.each(['7', undefined])('429 asks for patience, with Retry-After %j', (retryAfter) => {
    expect(faultOfStatus(429, retryAfter)).toEqual({ kind: 'upstream-throttled', retryAfter });
  });

  test.each([200, 201, 202, 204, 400, 404, 405, 406, 409, 410, 415, 422, 451, 499])(
    '%i says nothing before the body is read',
    (status) => {
      expect(faultOfStatus(status, undefined)).toBeUndefined();
    },
  );
});

test('a call begins with nothing sent and nothing spent', () => {
  expect(newTally()).toMatchObject({
    phase: 'era',
    sent: false,
    attempts: 0,
    cost: { requests: 0, waitedMs: 0 },
  });
});

test('a wait that is under way counts up to now', async () => {
  const clock = createManualClock();
  const cost = newCost();
  const waiting = Promise.withResolvers<void>();
  const waited = waitFor(cost, clock, waiting.promise);
  clock.advance(30);
  expect(waitedBy(cost, clock.elapsed())).toBe(30);
  waiting.resolve();
  await waited;
  clock.advance(5);
  expect(waitedBy(cost, clock.elapsed())).toBe(30);
});

test('what nobody waits for any more counts up to then, and its requests as well', async () => {
  const clock = createManualClock();
  const whole = newCost();
  const part = newCost(whole);
  const waiting = Promise.withResolvers<void>();
  const waited = waitFor(part, clock, waiting.promise);
  part.requests += 2;
  clock.advance(30);
  detach(part, clock.elapsed());
  clock.advance(70);
  expect([waitedBy(whole, clock.elapsed()), whole.requests]).toEqual([30, 2]);
  waiting.resolve();
  await waited;
  expect([waitedBy(whole, clock.elapsed()), waitedBy(part, clock.elapsed())]).toEqual([30, 100]);
});
