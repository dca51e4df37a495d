/**
 * Streamable HTTP towards an upstream: one POST a message, and what comes back. Both eras use it; what differs between
 * them (headers, sessions, the meaning of a refusal) is in `modern.ts` and `legacy.ts`.
 */
import type { UpstreamConfig } from '../config/schema.ts';
import type { Clock } from '../ports.ts';
import type { UpstreamHttpRequest, UpstreamHttpResponse } from '../ports/transport.ts';
import type { UpstreamTransport } from '../ports/transport.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import type { View } from '../protocol/call.ts';
import { parseJson, readMessage } from '../protocol/message.ts';
import type { HttpHeaders } from '../protocol/http.ts';
import type { JsonRpcError, ResponseMessage } from '../protocol/message.ts';
import { SSE_CONTENT_TYPE } from '../protocol/sse.ts';
import type { Ancestry, OutgoingContext } from '../protocol/trace-context.ts';
import { faultOfStatus, faultOfTransport, type CallEnd, type UpstreamTally, waitFor } from './fault.ts';
import { collect, readEventStream, readJsonBody, type BodyBytes, type StreamItem } from './message-stream.ts';
import { beginOwnRequest, sendWatched, type RequestTrace } from './request-span.ts';

/** An upstream as one virtual server uses it. */
export interface UpstreamLink {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly view: View;
}

/** The limits that hang over a connection; a deadline of `policies` is one. */
export interface ConnectionLimits {
  readonly signal: AbortSignal;
  /** Why the call has to end now; undefined while it may go on. */
  expiry(): CallEnd | undefined;
  active(): void;
}

/** What a connection needs from the outside. */
export interface ConnectionTools {
  readonly transport: UpstreamTransport;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  readonly limits: ConnectionLimits;
  readonly tally: UpstreamTally;
  /** What the requests continue; undefined where nobody traces. */
  readonly ancestry: Ancestry | undefined;
  /** Of the client on whose behalf it is, all that it sent; none for what the gateway does by itself. */
  readonly clientHeaders: HttpHeaders;
  /** How a message is sent: Streamable HTTP, or within the stream of an HTTP+SSE server. */
  readonly post: Post;
  /** Runs work that the answer does not wait for, under limits of its own; the invocation stays open for it. */
  readonly defer: (work: (tools: ConnectionTools) => Promise<unknown>) => void;
  /** Remembers an upstream session that could not be ended, so that somebody ends it later. */
  readonly leave: (link: UpstreamLink, session: UpstreamSession) => void;
}

export type StreamItems = AsyncIterableIterator<StreamItem, void>;

export interface UpstreamStream {
  readonly kind: 'stream';
  readonly headers: Readonly<Record<string, string>>;
  /** Whether something may come after an answer, to be read for the sake of the connection; JSON has come as a whole. */
  readonly hasTail: boolean;
  readonly items: StreamItems;
  /** Drops the connection; `items` then ends with a fault. Harmless after the end. */
  close(): void;
}

export type PostOutcome =
  /** Messages follow; `items` ends by itself, and must be drained or returned. */
  | UpstreamStream
  /** Accepted without a body. */
  | { readonly kind: 'accepted' }
  /** Refused with a status of 400 to 499 other than 401, 403 and 429. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly error: JsonRpcError | undefined;
      /** The message that the error came in; its text is what a client is to get. */
      readonly answer: ResponseMessage | undefined;
    }
  /** `phase` is how far the request came; in the phase `connect`, no byte of it was taken. */
  | { readonly kind: 'fault'; readonly fault: CallEnd; readonly phase: 'connect' | 'request' | 'response' };

/** Nothing was accepted. */
export type NotAccepted = Extract<PostOutcome, { kind: 'refused' | 'fault' }>;

/** `trace` is the request's own; left out, it is one that the gateway makes by itself. */
export type Post = (
  link: UpstreamLink,
  body: string,
  headers: Readonly<Record<string, string>>,
  tools: ConnectionTools,
  trace?: RequestTrace,
) => Promise<PostOutcome>;

/** What says nothing is read to its end for the sake of the connection, up to this size. */
const MAX_DRAINED_BYTES = 64 * 1024;

/** How long an upstream may take to end a stream after its final response before the connection is dropped. */
const STREAM_TAIL_MS = 250;

export async function post(
  link: UpstreamLink,
  body: string,
  headers: Readonly<Record<string, string>>,
  tools: ConnectionTools,
  trace?: RequestTrace,
): Promise<PostOutcome> {
  return await postAndRead(link, body, headers, tools, readAccepted, trace);
}

