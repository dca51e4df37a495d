/** Which headers a configuration may set for an upstream, and which it may pass on from its clients. */
import { entriesOf, itemsOf } from './fields.ts';
import { badNames } from './names.ts';
import { finding } from './problems.ts';
import { KEYS } from './shapes.ts';
import type { Finding, Keys } from './problems.ts';

const CREDENTIAL_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Set by the gateway or by HTTP itself, for each message or each connection (RFC 9110, section 7.6.1). */
const RESERVED_HEADERS = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is said of a trace changes with every request, and is the gateway's to say: `traceContext` is about it. */
const TRACE_HEADERS = new Set(['traceparent', 'tracestate', 'baggage', 'x-amzn-trace-id']);

/** What is about the request to the gateway: its body, its conditions, its way; and what is for the gateway itself. */
const OF_THE_CLIENTS_REQUEST =
  /^(?:forwarded|via|origin|referer|idempotency-key|cookie2|set-cookie2?|range|http2-settings|(?:if|content|sec|access-control|x-forwarded|x-amzn?)-.*)$/;

export function headerFindings(keys: Keys, headers: unknown): Finding[] {
  const seen = new Set<string>();
  return [
    ...badNames(headers, keys, KEYS.headerName),
    ...entriesOf(headers).flatMap(([name, value]) => {
      const header = name.toLowerCase();
      const expected = seen.has(header) ? 'each header once, whatever its case' : headerRule(header, value);
      seen.add(header);
      return expected === undefined ? [] : [finding([...keys, name], expected)];
    }),
  ];
}

/** What a header that must not be configured should have been; undefined for any other. */
function headerRule(header: string, value: unknown): string | undefined {
  if (CREDENTIAL_HEADERS.has(header) && typeof value === 'string') {
    return 'the reference to a secret, { "secret": NAME }: a credential has no place in this file';
  }
  return reservedRule(header);
}

function reservedRule(header: string): string | undefined {
  if (RESERVED_HEADERS.has(header)) return 'a header that the gateway and HTTP do not set themselves';
  if (TRACE_HEADERS.has(header)) return 'no header of a trace: what an upstream is told of it is up to traceContext';
  if (header.startsWith('mcp-')) return 'a header that MCP does not define: mcp-* is set by the gateway';
  return undefined;
}

/** `headers` are those that the upstream is sent anyway; `pin` is whether its tools are pinned. */
export function forwardFindings(keys: Keys, forwardHeaders: unknown, headers: unknown, pin: unknown): Finding[] {
  if (pin === true && itemsOf(forwardHeaders).length > 0) {
    return [finding(keys, 'no such headers beside pin: a tool is pinned for everyone alike, whoever listed it first')];
  }
  const seen = new Set(entriesOf(headers).map(([name]) => name.toLowerCase()));
  return itemsOf(forwardHeaders).flatMap((name, index) => {
    if (typeof name !== 'string') return [];
    const header = name.toLowerCase();
    const expected = seen.has(header) ? 'a header that is neither set nor passed on already' : forwardRule(header);
    seen.add(header);
    return expected === undefined ? [] : [finding([...keys, index], expected)];
  });
}

/** What a header that must not be passed on should have been; undefined for any other. */
function forwardRule(header: string): string | undefined {
  if (!KEYS.headerName.pattern.test(header)) return KEYS.headerName.expected;
  if (CREDENTIAL_HEADERS.has(header)) return 'no credentials: what clients show the gateway is for nobody else';
  if (TRACE_HEADERS.has(header)) return reservedRule(header);
  if (OF_THE_CLIENTS_REQUEST.test(header)) return 'a header that is not about the request to the gateway itself';
  return reservedRule(header);
}
