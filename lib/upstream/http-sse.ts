/**
 * HTTP+SSE towards an upstream, the transport of 2024-11-05 (2025-03-26, basic/transports, "Backwards Compatibility"). A
 * GET opens a stream of events, the first of which names the endpoint that takes messages. Each message is a POST of its
 * own that is merely acknowledged; whatever the upstream has to say comes on the stream.
 *
 * The stream is the session: the upstream forgets everything when it ends, and it cannot be taken up again. So a channel
 * belongs to one invocation. After it the environment is frozen, and could neither read the stream nor notice its end;
 * and no other environment could hear the answer to what it sends.
 */
import type { Span } from '../ports/tracer.ts';
import type { UpstreamHttpResponse } from '../ports/transport.ts';
import { memberText } from '../protocol/json-text.ts';
import { SSE_CONTENT_TYPE } from '../protocol/sse.ts';
import { faultOfStatus, faultOfTransport, newTally, type CallEnd, waitFor } from './fault.ts';
import { readEventStream, readJsonBody, type StreamItem } from './message-stream.ts';
import type { OpenRequest } from './open-request.ts';
import { OpenRequests } from './open-requests.ts';
import { beginOwnRequest, sendWatched, type RequestTrace } from './request-span.ts';
import { contentTypeOf, drain, heard, postAndRead, toHttpRequest } from './streamable-http.ts';
import type {
  ConnectionLimits,
  ConnectionTools,
  NotAccepted,
  Post,
  PostOutcome,
  UpstreamLink,
} from './streamable-http.ts';

/** A session on an HTTP+SSE upstream, for as long as the stream is open. */
export interface SseChannel {
  /**
   * Sends a message. Of the messages on the stream, a request gets those that are for it. Its outcome may be a stream
   * before the POST has been acknowledged; a refusal of the POST is then a fault of that stream.
   */
  readonly post: Post;
  /**
   * Ends the session. Requests without an answer fail; messages that need none and are on their way still reach the
   * upstream first. Harmless when called again.
   */
  close(): void;
}

export type SseOpening =
  | { readonly kind: 'open'; readonly channel: SseChannel }
  /** What the URL answers to a GET with, at this status, is no event stream that begins with an endpoint. */
  | { readonly kind: 'not-sse'; readonly status: number }
  | { readonly kind: 'end'; readonly end: CallEnd };

/** How a stream begins. */
type Beginning =
  | { readonly kind: 'endpoint'; readonly uri: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'broken' };

type Posted = { readonly kind: 'accepted' } | NotAccepted;

/** A server of this transport names its endpoint at once, while an event stream of another kind may stay silent. */
const ENDPOINT_WAIT_MS = 3000;

const MAX_ENDPOINT_CHARS = 4096;

const ACCEPTED = { kind: 'accepted' } as const;
const CLOSED = { kind: 'upstream-closed' } as const;

/** The answer to a POST is of no interest, whatever form it has. */
const POST_ACCEPT = { accept: '*/*' };

/** Opens a session as far as the endpoint; `initialize` is the caller's to send. Nothing of a call is sent yet. */
export async function openSseChannel(link: UpstreamLink, tools: ConnectionTools): Promise<SseOpening> {
  const { clock, tally } = tools;
  tally.phase = 'session';
  tally.cost.requests += 1;
  return await waitFor(tally.cost, clock, openStream(link, tools));
}

async function openStream(link: UpstreamLink, tools: ConnectionTools): Promise<SseOpening> {
  const { limits } = tools;
  // Of its own, so that the upstream can be told that a call was cancelled after the call's limits have passed.
  const opening = new AbortController();
  const onExpiry = (): void => opening.abort();
  if (limits.signal.aborted) onExpiry();
  limits.signal.addEventListener('abort', onExpiry, { once: true });
  try {
    const { span, context } = beginOwnRequest(link, tools);
    const by = { ...tools, limits: opening };
    const request = toHttpRequest(link, 'GET', '', { accept: SSE_CONTENT_TYPE }, by, context);
    const response = await sendWatched(tools.transport, request, span);
    if (response.kind === 'failure') return endOf(faultOfTransport(response, link.config.connectTimeoutMs), tools);
    limits.active();
    return await beginSession(link, response, tools);
  } finally {
    limits.signal.removeEventListener('abort', onExpiry);
  }
}

