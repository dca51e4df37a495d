/**
 * The envelope of a modern request: what `_meta` must carry, and the headers that must mirror the body
 * (2026-07-28, basic, "Per-request protocol fields"; basic/transports/streamable-http, "Server Validation").
 */
import { isModernVersion } from '../era.ts';
import type { HttpHeaders } from '../http.ts';
import { isObject, isShallowObject, type JsonObject, type RequestMessage } from '../message.ts';
import { isLogLevel } from '../methods.ts';
import { decodeHeaderValue, paramHeaders } from './headers.ts';

export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const;

export interface Envelope {
  readonly version: string;
  readonly clientCapabilities: JsonObject;
  /** Empty when the client does not say who it is. */
  readonly clientInfo: JsonObject;
  /** Without it no `notifications/message` may be sent for this request. */
  readonly logLevel: string | undefined;
}

export type EnvelopeOutcome =
  | { readonly kind: 'valid'; readonly envelope: Envelope }
  /** A required field is missing or of the wrong type: -32602. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** A header is missing, malformed, or says something else than the body: -32020. */
  | { readonly kind: 'mismatch'; readonly reason: string }
  | { readonly kind: 'unsupported'; readonly requested: string };

/** The parameter that `Mcp-Name` mirrors, for the methods that need the header. */
export const NAMED_BY: Readonly<Record<string, 'name' | 'uri'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

/** Whether a request describes itself in the modern way, whatever the rest of it is worth. */
export function hasEnvelope(params: JsonObject | undefined): boolean {
  const meta = params?.['_meta'];
  return isObject(meta) && Object.hasOwn(meta, META.protocolVersion);
}

export function readEnvelope(request: RequestMessage, headers: HttpHeaders): EnvelopeOutcome {
  const meta = request.params?.['_meta'];
  if (!isObject(meta)) return invalid('params._meta is required');
  const version = meta[META.protocolVersion];
  if (typeof version !== 'string') return invalid(`_meta["${META.protocolVersion}"] must be a string`);
  const clientCapabilities = meta[META.clientCapabilities];
  if (!isShallowObject(clientCapabilities)) return invalid(`_meta["${META.clientCapabilities}"] must be an object`);
  const logLevel = meta[META.logLevel];
  if (logLevel !== undefined && !isLogLevel(logLevel)) {
    return invalid(`_meta["${META.logLevel}"] must be a log level of RFC 5424`);
  }
  const mismatch = headerMismatch(request, version, headers);
  if (mismatch !== undefined) return { kind: 'mismatch', reason: mismatch };
  if (!isModernVersion(version)) return { kind: 'unsupported', requested: version };
  const clientInfo = meta[META.clientInfo];
  return {
    kind: 'valid',
    envelope: { version, clientCapabilities, clientInfo: isShallowObject(clientInfo) ? clientInfo : {}, logLevel },
  };
}

function invalid(reason: string): EnvelopeOutcome {
  return { kind: 'invalid', reason };
}

function headerMismatch(request: RequestMessage, version: string, headers: HttpHeaders): string | undefined {
  return (
    compare('MCP-Protocol-Version', headers['mcp-protocol-version'], version) ??
    // An unknown revision may mirror other fields; it is refused for its version, not for them.
    (isModernVersion(version) ? (methodMismatch(request, headers) ?? malformedParam(headers)) : undefined)
  );
}

function methodMismatch(request: RequestMessage, headers: HttpHeaders): string | undefined {
  const mismatch = compare('Mcp-Method', headers['mcp-method'], request.method);
  const field = Object.hasOwn(NAMED_BY, request.method) ? NAMED_BY[request.method] : undefined;
  if (mismatch !== undefined || field === undefined) return mismatch;
  const name = request.params?.[field];
  // A call without a name is refused for that, further on.
  return typeof name === 'string' ? compareEncoded('Mcp-Name', headers['mcp-name'], name) : undefined;
}

function malformedParam(headers: HttpHeaders): string | undefined {
  for (const [name, value] of Object.entries(paramHeaders(headers))) {
    if (decodeHeaderValue(value) === undefined) return `${name} is malformed`;
  }
  return undefined;
}

function compareEncoded(name: string, header: string | undefined, body: string): string | undefined {
  if (header === undefined) return `${name} is required`;
  const decoded = decodeHeaderValue(header);
  return decoded === undefined ? `${name} is malformed` : compare(name, decoded, body);
}

function compare(name: string, header: string | undefined, body: string): string | undefined {
  if (header === undefined) return `${name} is required`;
  return header === body ? undefined : `${name} does not match the body`;
}
