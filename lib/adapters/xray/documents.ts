/**
 * Spans as X-Ray's subsegment documents (X-Ray Developer Guide, "X-Ray segment documents"), and their way to the daemon.
 * The documents are made by the X-Ray SDK under the segment that Powertools finds for the invocation. They are not sent by
 * it: nobody can wait for that, and an invocation must not end with its trace on the way.
 */
import { Tracer } from '@aws-lambda-powertools/tracer';
import type { InvocationTrace } from '../../ports/invocation.ts';
import type { RecordedSpan } from './recording.ts';
import { sendToDaemon } from './daemon.ts';

/** Requests are recorded by the gateway itself, which knows when their bodies end. */
const tracer = new Tracer({ serviceName: 'sluice', captureHTTPsRequests: false });

/** The daemon takes no more than 64 KB in one document; in bytes, with room for what stands before it. */
const MAX_DOCUMENT_BYTES = 60_000;

/** What is worth searching for. The rest can be read in a trace that was found. */
const SEARCHED: ReadonlySet<string> = new Set([
  'era',
  'server',
  'upstream',
  'tool',
  'outcome',
  'error_kind',
  'attempt',
  'replayed',
  'cold_start',
  'session_hash',
  'caller_hash',
  'client_trace_id',
  'gateway_ms',
  'upstream_ms',
]);

/** X-Ray indexes no more annotations of a trace than this. */
const MAX_ANNOTATIONS = 50;

type Segment = NonNullable<ReturnType<Tracer['getSegment']>>;
type Subsegment = ReturnType<Segment['addNewSubsegment']>;

/** A span with those that have ended together with it, or before it, and are part of it. */
interface Branch {
  readonly span: RecordedSpan;
  readonly parts: readonly Branch[];
}

/** Settles when the operating system has taken all of them. Rejects with its error. */
export async function sendDocuments(trace: InvocationTrace, spans: readonly RecordedSpan[]): Promise<void> {
  if (!tracer.isTracingEnabled()) return;
  const segment = tracer.getSegment();
  if (segment === undefined || !('trace_id' in segment) || segment.trace_id !== trace.id) {
    throw new Error('The X-Ray SDK is in another trace than the invocation');
  }
  const indexed = indexedOf(spans);
  const documents = branchesOf(spans).flatMap((branch) => documentsOf(branch, segment, indexed));
  await sendToDaemon(documents);
}

/** By span, the annotations that the trace is indexed by. What is found by a value once need not be found by it twice. */
function indexedOf(spans: readonly RecordedSpan[]): ReadonlyMap<RecordedSpan, ReadonlySet<string>> {
  const taken = new Set<string>();
  const take = ([name, value]: [string, unknown]): boolean => {
    const annotation = JSON.stringify([name, value]);
    if (!SEARCHED.has(name) || taken.has(annotation) || taken.size === MAX_ANNOTATIONS) return false;
    taken.add(annotation);
    return true;
  };
  return new Map(
    spans.map((span) => [
      span,
      new Set(
        Object.entries(span.annotations)
          .filter(take)
          .map(([name]) => name),
      ),
    ]),
  );
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

/** One document, or several where one would be too large: what no longer fits in it is sent apart. */
function documentsOf(branch: Branch, segment: Segment, indexed: ReturnType<typeof indexedOf>): readonly string[] {
  const whole = documentOf(branch, segment, indexed);
  if (Buffer.byteLength(whole) <= MAX_DOCUMENT_BYTES || branch.parts.length === 0) return [whole];
  let bytes = Buffer.byteLength(documentOf({ ...branch, parts: [] }, segment, indexed));
  const fits = (part: Branch): boolean => {
    const more = Buffer.byteLength(documentOf(part, segment, indexed));
    if (bytes + more > MAX_DOCUMENT_BYTES) return false;
    bytes += more;
    return true;
  };
  const { true: within = [], false: apart = [] } = Object.groupBy(branch.parts, (part) => `${fits(part)}`);
  const others = apart.flatMap((part) => documentsOf(part, segment, indexed));
  return [documentOf({ ...branch, parts: within }, segment, indexed), ...others];
}

function documentOf(branch: Branch, segment: Segment, indexed: ReturnType<typeof indexedOf>): string {
  // Of the span that this is part of, nothing but the id is needed.
  const parent = segment.addNewSubsegment('parent');
  parent.id = branch.span.parent ?? segment.id;
  const text = addTo(parent, branch, indexed).format();
  segment.removeSubsegment(parent);
  return text;
}

function addTo(
  parent: Segment | Subsegment,
  { span, parts }: Branch,
  indexed: ReturnType<typeof indexedOf>,
): Subsegment {
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
  for (const [name, value] of Object.entries(annotations)) {
    if (indexed.get(span)?.has(name) === true) own.addAnnotation(name, value);
    else own.addMetadata(name, value);
  }
  if (span.verdict === 'fault') own.addFaultFlag();
  if (span.verdict === 'error' || span.verdict === 'throttle') own.addErrorFlag();
  if (span.verdict === 'throttle') own.addThrottleFlag();
  for (const part of parts) addTo(own, part, indexed);
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
  return name.replace(/[^\p{L}\p{N}\p{Z}_.:/%&#=+\\\-@]/gu, '_').slice(0, 200);
}