/**
 * Asks for the stream beside the calls (2025-11-25, basic/transports, "Listening for Messages from the Server"), or for
 * the rest of another one, when the headers name the last event that was read.
 */
export async function get(
  link: UpstreamLink,
  headers: Readonly<Record<string, string>>,
  tools: ConnectionTools,
): Promise<PostOutcome> {
  const trace = beginOwnRequest(link, tools);
  const request = toHttpRequest(link, 'GET', '', { accept: SSE_CONTENT_TYPE, ...headers }, tools, trace.context);
  return await sendAndRead(link, request, tools, readAccepted, trace);
}

/** As `post`; `read` makes what it likes of a response with a status of 200 to 299. */
export async function postAndRead<Accepted extends { readonly kind: string }>(
  link: UpstreamLink,
  body: string,
  headers: Readonly<Record<string, string>>,
  tools: ConnectionTools,
  read: (response: UpstreamHttpResponse, tools: ConnectionTools) => Accepted | Promise<Accepted>,
  trace: RequestTrace = beginOwnRequest(link, tools),
): Promise<Accepted | NotAccepted> {
  const request = toHttpRequest(link, 'POST', body, headers, tools, trace.context);
  return await sendAndRead(link, request, tools, read, trace);
}

async function sendAndRead<Accepted extends { readonly kind: string }>(
  link: UpstreamLink,
  request: UpstreamHttpRequest,
  tools: ConnectionTools,
  read: (response: UpstreamHttpResponse, tools: ConnectionTools) => Accepted | Promise<Accepted>,
  { span }: RequestTrace,
): Promise<Accepted | NotAccepted> {
  const { tally, clock } = tools;
  tally.cost.requests += 1;
  const response = await waitFor(tally.cost, clock, sendWatched(tools.transport, request, span));
  if (response.kind === 'failure') {
    const fault = tools.limits.expiry() ?? faultOfTransport(response, link.config.connectTimeoutMs);
    return { kind: 'fault', fault, phase: response.sent ? 'request' : 'connect' };
  }
  tools.limits.active();
  const outcome = await readResponse(response, tools, read);
  const expiry = tools.limits.expiry();
  // A body cut short by the deadline has not said what it was to say; a stream names the expiry by itself.
  return expiry === undefined || outcome.kind === 'stream'
    ? outcome
    : { kind: 'fault', fault: expiry, phase: 'response' };
}

/** Ends an upstream session. False when the upstream could not be told, or could not do it now. */
export async function deleteSession(
  link: UpstreamLink,
  headers: Readonly<Record<string, string>>,
  tools: ConnectionTools,
): Promise<boolean> {
  tools.tally.cost.requests += 1;
  const { span, context } = beginOwnRequest(link, tools);
  const request = toHttpRequest(link, 'DELETE', '', headers, tools, context);
  const response = await sendWatched(tools.transport, request, span);
  if (response.kind === 'failure') return false;
  await drain(response);
  return response.status < 500 && response.status !== 429;
}

/** Reads a stream to its end in the background, so that the connection can be used again; not for long, though. */
export async function drainTail(stream: UpstreamStream, clock: Clock): Promise<void> {
  const stopTimer = clock.schedule(STREAM_TAIL_MS, () => stream.close());
  for await (const item of stream.items) if (item.kind === 'fault') break;
  stopTimer();
}

const NONE: HttpHeaders = {};

