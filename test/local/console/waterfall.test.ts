import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TraceSpan } from '../../../lib/local/console/feed.ts';
import { waterfallOf } from '../../../lib/local/console/waterfall.ts';

const BEGAN = 1_795_000_000_000;

interface SpanPlan {
  readonly parent?: string;
  readonly kind?: TraceSpan['kind'];
  /** After the beginning, in milliseconds. */
  readonly from: number;
  readonly until: number | null;
}

function span(id: string, { parent, kind = 'gateway', from, until }: SpanPlan): TraceSpan {
  return {
    id,
    parent: parent ?? null,
    name: id,
    kind,
    startedAt: BEGAN + from,
    endedAt: until === null ? null : BEGAN + until,
    status: 'ok',
    annotations: {},
  };
}

const shape = (spans: readonly TraceSpan[]) =>
  waterfallOf({ spans }).rows.map(({ span: { id }, depth }) => [id, depth]);

describe('the waterfall of a trace', () => {
  test('has each parent in front of its children, and these in order of their beginnings', () => {
    const spans = [
      span('late', { parent: 'root', from: 30, until: 40 }),
      span('leaf', { parent: 'early', from: 12, until: 14 }),
      span('early', { parent: 'root', from: 10, until: 20 }),
      span('root', { from: 0, until: 50 }),
    ];
    expect(shape(spans)).toEqual([
      ['root', 0],
      ['early', 1],
      ['leaf', 2],
      ['late', 1],
    ]);
  });

  test('has what nobody knows the parent of as a root', () => {
    expect(shape([span('a', { parent: 'elsewhere', from: 5, until: 6 }), span('b', { from: 0, until: 1 })])).toEqual([
      ['b', 0],
      ['a', 0],
    ]);
  });

  test('has spans that are their own ancestors once each', () => {
    const spans = [
      span('self', { parent: 'self', from: 0, until: 1 }),
      span('a', { parent: 'b', from: 2, until: 3 }),
      span('b', { parent: 'a', from: 4, until: 5 }),
    ];
    expect(shape(spans)).toEqual([
      ['self', 0],
      ['a', 0],
      ['b', 1],
    ]);
  });

  test('counts upstreams that are waited for at the same time once', () => {
    const { totals } = waterfallOf({
      spans: [
        span('root', { from: 0, until: 100 }),
        span('one', { parent: 'root', kind: 'upstream', from: 10, until: 40 }),
        span('two', { parent: 'root', kind: 'upstream', from: 20, until: 50 }),
        span('within', { parent: 'root', kind: 'upstream', from: 25, until: 30 }),
        span('three', { parent: 'root', kind: 'upstream', from: 70, until: 80 }),
      ],
    });
    expect(totals).toEqual({ totalMs: 100, gatewayMs: 50, upstreamMs: 50 });
  });

  test('counts no pause between requests that share the trace, and is drawn with it', () => {
    const spans = [
      span('one', { from: 0, until: 10 }),
      span('first call', { parent: 'one', kind: 'upstream', from: 2, until: 9 }),
      span('two', { from: 60_010, until: 60_030 }),
      span('second call', { parent: 'two', kind: 'upstream', from: 60_015, until: 60_025 }),
    ];
    const { rows, lengthMs, totals } = waterfallOf({ spans });
    expect(totals).toEqual({ totalMs: 30, gatewayMs: 13, upstreamMs: 17 });
    expect([lengthMs, rows[2]?.offsetMs]).toEqual([60_030, 60_010]);
  });

  test("has the parts of an upstream's time as upstream's", () => {
    const spans = [
      span('call', { kind: 'upstream', from: 0, until: 10 }),
      span('connect', { parent: 'call', from: 0, until: 2 }),
      span('after', { from: 10, until: 12 }),
    ];
    const { rows, totals } = waterfallOf({ spans });
    expect(rows.map(({ kind }) => kind)).toEqual(['upstream', 'upstream', 'gateway']);
    expect(totals).toEqual({ totalMs: 12, gatewayMs: 2, upstreamMs: 10 });
  });

  test('lets what is under way last until the last known moment', () => {
    const spans = [
      span('root', { from: 0, until: null }),
      span('call', { parent: 'root', kind: 'upstream', from: 10, until: 30 }),
    ];
    expect(waterfallOf({ spans }).rows[0]).toMatchObject({ offsetMs: 0, durationMs: 30, isUnderWay: true });
    expect(waterfallOf({ spans }).totals).toEqual({ totalMs: 30, gatewayMs: 10, upstreamMs: 20 });
  });

  test('of no spans is empty', () => {
    expect(waterfallOf({ spans: [] })).toEqual({
      startedAt: 0,
      lengthMs: 0,
      rows: [],
      totals: { totalMs: 0, gatewayMs: 0, upstreamMs: 0 },
    });
  });

  test('is deep where the trace is deep', () => {
    const deep = Array.from({ length: 20_000 }, (_, at) =>
      span(String(at), { ...(at > 0 && { parent: String(at - 1) }), from: at, until: 20_000 }),
    );
    expect(waterfallOf({ spans: deep }).rows.at(-1)).toMatchObject({ depth: 19_999 });
  });

  test('has every span once, below its parent, whatever the spans are', () => {
    const anySpan = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      parent: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'x')),
      kind: fc.constantFrom('gateway' as const, 'upstream' as const),
      from: fc.integer({ min: 0, max: 100 }),
      length: fc.option(fc.integer({ min: 0, max: 100 })),
    });
    fc.assert(
      fc.property(fc.uniqueArray(anySpan, { selector: ({ id }) => id }), (plans) => {
        const spans = plans.map(({ id, parent, kind, from, length }) =>
          span(id, { ...(parent !== null && { parent }), kind, from, until: length === null ? null : from + length }),
        );
        const { rows, totals } = waterfallOf({ spans });
        expect(rows.map(({ span: { id } }) => id).toSorted()).toEqual(spans.map(({ id }) => id).toSorted());
        for (const [at, { depth }] of rows.entries())
          expect(depth).toBeLessThanOrEqual((rows[at - 1]?.depth ?? -1) + 1);
        expect(totals.gatewayMs + totals.upstreamMs).toBe(totals.totalMs);
        expect(totals.gatewayMs).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
