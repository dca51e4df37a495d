import { describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../lib/errors.ts';
import { effectsBySayOf, effectsOfTool, HARMLESS, mayBeSentAgain, mayHaveRun } from '../../lib/policies/repeat.ts';

/** Whether a call that was sent may have run, for every fault there is. */
const SENT: { readonly [Kind in UpstreamFault['kind']]: readonly [UpstreamFault & { kind: Kind }, boolean] } = {
  'upstream-unreachable': [{ kind: 'upstream-unreachable' }, false],
  'upstream-connect-timeout': [{ kind: 'upstream-connect-timeout', limitMs: 3000 }, false],
  'upstream-throttled': [{ kind: 'upstream-throttled', retryAfter: undefined }, false],
  'upstream-credentials': [{ kind: 'upstream-credentials' }, false],
  'upstream-unauthorized': [{ kind: 'upstream-unauthorized' }, false],
  'upstream-session-lost': [{ kind: 'upstream-session-lost' }, false],
  'upstream-busy': [{ kind: 'upstream-busy', retryAfterMs: 1 }, false],
  'breaker-open': [{ kind: 'breaker-open', retryAfterMs: 1 }, false],
  'upstream-reset': [{ kind: 'upstream-reset' }, true],
  'upstream-closed': [{ kind: 'upstream-closed' }, true],
  'upstream-timeout': [{ kind: 'upstream-timeout', limitMs: 55_000 }, true],
  'upstream-idle': [{ kind: 'upstream-idle', limitMs: 15_000 }, true],
  'invocation-ending': [{ kind: 'invocation-ending' }, true],
  'upstream-garbled': [{ kind: 'upstream-garbled', reason: 'x' }, true],
  'upstream-http': [{ kind: 'upstream-http', status: 503 }, true],
  'upstream-redirect': [{ kind: 'upstream-redirect' }, false],
  'upstream-too-large': [{ kind: 'upstream-too-large', limitBytes: 20 }, true],
  'upstream-refused': [{ kind: 'upstream-refused', error: { code: 1, message: 'x' } }, true],
};

describe('whether a call may have run', () => {
  test.each(Object.entries(SENT))('when it was sent and ended with %s', (_kind, [fault, expected]) => {
    expect(mayHaveRun({ kind: fault.kind, sent: true })).toBe(expected);
  });

  test.each(Object.entries(SENT))('is out of the question when it was never sent, with %s', (_kind, [fault]) => {
    expect(mayHaveRun({ kind: fault.kind, sent: false })).toBe(false);
  });
});

describe('a call may be sent again', () => {
  const UNSAFE = { readOnly: false, idempotent: false };
  const reset = { kind: 'upstream-reset', sent: true } as const;

  test('when it cannot have run, whatever it does', () => {
    expect(mayBeSentAgain(UNSAFE, { kind: 'upstream-unreachable', sent: false })).toBe(true);
    expect(mayBeSentAgain(UNSAFE, { kind: 'upstream-throttled', sent: true })).toBe(true);
  });

  test('not when it may have run and does something', () => {
    expect(mayBeSentAgain(UNSAFE, reset)).toBe(false);
  });

  test.each([HARMLESS, { readOnly: true, idempotent: false }, { readOnly: false, idempotent: true }])(
    'when running it twice does no more than running it once: %o',
    (effects) => {
      expect(mayBeSentAgain(effects, reset)).toBe(true);
    },
  );
});

describe('what a tool does', () => {
  test('is what it says of itself', () => {
    expect(effectsOfTool({}, { readOnlyHint: true })).toEqual({ readOnly: true, idempotent: false });
    expect(effectsOfTool({}, { idempotentHint: true })).toEqual({ readOnly: false, idempotent: true });
  });

  test.each([undefined, null, [], 'readOnlyHint', { readOnlyHint: 'true', idempotentHint: 1 }])(
    'is taken to be unsafe when it says %o',
    (annotations) => {
      expect(effectsOfTool({}, annotations)).toEqual({ readOnly: false, idempotent: false });
    },
  );

  test('is what the operator says, whatever it says of itself', () => {
    const hints = { readOnlyHint: true, idempotentHint: true };
    expect(effectsOfTool({ readOnly: false, idempotent: false }, hints)).toEqual({
      readOnly: false,
      idempotent: false,
    });
    expect(effectsOfTool({ idempotent: true }, {})).toEqual({ readOnly: false, idempotent: true });
  });

  test('is decided by the operator alone when the operator has said enough', () => {
    expect(effectsBySayOf({ idempotent: true })).toEqual({ readOnly: false, idempotent: true });
    expect(effectsBySayOf({ readOnly: false, idempotent: false })).toEqual({ readOnly: false, idempotent: false });
    expect(effectsBySayOf({ readOnly: false })).toBeUndefined();
    expect(effectsBySayOf({})).toBeUndefined();
  });
});
