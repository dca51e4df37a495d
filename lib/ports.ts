/**
 * What the core needs from outside. Every port has an implementation for production under `adapters/` and, where state
 * is kept, an in-memory twin; one contract suite (`test/contract/`) runs on all of them.
 */
import type { Era } from './protocol/era.ts';
import type { JsonObject } from './protocol/message.ts';
import type { AnnouncedList, ListMember } from './protocol/methods.ts';
import type { PlatformTrace } from './protocol/trace-context.ts';

export interface Ports {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Stores for one request; every request they send to the database is counted on `tally`. */
  readonly openStores: (tally: StoreTally) => Stores;
  readonly executeOnce: ExecuteOnce;
  readonly transport: UpstreamTransport;
  readonly tracer: Tracer;
  readonly actionLog: ActionLog;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** A clock that never steps back, milliseconds with a fraction; only differences mean anything. */
  elapsed(): number;
  /** The moment that an HTTP date names (RFC 9110, section 5.6.7), milliseconds since the epoch; NaN for anything else. */
  readDate(text: string): number;
  /** Calls back once after `ms`, unless the returned function is called first. */
  schedule(ms: number, callback: () => void): () => void;
}

export interface Ids {
  /** An unguessable id: 192 random bits as 32 characters of base64url. */
  random(): string;
  /** SHA-256 of the text, as 43 characters of base64url. */
  digest(text: string): string;
  /** A random number, 0 included and 1 not: spreads what would otherwise happen at the same moment. */
  fraction(): number;
}

/** One invocation of the platform: which environment runs it and when it will be ended by force. */
export interface Invocation {
  readonly requestId: string;
  /** Undefined where nothing traces. */
  readonly trace: InvocationTrace | undefined;
  /** Names the execution environment, for the action log. */
  readonly environment: string;
  /** True for the first invocation of an environment. */
  readonly cold: boolean;
  /** When the platform took the request in, milliseconds since the epoch: before it had an environment for it. */
  readonly arrivedAt: number;
  /** When the platform ends this invocation, milliseconds since the epoch; Infinity when it does not. */
  readonly endsAt: number;
}

/** The trace that an invocation belongs to, by the platform's word (X-Ray, "Tracing header"). */
export type InvocationTrace = PlatformTrace;

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
  readonly upstreamSessions: UpstreamSessionStore;
  readonly catalog: CatalogStore;
  readonly pins: PinStore;
  readonly listening: ListeningStore;
  readonly idempotency: IdempotencyStore;
  readonly breakers: BreakerStore;
  readonly slots: SlotStore;
  readonly streams: StreamStore;
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

/** A session that the gateway holds on a legacy upstream, on behalf of one client session or of several calls. */
export interface UpstreamSession {
  /** Unguessable; names this attachment, so that a replacement can say which one it replaces. */
  readonly generation: string;
  /** What the upstream put in `Mcp-Session-Id`; null when it issues none. */
  readonly id: string | null;
  readonly protocolVersion: string;
  readonly attachedAt: number;
  /** A call in it has failed in a way that may be the session's fault: it must prove itself before it is used again. */
  readonly doubted?: true;
  /** Since when nobody uses it any more, milliseconds since the epoch: it is kept only to be ended. */
  readonly leftAt?: number;
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
  /** Marks an attached upstream session, or clears the mark. Nothing happens once another generation is attached. */
  setDoubt(key: string, upstream: string, generation: string, doubted: boolean): Promise<void>;
  /** False when the session is gone. */
  setLogLevel(key: string, level: string): Promise<boolean>;
  /** Moves the expiry, never backwards. False when the session is gone. */
  touch(key: string, lastSeenAt: number, expiresAt: number): Promise<boolean>;
  /** Removes the session and returns what it was; undefined for everyone but the one who removed it. */
  terminate(key: string): Promise<ClientSession | undefined>;
  /** As `terminate`, unless the session expires after `now`: somebody has used it meanwhile. */
  terminateExpired(key: string, now: number): Promise<ClientSession | undefined>;
  /**
   * Keys of sessions that expire at `from` or later, and before `until`: the earliest first, no more than `limit`. Read
   * from an index that may lag behind.
   */
  expiringBetween(from: number, until: number, limit: number): Promise<readonly string[]>;
}