async function beginSession(
  link: UpstreamLink,
  response: UpstreamHttpResponse,
  tools: ConnectionTools,
): Promise<SseOpening> {
  const { status, headers } = response;
  const fault = faultOfStatus(status, headers['retry-after']);
  if (fault !== undefined || status >= 400 || contentTypeOf(response) !== SSE_CONTENT_TYPE) {
    response.close();
    return fault === undefined ? { kind: 'not-sse', status } : endOf(fault, tools);
  }
  const requests = new OpenRequests();
  const beginning = await readFrom(response, requests, tools);
  const endpoint = beginning.kind === 'endpoint' ? endpointOf(beginning.uri, link.config.url) : undefined;
  const expiry = tools.limits.expiry();
  if (endpoint !== undefined && expiry === undefined) {
    return { kind: 'open', channel: new HttpSseChannel(endpoint, response, requests) };
  }
  response.close();
  if (expiry !== undefined) return { kind: 'end', end: expiry };
  switch (beginning.kind) {
    case 'none':
      return { kind: 'not-sse', status };
    case 'broken':
      return { kind: 'end', end: CLOSED };
    case 'endpoint':
      return { kind: 'end', end: { kind: 'upstream-garbled', reason: 'it names an endpoint that is not its own' } };
  }
}

/** Reads the stream for the requests on it until it ends; resolves with how it begins. */
async function readFrom(
  response: UpstreamHttpResponse,
  requests: OpenRequests,
  tools: ConnectionTools,
): Promise<Beginning> {
  const beginning = Promise.withResolvers<Beginning>();
  const active = (): void => {
    tools.limits.active();
    requests.active();
  };
  const items = readEventStream(heard(response.body, { active }), tools.maxMessageBytes, (uri) =>
    beginning.resolve({ kind: 'endpoint', uri }),
  );
  const read = async (): Promise<void> => {
    let fault: CallEnd = CLOSED;
    try {
      for await (const item of items) {
        if (item.kind === 'fault') {
          if (item.fault.kind === 'upstream-closed') beginning.resolve({ kind: 'broken' });
          fault = item.fault;
          break;
        }
        beginning.resolve({ kind: 'none' });
        // This transport cannot resume a stream.
        if (item.kind === 'position' || item.kind === 'retry') continue;
        requests.deliver(item.message);
        await requests.room();
      }
    } finally {
      beginning.resolve({ kind: 'none' });
      requests.end(fault);
    }
  };
  tools.defer(read);
  const stopTimer = tools.clock.schedule(ENDPOINT_WAIT_MS, () => beginning.resolve({ kind: 'none' }));
  try {
    return await beginning.promise;
  } finally {
    stopTimer();
  }
}

/**
 * Where messages go; undefined for a URI that is none, or leads away from the upstream: messages and configured headers
 * are for nobody else.
 */
function endpointOf(uri: string, base: string): string | undefined {
  const url = uri.length > MAX_ENDPOINT_CHARS ? null : URL.parse(uri, base);
  if (url === null || url.origin !== new URL(base).origin || url.username !== '' || url.password !== '') {
    return undefined;
  }
  return url.href;
}

class HttpSseChannel implements SseChannel {
  readonly #endpoint: string;
  readonly #response: UpstreamHttpResponse;
  readonly #requests: OpenRequests;
  /** POSTs under way that need no answer. */
  #telling = 0;
  #closing = false;

  constructor(endpoint: string, response: UpstreamHttpResponse, requests: OpenRequests) {
    this.#endpoint = endpoint;
    this.#response = response;
    this.#requests = requests;
  }

