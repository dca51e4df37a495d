import type { HttpHeaders, HttpRequest, HttpResponse } from '../../protocol/http.ts';
import type { Invocation } from '../../ports/invocation.ts';
import { randomUUID } from 'node:crypto';
import { Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { toWire, type WireError } from '../../errors.ts';
import { errorText, JSON_RPC } from '../../protocol/message.ts';
import { toBodyText } from '../body-text.ts';

export interface NodeServerOptions {
  /**
   * What `Host` may say, against DNS rebinding: a host name, which allows every port, or `host:port`. `'any'` where
   * something in front of this server has checked it.
   */
  readonly allowedHosts: readonly string[] | 'any';
  /** Largest request body, in bytes. */
  readonly requestBytes: number;
  /** Names this process in the action log; random when absent. */
  readonly environment?: string;
  /** Told of every exception that escapes the gateway. The client gets a 500 without details, or a broken stream. */
  readonly onError: (error: unknown) => void;
}

type Serve = (request: HttpRequest, invocation: Invocation) => Promise<HttpResponse>;

type Body =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** The client went before it had sent everything. */
  | { readonly kind: 'gone' };

/**
 * A text that is longer, in UTF-16 units, is sent as bytes: as text it would be copied once more, to stand behind the
 * headers, and gone through twice more.
 */
const LONG_CHARS = 16 * 1024;

/** How long a refused client may go on sending before its connection is closed, in milliseconds. */
const LINGER_MS = 1000;

const HOST_NOT_ALLOWED: WireError = {
  status: 403,
  headers: {},
  error: { code: JSON_RPC.invalidRequest, message: 'This host is not served here' },
};

/**
 * The core behind a plain Node HTTP server. Many requests at a time; nothing ends them by force. `close` stops
 * listening and calls back when every request under way, and the work that outlives its answer, has ended.
 */
export function createNodeServer(gateway: Serve, options: NodeServerOptions): Server {
  return new GatewayServer(gateway, options);
}

class GatewayServer extends Server {
  readonly #gateway: Serve;
  readonly #options: NodeServerOptions;
  readonly #environment: string;
  /** Requests under way, each until the work after its answer has ended. */
  readonly #running = new Set<Promise<void>>();
  #cold = true;

  constructor(gateway: Serve, options: NodeServerOptions) {
    super({ joinDuplicateHeaders: true });
    this.#gateway = gateway;
    this.#options = options;
    this.#environment = options.environment ?? randomUUID();
    this.on('request', (incoming, response) => {
      const run = this.#handle(incoming, response);
      this.#running.add(run);
      void run.then(() => this.#running.delete(run));
    });
  }

  override close(callback?: (error?: Error) => void): this {
    return super.close((error) => {
      void Promise.all(this.#running).then(() => callback?.(error));
    });
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', this.#options.onError);
    // Only once the response has closed is its connection idle, and can be closed.
    response.once('close', () => {
      if (!this.listening) this.closeIdleConnections();
    });
    try {
      await this.#serve(incoming, response);
    } catch (error) {
      this.#options.onError(error);
      if (response.headersSent) response.destroy();
      else this.#refuse(response, toWire({ kind: 'internal' }));
    }
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { allowedHosts, requestBytes } = this.#options;
    if (!isAllowed(incoming.headers.host, allowedHosts))
      return this.#refuseUnread(incoming, response, HOST_NOT_ALLOWED);
    const body = await readBody(incoming, requestBytes);
    if (body.kind === 'gone') return;
    if (body.kind === 'too-large') {
      return this.#refuseUnread(incoming, response, toWire({ kind: 'request-too-large', limitBytes: requestBytes }));
    }
    const path = pathOf(incoming.url ?? '');
    const text = toBodyText(body.bytes);
    if (path === undefined) {
      return this.#refuse(response, toWire({ kind: 'invalid-request', reason: 'The request target is malformed' }));
    }
    if (text === undefined) return this.#refuse(response, toWire({ kind: 'parse-error' }));
    await this.#run(response, {
      method: incoming.method ?? '',
      path,
      headers: joinHeaders(incoming),
      body: text,
      bodyBytes: body.bytes.byteLength,
      signal: disconnectSignal(response),
    });
  }

  async #run(response: ServerResponse, request: HttpRequest): Promise<void> {
    const answer = await this.#gateway(request, this.#invocation());
    try {
      await this.#send(response, answer);
    } finally {
      await answer.after();
    }
  }

  #invocation(): Invocation {
    const cold = this.#cold;
    this.#cold = false;
    return {
      requestId: randomUUID(),
      trace: undefined,
      environment: this.#environment,
      cold,
      arrivedAt: Date.now(),
      endsAt: Infinity,
    };
  }

  async #send(response: ServerResponse, { status, headers, body }: HttpResponse): Promise<void> {
    if (typeof body === 'string') return this.#sendText(response, status, headers, body);
    response.writeHead(status, { ...headers, ...this.#connectionHeader() });
    response.flushHeaders();
    for await (const chunk of body) {
      // A client that has gone does not end the work: whether it does is the gateway's to decide, from the signal.
      if (!response.closed && !response.write(chunk)) await drained(response);
    }
    response.end();
  }

  #sendText(response: ServerResponse, status: number, headers: HttpHeaders, body: string): void {
    // RFC 9110, 8.6: these carry no length.
    const bare = body === '' && (status === 204 || status === 304);
    const sent = body.length > LONG_CHARS ? Buffer.from(body) : body;
    const length = bare ? {} : { 'content-length': String(Buffer.byteLength(sent)) };
    response.writeHead(status, { ...headers, ...length, ...this.#connectionHeader() });
    response.end(sent);
  }

  /** A server that is closing serves one more response on a connection, and says so. */
  #connectionHeader(): HttpHeaders {
    return this.listening ? {} : { connection: 'close' };
  }

  #refuse(response: ServerResponse, wire: WireError): void {
    this.#sendText(response, wire.status, errorHeaders(wire), errorText(undefined, wire.error));
  }

  /**
   * Refuses a request whose body has not been read to its end. What still comes is taken and thrown away for a while:
   * closing at once would reset the connection, and the client could lose the answer.
   */
  async #refuseUnread(incoming: IncomingMessage, response: ServerResponse, wire: WireError): Promise<void> {
    const text = errorText(undefined, wire.error);
    const length = String(Buffer.byteLength(text));
    response.writeHead(wire.status, { ...errorHeaders(wire), 'content-length': length, connection: 'close' });
    response.write(text);
    await finished(incoming);
    response.end();
  }
}

