/**
 * What an upstream tells the test that runs it, and what it waits for the test to say. An upstream of this process
 * speaks to the witness itself; one in a process of its own through a socket, which the system closes with it.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What a server knows of its test. */
export interface Watch {
  note(what: string): void;
  /** Resolves once the test has said the word, now or earlier. */
  heard(word: string): Promise<void>;
}

/** A client session has begun at the upstream. Never noted of modern requests. */
export const OPENED = 'session opened';
/** It has ended, in whatever way. */
export const CLOSED = 'session closed';

export class Witness implements Watch {
  readonly #notes = new Map<string, number>();
  readonly #words = new Map<string, PromiseWithResolvers<void>>();
  readonly #said: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => this.#accept(socket));
  #news = Promise.withResolvers<void>();

  /** Lets processes reach it; resolves with its port on 127.0.0.1. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  note(what: string): void {
    this.#notes.set(what, this.count(what) + 1);
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  /** How often that was noted so far. */
  count(what: string): number {
    return this.#notes.get(what) ?? 0;
  }

  /** Sessions that have begun and not ended. */
  get sessions(): number {
    return this.count(OPENED) - this.count(CLOSED);
  }

  /** Resolves once it is so; looks again after every note. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#news.promise;
  }

  async noted(what: string, times = 1): Promise<void> {
    await this.until(() => this.count(what) >= times);
  }

  say(word: string): void {
    this.#said.push(word);
    this.#word(word).resolve();
    for (const socket of this.#sockets) socket.write(`${word}\n`);
  }

  async heard(word: string): Promise<void> {
    await this.#word(word).promise;
  }

  #word(word: string): PromiseWithResolvers<void> {
    const known = this.#words.get(word) ?? Promise.withResolvers<void>();
    this.#words.set(word, known);
    return known;
  }

  /** A process that ends takes its sessions with it. */
  #accept(socket: Socket): void {
    let open = 0;
    this.#sockets.add(socket);
    // A killed process resets its connection; that it has ended is all there is to know.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      for (; open > 0; open -= 1) this.note(CLOSED);
    });
    for (const word of this.#said) socket.write(`${word}\n`);
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.on('line', (what) => {
      if (what === OPENED) open += 1;
      if (what === CLOSED) open -= 1;
      this.note(what);
    });
  }
}
