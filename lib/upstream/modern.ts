/** Calls to a modern upstream: every request describes itself, nothing is kept. */
import type { Ids } from '../ports.ts';
import { LATEST_MODERN } from '../protocol/era.ts';
import { JSON_RPC, requestText, type Json, type JsonRpcError } from '../protocol/message.ts';
import { META } from '../protocol/modern/envelope.ts';
import { encodeHeaderValue } from '../protocol/modern/headers.ts';
import type { TraceContext } from '../protocol/trace-context.ts';
import { exchange, type Answer, type Refusal, type UpstreamEvent } from './exchange.ts';
import type { ConnectionTools, UpstreamLink } from './streamable-http.ts';

/** The refusal of an upstream that may not speak the era that it was called in; `otherwise` is what it says if it does. */
export interface EraWrong {
  readonly kind: 'era-wrong';
  readonly otherwise: Answer;
}

/** A request as it is written for a modern upstream. */
export interface ModernRequest {
  readonly method: string;
  /** What `Mcp-Name` says: the tool, prompt or URI that the request names, for the methods that must say so. */
  readonly name: string | undefined;
  /** `Mcp-Param-*`, as they go on the wire. */
  readonly paramHeaders: Readonly<Record<string, string>>;
  readonly body: (id: string, context: TraceContext) => string;
}

export async function* callModern(
  link: UpstreamLink,
  request: ModernRequest,
  ids: Ids,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent | EraWrong, void> {
  const id = ids.random();
  const headers = {
    ...request.paramHeaders,
    ...modernHeaders(request.method),
    ...(request.name === undefined ? {} : { 'mcp-name': encodeHeaderValue(request.name) }),
  };
  const body = (context: TraceContext): string => request.body(id, context);
  const isEndless = request.method === 'subscriptions/listen';
  const refusal = yield* exchange(link, { id, body, headers, isEndless }, tools);
  if (refusal !== undefined) yield readRefusal(refusal);
}

/** Asks an upstream what it is, on the gateway's own behalf. */
export async function* discover(
  link: UpstreamLink,
  clientMeta: Readonly<Record<string, Json | undefined>>,
  id: string,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent | EraWrong, void> {
  const body = (context: TraceContext): string =>
    requestText(id, 'server/discover', {
      _meta: { ...clientMeta, [META.protocolVersion]: LATEST_MODERN, ...context },
    });
  const refusal = yield* exchange(link, { id, body, headers: modernHeaders('server/discover') }, tools);
  if (refusal !== undefined) yield readRefusal(refusal);
}

function modernHeaders(method: string): Record<string, string> {
  return { 'mcp-protocol-version': LATEST_MODERN, 'mcp-method': method };
}

/**
 * A modern server refuses with a JSON-RPC error. Anything else at 400, 404 or 405, or the codes that older servers use
 * for a missing session or an unknown revision, may come from a server that does not know the era (2026-07-28,
 * basic/transports/streamable-http, "Backward Compatibility"): or from a proxy, or from the tool.
 */
function readRefusal({ answer, error, status }: Refusal): UpstreamEvent | EraWrong {
  const event: Answer =
    answer === undefined
      ? { kind: 'end', end: { kind: 'upstream-http', status } }
      : { kind: 'final', response: answer };
  const isModern = error !== undefined && !isOlderCode(error);
  const isSuspect = status === 400 || status === 404 || status === 405;
  return isModern || !isSuspect ? event : { kind: 'era-wrong', otherwise: event };
}

/** -32000 to -32019 were never assigned a meaning; no modern server may begin to use them (2026-07-28, basic). */
function isOlderCode(error: JsonRpcError): boolean {
  return error.code <= -32000 && error.code >= -32019;
}

/** Whether an error can only come from a server that knows the modern era. */
export function isModernError(error: JsonRpcError): boolean {
  return (
    error.code === JSON_RPC.headerMismatch ||
    error.code === JSON_RPC.missingClientCapability ||
    error.code === JSON_RPC.unsupportedProtocolVersion
  );
}
