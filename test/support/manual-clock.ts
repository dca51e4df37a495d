import type { Clock } from '../../lib/ports.ts';
import { turn } from './turn.ts';

export interface ManualClock extends Clock {
  /** Lets `ms` pass: what falls due runs in the order of its time, including what is scheduled meanwhile. */
  advance(ms: number): void;
  /** How many callbacks are waiting. */
  readonly scheduled: number;
}

/** A clock that stands still until it is told otherwise. `start` is its wall clock, milliseconds since the epoch. */
export function createManualClock(start: number = Date.UTC(2026, 0, 1)): ManualClock {
  let elapsed = 0;
  const waiting = new Set<{ readonly due: number; readonly callback: () => void }>();

  const nextDue = (limit: number) => {
    let next: { readonly due: number; readonly callback: () => void } | undefined;
    for (const timer of waiting) {
      if (timer.due <= limit && (next === undefined || timer.due < next.due)) next = timer;
    }
    return next;
  };

  return {
    now: () => start + Math.floor(elapsed),
    elapsed: () => elapsed,
    readDate: (text) => Date.parse(text),
    schedule: (ms, callback) => {
      const timer = { due: elapsed + Math.max(0, ms), callback };
      waiting.add(timer);
      return () => void waiting.delete(timer);
    },
    advance: (ms) => {
      const end = elapsed + ms;
      for (let timer = nextDue(end); timer !== undefined; timer = nextDue(end)) {
        waiting.delete(timer);
        elapsed = timer.due;
        timer.callback();
      }
      elapsed = end;
    },
    get scheduled() {
      return waiting.size;
    },
  };
}

/** Lets time pass, `stepMs` with each turn, until the promise has settled. */
export async function passingTime<T>(clock: ManualClock, stepMs: number, promise: Promise<T>): Promise<T> {
  const state = { settled: false };
  const done = promise.finally(() => {
    state.settled = true;
  });
  done.catch(() => undefined);
  for (; !state.settled; clock.advance(stepMs)) await turn();
  return done;
}
