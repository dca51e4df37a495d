import type { Environment } from './environment.ts';

/**
 * Without affinity, so many environments at least take turns. With two, every second request of a client would come
 * back to the environment that served its first one, and find whatever that one kept in its memory.
 */
const FEWEST_IN_ROTATION = 3;

/** How long a request waits for an environment that has answered and is about to be free, in milliseconds. */
const FINISHING_MS = 50;

export interface PoolOptions {
  /** Most environments at once. */
  readonly limit: number;
  /** Whether a request goes to the environment that served the one before it, if it can. */
  readonly affinity: boolean;
  /** Starts an environment. `id` is new each time. */
  readonly start: (id: string) => Environment;
}

/** Decides which environment serves the next request. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #all = new Set<Environment>();
  /** Idle ones, the one that has been idle for longest first. */
  readonly #idle = new Set<Environment>();
  readonly #waiting: ((environment: Environment) => void)[] = [];
  #lastUsed: Environment | undefined;
  #started = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get environments(): readonly Environment[] {
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
  async take(): Promise<Environment | undefined> {
    const environment = this.#choose() ?? (await this.#waitForFinishing());
    if (environment === undefined) return undefined;
    this.#idle.delete(environment);
    this.#lastUsed = environment;
    await environment.ready;
    return environment;
  }

  release(environment: Environment): void {
    if (environment.state !== 'idle') return;
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.add(environment);
    else next(environment);
  }

  async close(): Promise<void> {
    await Promise.all(this.environments.map((environment) => environment.kill()));
  }

  #choose(): Environment | undefined {
    const room = this.#all.size < this.#options.limit;
    const candidate = this.#options.affinity ? this.#latestIdle() : this.#rotated(room);
    return candidate ?? (room ? this.#start() : undefined);
  }

  #latestIdle(): Environment | undefined {
    return [...this.#idle].at(-1);
  }

  /**
   * The one that has been idle for longest, of those that did not serve the request before; undefined when a new one
   * is to be started instead.
   */
  #rotated(room: boolean): Environment | undefined {
    const idle = [...this.#idle];
    const candidate = idle.find((environment) => environment !== this.#lastUsed) ?? (room ? undefined : idle[0]);
    const enough = this.#all.size >= FEWEST_IN_ROTATION || !room;
    return enough || candidate?.invocations === 0 ? candidate : undefined;
  }

  #start(): Environment {
    this.#started += 1;
    const environment = this.#options.start(`env-${this.#started}`);
    this.#all.add(environment);
    void environment.gone.then(() => this.#forget(environment));
    return environment;
  }

  #forget(environment: Environment): void {
    this.#all.delete(environment);
    this.#idle.delete(environment);
  }

  /** An invocation goes on for a moment after its answer, and a client that has the answer may be faster than that. */
  #waitForFinishing(): Promise<Environment | undefined> {
    if (!this.environments.some((environment) => environment.isFinishing)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const take = (environment: Environment) => {
        clearTimeout(timer);
        resolve(environment);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        resolve(this.#choose());
      }, FINISHING_MS);
      this.#waiting.push(take);
    });
  }
}
