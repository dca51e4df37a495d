/** Calls back once after a time without use. */
export class IdleTimer {
  readonly #ms: number;
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, onIdle: () => void) {
    this.#ms = ms;
    this.#onIdle = onIdle;
  }

  /** Begins to wait, from now. */
  start(): void {
    this.stop();
    this.#timer = setTimeout(this.#onIdle, this.#ms).unref();
  }

  /** Waits no more, until it is started again. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
