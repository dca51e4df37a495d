/**
 * Hands values from one who works to one who reads. Who works never waits for that: what is not read in time piles up to
 * a bound, and is lost beyond it.
 */

/** How many values wait at most, and how large they are together. */
const MOST_WAITING = 1000;
const MOST_WAITING_CHARS = 1024 * 1024;

export class Channel<T> {
  readonly #waiting: { readonly value: T; readonly chars: number }[] = [];
  #chars = 0;
  #closed = false;
  #news = Promise.withResolvers<void>();

  /** `chars` is the size of the value. */
  push(value: T, chars: number): void {
    const isFull = this.#waiting.length === MOST_WAITING || this.#chars + chars > MOST_WAITING_CHARS;
    if (this.#closed || (isFull && this.#waiting.length > 0)) return;
    this.#waiting.push({ value, chars });
    this.#chars += chars;
    this.#tell();
  }

  /** Nothing more will come, or nobody reads any more. */
  close(): void {
    this.#closed = true;
    this.#tell();
  }

  /** Ends once the channel is closed and everything has been read. */
  async *read(): AsyncGenerator<T, void> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        this.#chars -= next.chars;
        yield next.value;
      } else if (this.#closed) {
        return;
      } else {
        await this.#news.promise;
      }
    }
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
