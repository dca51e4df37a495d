import type { HttpHeaders } from '../../protocol/http.ts';

/** Belong to one connection (RFC 9110, section 7.6.1), or to the framing, which is the platform's. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The platform keeps this beginning for itself and answers a bare 500 to a function that uses it. */
const PLATFORM_PREFIX = 'x-amzn-remapped-';

/** The headers that a function may return: none of a connection, none that the platform keeps for itself. */
export function returnableHeaders(headers: HttpHeaders): HttpHeaders {
  const returnable = Object.entries(headers).filter(
    ([name]) => !CONNECTION_HEADERS.has(name) && !name.startsWith(PLATFORM_PREFIX),
  );
  return Object.fromEntries(returnable);
}
