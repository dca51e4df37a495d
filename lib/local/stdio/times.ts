/** How long the host waits for a child, in milliseconds. */
export interface StdioTimes {
  /** After its standard input was closed, until SIGTERM. */
  readonly closeMs: number;
  /** After SIGTERM, until SIGKILL. */
  readonly termMs: number;
  /** The same two when the gateway itself ends, which takes no longer than a second. */
  readonly finalCloseMs: number;
  readonly finalTermMs: number;
  /** For an answer to `server/discover`, until `initialize` is tried beside it. */
  readonly discoverMs: number;
  /** For an answer to either, until the server is taken for a legacy one. */
  readonly probeMs: number;
  /** For a child to end when there are as many as there may be. */
  readonly placeMs: number;
}

export const STDIO_TIMES: StdioTimes = {
  closeMs: 2000,
  termMs: 2000,
  finalCloseMs: 250,
  finalTermMs: 250,
  discoverMs: 2000,
  probeMs: 15_000,
  placeMs: 1000,
};