/** A session on a legacy upstream that serves the calls of clients without sessions. */
export interface SharedUpstreamSession {
  /** Name of the upstream, as configured. */
  readonly upstream: string;
  readonly session: UpstreamSession;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Upstream sessions that belong to no client session. `key` is a digest of the upstream and of who shares the session. */
export interface UpstreamSessionStore {
  /** A consistent read. Expiry is the reader's to check. */
  read(key: string): Promise<SharedUpstreamSession | undefined>;
  /** Keeps a session if none is kept, or if the one that is has generation `replaces`, or has expired by `now`. */
  keep(key: string, shared: SharedUpstreamSession, replaces: string | undefined, now: number): Promise<KeepOutcome>;
  /** Marks the session, or clears the mark. Nothing happens once another generation is kept. */
  setDoubt(key: string, generation: string, doubted: boolean): Promise<void>;
  /** Removes it if it has expired by `now`, and returns it; undefined for everyone but the one who removed it. */
  removeExpired(key: string, now: number): Promise<SharedUpstreamSession | undefined>;
  /** As for client sessions. */
  expiringBetween(from: number, until: number, limit: number): Promise<readonly string[]>;
}

export type KeepOutcome =
  | { readonly kind: 'kept' }
  /** Another environment was first; `winner` is in place and the caller's own session is to be closed. */
  | { readonly kind: 'lost'; readonly winner: UpstreamSession };

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

/** How messages reach an upstream: Streamable HTTP, or HTTP+SSE as of 2024-11-05. */
export type UpstreamTransportName = 'http' | 'sse';

/** What probing has taught about an upstream. An era that is absent has not been probed. */
export interface UpstreamEras {
  readonly versions: Readonly<Partial<Record<Era, KnownVersions>>>;
  /** Absent while it has not been found out; the legacy era has both, the modern one `http` only. */
  readonly transport?: UpstreamTransportName;
  /** When the newest of this was learned, milliseconds since the epoch. */
  readonly learnedAt: number;
}

export interface UpstreamEraStore {
  /** `upstream` is a digest of everything that decides who answers (the URL), so that a changed one is probed anew. */
  read(upstream: string): Promise<UpstreamEras | undefined>;
  /** Keeps whichever memory is newer; an older one is dropped silently, because it is only older. */
  write(upstream: string, eras: UpstreamEras, expiresAt: number): Promise<void>;
}

/** What is kept of an upstream: its lists, and how it introduces itself. */
export type CatalogMember = ListMember | 'introduction';

/** One list of one upstream, as one kind of caller gets it. */
export interface CatalogKey {
  /** Digest of everything that decides who answers, as in `UpstreamEraStore`. */
  readonly upstream: string;
  /**
   * Digest of the authorization context, the revision spoken upstream, the client capabilities declared there, and the
   * headers of the client's own that are sent on.
   */
  readonly audience: string;
  readonly member: CatalogMember;
}

/** What is known of a kept list without reading it. */
export interface CatalogHead {
  /** Unguessable; names the text, so that nobody reads half of one and half of another. */
  readonly version: string;
  /** How often the upstream's list was known to have changed when this one was asked for. */
  readonly changes: number;
  /** When it was asked for, milliseconds since the epoch. */
  readonly fetchedAt: number;
  /** Until when it need not be asked for again, unless it changes. */
  readonly freshUntil: number;
  /** When a client last had it asked for: what nobody asks for need not be kept fresh. */
  readonly wantedAt: number;
  /** Whether every caller of its audience gets the same one, so that it can be asked for on nobody's behalf. */
  readonly shared: boolean;
  /** What to tell the upstream when it is asked again: the revision to speak, and the client capabilities. */
  readonly asked: { readonly version: string; readonly clientCapabilities: JsonObject };
  /** Size of the text as it is kept, in bytes. */
  readonly bytes: number;
}

/** What the writer of a list decides; the store adds the rest. */
export type NewCatalogHead = Omit<CatalogHead, 'bytes'>;

export interface CatalogState {
  readonly head: CatalogHead | undefined;
  /** How often the upstream's list is known to have changed. */
  readonly changes: number;
}

/**
 * Lists of upstreams: compressed, in parts that fit in a record, behind a head that is written last. What is kept is
 * replaced only by what was asked for later, so that a slow answer never undoes a newer one.
 */
export interface CatalogStore {
  /** In the order of the keys; consistent reads. */
  heads(keys: readonly CatalogKey[]): Promise<readonly CatalogState[]>;
  /** The texts, in the order given; undefined for one that has been replaced or removed meanwhile. */
  texts(
    wanted: readonly { readonly key: CatalogKey; readonly head: CatalogHead }[],
  ): Promise<readonly (string | undefined)[]>;
  /** False when what is in place has seen more changes, or as many and was fetched later. */
  write(key: CatalogKey, head: NewCatalogHead, text: string, expiresAt: number): Promise<boolean>;
  /** Writes the head anew over the same text (`head.version`); false when that is no longer in place. */
  renew(key: CatalogKey, head: CatalogHead, expiresAt: number): Promise<boolean>;
  /**
   * Counts a change of the upstream's list: whatever was asked for before is stale now, whoever it was for. Returns the
   * count after it.
   */
  countChange(upstream: string, member: CatalogMember): Promise<number>;
  /** How often the lists of each upstream are known to have changed, in the order given; consistent reads. */
  changesOf(upstreams: readonly string[]): Promise<readonly ChangeCounts[]>;
  /** Everything kept of an upstream. */
  headsOf(upstream: string): Promise<readonly { readonly key: CatalogKey; readonly head: CatalogHead }[]>;
}

/** By list; one that is absent is not known to have changed. */
export type ChangeCounts = Readonly<Partial<Record<ListMember, number>>>;

/** How often the lists of a virtual server are known to have changed, those of all its upstreams together. */
export type ListCounts = Readonly<Record<AnnouncedList, number>>;

/** A resource that a client session wants to hear about. */
export interface Subscription {
  readonly uri: string;
  /** Name of the upstream that has it: nobody else's word counts. */
  readonly upstream: string;
  /** The upstream session that knows of it; null for an upstream without. */
  readonly generation: string | null;
}

/** A subscribed resource that has changed, which the client has not been told yet. */
export interface ResourceUpdate {
  readonly uri: string;
  /** Unguessable; tells it from a later change of the same resource. */
  readonly token: string;
}

/** How far the stream beside the calls of an upstream session has been read and told. */
export interface HeardPosition {
  readonly generation: string;
  readonly eventId: string;
}

/** By upstream. */
export type HeardPositions = Readonly<Record<string, HeardPosition>>;

export interface Listening {
  /** The counts that the client was last told of; undefined before it first listened. */
  readonly told: ListCounts | undefined;
  /** Whoever began to listen last on behalf of the client; undefined before somebody claimed to. */
  readonly listener: string | undefined;
  readonly subscriptions: readonly Subscription[];
  readonly updates: readonly ResourceUpdate[];
  /** From where the next listener goes on; upstreams whose streams cannot be resumed are not there. */
  readonly positions: HeardPositions;
}

/** What client sessions are to be told beside their calls. `session` is the key of a client session. */
export interface ListeningStore {
  /** A consistent read. Expiry is that of the client session. */
  read(session: string): Promise<Listening>;
  /** Makes `listener`, which is unguessable, the one that the client is told by. */
  claim(session: string, listener: string, expiresAt: number): Promise<void>;
  /** Keeps what the client has been told. */
  tell(session: string, told: ListCounts, expiresAt: number): Promise<void>;
  /** Keeps how far upstreams have been heard, in place of what was kept. */
  reach(session: string, positions: HeardPositions, expiresAt: number): Promise<void>;
  /** Keeps a subscription, in place of one to the same resource. False when there are `most` others already. */
  subscribe(session: string, subscription: Subscription, most: number, expiresAt: number): Promise<boolean>;
  unsubscribe(session: string, uri: string): Promise<void>;
  /**
   * Keeps that the upstream session of `subscription` knows of it, in place of the one of generation `replaces`; nothing
   * happens when the subscription has ended or is another one by now. An update that the client was not told stays.
   */
  renew(session: string, subscription: Subscription, replaces: string | null): Promise<void>;
  /** Ends a subscription that its upstream refuses; nothing happens when it is another one by now. */
  withdraw(session: string, subscription: Subscription): Promise<void>;
  /** Keeps an update for the client; nothing happens unless it has subscribed to the resource at this upstream. */
  noteUpdate(session: string, upstream: string, update: ResourceUpdate): Promise<void>;
  /** Forgets updates that the client has been told, except those that have been replaced by later ones. */
  clearUpdates(session: string, updates: readonly ResourceUpdate[]): Promise<void>;
  /** Moves the expiry of what there is. */
  touch(session: string, expiresAt: number): Promise<void>;
}

/** The tool definitions of one upstream that the operator trusts. */
export interface PinRecord {
  /** Unguessable; names this state of the record. */
  readonly version: string;
  /** JSON text. */
  readonly text: string;
}

export interface PinStore {
  /** `upstream` is its configured name. A consistent read. */
  read(upstream: string): Promise<PinRecord | undefined>;
  /** Replaces the record of version `replaces`; undefined when there is none. False when somebody else was first. */
  write(upstream: string, record: PinRecord, replaces: string | undefined): Promise<boolean>;
}

/**
 * What is known of a call that carries an idempotency key. `owner` is the fence: only who still owns the record may say
 * how the call ended.
 */
export interface IdempotencyRecord {
  /** Unguessable; one for each execution. */
  readonly owner: string;
  /** Digest of what the call asks for: the same key may not be used for something else. */
  readonly digest: string;
  readonly state: IdempotencyState;
}

export type IdempotencyState =
  /** Past `deadlineAt` (milliseconds since the epoch) nobody is at work any more: the outcome is unknown. */
  | { readonly kind: 'in-progress'; readonly deadlineAt: number }
  /** `text` is what was kept of the outcome; undefined when it was too large to be kept. */
  | { readonly kind: 'done'; readonly text: string | undefined }
  /** The call may have run, and nobody will ever know how it ended. */
  | { readonly kind: 'unknown' };

/** Somebody's claim to execute a call. Times are in milliseconds since the epoch. */
export interface IdempotencyClaim {
  readonly owner: string;
  readonly digest: string;
  /** When its owner has given up at the latest. */
  readonly deadlineAt: number;
  /** When the key is forgotten; not before `deadlineAt`. */
  readonly expiresAt: number;
}

export type BeginOutcome = { readonly kind: 'begun' } | { readonly kind: 'exists'; readonly record: IdempotencyRecord };

/**
 * Keyed calls. `key` is a digest of everything that tells one logical call from another. A record that is in progress
 * never becomes free: it is completed, released or left unknown by its owner, and overtaken by nobody who was not told
 * that the call may be sent again.
 */
export interface IdempotencyStore {
  /** Creates the record, unless there is one that has not expired by `now`, or is in progress before its deadline. */
  begin(key: string, claim: IdempotencyClaim, now: number): Promise<BeginOutcome>;
  /** A consistent read; undefined when there is none, or it has expired by `now`. */
  read(key: string, now: number): Promise<IdempotencyRecord | undefined>;
  /** Takes the place of owner `from`, whose outcome is unknown by `now`. False when somebody else was first, or `from` has ended. */
  overtake(key: string, from: string, claim: IdempotencyClaim, now: number): Promise<boolean>;
  /** Says how the call ended, as far as that can be kept. False when the record has another owner by now, or is gone. */
  complete(key: string, owner: string, text: string, expiresAt: number): Promise<boolean>;
  /** False as in `complete`. A call that is known to have ended stays so. */
  leaveUnknown(key: string, owner: string, expiresAt: number): Promise<boolean>;
  /** Forgets a call that cannot have run. False when the record has another owner by now, or the call is done. */
  release(key: string, owner: string): Promise<boolean>;
}

/** How an upstream has done lately, for all environments. Times are in milliseconds since the epoch. */
export interface BreakerState {
  /** Failures since the last success. */
  readonly failures: number;
  /** Calls are refused until then; undefined while the breaker is closed. */
  readonly openUntil: number | undefined;
  /** Who has been let through since `openUntil`, and until when they may take; undefined for nobody. */
  readonly trial: { readonly token: string; readonly until: number } | undefined;
}

/** `upstream` is a digest of everything that decides who answers, as in `UpstreamEraStore`. */
export interface BreakerStore {
  /** A consistent read; undefined for an upstream that has not failed since its last success, or not lately. */
  read(upstream: string, now: number): Promise<BreakerState | undefined>;
  /**
   * Counts a failure, and opens the breaker until `openUntil` when there are `limit` of them and it is closed. Returns
   * the state after it. The count is forgotten at `expiresAt`, and with it that the breaker is open.
   */
  countFailure(
    upstream: string,
    limit: number,
    openUntil: number,
    expiresAt: number,
    now: number,
  ): Promise<BreakerState>;
  /** Lets one through whose turn it is (half-open): true for one only, until `trial.until`. */
  beginTrial(
    upstream: string,
    trial: { readonly token: string; readonly until: number },
    now: number,
  ): Promise<boolean>;
  /** Opens the breaker again after a trial that failed; nothing happens when it is somebody else's by now. */
  failTrial(upstream: string, token: string, openUntil: number, expiresAt: number): Promise<void>;
  /** Lets somebody else try at once; nothing happens when it is somebody else's by now. */
  giveUpTrial(upstream: string, token: string): Promise<void>;
  /** Forgets everything after a trial that succeeded; nothing happens when it is somebody else's by now. */
  passTrial(upstream: string, token: string): Promise<void>;
  /** Forgets the failures of a breaker, unless it is open. */
  forgetFailures(upstream: string): Promise<void>;
}

export type SlotOutcome =
  | { readonly kind: 'claimed' }
  /** Every slot is taken; the first one to be free by itself is so at `freeAt`, milliseconds since the epoch. */
  | { readonly kind: 'full'; readonly freeAt: number };

/** Who may call an upstream at the same time. `upstream` as for breakers. */
export interface SlotStore {
  /** Claims one of `most` slots until `until`. A slot whose time has passed by `now` is as good as free. */
  claim(upstream: string, token: string, most: number, until: number, now: number): Promise<SlotOutcome>;
  /** Harmless when it is free already. */
  release(upstream: string, token: string): Promise<void>;
}

/** A stream of events in which requests of a legacy client are answered. Times are in milliseconds since the epoch. */
export interface StreamHead {
  /** Unguessable; names who writes it. */
  readonly holder: string;
  /** Whoever writes it has stopped by then. */
  readonly heldUntil: number;
  /** JSON texts of the ids of the requests that it answers. */
  readonly requests: readonly string[];
  /** What somebody needs who goes on with it; undefined unless nobody writes it and anybody may. */
  readonly continuation: string | undefined;
}

/** Consecutive events of a stream. */
export interface StreamBatch {
  /** Number of the last one; the first event of a stream is number 1. */
  readonly last: number;
  /** The messages, JSON texts; none when there is only something to be said about the stream. */
  readonly events: readonly string[];
  /** Places in `StreamHead.requests` of those that are answered by now. */
  readonly answered: readonly number[];
  /** Whether what comes after it is not kept. */
  readonly cut: boolean;
}

export interface KeptStream {
  readonly head: StreamHead;
  /** In their order. Some are missing when they have expired or could not be written. */
  readonly batches: readonly StreamBatch[];
}

/** `key` is a digest of the client session and of the stream's own id. One writer at a time; any number of readers. */
export interface StreamStore {
  /** The head of a stream that does not exist yet. */
  begin(key: string, head: StreamHead, expiresAt: number): Promise<void>;
  /** Only whoever holds the stream appends to it, one batch after the other. */
  append(key: string, batch: StreamBatch, expiresAt: number): Promise<void>;
  /** Leaves the stream to whoever comes for it. False when `holder` does not hold it. */
  handOver(key: string, holder: string, continuation: string, expiresAt: number): Promise<boolean>;
  /** Goes on with a stream that `from` has left: true for one only. */
  takeOver(
    key: string,
    from: string,
    by: Pick<StreamHead, 'holder' | 'heldUntil'>,
    expiresAt: number,
  ): Promise<boolean>;
  /**
   * The head, and the batches that end with event `from` or a later one; a consistent read. Undefined when there is no
   * such stream, or it has expired by `now`.
   */
  read(key: string, from: number, now: number): Promise<KeptStream | undefined>;
}

// ---------------------------------------------------------------------------------------------------- idempotency

/** How an execution ended, as far as its record is concerned. */
export type KeyedOutcome =
  /** `text` is to be kept for whoever asks again. */
  | { readonly kind: 'done'; readonly text: string }
  /** It cannot have run. */
  | { readonly kind: 'not-run' }
  | { readonly kind: 'unknown' };

/** What an execution under a key needs. */
export interface KeyedExecution {
  readonly store: IdempotencyStore;
  readonly key: string;
  readonly claim: IdempotencyClaim;
  /** Whose unknown outcome it replaces; undefined for a key that is not taken. */
  readonly overtakes: string | undefined;
  readonly now: number;
  /** When the key is forgotten once the execution has ended, milliseconds since the epoch. */
  readonly expiresAt: (isKnown: boolean) => number;
  /** Called once, if at all, when the record is in place. */
  readonly execute: () => Promise<KeyedOutcome>;
  /** The execution has ended and its record could not be written: it stays in progress, and is unknown in time. */
  readonly onUnwritten: (error: unknown) => void;
}

export type KeyedResult =
  | { readonly kind: 'executed' }
  /** Somebody else has the key; nothing was executed. Undefined when their record has gone meanwhile. */
  | { readonly kind: 'exists'; readonly record: IdempotencyRecord | undefined };

/** Executes a call between the two ends of its record. Rejects with `StoreError` when that could not be begun. */
export type ExecuteOnce = (execution: KeyedExecution) => Promise<KeyedResult>;

// ------------------------------------------------------------------------------------------------------- transport

/** A secret that is kept elsewhere. The core knows its name and never its value, which only the transport reads. */
export interface SecretReference {
  readonly secret: string;
  readonly store: 'secretsmanager' | 'ssm';
  /** The member of a JSON object that is meant; absent when the secret is the value itself. */
  readonly key?: string;
  /** Goes before it in the header. */
  readonly prefix?: string;
}

export interface UpstreamHttpRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string | SecretReference>>;
  readonly body: string;
  /** Limit for name resolution, TCP and TLS together, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Aborting closes the connection, whatever phase it is in. */
  readonly signal: AbortSignal;
  /** Told how far the request has come; left out when nobody wants to know. */
  readonly watch?: TransportWatch;
}

