/** How much is measured: all of it, or a rough look. */

export const FULL = {
  calls: 60,
  latency: { rounds: 5, turns: 3, turnMs: 100, warmUpMs: { small: 2000, large: 500 } },
  parallel: { eras: ['modern', 'legacy'], repetitions: 3 },
  coldStarts: 9,
  tracing: { rounds: 5, turns: 4, turnMs: 100, warmUpMs: 600, coldStarts: 21 },
  crossEra: { rounds: 5, calls: 60 },
  keyed: { rounds: 5, calls: 20, joins: 1 },
  sessions: { rounds: 3, calls: 2 },
  guards: { rounds: 5, calls: 20 },
  fleet: { lists: 7, rounds: 5, calls: 60 },
  flatness: { rounds: 5, calls: 150, sessions: 10_000 },
  bill: { calls: 200, lists: 20, holdMs: 20_000 },
  peers: {
    rounds: 5,
    turns: 2,
    turnMs: 400,
    warmUpMs: 1500,
    repetitions: 3,
    calls: 20,
    settleMs: 500,
    limitMs: 90_000,
  },
} as const;

export type Extent = typeof FULL | typeof QUICK;

export const QUICK = {
  calls: 10,
  latency: { rounds: 2, turns: 1, turnMs: 30, warmUpMs: { small: 100, large: 40 } },
  parallel: { eras: ['legacy'], repetitions: 1 },
  coldStarts: 1,
  tracing: { rounds: 1, turns: 1, turnMs: 30, warmUpMs: 60, coldStarts: 1 },
  crossEra: { rounds: 2, calls: 10 },
  keyed: { rounds: 1, calls: 10, joins: 1 },
  sessions: { rounds: 1, calls: 1 },
  guards: { rounds: 1, calls: 10 },
  fleet: { lists: 2, rounds: 2, calls: 20 },
  flatness: { rounds: 2, calls: 50, sessions: 500 },
  bill: { calls: 20, lists: 3, holdMs: 4000 },
  peers: { rounds: 1, turns: 1, turnMs: 100, warmUpMs: 200, repetitions: 1, calls: 5, settleMs: 100, limitMs: 90_000 },
} as const;
