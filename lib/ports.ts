/**
 * What the core needs from outside. Every port has an implementation for production under `adapters/` and, where state
 * is kept, an in-memory twin; one contract suite (`test/contract/`) runs on all of them.
 */
import type { Era } from './protocol/era.ts';
import type { JsonObject } from './protocol/message.ts';

export interface Ports {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Stores for one request; every request they send to the database is counted on `tally`. */
  readonly openStores: (tally: StoreTally) => Stores;
  readonly transport: UpstreamTransport;
  readonly tracer: Tracer;
  readonly actionLog: ActionLog;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** A clock that never steps back, milliseconds with a fraction; only differences mean anything. */
  elapsed(): number;
  /** Calls back once after `ms`, unless the returned function is called first. */
  schedule(ms: number, callback: () => void): () => void;
}

export interface Ids {
  /** An unguessable id: 192 random bits as 32 characters of base64url. */
  random(): string;
  /** SHA-256 of the text, as 43 characters of base64url. */
  digest(text: string): string;
}

/** One invocation of the platform: which environment runs it and when it will be ended by force. */
export interface Invocation {
  readonly requestId: string;
  readonly traceId: string | undefined;
  /** Names the execution environment, for the action log. */
  readonly environment: string;
  /** True for the first invocation of an environment. */
  readonly cold: boolean;
  /** When the platform took the request in, milliseconds since the epoch: before it had an environment for it. */
  readonly arrivedAt: number;
  /** When the platform ends this invocation, milliseconds since the epoch; Infinity when it does not. */
  readonly endsAt: number;
}

// ---------------------------------------------------------------------------------------------------------- stores

/** Counts the requests sent to the database on behalf of one HTTP request. */
export interface StoreTally {
  requests: number;
}

/**
 * A store could not do its work: it is unreachable, too slow or throttled, or it holds a record that cannot be read. The
 * message names the store's method and the kind of trouble, never what was stored. A write that ends like this may
 * still have happened.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** Store and method, such as `clientSessions.read`. */
  readonly operation: string;

  constructor(operation: string, trouble: string, cause: unknown) {
    super(`${operation}: ${trouble}`, { cause });
    this.operation = operation;
  }
}

/** Every method of every store rejects with `StoreError`, and with nothing else. */
export interface Stores {
  readonly clientSessions: ClientSessionStore;
  readonly mailbox: MailboxStore;
  readonly upstreamEras: UpstreamEraStore;
}

/** A session that a legacy client holds on the gateway. */
export interface ClientSession {
  /** Digest of the session id. The id itself is a bearer credential and is never stored. */
  readonly key: string;
  /** The virtual server it was opened on. */
  readonly server: string;
  /** Who opened it: `Caller.key`. Anyone else is told that the session does not exist. */
  readonly caller: string;
  readonly protocolVersion: string;
  readonly clientInfo: JsonObject;
  /** What the client declared, before the gateway's allow-list. */
  readonly clientCapabilities: JsonObject;
  /** Set by `logging/setLevel`; replayed on every upstream session attached later. */
  readonly logLevel: string | undefined;
  /** By upstream name. */
  readonly upstreamSessions: Readonly<Record<string, UpstreamSession>>;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
}

/** A session that the gateway holds on a legacy upstream, on behalf of one client session. */
export interface UpstreamSession {
  /** Unguessable; names this attachment, so that a replacement can say which one it replaces. */
  readonly generation: string;
  /** What the upstream put in `Mcp-Session-Id`; null when it issues none. */
  readonly id: string | null;
  readonly protocolVersion: string;
  readonly attachedAt: number;
}

export type AttachOutcome =
  | { readonly kind: 'attached' }
  /** Another environment attached first; `winner` is in place and the caller's own session is to be closed. */
  | { readonly kind: 'lost'; readonly winner: UpstreamSession }
  /** The client session was terminated meanwhile. */
  | { readonly kind: 'gone' };

export interface ClientSessionStore {
  /** False when the key is taken. */
  create(session: ClientSession): Promise<boolean>;
  /** A consistent read. Expiry is the reader's to check: a record may outlive it. */
  read(key: string): Promise<ClientSession | undefined>;
  /**
   * Attaches an upstream session if none is attached, or if the attached one is of generation `replaces`.
   * Any number of environments may try; exactly one wins.
   */
  attach(key: string, upstream: string, session: UpstreamSession, replaces: string | undefined): Promise<AttachOutcome>;
  /** False when the session is gone. */
  setLogLevel(key: string, level: string): Promise<boolean>;
  /** Moves the expiry, never backwards. False when the session is gone. */
  touch(key: string, lastSeenAt: number, expiresAt: number): Promise<boolean>;
  /** Removes the session and returns what it was; undefined for everyone but the one who removed it. */
  terminate(key: string): Promise<ClientSession | undefined>;
}

