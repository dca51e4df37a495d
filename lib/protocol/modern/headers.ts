/**
 * Request metadata headers of the modern era: `Mcp-Method`, `Mcp-Name`, `Mcp-Param-*` and the Base64 sentinel
 * (2026-07-28, basic/transports/streamable-http, "Request Metadata").
 */
import type { HttpHeaders } from '../http.ts';

const SENTINEL_START = '=?base64?';
const SENTINEL_END = '?=';
const PARAM_PREFIX = 'mcp-param-';

/** Visible ASCII, space and tab: what a field value may consist of (RFC 9110, 5.5). */
const FIELD_VALUE = /^[\x20-\x7e\t]*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The text that a header value stands for; undefined when it is malformed. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!FIELD_VALUE.test(value)) return undefined;
  if (!isSentinel(value)) return value;
  const encoded = value.slice(SENTINEL_START.length, -SENTINEL_END.length);
  if (!BASE64.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

/** A header value that stands for the text, in Base64 where plain ASCII would not survive. */
export function encodeHeaderValue(text: string): string {
  const plain = FIELD_VALUE.test(text) && text.trim() === text && !looksLikeSentinel(text);
  return plain ? text : SENTINEL_START + Buffer.from(text, 'utf8').toString('base64') + SENTINEL_END;
}

/** The `Mcp-Param-*` headers: forwarded as they are, for the upstream that knows which parameters they mirror. */
export function paramHeaders(headers: HttpHeaders): Record<string, string> {
  const params: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (name.startsWith(PARAM_PREFIX)) params[name] = headers[name]!;
  }
  return params;
}

function isSentinel(value: string): boolean {
  return looksLikeSentinel(value) && value.length >= SENTINEL_START.length + SENTINEL_END.length;
}

/** True also where the two marks overlap in one question mark: other readers may not notice that. */
function looksLikeSentinel(value: string): boolean {
  return value.startsWith(SENTINEL_START) && value.endsWith(SENTINEL_END);
}
