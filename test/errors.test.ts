import { describe, expect, test } from 'vitest';
import { fail, SLUICE_CODES, succeed, toWire, type Failure, type UpstreamSite } from '../lib/errors.ts';
import { JSON_RPC } from '../lib/protocol/message.ts';

const site: UpstreamSite = {
  upstream: 'time',
  tool: 'time__now',
  phase: 'response',
  elapsedMs: 1234,
  mayHaveRun: true,
};

const keyed = { upstream: 'time', tool: 'time__now' };

interface Expected {
  readonly failure: Failure;
  readonly status: number;
  readonly code: number;
}

/** One failure of every kind there is: the compiler misses those that are not here. */
const TABLE: { readonly [Kind in Failure['kind']]: Expected & { readonly failure: { readonly kind: Kind } } } = {
  'origin-forbidden': { failure: { kind: 'origin-forbidden' }, status: 403, code: -32600 },
  unsigned: { failure: { kind: 'unsigned' }, status: 403, code: -32600 },
  'not-found': { failure: { kind: 'not-found' }, status: 404, code: -32600 },
  'method-not-allowed': { failure: { kind: 'method-not-allowed', allow: 'POST' }, status: 405, code: -32600 },
  'not-acceptable': { failure: { kind: 'not-acceptable' }, status: 406, code: -32600 },
  'unsupported-media-type': { failure: { kind: 'unsupported-media-type' }, status: 415, code: -32600 },
  'request-too-large': { failure: { kind: 'request-too-large', limitBytes: 1000 }, status: 413, code: -32600 },
  'parse-error': { failure: { kind: 'parse-error' }, status: 400, code: -32700 },
  'invalid-request': { failure: { kind: 'invalid-request', reason: 'because' }, status: 400, code: -32600 },
  'invalid-envelope': { failure: { kind: 'invalid-envelope', reason: 'because' }, status: 400, code: -32602 },
  'header-mismatch': { failure: { kind: 'header-mismatch', reason: 'because' }, status: 400, code: -32020 },
  'unsupported-version': {
    failure: { kind: 'unsupported-version', requested: '2099-01-01', supported: ['2026-07-28'] },
    status: 400,
    code: -32022,
  },
  'method-not-found': { failure: { kind: 'method-not-found', method: 'x', modern: true }, status: 404, code: -32601 },
  'invalid-params': { failure: { kind: 'invalid-params', reason: 'because' }, status: 200, code: -32602 },
  'unknown-name': { failure: { kind: 'unknown-name', what: 'tool', name: 'x' }, status: 200, code: -32602 },
  'tool-held': { failure: { kind: 'tool-held', upstream: 'time', tool: 'time__now' }, status: 200, code: 1021 },
  'session-required': { failure: { kind: 'session-required' }, status: 400, code: -32600 },
  'session-unknown': { failure: { kind: 'session-unknown' }, status: 404, code: -32600 },
  'session-foreign': { failure: { kind: 'session-foreign' }, status: 404, code: -32600 },
  cancelled: { failure: { kind: 'cancelled', site }, status: 200, code: 1020 },
  'era-lacking': { failure: { kind: 'era-lacking', upstream: 'time' }, status: 200, code: 1023 },
  'cannot-ask': { failure: { kind: 'cannot-ask', asked: 'sampling', site }, status: 200, code: 1022 },
  'upstream-unreachable': { failure: { kind: 'upstream-unreachable', site }, status: 200, code: 1001 },
  'upstream-connect-timeout': {
    failure: { kind: 'upstream-connect-timeout', limitMs: 3000, site },
    status: 200,
    code: 1002,
  },
  'upstream-reset': { failure: { kind: 'upstream-reset', site }, status: 200, code: 1003 },
  'upstream-closed': { failure: { kind: 'upstream-closed', site }, status: 200, code: 1004 },
  'upstream-timeout': { failure: { kind: 'upstream-timeout', limitMs: 55_000, site }, status: 200, code: 1005 },
  'upstream-idle': { failure: { kind: 'upstream-idle', limitMs: 15_000, site }, status: 200, code: 1006 },
  'invocation-ending': { failure: { kind: 'invocation-ending', site }, status: 200, code: 1007 },
  'upstream-garbled': { failure: { kind: 'upstream-garbled', reason: 'because', site }, status: 200, code: 1008 },
  'upstream-http': { failure: { kind: 'upstream-http', status: 503, site }, status: 200, code: 1009 },
  'upstream-throttled': { failure: { kind: 'upstream-throttled', retryAfter: '7', site }, status: 200, code: 1010 },
  'upstream-busy': { failure: { kind: 'upstream-busy', retryAfterMs: 500, site }, status: 200, code: 1015 },
  'breaker-open': { failure: { kind: 'breaker-open', retryAfterMs: 500, site }, status: 200, code: 1016 },
  'outcome-unknown': { failure: { kind: 'outcome-unknown', ...keyed }, status: 200, code: 1024 },
  'still-running': { failure: { kind: 'still-running', retryAfterMs: 500, ...keyed }, status: 200, code: 1025 },
  'result-not-kept': { failure: { kind: 'result-not-kept', ...keyed }, status: 200, code: 1026 },
  'stream-lost': { failure: { kind: 'stream-lost' }, status: 200, code: 1027 },
  'upstream-redirect': { failure: { kind: 'upstream-redirect', site }, status: 200, code: 1011 },
  'upstream-too-large': { failure: { kind: 'upstream-too-large', limitBytes: 20, site }, status: 200, code: 1012 },
  'upstream-unauthorized': { failure: { kind: 'upstream-unauthorized', site }, status: 200, code: 1013 },
  'upstream-credentials': { failure: { kind: 'upstream-credentials', site }, status: 200, code: 1017 },
  'upstream-session-lost': { failure: { kind: 'upstream-session-lost', site }, status: 200, code: 1014 },
  'upstream-refused': {
    failure: { kind: 'upstream-refused', error: { code: -32000, message: 'no', data: { own: 1 } }, site },
    status: 200,
    code: -32000,
  },
  'stream-not-kept': { failure: { kind: 'stream-not-kept' }, status: 200, code: 1028 },
  'stream-unknown': { failure: { kind: 'stream-unknown' }, status: 405, code: -32600 },
  'store-unavailable': { failure: { kind: 'store-unavailable' }, status: 503, code: 1030 },
  internal: { failure: { kind: 'internal' }, status: 500, code: -32603 },
};

