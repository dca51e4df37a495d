/**
 * Hands values from one who works to one who reads, one at a time: who works waits until each has been read, so that
 * nothing piles up, and no longer waits once the reader is gone.
 */
export class Channel<T> {
  #waiting: { readonly value: T; readonly read: () => void } | undefined;
  #closed = false;
  #news = Promise.withResolvers<void>();

  async push(value: T): Promise<void> {
    if (this.#closed) return;
    const read = Promise.withResolvers<void>();
    this.#waiting = { value, read: read.resolve };
    this.#tell();
    await read.promise;
  }

  /** Nothing more will come, or nobody reads any more. */
  close(): void {
    this.#closed = true;
    this.#waiting?.read();
    this.#tell();
  }

  /** Ends once the channel is closed. */
  async *read(): AsyncGenerator<T, void> {
    for (;;) {
      const next = this.#waiting;
      this.#waiting = undefined;
      if (next !== undefined) {
        try {
          yield next.value;
        } finally {
          next.read();
        }
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