/** Called at the moments it tells of, in this order. Whatever happens, `ended` comes last; it may come again. */
export interface TransportWatch {
  /** A connection stands, new or kept from an earlier request: the request is written from now on. */
  connected(isNew: boolean): void;
  /** The head of the response is there. */
  responded(status: number): void;
  /** The body has ended, or the request has failed or was given up: nothing more comes. */
  ended(): void;
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
  readonly cause: 'unreachable' | 'connect-timeout' | 'reset' | 'aborted' | 'secret-unavailable';
  /** False only when it is certain that no byte of the request was taken. */
  readonly sent: boolean;
}

/** HTTP to an upstream. Redirects are returned as they are, never followed. */
export interface UpstreamTransport {
  readonly send: (request: UpstreamHttpRequest) => Promise<UpstreamHttpResponse | TransportFailure>;
}

// ---------------------------------------------------------------------------------------------------------- insight

/** Records where the time of an invocation goes, when somebody wants to know. */
export interface Tracer {
  /** Begins with one span, of this name, for the invocation as a whole. `UNTRACED` when nobody does. */
  begin(invocation: Invocation, name: string): Trace;
}

/** What is recorded of one invocation. */
export interface Trace {
  readonly root: Span;
  /**
   * Sends what has been recorded since the last time; spans that have not ended yet are sent as being under way. Settles
   * when all of it has left, and never rejects: no call fails because it could not be traced.
   */
  flush(): Promise<void>;
}

