import type { Trace, TraceSpan } from '../console/feed.ts';
import type { SegmentDocument, SegmentPart } from './document.ts';

export interface TraceLimits {
  /** Of the traces of which something was heard last. */
  readonly traces: number;
  /** Of each trace, the latest. */
  readonly spans: number;
  /** Of each trace, about. */
  readonly traceChars: number;
  /** Of all traces together, about. */
  readonly chars: number;
}

/** Of ids, times and what else each span has. */
const LEAST_SPAN_CHARS = 200;

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
    const kept = this.#kept.get(traceId) ?? new KeptTrace(++this.#begun);
    this.#kept.delete(traceId);
    this.#kept.set(traceId, kept);
    for (const span of spansOf(document)) kept.add(span);
    const { traces, spans, traceChars, chars } = this.#limits;
    kept.forgetBeyond(spans, traceChars);
    this.#forgetBeyond(traces, chars);
  }

  /** Undefined for one that is not known, or not any more. */
  find(traceId: string): Trace | undefined {
    const kept = this.#kept.get(traceId);
    return kept && { traceId, spans: inOrder(kept.spans) };
  }

  /** The one that began last, by its first document; undefined before the first one. */
  get latest(): Trace | undefined {
    const [first, ...others] = [...this.#kept].map(([traceId, { number }]) => ({ traceId, number }));
    if (first === undefined) return undefined;
    return this.find(others.reduce((latest, kept) => (kept.number > latest.number ? kept : latest), first).traceId);
  }

  #forgetBeyond(traces: number, chars: number): void {
    let sum = [...this.#kept.values()].reduce((all, kept) => all + kept.chars, 0);
    for (const [traceId, kept] of this.#kept) {
      if (this.#kept.size <= traces && sum <= chars) return;
      this.#kept.delete(traceId);
      sum -= kept.chars;
    }
  }
}

class KeptTrace {
  /** Counts the traces that were ever begun. */
  readonly number: number;
  /** By id; the latest last. */
  readonly #spans = new Map<string, TraceSpan>();
  #chars = 0;

  constructor(number: number) {
    this.number = number;
  }

  get spans(): readonly TraceSpan[] {
    return [...this.#spans.values()];
  }

  get chars(): number {
    return this.#chars;
  }

  /** What has ended is not in progress again, in whatever order the network delivers. */
  add(span: TraceSpan): void {
    const known = this.#spans.get(span.id);
    if (known !== undefined && known.endedAt !== null && span.endedAt === null) return;
    if (known !== undefined) this.#forget(known);
    this.#spans.set(span.id, span);
    this.#chars += charsOf(span);
  }

  forgetBeyond(spans: number, chars: number): void {
    for (const span of this.#spans.values()) {
      if (this.#spans.size <= spans && this.#chars <= chars) return;
      this.#forget(span);
    }
  }

  #forget(span: TraceSpan): void {
    this.#spans.delete(span.id);
    this.#chars -= charsOf(span);
  }
}

function charsOf({ name, annotations }: TraceSpan): number {
  return Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + key.length + String(value).length,
    LEAST_SPAN_CHARS + name.length,
  );
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
