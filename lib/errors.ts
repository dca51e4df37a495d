/**
 * Every failure the gateway expects, as a value, and the one function that puts a failure on the wire. What a client is
 * told names what went wrong and where, never an address, a header, a token or a stack.
 */
import { JSON_RPC, type JsonObject, type JsonRpcError } from './protocol/message.ts';

/** How far a call had come. `era` and `session` are before the call itself was sent. */
export type UpstreamPhase = 'era' | 'session' | 'connect' | 'request' | 'response';

/** Where an upstream failure happened. `mayHaveRun` is false only when the upstream cannot have run the call. */
export interface UpstreamSite {
  readonly upstream: string;
  /** The tool's name as the client knows it; null for other calls. */
  readonly tool: string | null;
  readonly phase: UpstreamPhase;
  /** Since the request arrived. */
  readonly elapsedMs: number;
  readonly mayHaveRun: boolean;
}

/** What went wrong at an upstream, without the site. */
export type UpstreamFault =
  | { readonly kind: 'upstream-unreachable' }
  | { readonly kind: 'upstream-connect-timeout'; readonly limitMs: number }
  | { readonly kind: 'upstream-reset' }
  | { readonly kind: 'upstream-closed' }
  | { readonly kind: 'upstream-timeout'; readonly limitMs: number }
  | { readonly kind: 'upstream-idle'; readonly limitMs: number }
  | { readonly kind: 'invocation-ending' }
  | { readonly kind: 'upstream-garbled'; readonly reason: string }
  | { readonly kind: 'upstream-http'; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: 'upstream-throttled'; readonly retryAfter: string | undefined }
  | { readonly kind: 'upstream-redirect' }
  | { readonly kind: 'upstream-too-large'; readonly limitBytes: number }
  | { readonly kind: 'upstream-unauthorized' }
  /** The gateway could not read the credentials that the upstream is to be sent; it was not called. */
  | { readonly kind: 'upstream-credentials' }
  | { readonly kind: 'upstream-session-lost' }
  /** As many calls as the upstream may have at once are under way; it was not called. */
  | { readonly kind: 'upstream-busy'; readonly retryAfterMs: number }
  /** The upstream has failed too often lately; it was not called. */
  | { readonly kind: 'breaker-open'; readonly retryAfterMs: number }
  | { readonly kind: 'upstream-refused'; readonly error: JsonRpcError };

export type UpstreamFailure = UpstreamFault & { readonly site: UpstreamSite };

/** Which call an idempotency key stands for. */
export interface KeyedSite {
  readonly upstream: string;
  /** The tool's name as the client knows it. */
  readonly tool: string;
}

export type Failure =
  // The HTTP request itself.
  | { readonly kind: 'origin-forbidden' }
  /** Only requests that the platform knows the signer of are taken, and this is none. */
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'method-not-allowed'; readonly allow: string }
  | { readonly kind: 'not-acceptable' }
  | { readonly kind: 'unsupported-media-type' }
  | { readonly kind: 'request-too-large'; readonly limitBytes: number }
  // The message in it.
  | { readonly kind: 'parse-error' }
  | { readonly kind: 'invalid-request'; readonly reason: string }
  | { readonly kind: 'invalid-envelope'; readonly reason: string }
  | { readonly kind: 'header-mismatch'; readonly reason: string }
  | { readonly kind: 'unsupported-version'; readonly requested: string; readonly supported: readonly string[] }
  | { readonly kind: 'method-not-found'; readonly method: string; readonly modern: boolean }
  | { readonly kind: 'invalid-params'; readonly reason: string }
  | { readonly kind: 'unknown-name'; readonly what: 'tool' | 'prompt' | 'resource'; readonly name: string }
  | { readonly kind: 'tool-held'; readonly upstream: string; readonly tool: string }
  // The client session.
  | { readonly kind: 'session-required' }
  | { readonly kind: 'session-unknown' }
  | { readonly kind: 'session-foreign' }
  // The call.
  | { readonly kind: 'cancelled'; readonly site: UpstreamSite }
  | { readonly kind: 'era-lacking'; readonly upstream: string }
  /** The upstream asks the client something in a form that the client's revision does not have. */
  | { readonly kind: 'cannot-ask'; readonly site: UpstreamSite; readonly asked: string }
  /** A call under this idempotency key may have run, and nobody knows how it ended; it was not executed again. */
  | ({ readonly kind: 'outcome-unknown' } & KeyedSite)
  /** An earlier call under this idempotency key is still under way. */
  | ({ readonly kind: 'still-running'; readonly retryAfterMs: number } & KeyedSite)
  /** A call under this idempotency key has run, and its result was too large to be kept. */
  | ({ readonly kind: 'result-not-kept' } & KeyedSite)
  /** The environment that held the call is gone, and its answer with it. */
  | { readonly kind: 'stream-lost' }
  /** There was more on the stream than is kept for clients that come back for it. */
  | { readonly kind: 'stream-not-kept' }
  /** There is nothing to come after the event that a client wants to resume from, or nothing is known of it. */
  | { readonly kind: 'stream-unknown' }
  | UpstreamFailure
  // The gateway.
  | { readonly kind: 'store-unavailable' }
  | { readonly kind: 'internal' };