/**
 * A stretch of time with a name. Who begins a span says which one it is part of, so that what happens at the same time
 * cannot be mixed up. What is said of a span counts until it has been sent.
 */
export interface Span {
  /** 16 hexadecimal digits, by which an upstream can say that it was called here; undefined when nothing is recorded. */
  readonly id: string | undefined;
  /** A part of this one, from now on. `remote` is what is spent waiting for an upstream. */
  begin(name: string, kind?: 'remote'): Span;
  /** What it can be searched by. A null is as good as not said. Never arguments, results, tokens or whole ids. */
  annotate(annotations: Readonly<Record<string, string | number | boolean | null>>): void;
  /** It went wrong: by the fault of who asked, because there was too much of it, or by the fault of who was asked. */
  fail(verdict: 'error' | 'throttle' | 'fault'): void;
  /** Only the first time counts. */
  end(): void;
}

/** Nothing is recorded, and costs nothing. */
export const NO_SPAN: Span = {
  id: undefined,
  begin: () => NO_SPAN,
  annotate: () => {},
  fail: () => {},
  end: () => {},
};

export const UNTRACED: Trace = { root: NO_SPAN, flush: async () => {} };

/** Runs `work` as one named stage of the journey. */
export function inSpan<T>(parent: Span, name: string, work: (span: Span) => Promise<T>): Promise<T> {
  return parent.id === undefined ? work(parent) : inRecordedSpan(parent.begin(name), work);
}

