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