/** A client's wish to cancel a call that some environment is holding. */
export interface Cancellation {
  readonly reason: string | undefined;
  /** When the client's notification arrived, milliseconds since the epoch. */
  readonly leftAt: number;
}

/** Where an environment leaves word for the environment that holds a call. */
export interface MailboxStore {
  /** `request` identifies the call within the client session (a digest of the client's request id). */
  leaveCancellation(
    clientSession: string,
    request: string,
    cancellation: Cancellation,
    expiresAt: number,
  ): Promise<void>;
  /** Reads without removing; a consistent read. */
  peekCancellation(clientSession: string, request: string): Promise<Cancellation | undefined>;
  /** Removes it, once it has been acted upon. */
  clearCancellation(clientSession: string, request: string): Promise<void>;
}

/** What is known of an era on an upstream: the protocol versions it offers there; empty when it lacks the era. */
export type KnownVersions = readonly string[];

/** What probing has taught about an upstream. An era that is absent has not been probed. */
export interface UpstreamEras {
  readonly versions: Readonly<Partial<Record<Era, KnownVersions>>>;
  /** When the newest of this was learned, milliseconds since the epoch. */
  readonly learnedAt: number;
}

export interface UpstreamEraStore {
  /** `upstream` is a digest of everything that decides who answers (the URL), so that a changed one is probed anew. */
  read(upstream: string): Promise<UpstreamEras | undefined>;
  /** Keeps whichever memory is newer; an older one is dropped silently, because it is only older. */
  write(upstream: string, eras: UpstreamEras, expiresAt: number): Promise<void>;
}

// ------------------------------------------------------------------------------------------------------- transport

export interface UpstreamHttpRequest {
  readonly url: string;
  readonly method: 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Limit for name resolution, TCP and TLS together, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Aborting closes the connection, whatever phase it is in. */
  readonly signal: AbortSignal;
}

export interface UpstreamHttpResponse {
  readonly kind: 'response';
  readonly status: number;
  /** Names are lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Throws when the connection breaks or the signal aborts before the end. Must be drained, or closed. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up the rest of the body and the connection. Harmless after the end. */
  close(): void;
}

/** No response: why, and whether the request may have reached the upstream. */
export interface TransportFailure {
  readonly kind: 'failure';
  readonly cause: 'unreachable' | 'connect-timeout' | 'reset' | 'aborted';
  /** False only when it is certain that no byte of the request was taken. */
  readonly sent: boolean;
}

/** HTTP to an upstream. Redirects are returned as they are, never followed. */
export interface UpstreamTransport {
  send(request: UpstreamHttpRequest): Promise<UpstreamHttpResponse | TransportFailure>;
}

// ---------------------------------------------------------------------------------------------------------- insight

export interface Tracer {
  /** Runs `work` as one named stage of the journey. */
  stage<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export type Outcome = 'ok' | 'tool-error' | 'error' | 'refused' | 'cancelled' | 'input-required';

/**
 * One thing the gateway did for a caller. Every field is always there, so that lines can be read as a table.
 * Never arguments, results, tokens or ids that work as credentials.
 */
export interface Action {
  /** When the request arrived, milliseconds since the epoch; written as ISO 8601. */
  readonly time: number;
  readonly requestId: string;
  readonly traceId: string | null;
  readonly environment: string;
  readonly cold: boolean;
  readonly era: Era | null;
  /** First characters of a digest; equal hashes mean the same caller or session. */
  readonly caller: string | null;
  readonly session: string | null;
  readonly server: string | null;
  readonly upstream: string | null;
  readonly method: string | null;
  /** The name the call was for: a tool or a prompt, as the client knows it. Null for resources, whose URIs may be private. */
  readonly tool: string | null;
  readonly outcome: Outcome;
  /** `Failure['kind']` of errors.ts, or the upstream's own JSON-RPC code; null when nothing went wrong. */
  readonly errorKind: string | null;
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly totalMs: number;
  readonly gatewayMs: number;
  readonly upstreamMs: number;
  readonly upstreamRequests: number;
  readonly dynamodbRequests: number;
  /** How many times the call was sent upstream. */
  readonly attempt: number;
}

export interface ActionLog {
  /** Writes synchronously, so that an environment that is killed leaves its last line. */
  write(action: Action): void;
  /** Something that the code did not expect: a defect, or a store that does not answer. For the operator only. */
  defect(requestId: string, error: unknown): void;
}