async function inRecordedSpan<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } finally {
    span.end();
  }
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
  /** Whether the answer is that of an earlier call under the same idempotency key. */
  readonly replayed: boolean;
}

/** Something that happened beside the actions and that the operator should know. Never arguments or results. */
export type Notice =
  /** An upstream was left out of a merged list. */
  | {
      readonly kind: 'upstream-unavailable';
      readonly upstream: string;
      readonly member: CatalogMember;
      readonly reason: string;
    }
  /** A list is no longer what it was. Names as the upstream knows them, no more than the first twenty of each. */
  | {
      readonly kind: 'list-changed';
      readonly upstream: string;
      readonly member: ListMember;
      readonly added: readonly string[];
      readonly changed: readonly string[];
      readonly removed: readonly string[];
    }
  /** Two upstreams of a virtual server claim the same name or URI; `upstream` does not get it. */
  | {
      readonly kind: 'claim-lost';
      readonly server: string;
      readonly upstream: string;
      readonly owner: string;
      readonly name: string;
    }
  /** A name, with its prefix, is longer than some clients take. */
  | { readonly kind: 'name-too-long'; readonly server: string; readonly upstream: string; readonly name: string }
  /** An upstream has failed so often in a row that it is left alone; and it has served again. */
  | { readonly kind: 'breaker-opened' | 'breaker-closed'; readonly upstream: string }
  /** A secret that an upstream is to be sent could not be read; the upstream was not called. */
  | { readonly kind: 'secret-unavailable'; readonly secret: string; readonly reason: string }
  /** A pinned tool changed: it is hidden and refused until an operator accepts it. */
  | { readonly kind: 'tool-held'; readonly upstream: string; readonly tool: string };

export interface ActionLog {
  /** For the operator; written synchronously, as actions are. The request is null when it is not known. */
  notice(requestId: string | null, notice: Notice): void;
  /** Writes synchronously, so that an environment that is killed leaves its last line. */
  write(action: Action): void;
  /** Something that the code did not expect: a defect, or a store that does not answer. For the operator only. */
  defect(requestId: string, error: unknown): void;
}
