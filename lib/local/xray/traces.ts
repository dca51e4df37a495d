import type { Trace, TraceSpan } from '../console/feed.ts';
import type { SegmentDocument, SegmentPart } from './document.ts';

export interface TraceLimits {
  /** Of the traces of which something was heard last. */
  readonly traces: number;
  /** Of each trace, the latest. */
  readonly spans: number;
}

interface KeptTrace {
  /** Counts the traces that were ever begun. */
  readonly number: number;
  /** By id; the latest last. */
  readonly spans: Map<string, TraceSpan>;
}

/** The last traces, as far as their documents have come; bounded, whatever comes. */
export class Traces {
  readonly #limits: TraceLimits;
  /** By trace id; the one that was heard of last comes last. */
  readonly #kept = new Map<string, KeptTrace>();
  #begun = 0;

  constructor(limits: TraceLimits) {
    this.#limits = limits;
  }

  /** With everything that lies within the document. */
  add(document: SegmentDocument): void {
    const { traceId } = document;
    const kept = this.#kept.get(traceId) ?? { number: ++this.#begun, spans: new Map<string, TraceSpan>() };
    this.#kept.delete(traceId);
    this.#kept.set(traceId, kept);
    for (const span of spansOf(document)) addSpan(kept.spans, span);
    keepLast(kept.spans, this.#limits.spans);
    keepLast(this.#kept, this.#limits.traces);
  }

  /** Undefined for one that is not known, or not any more. */
  find(traceId: string): Trace | undefined {
    const kept = this.#kept.get(traceId);
    return kept && { traceId, spans: inOrder([...kept.spans.values()]) };
  }

  /** The one that began last, by its first document; undefined before the first one. */
  get latest(): Trace | undefined {
    const [first, ...others] = [...this.#kept].map(([traceId, { number }]) => ({ traceId, number }));
    if (first === undefined) return undefined;
    return this.find(others.reduce((latest, kept) => (kept.number > latest.number ? kept : latest), first).traceId);
  }
}

/** What has ended is not in progress again, in whatever order the network delivers. */
function addSpan(spans: Map<string, TraceSpan>, span: TraceSpan): void {
  const known = spans.get(span.id);
  if (known !== undefined && known.endedAt !== null && span.endedAt === null) return;
  spans.delete(span.id);
  spans.set(span.id, span);
}

function keepLast(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}

function spansOf(part: SegmentPart): readonly TraceSpan[] {
  return [toSpan(part), ...part.subsegments.flatMap(spansOf)];
}

function toSpan(part: SegmentPart): TraceSpan {
  const { id, parentId, name, namespace, startTime, endTime, metadata, annotations } = part;
  return {
    id,
    parent: parentId,
    name,
    kind: namespace === 'remote' ? 'upstream' : 'gateway',
    startedAt: toMs(startTime),
    endedAt: endTime === null ? null : toMs(endTime),
    status: part.isFault ? 'fault' : part.isThrottle ? 'throttle' : part.isError ? 'error' : 'ok',
    annotations: { ...metadata, ...annotations },
  };
}

/** To the microsecond: more than that is noise of the conversion. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e3;
}

/**
 * By their beginnings, and a parent before its children even where a clock says otherwise. A parent that is not in the
 * trace is none: a function's own subsegments hang on a segment that the platform makes, and keeps.
 */
function inOrder(spans: readonly TraceSpan[]): readonly TraceSpan[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const ordered = new Map<string, TraceSpan>();
  for (const span of spans.toSorted((a, b) => a.startedAt - b.startedAt)) {
    for (const each of withAncestors(span, byId, ordered)) ordered.set(each.id, each);
  }
  return [...ordered.values()].map((span) => ({ ...span, parent: byId.has(span.parent ?? '') ? span.parent : null }));
}

/** The outermost first; without those that have their place already, and each once even where they go in circles. */
function withAncestors(
  span: TraceSpan,
  byId: ReadonlyMap<string, TraceSpan>,
  placed: ReadonlyMap<string, TraceSpan>,
): readonly TraceSpan[] {
  const line = new Map<string, TraceSpan>();
  let next: TraceSpan | undefined = span;
  while (next !== undefined && !placed.has(next.id) && !line.has(next.id)) {
    line.set(next.id, next);
    next = byId.get(next.parent ?? '');
  }
  return [...line.values()].toReversed();
}
