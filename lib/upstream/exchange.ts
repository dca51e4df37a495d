/** One request to an upstream and everything that comes back for it, in either era. */
import type { Span } from '../ports/tracer.ts';
import { sameId, type NotificationMessage } from '../protocol/message.ts';
import type { RequestMessage, ResponseMessage } from '../protocol/message.ts';
import type { TraceContext } from '../protocol/trace-context.ts';
import type { CallEnd, UpstreamTally } from './fault.ts';
import type { StreamItem } from './message-stream.ts';
import { beginRequest } from './request-span.ts';
import { drainTail } from './streamable-http.ts';
import type { ConnectionTools, PostOutcome, UpstreamLink, UpstreamStream } from './streamable-http.ts';

/** What a call brings forth. Exactly one `final` or `end` comes last. */
export type UpstreamEvent =
  /** A notification or a question that came before the answer to the request of id `requestId`. */
  | {
      readonly kind: 'interim';
      readonly message: NotificationMessage | RequestMessage;
      readonly requestId: string;
    }
  | Answer;

export type Answer =
  | { readonly kind: 'final'; readonly response: ResponseMessage }
  | { readonly kind: 'end'; readonly end: CallEnd };

/** Refused with 400 to 499: what that means depends on the era. */
export type Refusal = Extract<PostOutcome, { kind: 'refused' }>;

export interface OutgoingRequest {
  /** The id that `body` carries. */
  readonly id: string;
  /** Given what its `_meta` is to say of the trace that it is part of. */
  readonly body: (context: TraceContext) => string;
  readonly headers: Readonly<Record<string, string>>;
  readonly notes?: StreamNotes;
  /** Whether it is asked for to go on until its time is up, so that this is no fault of the upstream. */
  readonly isEndless?: boolean;
}

/** Takes down what it takes to resume a stream. */
export interface StreamNotes {
  /** The event id up to which it has been read. */
  readonly position: (eventId: string) => void;
  /** How long to wait before it is resumed. */
  readonly retry: (ms: number) => void;
}

/**
 * Sends a request and yields what comes back. Returns the refusal when there is one, having yielded nothing: whether it
 * proves that the request was not executed depends on the era.
 */
export async function* exchange(
  link: UpstreamLink,
  request: OutgoingRequest,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent, Refusal | undefined> {
  const { tally } = tools;
  tally.phase = 'connect';
  tally.attempts += 1;
  tally.upstream = link.name;
  const trace = beginRequest(link, tools);
  const { span, context } = trace;
  span.annotate({ attempt: tally.attempts });
  const outcome = await tools.post(link, request.body(context.meta), request.headers, tools, trace);
  tally.phase = outcome.kind === 'fault' ? outcome.phase : 'response';
  tally.sent = tally.phase !== 'connect';
  if (outcome.kind === 'refused') return outcome;
  const onEnd = (end: CallEnd): void => tellEnd(end, span, request, tally);
  if (outcome.kind === 'stream') {
    yield* readStream(outcome, request.id, tools, request.notes, onEnd);
  } else {
    const end: CallEnd = outcome.kind === 'fault' ? outcome.fault : { kind: 'upstream-closed' };
    onEnd(end);
    yield { kind: 'end', end };
  }
  return undefined;
}

/** Says of a request's span why there was no answer, and whether that is the upstream's fault. */
function tellEnd(end: CallEnd, span: Span, { isEndless }: OutgoingRequest, { position }: UpstreamTally): void {
  span.annotate({ error_kind: end.kind });
  switch (end.kind) {
    case 'cancelled':
    case 'invocation-ending':
      return;
    case 'upstream-closed':
    case 'upstream-reset':
      // Whoever can be asked for the rest has not broken off.
      if (position !== undefined) return;
      break;
    case 'upstream-timeout':
      if (isEndless === true) return;
      break;
    default:
  }
  span.fail(end.kind === 'upstream-throttled' ? 'throttle' : 'fault');
}

/** What a call comes to, whatever was said before. */
export async function lastOf<Other extends { readonly kind: string } = never>(
  events: AsyncGenerator<UpstreamEvent | Other, unknown>,
): Promise<Answer | Exclude<Other, { kind: 'interim' }>> {
  for await (const event of events) {
    if (event.kind !== 'interim') return event as Answer | Exclude<Other, { kind: 'interim' }>;
  }
  return { kind: 'end', end: { kind: 'upstream-closed' } };
}

/**
 * Reads a stream up to the answer to the request of this id; the rest is read in the background. `onEnd` is told first when
 * there is none.
 */
export async function* readStream(
  stream: UpstreamStream,
  requestId: string,
  tools: ConnectionTools,
  notes?: StreamNotes,
  onEnd: (end: CallEnd) => void = () => {},
): AsyncGenerator<UpstreamEvent, void> {
  let answered = false;
  try {
    for (;;) {
      const next = await stream.items.next();
      const item: StreamItem = next.done === true ? { kind: 'fault', fault: endOfStream(tools) } : next.value;
      if (item.kind === 'fault') {
        onEnd(item.fault);
        yield { kind: 'end', end: item.fault };
        return;
      }
      if (item.kind === 'retry') {
        notes?.retry(item.ms);
        continue;
      }
      if (item.eventId !== undefined) notes?.position(item.eventId);
      if (item.kind === 'position') continue;
      const { message } = item;
      if (message.kind !== 'response') {
        yield { kind: 'interim', message, requestId };
      } else if (answers(message, requestId)) {
        answered = true;
        if (stream.hasTail) tools.defer(() => drainTail(stream, tools.clock));
        yield { kind: 'final', response: message };
        return;
      }
      // A response to some other request can only be the upstream's mistake, and is nobody's.
    }
  } finally {
    if (!answered) stream.close();
  }
}

/** A stream that ends without an answer was cut by its deadline, or by the upstream. */
function endOfStream(tools: ConnectionTools): CallEnd {
  return tools.limits.expiry() ?? { kind: 'upstream-closed' };
}

/** An error without an id is about the only request that this stream can be about. */
function answers(response: ResponseMessage, requestId: string): boolean {
  return response.idText === undefined || sameId(response.idText, JSON.stringify(requestId));
}
