import type { ExecutionEnvironment } from './environment.ts';

/**
 * Without affinity, so many environments at least take turns. With two, every second request of a client would come
 * back to the environment that served its first one, and find whatever that one kept in its memory.
 */
const FEWEST_IN_ROTATION = 3;

/**
 * For so long after its answer, an environment counts as about to be free, in milliseconds. An invocation goes on for a
 * moment after its answer, and the client's next request may be faster than that.
 */
const FINISHING_MS = 50;

export interface PoolOptions {
  /** Most environments at once. */
  readonly limit: number;
  /** Whether a request goes to the environment that served the one before it, if it can. */
  readonly affinity: boolean;
  /** Starts an environment. `id` is new each time. */
  readonly start: (id: string) => ExecutionEnvironment;
}

/** Decides which environment serves the next request. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #all = new Set<ExecutionEnvironment>();
  readonly #idle = new Set<ExecutionEnvironment>();
  /** Those that were taken, by when: the latest last. */
  readonly #taken = new Set<ExecutionEnvironment>();
  /** Requests that wait for a finishing environment. */
  readonly #waiting = new Set<() => void>();
  #started = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get environments(): readonly ExecutionEnvironment[] {
    return [...this.#all];
  }

  /** Starts an environment before a request needs it. Rejects when it cannot be used. */
  async warm(): Promise<void> {
    const environment = this.#start();
    await environment.ready;
    this.release(environment);
  }

  /**
   * Takes an environment out for one invocation: an idle one, or a new one as soon as it is ready. Undefined when all
   * that may exist are busy. Rejects when a new one cannot be used. Must be given back.
   */
  async take(): Promise<ExecutionEnvironment | undefined> {
    let environment = this.#preferred();
    while (environment === undefined) {
      const finishing = this.#finishing();
      if (finishing === undefined) break;
      await finishing;
      environment = this.#preferred();
    }
    environment ??= this.#otherwise();
    if (environment === undefined) return undefined;
    this.#idle.delete(environment);
    this.#taken.delete(environment);
    this.#taken.add(environment);
    await environment.ready;
    return environment;
  }

  release(environment: ExecutionEnvironment): void {
    if (environment.state === 'idle') this.#idle.add(environment);
    for (const proceed of this.#waiting) proceed();
  }

  /** Ends all environments, and starts no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.environments.map((environment) => environment.kill()));
  }

  get #hasRoom(): boolean {
    return !this.#closed && this.#all.size < this.#options.limit;
  }

  /** The one to use if the requests so far are done with theirs; undefined when there is none. */
  #preferred(): ExecutionEnvironment | undefined {
    const unused = [...this.#idle].find((environment) => !this.#taken.has(environment));
    const used = [...this.#taken].filter((environment) => this.#idle.has(environment));
    if (this.#options.affinity) return used.at(-1) ?? unused;
    if (unused !== undefined) return unused;
    if (this.#hasRoom && this.#all.size < FEWEST_IN_ROTATION) return this.#start();
    const [longestAgo] = used;
    return longestAgo === this.#latest ? undefined : longestAgo;
  }

  #otherwise(): ExecutionEnvironment | undefined {
    if (this.#hasRoom) return this.#start();
    const [idle] = this.#idle;
    return idle;
  }

  get #latest(): ExecutionEnvironment | undefined {
    return [...this.#taken].at(-1);
  }

  /** Settles when an environment may have become free; undefined when none is about to. */
  #finishing(): Promise<void> | undefined {
    const answers = this.environments.flatMap(({ answeredAt }) => answeredAt ?? []);
    const left = Math.max(...answers) + FINISHING_MS - performance.now();
    if (left <= 0) return undefined;
    return new Promise((resolve) => {
      const proceed = () => {
        clearTimeout(timer);
        this.#waiting.delete(proceed);
        resolve();
      };
      const timer = setTimeout(proceed, left);
      this.#waiting.add(proceed);
    });
  }

  #start(): ExecutionEnvironment {
    this.#started += 1;
    const environment = this.#options.start(`env-${this.#started}`);
    this.#all.add(environment);
    void environment.gone.then(() => this.#forget(environment));
    return environment;
  }

  #forget(environment: ExecutionEnvironment): void {
    this.#all.delete(environment);
    this.#idle.delete(environment);
    this.#taken.delete(environment);
    for (const proceed of this.#waiting) proceed();
  }
}