const ROWS = Object.entries<Expected>(TABLE);
/** The gateway's own words about an upstream; a refusal is in the upstream's. */
const UPSTREAM_ROWS = ROWS.filter(([kind, { failure }]) => 'site' in failure && kind !== 'upstream-refused');

const messageOf = (failure: Failure): string => toWire(failure).error.message;

describe('on the wire', () => {
  test.each(ROWS)('%s has its status and its code', (_kind, { failure, status, code }) => {
    const wire = toWire(failure);
    expect([wire.status, wire.error.code]).toEqual([status, code]);
  });

  test.each(ROWS)('%s says in words what happened', (_kind, { failure }) => {
    expect(messageOf(failure)).toMatch(/\w/);
  });

  test.each(ROWS)('%s tells nothing of what is behind the gateway', (_kind, { failure }) => {
    const text = JSON.stringify(toWire(failure));
    expect(text).not.toMatch(/undefined|\[object|https?:|at \S+ \(|node_modules|\.ts\b/);
  });

  test('no two failures of an upstream read the same', () => {
    const messages = UPSTREAM_ROWS.map(([, { failure }]) => messageOf(failure));
    expect(new Set(messages).size).toBe(messages.length);
  });

  test.each(UPSTREAM_ROWS)('%s says where it happened, and whether the call may have run', (_kind, { failure }) => {
    expect(toWire(failure).error.data).toMatchObject({
      upstream: 'time',
      tool: 'time__now',
      phase: 'response',
      elapsedMs: 1234,
      mayHaveRun: true,
    });
  });

  test.each(UPSTREAM_ROWS)('%s names its upstream', (_kind, { failure }) => {
    expect(toWire(failure).error).toMatchObject({ data: { upstream: 'time' } });
  });

  test('a call that is for no tool names none', () => {
    const wire = toWire({ kind: 'upstream-reset', site: { ...site, tool: null, mayHaveRun: false } });
    expect(wire.error.data).toEqual({
      upstream: 'time',
      tool: null,
      phase: 'response',
      elapsedMs: 1234,
      mayHaveRun: false,
    });
  });
});

describe("the gateway's own codes", () => {
  test('are outside of the range that JSON-RPC and MCP reserve', () => {
    for (const code of Object.values(SLUICE_CODES)) expect(code).toBeGreaterThan(0);
  });

  test('are each for one kind of failure', () => {
    const codes = Object.values(SLUICE_CODES);
    expect(new Set(codes).size).toBe(codes.length);
  });

  test('are the only ones beside those of the specification', () => {
    const known = new Set<number>([...Object.values(JSON_RPC), ...Object.values(SLUICE_CODES)]);
    for (const [kind, { code }] of ROWS) expect(kind === 'upstream-refused' || known.has(code)).toBe(true);
  });
});

describe('the details of a failure', () => {
  test('name the methods that are served', () => {
    expect(toWire({ kind: 'method-not-allowed', allow: 'POST, DELETE' }).headers).toEqual({ allow: 'POST, DELETE' });
  });

  test('are the same for a session that is unknown and one that is somebody else’s', () => {
    expect(toWire({ kind: 'session-foreign' })).toEqual(toWire({ kind: 'session-unknown' }));
  });

  test('give a legacy client an unknown method with status 200', () => {
    const wire = toWire({ kind: 'method-not-found', method: 'x', modern: false });
    expect([wire.status, wire.error.code]).toEqual([200, -32601]);
  });

  test('name the versions that are served and the one asked for', () => {
    expect(toWire(TABLE['unsupported-version'].failure).error.data).toEqual({
      supported: ['2026-07-28'],
      requested: '2099-01-01',
    });
  });

  test('say so when an upstream speaks nothing that the gateway knows', () => {
    const { error } = toWire(TABLE['era-lacking'].failure);
    expect(error.message).toContain('Upstream time speaks no revision');
    expect(error.data).toEqual({ upstream: 'time', mayHaveRun: false });
  });

  test('name the tool that is held back, and say that it has not run', () => {
    const { error } = toWire(TABLE['tool-held'].failure);
    expect(error.message).toContain('time__now');
    expect(error.data).toEqual({ upstream: 'time', tool: 'time__now', mayHaveRun: false });
  });

  test('name what the client cannot be asked for, and by whom', () => {
    const { error } = toWire(TABLE['cannot-ask'].failure);
    expect(error.message).toContain('Upstream time asks the client for sampling');
    expect(error.data).toEqual({ ...site });
  });

  test('hold the status that an upstream answered with', () => {
    expect(toWire(TABLE['upstream-http'].failure).error.data).toMatchObject({ status: 503 });
  });

  test('hold what an upstream says about trying again', () => {
    expect(toWire(TABLE['upstream-throttled'].failure).error.data).toMatchObject({ retryAfter: '7' });
  });

  test('hold nothing about trying again when the upstream says nothing', () => {
    const { error } = toWire({ kind: 'upstream-throttled', retryAfter: undefined, site });
    expect(error.data).not.toHaveProperty('retryAfter');
  });

  test('leave the words and the data of an upstream that refuses as they are', () => {
    const error = { code: -32000, message: 'no', data: { own: 1 } };
    expect(toWire(TABLE['upstream-refused'].failure).error).toEqual(error);
  });

  test('add no data to a refusal that has none', () => {
    const wire = toWire({ kind: 'upstream-refused', error: { code: -32000, message: 'no' }, site });
    expect(wire.error).toEqual({ code: -32000, message: 'no' });
  });
});

describe('the words of a client', () => {
  const long = 'x'.repeat(100_000);

  test('are quoted as they are when they are short', () => {
    expect(messageOf({ kind: 'unknown-name', what: 'tool', name: 'x'.repeat(128) })).toBe(
      `Unknown tool: ${'x'.repeat(128)}`,
    );
  });

  test.each([
    { kind: 'unknown-name', what: 'resource', name: long },
    { kind: 'tool-held', upstream: 'time', tool: long },
    { kind: 'method-not-found', method: long, modern: false },
    { kind: 'unsupported-version', requested: long, supported: ['2026-07-28'] },
  ] as const)('are quoted in part when they are long, in $kind', (failure) => {
    const text = JSON.stringify(toWire(failure));
    expect(text.length).toBeLessThan(500);
    expect(text).toContain(`${'x'.repeat(128)}…`);
  });
});

test('an outcome is either a value or a failure', () => {
  expect([succeed(1), fail({ kind: 'internal' })]).toEqual([
    { ok: true, value: 1 },
    { ok: false, failure: { kind: 'internal' } },
  ]);
});
