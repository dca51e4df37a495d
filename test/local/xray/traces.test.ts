import { describe, expect, test } from 'vitest';
import { readDocument, type SegmentDocument } from '../../../lib/local/xray/document.ts';
import { Traces, type TraceLimits } from '../../../lib/local/xray/traces.ts';

const LIMITS: TraceLimits = { traces: 10, spans: 10, traceChars: 1_000_000, chars: 1_000_000 };

const BEGAN = 1_795_000_000;

function traceId(number: number): string {
  return `1-68f1c2d3-${String(number).padStart(24, '0')}`;
}

function id(number: number): string {
  return String(number).padStart(16, '0');
}

interface Plan {
  readonly trace?: number;
  readonly parent?: number;
  readonly from?: number;
  /** Undefined for what is in progress. */
  readonly until?: number | undefined;
  readonly rest?: object;
}

function document(number: number, { trace = 1, parent = 999, from = 0, until, rest }: Plan = {}): SegmentDocument {
  const result = readDocument(
    JSON.stringify({
      type: 'subsegment',
      trace_id: traceId(trace),
      id: id(number),
      parent_id: id(parent),
      name: `part ${number}`,
      start_time: BEGAN + from,
      ...(until === undefined ? { in_progress: true } : { end_time: BEGAN + until }),
      ...rest,
    }),
  );
  if (result.kind === 'refused') throw new Error(result.problems.join());
  return result.document;
}

function tracesOf(documents: readonly SegmentDocument[], limits: TraceLimits = LIMITS): Traces {
  const traces = new Traces(limits);
  for (const each of documents) traces.add(each);
  return traces;
}

describe('the traces that are kept', () => {
  test('are put together of documents and of what lies within them', () => {
    const inner = { id: id(3), name: 'inner', start_time: BEGAN + 2, end_time: BEGAN + 3, namespace: 'remote' };
    const traces = tracesOf([
      document(2, { parent: 1, from: 1, until: 4, rest: { subsegments: [inner] } }),
      document(1, { until: 5, rest: { annotations: { outcome: 'ok' } } }),
    ]);
    expect(traces.find(traceId(1))).toEqual({
      traceId: traceId(1),
      spans: [
        expect.objectContaining({ id: id(1), parent: null, kind: 'gateway', annotations: { outcome: 'ok' } }),
        expect.objectContaining({
          id: id(2),
          parent: id(1),
          startedAt: (BEGAN + 1) * 1000,
          endedAt: (BEGAN + 4) * 1000,
        }),
        expect.objectContaining({ id: id(3), parent: id(2), kind: 'upstream' }),
      ],
    });
  });

  test('have the end of what was in progress, in whatever order that comes', () => {
    for (const documents of [
      [document(1), document(1, { until: 2 })],
      [document(1, { until: 2 }), document(1)],
    ]) {
      expect(tracesOf(documents).find(traceId(1))?.spans).toEqual([
        expect.objectContaining({ endedAt: (BEGAN + 2) * 1000 }),
      ]);
    }
  });

  test('have microseconds', () => {
    const [span] = tracesOf([document(1, { from: 0.000_123, until: 0.5 })]).find(traceId(1))!.spans;
    expect(span?.startedAt).toBe(1_795_000_000_000.123);
  });

  test('have parents before children, even where the clock says otherwise', () => {
    const traces = tracesOf([document(2, { parent: 1, from: 1, until: 2 }), document(1, { from: 3, until: 4 })]);
    expect(traces.find(traceId(1))?.spans.map((span) => span.id)).toEqual([id(1), id(2)]);
  });

  test('have spans that are their own ancestors once each', () => {
    const traces = tracesOf([
      document(1, { parent: 2 }),
      document(2, { parent: 1, from: 1 }),
      document(3, { parent: 3 }),
    ]);
    expect(traces.find(traceId(1))?.spans).toHaveLength(3);
  });

  test.for([
    [{ error: true }, 'error'],
    [{ error: true, throttle: true }, 'throttle'],
    [{ fault: true, error: true }, 'fault'],
    [{}, 'ok'],
  ] as const)('have for %o the status %s', ([rest, status]) => {
    expect(tracesOf([document(1, { until: 1, rest })]).latest?.spans[0]?.status).toBe(status);
  });

  test('are the last ones to be heard of, and of each the last spans', () => {
    const traces = tracesOf(
      [document(1), document(1, { trace: 2 }), document(2), document(3), document(1, { trace: 3 })],
      { ...LIMITS, traces: 2, spans: 2 },
    );
    expect(traces.find(traceId(2))).toBeUndefined();
    expect(traces.find(traceId(1))?.spans.map((span) => span.id)).toEqual([id(2), id(3)]);
  });

  test('are no larger than they may be, however large each document is', () => {
    const rest = {
      annotations: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`a${at}`, 'x'.repeat(1000)])),
    };
    const traces = tracesOf([], { traces: 1000, spans: 1000, traceChars: 250_000, chars: 1_000_000 });
    // Of about 40,000 characters each.
    for (let number = 0; number < 100; number += 1) traces.add(document(number, { rest }));
    expect(traces.find(traceId(1))?.spans).toHaveLength(6);
    for (let trace = 2; trace < 100; trace += 1) traces.add(document(1, { trace, rest }));
    const known = Array.from({ length: 100 }, (_, trace) => traces.find(traceId(trace))).filter(Boolean);
    expect(known).toHaveLength(24);
    expect(traces.latest?.traceId).toBe(traceId(99));
  });

  test('have as the latest the one that began last, whatever else is heard of an older one', () => {
    expect(tracesOf([]).latest).toBeUndefined();
    const traces = tracesOf([document(1), document(1, { trace: 2 }), document(2)]);
    expect(traces.latest?.traceId).toBe(traceId(2));
  });
});
