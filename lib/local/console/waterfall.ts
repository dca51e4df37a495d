/** A trace as rows and totals, the same for the page and for a terminal. Needs nothing but the language. */
import type { Trace, TraceSpan } from './feed.ts';

export interface WaterfallRow {
  readonly span: TraceSpan;
  /** That of the span; what is part of an upstream's time is upstream's too. */
  readonly kind: TraceSpan['kind'];
  /** 0 for what has no parent in the trace. */
  readonly depth: number;
  /** From the beginning of the trace, in milliseconds with a fraction. */
  readonly offsetMs: number;
  /** As far as is known, for what is under way. */
  readonly durationMs: number;
  readonly isUnderWay: boolean;
}

/** In milliseconds with a fraction. */
export interface WaterfallTotals {
  /** While at least one span lasted: several requests may share a trace, and between them nothing happens. */
  readonly totalMs: number;
  /** Of the total, what was not spent waiting for an upstream. */
  readonly gatewayMs: number;
  /** While at least one upstream was waited for. */
  readonly upstreamMs: number;
}

export interface Waterfall {
  /** When the first span began, milliseconds since the epoch with a fraction; 0 without spans. */
  readonly startedAt: number;
  /** From the first beginning to the last end, in milliseconds with a fraction: what rows are drawn to. */
  readonly lengthMs: number;
  /** Each parent in front of its children, and these in order of their beginnings. Each span is there once. */
  readonly rows: readonly WaterfallRow[];
  readonly totals: WaterfallTotals;
}

/**
 * What is under way lasts until the last moment that the trace knows of: whether it goes on, or its end has been lost,
 * nobody can say.
 */
export function waterfallOf({ spans }: Pick<Trace, 'spans'>): Waterfall {
  if (spans.length === 0)
    return { startedAt: 0, lengthMs: 0, rows: [], totals: { totalMs: 0, gatewayMs: 0, upstreamMs: 0 } };
  const startedAt = spans.reduce((first, span) => Math.min(first, span.startedAt), Infinity);
  const lastKnown = spans.reduce((last, span) => Math.max(last, span.startedAt, span.endedAt ?? span.startedAt), 0);
  const rows = depthFirst(spans).map(({ span, kind, depth }): WaterfallRow => {
    const end = Math.max(span.startedAt, span.endedAt ?? lastKnown);
    return {
      span,
      kind,
      depth,
      offsetMs: span.startedAt - startedAt,
      durationMs: end - span.startedAt,
      isUnderWay: span.endedAt === null,
    };
  });
  const lengthMs = rows.reduce((latest, { offsetMs, durationMs }) => Math.max(latest, offsetMs + durationMs), 0);
  return { startedAt, lengthMs, rows, totals: totalsOf(rows) };
}

function totalsOf(rows: readonly WaterfallRow[]): WaterfallTotals {
  const totalMs = coveredMs(rows);
  const upstreamMs = coveredMs(rows.filter(({ kind }) => kind === 'upstream'));
  // Sums of fractions may differ in their last digit.
  return { totalMs, gatewayMs: Math.max(0, totalMs - upstreamMs), upstreamMs };
}

/** How long at least one of them lasted: what overlaps counts once. */
function coveredMs(rows: readonly WaterfallRow[]): number {
  let covered = 0;
  let until = 0;
  for (const { offsetMs, durationMs } of rows.toSorted((a, b) => a.offsetMs - b.offsetMs)) {
    const end = offsetMs + durationMs;
    covered += Math.max(0, end - Math.max(until, offsetMs));
    until = Math.max(until, end);
  }
  return covered;
}

interface Placed {
  readonly span: TraceSpan;
  readonly kind: TraceSpan['kind'];
  readonly depth: number;
}

/** Spans that are each other's ancestors have no root: the first of them counts as one. */
function depthFirst(spans: readonly TraceSpan[]): readonly Placed[] {
  const inOrder = spans.toSorted((a, b) => a.startedAt - b.startedAt);
  const ids = new Set(inOrder.map(({ id }) => id));
  const children = Map.groupBy(inOrder, ({ parent }) => parent);
  const roots = inOrder.filter(({ parent }) => parent === null || !ids.has(parent));
  const placed = new Map<TraceSpan, Placed>();
  for (const root of [...roots, ...inOrder]) {
    const waiting: Placed[] = [{ span: root, kind: root.kind, depth: 0 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { span, kind, depth } = next;
      if (placed.has(span)) continue;
      placed.set(span, next);
      const below = children.get(span.id) ?? [];
      for (const child of below.toReversed()) {
        waiting.push({ span: child, kind: kind === 'upstream' ? kind : child.kind, depth: depth + 1 });
      }
    }
  }
  return [...placed.values()];
}
