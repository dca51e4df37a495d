/** Work that is wished for again and again, and need not be done each time. */
import type { Clock } from '../ports.ts';

/** Between two runs under one key, in milliseconds: whoever says the same thing all the time costs one run in each. */
const REST_MS = 1000;

/** Runs work under a key at once, and then not more often than each second however often it is wished for. */
export class Coalescer {
  readonly #clock: Clock;
  readonly #start: (work: () => Promise<void>) => void;
  /** By key of what runs or rests: whether it is to run again. */
  readonly #wanted = new Map<string, boolean>();
  /** Ends the rests; undefined when there are none any more. */
  #wakers: Set<() => void> | undefined = new Set();

  constructor(clock: Clock, start: (work: () => Promise<void>) => void) {
    this.#clock = clock;
    this.#start = start;
  }

  note(key: string, run: () => Promise<unknown>): void {
    if (this.#wanted.has(key)) this.#wanted.set(key, true);
    else this.#begin(key, run);
  }

  /** Runs what is still wished for without any more rests. */
  hurry(): void {
    const wakers = this.#wakers ?? [];
    this.#wakers = undefined;
    for (const wake of wakers) wake();
  }

  #begin(key: string, run: () => Promise<unknown>): void {
    this.#wanted.set(key, false);
    this.#start(() => this.#runAndRest(key, run));
  }

  async #runAndRest(key: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } finally {
      await this.#rest();
      const again = this.#wanted.get(key) === true;
      this.#wanted.delete(key);
      if (again) this.#begin(key, run);
    }
  }

  async #rest(): Promise<void> {
    const wakers = this.#wakers;
    if (wakers === undefined) return;
    const rested = Promise.withResolvers<void>();
    const wake = (): void => rested.resolve();
    wakers.add(wake);
    const cancelTimer = this.#clock.schedule(REST_MS, wake);
    await rested.promise;
    cancelTimer();
    wakers.delete(wake);
  }
}