/** What a client has sent of the headers that its requests to the upstream are to carry. */
export function forwardedHeaders({ forwardHeaders }: UpstreamConfig, clientHeaders: HttpHeaders): HttpHeaders {
  if (forwardHeaders.length === 0) return NONE;
  return Object.fromEntries(
    forwardHeaders.flatMap((name) => {
      const value = clientHeaders[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

export function toHttpRequest(
  link: UpstreamLink,
  method: UpstreamHttpRequest['method'],
  body: string,
  headers: Readonly<Record<string, string>>,
  { limits, clientHeaders }: { readonly limits: Pick<ConnectionLimits, 'signal'>; readonly clientHeaders: HttpHeaders },
  context: OutgoingContext,
): UpstreamHttpRequest {
  return {
    url: link.config.url,
    method,
    headers: {
      ...forwardedHeaders(link.config, clientHeaders),
      ...link.config.headers,
      ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
      accept: `application/json, ${SSE_CONTENT_TYPE}`,
      ...context.headers,
      ...headers,
    },
    body,
    connectTimeoutMs: link.config.connectTimeoutMs,
    signal: limits.signal,
  };
}

async function readResponse<Accepted>(
  response: UpstreamHttpResponse,
  tools: ConnectionTools,
  read: (response: UpstreamHttpResponse, tools: ConnectionTools) => Accepted | Promise<Accepted>,
): Promise<Accepted | NotAccepted> {
  const { status, headers } = response;
  const fault = faultOfStatus(status, headers['retry-after']);
  if (fault !== undefined) {
    response.close();
    return { kind: 'fault', fault, phase: 'response' };
  }
  return status >= 400 ? readRefusal(response, tools.maxMessageBytes) : read(response, tools);
}

function readAccepted(response: UpstreamHttpResponse, tools: ConnectionTools): PostOutcome | Promise<PostOutcome> {
  const { status, headers } = response;
  return status === 202 || status === 204 || headers['content-length'] === '0'
    ? accepted(response)
    : openStream(response, tools);
}

async function accepted(response: UpstreamHttpResponse): Promise<PostOutcome> {
  await drain(response);
  return { kind: 'accepted' };
}

function openStream(response: UpstreamHttpResponse, tools: ConnectionTools): PostOutcome {
  const contentType = contentTypeOf(response);
  if (contentType !== 'application/json' && contentType !== SSE_CONTENT_TYPE) {
    response.close();
    const reason = 'its content type is neither JSON nor an event stream';
    return { kind: 'fault', fault: { kind: 'upstream-garbled', reason }, phase: 'response' };
  }
  const hasTail = contentType === SSE_CONTENT_TYPE;
  return {
    kind: 'stream',
    headers: response.headers,
    hasTail,
    items: hasTail ? itemsOfEvents(response, tools) : itemsOfJson(response, tools),
    close: () => response.close(),
  };
}

/** In lower case, without parameters. */
export function contentTypeOf(response: UpstreamHttpResponse): string {
  return (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Whatever arrives is a sign of life: an upstream is silent while nothing does. */
export async function* heard(
  body: BodyBytes,
  limits: Pick<ConnectionLimits, 'active'>,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of body) {
    limits.active();
    yield chunk;
  }
}

/** Adds the time spent waiting to the tally, names an expired deadline as the cause, and closes what is left. */
async function* itemsOfEvents(
  response: UpstreamHttpResponse,
  tools: ConnectionTools,
): AsyncGenerator<StreamItem, void> {
  const items = readEventStream(heard(response.body, tools.limits), tools.maxMessageBytes);
  let complete = false;
  try {
    for (;;) {
      const next = await waitFor(tools.tally.cost, tools.clock, items.next());
      if (next.done === true) break;
      yield withCause(next.value, tools);
    }
    complete = true;
  } finally {
    if (!complete) response.close();
  }
}

/**
 * As `itemsOfEvents`, of a body that is waited for as a whole. Most calls come by here, and leave after the first item: the
 * engine would never compile a generator that is always left before its end.
 */
function itemsOfJson(response: UpstreamHttpResponse, tools: ConnectionTools): StreamItems {
  const { tally, clock, limits, maxMessageBytes } = tools;
  let reading: Promise<readonly StreamItem[]> | undefined;
  let given = 0;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      reading ??= readJsonBody(response.body, maxMessageBytes, () => limits.active());
      const item = (await waitFor(tally.cost, clock, reading))[given];
      given += 1;
      return item === undefined ? { done: true, value: undefined } : { done: false, value: withCause(item, tools) };
    },
    async return() {
      response.close();
      return { done: true, value: undefined };
    },
  };
}

function withCause(item: StreamItem, { limits }: ConnectionTools): StreamItem {
  return item.kind === 'fault' ? { kind: 'fault', fault: limits.expiry() ?? item.fault } : item;
}

async function readRefusal(response: UpstreamHttpResponse, maxBytes: number): Promise<NotAccepted> {
  const text = await collect(response.body, maxBytes);
  if (typeof text !== 'string') {
    response.close();
    return { kind: 'fault', fault: text, phase: 'response' };
  }
  const message = readMessage(parseJson(text) ?? null, text);
  const refused = { kind: 'refused', status: response.status, error: undefined, answer: undefined } as const;
  return message?.kind === 'response' && 'error' in message.body
    ? { ...refused, error: message.body.error, answer: message }
    : refused;
}

/** Reads what is of no interest, unless there is much of it. */
export async function drain(response: UpstreamHttpResponse): Promise<void> {
  const outcome = await collect(response.body, MAX_DRAINED_BYTES);
  if (typeof outcome !== 'string') response.close();
}