  readonly post: Post = async (link, body, headers, tools, trace = beginOwnRequest(link, tools)) => {
    const ended = this.#requests.ended;
    if (ended !== undefined) {
      trace.span.end();
      return { kind: 'fault', fault: tools.limits.expiry() ?? ended, phase: 'connect' };
    }
    const idText = memberText(body, 'method') === undefined ? undefined : memberText(body, 'id');
    const there = { ...link, config: { ...link.config, url: this.#endpoint } };
    const sent = { ...headers, ...POST_ACCEPT };
    return idText === undefined
      ? await this.#tell(there, body, sent, tools, trace)
      : await this.#ask(idText, trace, there, body, sent, tools);
  };

  close(): void {
    this.#closing = true;
    this.#requests.end(CLOSED);
    if (this.#telling === 0) this.#response.close();
  }

  async #tell(...[link, body, headers, tools, trace]: Parameters<Post>): Promise<PostOutcome> {
    this.#telling += 1;
    try {
      return await postAndRead(link, body, headers, tools, ignoreBody, trace);
    } finally {
      this.#telling -= 1;
      if (this.#closing && this.#telling === 0) this.#response.close();
    }
  }

  /** The answer comes on the stream: the request's span ends with it, and that of the POST is a part of it. */
  async #ask(
    idText: string,
    trace: RequestTrace,
    ...[link, body, headers, tools]: Parameters<Post>
  ): Promise<PostOutcome> {
    const { span, context } = trace;
    const { clock, limits, tally } = tools;
    tally.cost.requests += 1;
    const request = this.#requests.begin(idText, limits);
    // The time is counted here, once: the POST and the stream are waited for together.
    const poster = { ...tools, limits: limitsOfPost(request), tally: newTally() };
    const readPosted = (response: UpstreamHttpResponse) => this.#readPosted(response, request, poster);
    const ofPost = { span: span.begin('post'), context };
    const posting = postAndRead(link, body, headers, poster, readPosted, ofPost);
    const posted = await waitFor(tally.cost, clock, Promise.race([posting, request.arrival()]));

    const { first } = request;
    const failure = first === undefined ? unaccepted(posted) : faultIn(first);
    void posting.then(
      (outcome) => settle(request, outcome),
      // Whoever reads the stream gets the error.
      () => request.abandon(),
    );
    if (failure === undefined) {
      return {
        kind: 'stream',
        headers: {},
        hasTail: true,
        items: itemsOf(request, posting, tools, span),
        close: () => {
          leave(request);
          span.end();
        },
      };
    }
    span.end();
    request.fail(CLOSED);
    return failure;
  }

  /** Some servers answer in the response to the POST, instead of on the stream or as well. */
  async #readPosted(response: UpstreamHttpResponse, request: OpenRequest, tools: ConnectionTools): Promise<Posted> {
    if (contentTypeOf(response) !== 'application/json') return await ignoreBody(response);
    const onBytes = (): void => tools.limits.active();
    for (const item of await readJsonBody(response.body, tools.maxMessageBytes, onBytes)) {
      if (item.kind === 'message') {
        if (item.message.kind === 'response' && item.message.idText === undefined) request.answer(item.message);
        else this.#requests.deliver(item.message);
      } else if (item.kind === 'fault' && item.fault.kind !== 'upstream-garbled') {
        return { kind: 'fault', fault: item.fault, phase: 'response' };
      }
      // What is JSON and no message is a form of acknowledgement.
    }
    return ACCEPTED;
  }
}

async function ignoreBody(response: UpstreamHttpResponse): Promise<{ readonly kind: 'accepted' }> {
  // Events need not end.
  if (contentTypeOf(response) === SSE_CONTENT_TYPE) response.close();
  else await drain(response);
  return ACCEPTED;
}

/** The outcome of a POST without which nothing comes on the stream. */
function unaccepted(posted: Posted | undefined): NotAccepted | undefined {
  return posted === undefined || posted.kind === 'accepted' ? undefined : posted;
}

/** A stream that begins with a fault is one; the POST was on its way by then, if no more is known of it. */
function faultIn(first: StreamItem): NotAccepted | undefined {
  return first.kind === 'fault' ? { kind: 'fault', fault: first.fault, phase: 'request' } : undefined;
}

function limitsOfPost({ limits, postSignal }: OpenRequest): ConnectionLimits {
  return { signal: postSignal, expiry: () => limits.expiry(), active: () => limits.active() };
}

/** A POST that was not accepted ends its request, unless that has its answer already. */
function settle(request: OpenRequest, outcome: Posted): void {
  request.endPost();
  if (outcome.kind === 'accepted') return;
  if (outcome.kind === 'fault') return request.fail(outcome.fault);
  const { answer, error, status } = outcome;
  if (answer !== undefined && (answer.idText === undefined || answer.idText === request.key)) request.answer(answer);
  else request.fail(error === undefined ? { kind: 'upstream-http', status } : { kind: 'upstream-refused', error });
}

/**
 * What comes for a request, up to its answer. After that the POST is waited for, so that its connection can be used
 * again.
 */
async function* itemsOf(
  request: OpenRequest,
  posting: Promise<Posted>,
  tools: ConnectionTools,
  span: Span,
): AsyncGenerator<StreamItem, void> {
  const { clock, tally } = tools;
  try {
    for (;;) {
      const item = await waitFor(tally.cost, clock, request.next());
      if (item === undefined) break;
      yield item;
      if (item.kind === 'fault') return;
    }
    span.end();
    await posting;
  } finally {
    span.end();
    leave(request);
  }
}

/** Nobody waits for the request any more. A POST under way is not cut short: it may be all that mattered. */
function leave(request: OpenRequest): void {
  if (request.state === 'answered') request.abortPost();
  else request.fail(CLOSED);
}

function endOf(fault: CallEnd, tools: ConnectionTools): SseOpening {
  return { kind: 'end', end: tools.limits.expiry() ?? fault };
}