/** A failure's form on the wire. */
export interface WireError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: JsonRpcError;
}

/** Sluice's own codes are positive: outside the range that JSON-RPC and MCP reserve (2026-07-28, basic). */
export const SLUICE_CODES = {
  'upstream-unreachable': 1001,
  'upstream-connect-timeout': 1002,
  'upstream-reset': 1003,
  'upstream-closed': 1004,
  'upstream-timeout': 1005,
  'upstream-idle': 1006,
  'invocation-ending': 1007,
  'upstream-garbled': 1008,
  'upstream-http': 1009,
  'upstream-throttled': 1010,
  'upstream-redirect': 1011,
  'upstream-too-large': 1012,
  'upstream-unauthorized': 1013,
  'upstream-session-lost': 1014,
  'upstream-busy': 1015,
  'breaker-open': 1016,
  'upstream-credentials': 1017,
  cancelled: 1020,
  'tool-held': 1021,
  'cannot-ask': 1022,
  'era-lacking': 1023,
  'outcome-unknown': 1024,
  'still-running': 1025,
  'result-not-kept': 1026,
  'stream-lost': 1027,
  'stream-not-kept': 1028,
  'store-unavailable': 1030,
} as const;

/** The whole mapping from failures to statuses, codes and words. */
export function toWire(failure: Failure): WireError {
  switch (failure.kind) {
    case 'origin-forbidden':
      return wire(403, JSON_RPC.invalidRequest, 'This origin may not call the gateway');
    case 'unsigned':
      return wire(
        403,
        JSON_RPC.invalidRequest,
        'This gateway takes only requests that are signed with AWS credentials',
      );
    case 'not-found':
      return wire(404, JSON_RPC.invalidRequest, 'There is no virtual server at this path');
    case 'method-not-allowed':
      return wire(405, JSON_RPC.invalidRequest, `Only ${failure.allow} is served here`, undefined, {
        allow: failure.allow,
      });
    case 'not-acceptable':
      return wire(406, JSON_RPC.invalidRequest, 'Accept must allow application/json or text/event-stream');
    case 'unsupported-media-type':
      return wire(415, JSON_RPC.invalidRequest, 'Content-Type must be application/json');
    case 'request-too-large':
      return wire(413, JSON_RPC.invalidRequest, `The request is larger than ${failure.limitBytes} bytes`);
    case 'parse-error':
      return wire(400, JSON_RPC.parseError, 'The body is not valid JSON');
    case 'invalid-request':
      return wire(400, JSON_RPC.invalidRequest, failure.reason);
    case 'invalid-envelope':
      return wire(400, JSON_RPC.invalidParams, failure.reason);
    case 'header-mismatch':
      return wire(400, JSON_RPC.headerMismatch, `Header mismatch: ${failure.reason}`);
    case 'unsupported-version':
      return wire(400, JSON_RPC.unsupportedProtocolVersion, 'Unsupported protocol version', {
        supported: failure.supported,
        requested: excerpt(failure.requested),
      });
    case 'method-not-found':
      return wire(failure.modern ? 404 : 200, JSON_RPC.methodNotFound, `Method not found: ${excerpt(failure.method)}`);
    case 'invalid-params':
      return wire(200, JSON_RPC.invalidParams, failure.reason);
    case 'unknown-name':
      return wire(200, JSON_RPC.invalidParams, `Unknown ${failure.what}: ${excerpt(failure.name)}`);
    case 'tool-held':
      return wire(
        200,
        SLUICE_CODES['tool-held'],
        `The definition of ${excerpt(failure.tool)} has changed, and the operator has not accepted it yet`,
        { upstream: failure.upstream, tool: excerpt(failure.tool), mayHaveRun: false },
      );
    case 'cannot-ask':
      return wire(
        200,
        SLUICE_CODES['cannot-ask'],
        `Upstream ${failure.site.upstream} asks the client for ${failure.asked}, which cannot be carried between ` +
          `the protocol revisions of the two`,
        { ...failure.site },
      );
    case 'session-required':
      return wire(400, JSON_RPC.invalidRequest, 'Mcp-Session-Id is required; begin with initialize');
    case 'session-unknown':
    case 'session-foreign':
      return wire(404, JSON_RPC.invalidRequest, 'Session not found; begin again with initialize');
    case 'cancelled':
      return wire(200, SLUICE_CODES.cancelled, 'The call was cancelled', { ...failure.site });
    case 'era-lacking':
      return wire(
        200,
        SLUICE_CODES['era-lacking'],
        `Upstream ${failure.upstream} speaks no revision of the protocol that the gateway knows`,
        { upstream: failure.upstream, mayHaveRun: false },
      );
    case 'outcome-unknown':
      return keyedToWire(failure, 'may have run, and how it ended is not known; it was not executed again');
    case 'still-running':
      return keyedToWire(failure, 'is still under way', { retryAfterMs: failure.retryAfterMs });
    case 'result-not-kept':
      return keyedToWire(failure, 'has run, and its result was too large to be kept; it was not executed again');
    case 'stream-lost':
      return wire(
        200,
        SLUICE_CODES['stream-lost'],
        'The environment that held the call ended before the answer; the call may have run',
        { mayHaveRun: true },
      );
    case 'stream-not-kept':
      return wire(
        200,
        SLUICE_CODES['stream-not-kept'],
        'The rest of the stream was not kept, and the answer with it; the call may have run',
        { mayHaveRun: true },
      );
    case 'stream-unknown':
      // The status at which clients stop asking (2025-11-25, basic/transports, "Listening for Messages from the Server").
      return wire(405, JSON_RPC.invalidRequest, 'There is nothing to resume after this event', undefined, {
        allow: 'POST, DELETE',
      });
    case 'store-unavailable':
      return wire(503, SLUICE_CODES['store-unavailable'], "The gateway's session store did not answer; try again");
    case 'internal':
      return wire(500, JSON_RPC.internalError, 'The gateway failed unexpectedly');
    default:
      return upstreamToWire(failure);
  }
}

