import type { Agent, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { TransportFailure, UpstreamHttpRequest, UpstreamHttpResponse } from '../../ports/transport.ts';
import type { SocketPool } from './socket-pool.ts';
import { ResponseBody } from './response-body.ts';

const http = process.getBuiltinModule('node:http');

/** A response with more header bytes than this is refused, which counts as a broken connection. */
const RESPONSE_HEADER_BYTES = 16 * 1024;

/** The longest delay that timers take, in milliseconds. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Headers that belong to the connection (RFC 9110, 7.6.1) or that the transport sets itself. */
const OWN_HEADERS = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A request with nothing in it that has to be read first. */
export interface PlainHttpRequest extends UpstreamHttpRequest {
  readonly headers: Readonly<Record<string, string>>;
}

/** HTTP to upstreams, for what needs no secrets. */
export interface PlainHttpTransport {
  readonly send: (request: PlainHttpRequest) => Promise<UpstreamHttpResponse | TransportFailure>;
}

/**
 * One request and its response. The request is written only when the connection stands, TLS included; before that
 * nothing has been sent for certain.
 */
export function exchange(
  pool: SocketPool,
  agent: Agent,
  address: RequestOptions,
  request: PlainHttpRequest,
): Promise<UpstreamHttpResponse | TransportFailure> {
  const { signal, watch } = request;
  if (signal.aborted) return Promise.resolve({ kind: 'failure', cause: 'aborted', sent: false });

  return new Promise((resolve) => {
    let sent = false;
    let body: ResponseBody | undefined;
    let connectTimer: NodeJS.Timeout | undefined;

    const outgoing = http.request({
      ...address,
      agent,
      method: request.method,
      headers: requestHeaders(request),
      maxHeaderSize: RESPONSE_HEADER_BYTES,
    });

    const onAbort = () => {
      if (body === undefined) fail('aborted');
      else body.abandon(new Error('The request was aborted', { cause: signal.reason }));
    };
    const release = () => {
      clearTimeout(connectTimer);
      signal.removeEventListener('abort', onAbort);
      watch?.ended();
    };
    const fail = (cause: TransportFailure['cause']) => {
      release();
      outgoing.destroy();
      resolve({ kind: 'failure', cause, sent });
    };
    const onBroken = () => {
      if (body === undefined) fail(sent ? 'reset' : 'unreachable');
    };
    const write = (isNew: boolean) => {
      clearTimeout(connectTimer);
      watch?.connected(isNew);
      sent = true;
      outgoing.end(request.body);
    };

    signal.addEventListener('abort', onAbort, { once: true });
    outgoing.once('socket', (socket) => {
      if (outgoing.destroyed) return;
      if (pool.isConnected(socket)) return write(false);
      connectTimer = setTimeout(() => fail('connect-timeout'), Math.min(request.connectTimeoutMs, LONGEST_DELAY_MS));
      socket.once(pool.connectedEvent, () => {
        if (!outgoing.destroyed) write(true);
      });
    });
    // Both may come, and also after the response; then its body is told by itself.
    outgoing.on('error', onBroken);
    outgoing.once('close', onBroken);
    outgoing.once('response', (incoming) => {
      watch?.responded(incoming.statusCode ?? 0);
      pool.noteHint(incoming.socket, incoming.headers);
      body = new ResponseBody(incoming, (kind) => {
        release();
        // A complete answer to a request that was not wholly taken: the rest is not worth sending.
        if (kind === 'broken' || !outgoing.writableFinished) outgoing.destroy();
      });
      resolve(toResponse(incoming, body));
    });
  });
}

function requestHeaders({ headers, body, method }: PlainHttpRequest): Record<string, string> {
  const sent: Record<string, string> = { 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(headers)) {
    if (!OWN_HEADERS.has(name.toLowerCase())) sent[name] = value;
  }
  if (body !== '' || method === 'POST') sent['content-length'] = String(Buffer.byteLength(body));
  return sent;
}

function toResponse(incoming: IncomingMessage, body: ResponseBody): UpstreamHttpResponse {
  return {
    kind: 'response',
    status: incoming.statusCode ?? 0,
    headers: responseHeaders(incoming.headers),
    body,
    close: () => body.close(),
  };
}

/** Node joins what came several times itself, but for one header. */
function responseHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  if (headers['set-cookie'] === undefined) return headers as Readonly<Record<string, string>>;
  const received: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) received[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return received;
}
