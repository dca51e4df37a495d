/**
 * The transport to upstreams without a network: a function of the test answers each request. It keeps what the port
 * promises: what was received before a connection broke is delivered before the error is thrown, an aborted signal ends
 * whatever phase there is, and an answer that nobody reads to its end has to be closed.
 */
import type { PlainHttpRequest } from '../../lib/adapters/node/http-exchange.ts';
import { isPlain } from '../../lib/adapters/secrets/transport.ts';
import type { TransportFailure, UpstreamHttpResponse, UpstreamTransport } from '../../lib/ports/transport.ts';

export type Answer =
  | {
      readonly status: number;
      /** Names in lower case. */
      readonly headers?: Readonly<Record<string, string>>;
      /** A text comes as one chunk; nothing is an empty body. */
      readonly body?: string | MemoryBody;
    }
  | { readonly failure: TransportFailure['cause']; readonly sent: boolean };

/** A request that was sent, and what has become of it. */
export interface Exchange {
  readonly request: PlainHttpRequest;
  /**
   * `waiting` for an answer, `failed` without one; of an answer the body is `open` until it has been read to its end
   * (`drained`), has `broken`, or was given up (`closed`).
   */
  readonly state: 'waiting' | 'failed' | 'open' | 'drained' | 'broken' | 'closed';
}

export interface MemoryTransport extends UpstreamTransport {
  /** In the order in which they were sent. */
  readonly exchanges: readonly Exchange[];
  readonly requests: readonly PlainHttpRequest[];
}

export function createMemoryTransport(
  answer: (request: PlainHttpRequest) => Answer | Promise<Answer>,
): MemoryTransport {
  const exchanges: { request: PlainHttpRequest; state: Exchange['state'] }[] = [];
  return {
    exchanges,
    get requests() {
      return exchanges.map(({ request }) => request);
    },
    async send(request) {
      if (!isPlain(request)) throw new Error('Nothing here has secrets');
      const exchange = { request, state: 'waiting' as Exchange['state'] };
      exchanges.push(exchange);
      const given = await unlessAborted(request.signal, () => answer(request));
      if ('failure' in given) {
        exchange.state = 'failed';
        return { kind: 'failure', cause: given.failure, sent: given.sent };
      }
      exchange.state = 'open';
      return toResponse(given, request.signal, (state) => void (exchange.state = state));
    },
  };
}

async function unlessAborted(signal: AbortSignal, answer: () => Answer | Promise<Answer>): Promise<Answer> {
  if (signal.aborted) return { failure: 'aborted', sent: false };
  const aborted = Promise.withResolvers<Answer>();
  const onAbort = (): void => aborted.resolve({ failure: 'aborted', sent: true });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([aborted.promise, answer()]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function toResponse(
  { status, headers = {}, body = '' }: Exclude<Answer, { failure: unknown }>,
  signal: AbortSignal,
  onState: (state: Exchange['state']) => void,
): UpstreamHttpResponse {
  const reader = new BodyReader(typeof body === 'string' ? wholeBody(body) : body, onState);
  const onAbort = (): void => reader.abandon('broken', new Error('The request was aborted'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return { kind: 'response', status, headers, body: reader, close: () => reader.close() };
}

function wholeBody(text: string): MemoryBody {
  const body = new MemoryBody();
  if (text !== '') body.push(text);
  body.end();
  return body;
}

/** A body that comes when the test lets it. */
export class MemoryBody {
  readonly chunks: Uint8Array[] = [];
  ending: 'complete' | 'broken' | undefined;
  #news = Promise.withResolvers<void>();

  push(chunk: string | Uint8Array): void {
    this.chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    this.#tell();
  }

  end(): void {
    this.ending = 'complete';
    this.#tell();
  }

  /** As a connection that is lost. */
  break(): void {
    this.ending = 'broken';
    this.#tell();
  }

  /** Resolves once there is something new to see. */
  get news(): Promise<void> {
    return this.#news.promise;
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

class BodyReader implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #body: MemoryBody;
  readonly #onState: (state: Exchange['state']) => void;
  readonly #abandoned = Promise.withResolvers<void>();
  /** Why nothing more can be read; undefined at the end of a complete body. */
  #end: { readonly error: Error | undefined } | undefined;

  constructor(body: MemoryBody, onState: (state: Exchange['state']) => void) {
    this.#body = body;
    this.#onState = onState;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return { done: true, value: undefined };
      const chunk = this.#body.chunks.shift();
      if (chunk !== undefined) return { done: false, value: chunk };
      if (this.#body.ending === 'complete') this.#finish('drained', undefined);
      else if (this.#body.ending === 'broken') this.#finish('broken', new Error('The connection broke'));
      else await Promise.race([this.#body.news, this.#abandoned.promise]);
    }
  }

  /** A reader that stops early gives up the rest. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  close(): void {
    this.abandon('closed', new Error('The response was closed by its reader'));
  }

  /** Of a body that has come as a whole, nothing is lost any more. */
  abandon(state: 'broken' | 'closed', error: Error): void {
    if (this.#end !== undefined) return;
    if (this.#body.ending === undefined) this.#finish(state, error);
    else this.#onState(state);
    this.#abandoned.resolve();
  }

  #finish(state: Exchange['state'], error: Error | undefined): void {
    this.#end = { error };
    this.#onState(state);
  }
}
