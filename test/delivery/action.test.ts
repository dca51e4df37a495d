import { describe, expect, test } from 'vitest';
import { ActionRecorder, type ActionSubject, type UpstreamShare } from '../../lib/delivery/action.ts';
import type { Ports } from '../../lib/ports.ts';
import type { Action } from '../../lib/ports/action-log.ts';
import { NO_SPAN } from '../../lib/ports/tracer.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryTransport } from '../support/memory-transport.ts';

const ARRIVED = 1_800_000_000_000;
const SUBJECT: ActionSubject = {
  era: 'legacy',
  caller: 'caller-key-that-is-long',
  session: 'session-key-that-is-long',
  server: 'default',
  method: 'tools/call',
  tool: 'time__now',
  bytesIn: 120,
};
const OK = { outcome: 'ok', errorKind: null, status: 200 } as const;
const COST: UpstreamShare = { upstream: 'time', waitedMs: 30, requests: 2, attempts: 1 };
const FREE: UpstreamShare = { upstream: null, waitedMs: 0, requests: 0, attempts: 0 };

function record(subject: Partial<ActionSubject> = {}) {
  const clock = createManualClock(ARRIVED);
  const lines: Action[] = [];
  const ports: Ports = {
    clock,
    ids: cryptoIds,
    openStores: createMemoryStores(),
    transport: createMemoryTransport(() => ({ failure: 'unreachable', sent: false })),
    executeOnce,
    tracer: noopTracer,
    actionLog: { write: (action) => void lines.push(action), defect: () => {}, notice: () => {} },
  };
  const invocation = {
    requestId: 'r',
    trace: undefined,
    environment: 'e',
    cold: true,
    arrivedAt: 0,
    endsAt: Infinity,
  };
  const stores = { requests: 0 };
  const began = clock.elapsed();
  const recorder = new ActionRecorder(ports, invocation, { ...SUBJECT, ...subject }, stores, NO_SPAN, ARRIVED, began);
  return { clock, lines, recorder, stores };
}

test('a line tells everything about an action', () => {
  const { clock, lines, recorder, stores } = record();
  clock.advance(42.5);
  stores.requests = 3;
  recorder.sent('{"a":1}');
  recorder.finish(OK, COST);
  expect(lines).toEqual([
    {
      time: ARRIVED,
      requestId: 'r',
      traceId: null,
      environment: 'e',
      cold: true,
      era: 'legacy',
      caller: 'caller-key-t',
      session: 'session-key-',
      server: 'default',
      upstream: 'time',
      method: 'tools/call',
      tool: 'time__now',
      outcome: 'ok',
      errorKind: null,
      status: 200,
      bytesIn: 120,
      bytesOut: 7,
      totalMs: 42.5,
      gatewayMs: 12.5,
      upstreamMs: 30,
      upstreamRequests: 2,
      dynamodbRequests: 3,
      attempt: 1,
      replayed: false,
    },
  ]);
});

test('only the first end of an action counts', () => {
  const { lines, recorder } = record();
  recorder.finish({ outcome: 'cancelled', errorKind: 'cancelled', status: 200 }, FREE);
  recorder.finish(OK, FREE);
  expect(lines.map(({ outcome }) => outcome)).toEqual(['cancelled']);
});

test('what was sent is counted in bytes, not in characters', () => {
  const { lines, recorder } = record();
  recorder.sent('世界');
  recorder.sent('é');
  recorder.finish(OK, FREE);
  expect(lines[0]?.bytesOut).toBe(8);
});

test('waiting in parallel never makes the gateway faster than nothing', () => {
  const { clock, lines, recorder } = record();
  clock.advance(10);
  recorder.finish(OK, { ...COST, waitedMs: 25 });
  expect(lines[0]).toMatchObject({ totalMs: 10, upstreamMs: 10, gatewayMs: 0 });
});

describe('names that come from clients', () => {
  test.each([
    ['\x1b[2Jnow', '?[2Jnow'],
    ['a\nb\r\u2028\u0085c', 'a?b???c'],
    ['世界', '??'],
    ['x'.repeat(500), 'x'.repeat(128)],
  ])('cannot move a cursor or fill a disk: %j', (name, written) => {
    const { lines, recorder } = record({ method: name, tool: name });
    recorder.finish(OK, FREE);
    expect(lines[0]).toMatchObject({ method: written, tool: written });
  });
});

test('what is not known is null', () => {
  const { lines, recorder } = record({
    era: null,
    caller: null,
    session: null,
    server: null,
    method: null,
    tool: null,
  });
  recorder.finish(OK, FREE);
  const unknown = { era: null, caller: null, session: null, server: null, upstream: null, method: null, tool: null };
  expect(lines[0]).toMatchObject(unknown);
});
