import type { JsonObject } from '../protocol/message.ts';
import type { UpstreamSession } from './upstream-sessions.ts';

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
  /**
   * Keys of sessions that expire at `from` or later: the latest first, no more than `limit`. Read from the same index,
   * from its far end.
   */
  expiringLast(from: number, limit: number): Promise<readonly string[]>;
}