function errorHeaders(wire: WireError): HttpHeaders {
  return { ...wire.headers, 'content-type': 'application/json' };
}

function isAllowed(host: string | undefined, allowed: readonly string[] | 'any'): boolean {
  if (allowed === 'any') return true;
  if (host === undefined) return false;
  const named = host.toLowerCase();
  const name = named.replace(/:\d*$/, '');
  return allowed.some((entry) => entry.toLowerCase() === named || entry.toLowerCase() === name);
}

/** The path of a request target in origin form or absolute form (RFC 9112, 3.2); undefined for anything else. */
function pathOf(target: string): string | undefined {
  const path = target.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/s, '');
  if (path.startsWith('/') || path === '*') return path;
  return path === '' && target !== '' && !target.startsWith('?') ? '/' : undefined;
}

/** Node has joined what came several times, but for one header that no client sends. */
function joinHeaders(incoming: IncomingMessage): HttpHeaders {
  if (incoming.headers['set-cookie'] === undefined) return incoming.headers as HttpHeaders;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

/** Aborted when the client goes before the response has been sent to its end. */
function disconnectSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('The client has gone'));
  });
  return controller.signal;
}

function readBody(incoming: IncomingMessage, limit: number): Promise<Body> {
  if (Number(incoming.headers['content-length'] ?? 0) > limit) return Promise.resolve({ kind: 'too-large' });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const receive = (chunk: Buffer) => {
      size += chunk.byteLength;
      chunks.push(chunk);
      if (size <= limit) return;
      incoming.off('data', receive);
      resolve({ kind: 'too-large' });
    };
    incoming.on('data', receive);
    incoming.once('end', () => resolve({ kind: 'read', bytes: wholeOf(chunks) }));
    // Later than the end it says nothing new.
    incoming.on('error', () => resolve({ kind: 'gone' }));
    incoming.once('close', () => resolve({ kind: 'gone' }));
  });
}

/** Most bodies come in one piece. */
function wholeOf(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
}

/** Takes what the client still sends, until it stops or has had long enough. */
function finished(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    incoming.once('end', stop);
    incoming.once('close', stop);
    incoming.on('error', stop);
    incoming.resume();
  });
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const proceed = () => {
      response.off('drain', proceed);
      response.off('close', proceed);
      resolve();
    };
    response.on('drain', proceed);
    response.on('close', proceed);
  });
}
