import { describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../lib/errors.ts';
import { faultOfStatus, faultOfTransport, mayHaveRun, newTally } from '../../lib/upstream/fault.ts';

/** Whether a call that was sent may have run, for every fault there is. */
const SENT: { readonly [Kind in UpstreamFault['kind']]: readonly [UpstreamFault & { kind: Kind }, boolean] } = {
  'upstream-unreachable': [{ kind: 'upstream-unreachable' }, false],
  'upstream-connect-timeout': [{ kind: 'upstream-connect-timeout', limitMs: 3000 }, false],
  'upstream-throttled': [{ kind: 'upstream-throttled', retryAfter: undefined }, false],
  'upstream-unauthorized': [{ kind: 'upstream-unauthorized' }, true],
  'upstream-session-lost': [{ kind: 'upstream-session-lost' }, false],
  'upstream-reset': [{ kind: 'upstream-reset' }, true],
  'upstream-closed': [{ kind: 'upstream-closed' }, true],
  'upstream-timeout': [{ kind: 'upstream-timeout', limitMs: 55_000 }, true],
  'upstream-idle': [{ kind: 'upstream-idle', limitMs: 15_000 }, true],
  'invocation-ending': [{ kind: 'invocation-ending' }, true],
  'upstream-garbled': [{ kind: 'upstream-garbled', reason: 'x' }, true],
  'upstream-http': [{ kind: 'upstream-http', status: 503 }, true],
  'upstream-redirect': [{ kind: 'upstream-redirect' }, true],
  'upstream-too-large': [{ kind: 'upstream-too-large', limitBytes: 20 }, true],
  'upstream-refused': [{ kind: 'upstream-refused', error: { code: 1, message: 'x' } }, true],
};

describe('whether a call may have run', () => {
  test.each(Object.entries(SENT))('when it was sent and ended with %s', (_kind, [fault, expected]) => {
    expect(mayHaveRun(fault, true)).toBe(expected);
  });

  test.each(Object.entries(SENT))('is out of the question when it was never sent, with %s', (_kind, [fault]) => {
    expect(mayHaveRun(fault, false)).toBe(false);
  });
});

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
    expect(faultOfStatus(status, '7')).toEqual({ kind: 'upstream-http', status });
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
