/**
 * Which web pages may call the gateway (2026-07-28, basic/transports/streamable-http, "Security & Endpoint"). A request
 * without `Origin` comes from no browser page and passes.
 */
import type { HttpHeaders } from '../protocol/http.ts';

const ANY_PORT = ':*';

/** `allowed` holds origins such as `https://app.example`, or `http://localhost:*` for any port. */
export function isOriginAllowed(origin: string | undefined, allowed: readonly string[]): boolean {
  return origin === undefined || allowed.some((entry) => originMatches(entry, origin));
}

function originMatches(entry: string, origin: string): boolean {
  if (!entry.endsWith(ANY_PORT)) return entry === origin;
  const host = entry.slice(0, -ANY_PORT.length);
  if (origin === host) return true;
  return origin.startsWith(`${host}:`) && /^\d{1,5}$/.test(origin.slice(host.length + 1));
}

/**
 * What an allowed page's browser needs to be told to let it read the answer (Fetch, "CORS protocol") and when it came
 * (W3C, "Resource Timing", section 4.5).
 */
export function corsHeaders(origin: string | undefined): HttpHeaders {
  if (origin === undefined) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'mcp-session-id, www-authenticate, server-timing',
    'timing-allow-origin': origin,
    vary: 'origin',
  };
}

/** The answer to a preflight request, beside `corsHeaders`. */
export function preflightHeaders(requestedHeaders: string | undefined): HttpHeaders {
  return {
    'access-control-allow-methods': 'POST, DELETE',
    'access-control-max-age': '600',
    ...(requestedHeaders === undefined ? {} : { 'access-control-allow-headers': requestedHeaders }),
  };
}
