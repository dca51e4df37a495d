/** How many there may be at once; who comes when all places are taken waits a little. */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  get areTaken(): boolean {
    return this.#free === 0;
  }

  /** Takes a place; false when none has become free in time. */
  async take(waitMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const handOver = () => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      this.#waiting.delete(handOver);
      resolve(false);
    }, waitMs);
    this.#waiting.add(handOver);
    return await promise;
  }

  /** To whoever waits longest. */
  free(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
