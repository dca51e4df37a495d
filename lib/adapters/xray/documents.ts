/**
 * Spans as X-Ray's subsegment documents (X-Ray Developer Guide, "X-Ray segment documents"), and their way to the daemon.
 * The documents are made by the X-Ray SDK under the segment that Powertools finds for the invocation. They are not sent by
 * it: nobody can wait for that, and an invocation must not end with its trace on the way.
 */
import { Tracer } from '@aws-lambda-powertools/tracer';
import type { InvocationTrace } from '../../ports.ts';
import type { RecordedSpan } from './recording.ts';
import { openDaemon } from './daemon.ts';

/** Requests are recorded by the gateway itself, which knows when their bodies end. */
const tracer = new Tracer({ serviceName: 'sluice', captureHTTPsRequests: false });

/** The daemon takes no more than 64 KB in one document; in bytes, with room for what stands before it. */
const MAX_DOCUMENT_BYTES = 60_000;

type Segment = NonNullable<ReturnType<Tracer['getSegment']>>;
type Subsegment = ReturnType<Segment['addNewSubsegment']>;

/** A span with those that have ended together with it, or before it, and are part of it. */
interface Branch {
  readonly span: RecordedSpan;
  readonly parts: readonly Branch[];
}

/** Settles when the operating system has taken all of them. Rejects with its error. */
export async function sendDocuments(trace: InvocationTrace, spans: readonly RecordedSpan[]): Promise<void> {
  const segment = tracer.isTracingEnabled() ? tracer.getSegment() : undefined;
  if (segment === undefined || !('trace_id' in segment) || segment.trace_id !== trace.id) return;
  const documents = branchesOf(spans).flatMap((branch) => documentsOf(branch, segment));
  const daemon = openDaemon();
  try {
    for (const document of documents) await daemon.send(document);
  } finally {
    daemon.close();
  }
}

/** What is under way is sent by itself, so that its end can be sent later in its place. */
function branchesOf(spans: readonly RecordedSpan[]): readonly Branch[] {
  const byParent = Map.groupBy(spans, ({ parent }) => parent);
  const ended = new Set(spans.flatMap(({ id, endedAt }) => (endedAt === undefined ? [] : [id])));
  const isApart = ({ parent, endedAt }: RecordedSpan): boolean =>
    endedAt === undefined || parent === undefined || !ended.has(parent);
  const branchOf = (span: RecordedSpan): Branch => {
    const parts = span.endedAt === undefined ? [] : (byParent.get(span.id) ?? []);
    return { span, parts: parts.filter((part) => part.endedAt !== undefined).map(branchOf) };
  };
  return spans.filter(isApart).map(branchOf);
}

/** One document, or several where one would be too large. */
function documentsOf(branch: Branch, segment: Segment): readonly string[] {
  const { span, parts } = branch;
  // Of the span that this is part of, nothing but the id is needed.
  const parent = segment.addNewSubsegment('parent');
  parent.id = span.parent ?? segment.id;
  const own = addTo(parent, branch);
  const whole = own.format();
  segment.removeSubsegment(parent);
  if (Buffer.byteLength(whole) <= MAX_DOCUMENT_BYTES || parts.length === 0) return [whole];
  return [{ span, parts: [] }, ...parts].flatMap((part) => documentsOf(part, segment));
}

function addTo(parent: Segment | Subsegment, { span, parts }: Branch): Subsegment {
  const { http_method: method, http_status: status, ...annotations } = span.annotations;
  const own = parent.addNewSubsegment(nameable(span.name));
  own.id = span.id;
  own.start_time = span.startedAt / 1000;
  if (span.endedAt !== undefined) {
    own.addAttribute('end_time', span.endedAt / 1000);
    delete own.in_progress;
  }
  if (span.isRemote) own.addAttribute('namespace', 'remote');
  if (method !== undefined || status !== undefined) own.addAttribute('http', httpOf(method, status));
  for (const [name, value] of Object.entries(annotations)) own.addAnnotation(name, value);
  if (span.verdict === 'fault') own.addFaultFlag();
  if (span.verdict === 'error' || span.verdict === 'throttle') own.addErrorFlag();
  if (span.verdict === 'throttle') own.addThrottleFlag();
  for (const part of parts) addTo(own, part);
  return own;
}

function httpOf(method: unknown, status: unknown) {
  return {
    ...(method !== undefined && { request: { method } }),
    ...(status !== undefined && { response: { status } }),
  };
}

/** A name has up to 200 characters, and not every one. */
function nameable(name: string): string {
  return name.replace(/[^\p{L}\p{N}\p{Z}_.:/%&#=+\\\-@]/gu, '?').slice(0, 200);
}