function keyedToWire(
  { kind, upstream, tool }: { readonly kind: keyof typeof SLUICE_CODES } & KeyedSite,
  how: string,
  extra: JsonObject = {},
): WireError {
  const message = `The call of ${excerpt(tool)} under this idempotency key ${how}`;
  return wire(200, SLUICE_CODES[kind], message, { upstream, tool: excerpt(tool), mayHaveRun: true, ...extra });
}

/** A failing upstream is no fault of the HTTP request: status 200 and a JSON-RPC error that says what happened. */
function upstreamToWire(failure: UpstreamFailure): WireError {
  const site: JsonObject = { ...failure.site };
  if (failure.kind === 'upstream-refused') {
    return wire(200, failure.error.code, failure.error.message, failure.error.data);
  }
  const extra: JsonObject = failure.kind === 'upstream-http' ? { status: failure.status } : {};
  const retry: JsonObject =
    'retryAfter' in failure && failure.retryAfter !== undefined ? { retryAfter: failure.retryAfter } : {};
  const wait: JsonObject = 'retryAfterMs' in failure ? { retryAfterMs: failure.retryAfterMs } : {};
  const message = `Upstream ${failure.site.upstream} ${describeFault(failure)}`;
  return wire(200, SLUICE_CODES[failure.kind], message, { ...site, ...extra, ...retry, ...wait });
}

function describeFault(fault: Exclude<UpstreamFault, { kind: 'upstream-refused' }>): string {
  switch (fault.kind) {
    case 'upstream-unreachable':
      return 'could not be reached';
    case 'upstream-connect-timeout':
      return `did not accept a connection within ${fault.limitMs} ms`;
    case 'upstream-reset':
      return 'broke the connection before it answered';
    case 'upstream-closed':
      return 'ended its answer without a final response';
    case 'upstream-timeout':
      return `did not finish within ${fault.limitMs} ms`;
    case 'upstream-idle':
      return `was silent for ${fault.limitMs} ms`;
    case 'invocation-ending':
      return "did not finish before the gateway's invocation had to end";
    case 'upstream-garbled':
      return `sent an answer that cannot be used: ${fault.reason}`;
    case 'upstream-http':
      return `answered with HTTP status ${fault.status}`;
    case 'upstream-throttled':
      return 'asks to be called less often (HTTP status 429)';
    case 'upstream-redirect':
      return 'answered with a redirect, which is not followed';
    case 'upstream-too-large':
      return `sent a message larger than ${fault.limitBytes} bytes`;
    case 'upstream-unauthorized':
      return 'does not accept the gateway (HTTP status 401 or 403)';
    case 'upstream-credentials':
      return 'needs credentials that the gateway could not read; it was not called';
    case 'upstream-session-lost':
      return 'lost the session it had just opened';
    case 'upstream-busy':
      return 'has as many calls under way as it may have; it was not called';
    case 'breaker-open':
      return 'has failed too often lately and is left alone for a moment; it was not called';
  }
}

/** Names are the client's own words: enough of them to be recognized. */
function excerpt(name: string): string {
  return name.length > 128 ? `${name.slice(0, 128)}…` : name;
}

function wire(
  status: number,
  code: number,
  message: string,
  data?: JsonRpcError['data'],
  headers: Readonly<Record<string, string>> = {},
): WireError {
  return { status, headers, error: data === undefined ? { code, message } : { code, message, data } };
}

/** Two-sided outcome of a step that can fail in an expected way. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(failure: Failure): Result<never> {
  return { ok: false, failure };
}
