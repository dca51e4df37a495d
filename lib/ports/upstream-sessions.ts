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
  /** As in `ClientSessionStore`. */
  expiringBetween(from: number, until: number, limit: number): Promise<readonly string[]>;
}

export type KeepOutcome =
  | { readonly kind: 'kept' }
  /** Another environment was first; `winner` is in place and the caller's own session is to be closed. */
  | { readonly kind: 'lost'; readonly winner: UpstreamSession };
