/** What the core counts, all since it started. A type and not an interface, because it is sent as plain counts. */
export type CoreCounts = {
  /** Requests under way, each until what it leaves to be done after its answer is done. */
  underway: number;
  /** Requests as the action log has them. */
  loggedUpstream: number;
  loggedDynamodb: number;
  /** Time of the gateway itself and of its stores, as the action log has it; in milliseconds. */
  gatewayMs: number;
  /** What was done after answers, in milliseconds. */
  afterMs: number;
  /** Of log lines, as they were written. */
  logBytes: number;
  /** To clients and to upstreams, as TCP carries it. */
  readonly sentBytes: number;
  /** The most memory that the process has held so far. */
  readonly mostMemoryBytes: number;
};

/** What housekeeping counts, likewise. */
export type HousekeeperCounts = {
  /** How long it took, in milliseconds. */
  ms: number;
  logBytes: number;
  /** To upstreams. */
  readonly sentBytes: number;
};
