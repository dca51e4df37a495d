import type { IncomingMessage } from 'node:http';

/** More than this many unread bytes stop the connection from being read until the reader has caught up. */
const HIGH_WATER_BYTES = 64 * 1024;

type End =
  | { readonly kind: 'complete' }
  /** By the connection, or by the reader itself. */
  | { readonly kind: 'broken'; readonly error: Error };

/**
 * The body of a response, chunk by chunk, for one reader. What was received before the connection broke is delivered
 * before the error is thrown: the final message of an upstream that closes rudely is still its final message.
 */
export class ResponseBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #incoming: IncomingMessage;
  readonly #onEnd: (kind: End['kind']) => void;
  /** Received, not yet read. */
  readonly #chunks: Uint8Array[] = [];
  #unreadBytes = 0;
  #end: End | undefined;
  /** What a reader waits for while there is nothing to read and no end. */
  #news: PromiseWithResolvers<void> | undefined;

  /** `onEnd` is called once; from then on the connection is not this body's any more. */
  constructor(incoming: IncomingMessage, onEnd: (kind: End['kind']) => void) {
    this.#incoming = incoming;
    this.#onEnd = onEnd;
    incoming.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    incoming.once('end', () => this.#finish({ kind: 'complete' }));
    incoming.on('error', (cause) => this.#break(cause));
    incoming.once('close', () => this.#break(undefined));
  }

  /** Drops what has not been read and gives the error to the reader. Harmless after the end. */
  abandon(error: Error): void {
    if (this.#end !== undefined) return;
    this.#chunks.length = 0;
    this.#finish({ kind: 'broken', error });
  }

  close(): void {
    this.abandon(new Error('The response was closed by its reader'));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return { done: false, value: this.#read(chunk) };
      if (this.#end?.kind === 'complete') return { done: true, value: undefined };
      if (this.#end?.kind === 'broken') throw this.#end.error;
      this.#news ??= Promise.withResolvers();
      await this.#news.promise;
    }
  }

  /** A reader that stops early gives up the rest. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  #read(chunk: Uint8Array): Uint8Array {
    this.#unreadBytes -= chunk.byteLength;
    if (this.#incoming.isPaused() && this.#unreadBytes <= HIGH_WATER_BYTES) this.#incoming.resume();
    return chunk;
  }

  #receive(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#chunks.push(chunk);
    this.#unreadBytes += chunk.byteLength;
    if (this.#unreadBytes > HIGH_WATER_BYTES) this.#incoming.pause();
    this.#tell();
  }

  #break(cause: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#finish({ kind: 'broken', error: new Error('The connection broke before the response ended', { cause }) });
  }

  #finish(end: End): void {
    this.#end = end;
    this.#onEnd(end.kind);
    this.#tell();
  }

  #tell(): void {
    this.#news?.resolve();
    this.#news = undefined;
  }
}
