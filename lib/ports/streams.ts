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
