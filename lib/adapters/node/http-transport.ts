import type { RequestOptions } from 'node:http';
import { exchange, type PlainHttpTransport } from './http-exchange.ts';
import { createSocketPool, type SocketPool } from './socket-pool.ts';

const { urlToHttpOptions } = process.getBuiltinModule('node:url');

/** Read URLs to keep. Most come from the configuration, but an HTTP+SSE upstream names a new one in each session. */
const MAX_DESTINATIONS = 256;

export interface HttpTransportOptions {
  /**
   * Most connections to one origin at a time; requests beyond that wait for one, and that wait is not limited by
   * `connectTimeoutMs`. Unlimited by default, so that parallel calls never queue behind each other.
   */
  readonly maxSockets?: number;
  /**
   * How long an idle connection may be used again, in milliseconds of wall clock, time spent frozen included; 4000 by
   * default. A server that announces less (`Keep-Alive: timeout=N`) is taken at its word.
   */
  readonly idleMs?: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Where a URL leads. */
interface Destination {
  readonly pool: SocketPool;
  readonly address: RequestOptions;
}

/**
 * HTTP/1.1 to upstreams over kept-alive connections. Nothing is followed, stored or decompressed: redirects, cookies
 * and encodings are the caller's to judge. `send` rejects only when it was asked for what HTTP cannot carry: a URL that
 * is none or has another scheme, a header with a line break in it.
 */
export function createHttpTransport(options: HttpTransportOptions = {}): PlainHttpTransport {
  const { maxSockets = Infinity, idleMs = 4000, now = Date.now } = options;
  /** By origin: all are configured, so there are few. */
  const pools = new Map<string, SocketPool>();
  /** By URL, the oldest first. */
  const destinations = new Map<string, Destination>();

  const poolOf = (url: URL): SocketPool => {
    const known = pools.get(url.origin);
    if (known !== undefined) return known;
    const pool = createSocketPool(url.protocol === 'https:', { maxSockets, idleMs, now });
    pools.set(url.origin, pool);
    return pool;
  };

  const destinationOf = (text: string): Destination => {
    const known = destinations.get(text);
    if (known !== undefined) return known;
    const url = new URL(text);
    const destination = { pool: poolOf(url), address: addressOf(url) };
    const oldest = destinations.size < MAX_DESTINATIONS ? undefined : destinations.keys().next().value;
    if (oldest !== undefined) destinations.delete(oldest);
    destinations.set(text, destination);
    return destination;
  };

  return {
    send: async (request) => {
      const { pool, address } = destinationOf(request.url);
      return await pool.lend((agent) => exchange(pool, agent, address, request));
    },
  };
}

/** No more than a request needs: Node copies the whole of it for each. */
function addressOf(url: URL): RequestOptions {
  const { protocol, hostname, port, path, auth } = urlToHttpOptions(url);
  return { protocol, hostname, port, path, auth };
}
