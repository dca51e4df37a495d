/** What AWS charges, in dollars: us-east-1, Lambda on arm64, DynamoDB on demand. */

/** Of a million of each, but for what is by the GB (10^9 bytes). */
const PRICES = {
  requests: 0.2,
  gbSeconds: 13.33,
  writeUnits: 0.625,
  readUnits: 0.125,
  traces: 5,
  logGb: 0.5,
  sentGb: 0.09,
} as const;

/** What something uses, however much of it there is: a call, an hour, a month. */
export interface Usage {
  /** Invocations of the function. */
  readonly requests: number;
  /** That the function runs, whether it works or waits. */
  readonly seconds: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly traces: number;
  readonly logBytes: number;
  readonly sentBytes: number;
}

/** In dollars. */
export interface Bill {
  readonly requests: number;
  readonly time: number;
  readonly store: number;
  readonly traces: number;
  readonly log: number;
  readonly sent: number;
}

const MILLION = 1e6;
const GB = 1e9;

/** `memoryMb` is what the function is configured with, in units of 2^20 bytes; 1,024 of them are billed as one GB. */
export function billOf(usage: Usage, memoryMb: number): Bill {
  const gbSeconds = (usage.seconds * memoryMb) / 1024;
  return {
    requests: (PRICES.requests * usage.requests) / MILLION,
    time: (PRICES.gbSeconds * gbSeconds) / MILLION,
    store: (PRICES.writeUnits * usage.writeUnits + PRICES.readUnits * usage.readUnits) / MILLION,
    traces: (PRICES.traces * usage.traces) / MILLION,
    log: (PRICES.logGb * usage.logBytes) / GB,
    sent: (PRICES.sentGb * usage.sentBytes) / GB,
  };
}

export function totalOf(bill: Bill): number {
  const { requests, time, store, traces, log, sent } = bill;
  return requests + time + store + traces + log + sent;
}

/** The same so many times. */
export function times(usage: Usage, count: number): Usage {
  const scaled = Object.entries(usage).map(([name, amount]: [string, number]) => [name, amount * count] as const);
  return Object.fromEntries(scaled) as unknown as Usage;
}

/** In words, for whoever reads the figures. */
export const FORMULA =
  `dollars = ${PRICES.requests} x million requests + ${PRICES.gbSeconds} x million GB-seconds (memory x time of the gateway, ` +
  `of its wait for the upstream, and of the share of cold starts) + ${PRICES.writeUnits} x million write units + ` +
  `${PRICES.readUnits} x million read units + ${PRICES.traces} x million traces + ${PRICES.logGb} x GB of log + ` +
  `${PRICES.sentGb} x GB sent`;
