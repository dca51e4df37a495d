/** Where the time of a message, or of a whole HTTP request, went. */

/** Milliseconds, to the microsecond. They are rounded together: `gatewayMs` and `upstreamMs` add up to `totalMs`. */
export interface Timing {
  readonly totalMs: number;
  readonly gatewayMs: number;
  readonly upstreamMs: number;
}

/** `waitedMs` is how long somebody waited for an upstream: of the total, never more than it. */
export function timingOf(totalMs: number, waitedMs: number): Timing {
  const total = Math.round(totalMs * 1000);
  const upstream = Math.min(Math.round(waitedMs * 1000), total);
  return { totalMs: total / 1000, gatewayMs: (total - upstream) / 1000, upstreamMs: upstream / 1000 };
}

/** As browsers and tracing tools read it (W3C, "Server Timing", section 2); durations are in milliseconds. */
export function serverTiming({ gatewayMs, upstreamMs }: Timing): string {
  return `gateway;dur=${gatewayMs}, upstream;dur=${upstreamMs}`;
}
