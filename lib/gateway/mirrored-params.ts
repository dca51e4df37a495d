/**
 * A legacy client mirrors no arguments in headers, which a modern upstream may demand of some tools. It refuses such a
 * call before it runs (2026-07-28, basic/transports/streamable-http, "Server Validation"), so that the call can be sent
 * again as the tool's definition wants it.
 */
import { JSON_RPC } from '../protocol/message.ts';
import { paramHeaders } from '../protocol/modern/headers.ts';
import { upstreamKey } from '../upstream/eras.ts';
import type { Errand } from './errand.ts';
import type { CallEvent, CallFailure } from './upstream-call.ts';

type RelayEvent = CallEvent | CallFailure;

/** `Mcp-Param-*`, as they go on the wire. */
export type ParamHeaders = Readonly<Record<string, string>>;

type Send = (headers: ParamHeaders) => AsyncGenerator<RelayEvent, void>;

/** Sends with the headers of a modern client; for a legacy one, with those that turn out to be missing. */
export function withMirroredParams(errand: Errand, send: Send): AsyncGenerator<RelayEvent, void> {
  const { visit, scope, call } = errand;
  if (scope.era === 'modern') return send(paramHeaders(visit.request.headers));
  return call.target?.what === 'tool' ? untilMirrored(errand, send) : send({});
}

async function* untilMirrored(errand: Errand, send: Send): AsyncGenerator<RelayEvent, void> {
  const { visit, upstream } = errand;
  const refused = yield* unlessMismatched(send({}));
  if (refused === undefined) return;
  const { demandedParams } = await import('./demanded-params.ts');
  const kept = await demandedParams(errand);
  if (kept !== undefined && (yield* unlessMismatched(send(kept))) === undefined) return;
  // What is kept of the tool is not what the upstream goes by.
  await visit.stores.catalog.countChange(upstreamKey(upstream, visit.ports.ids), 'tools');
  const now = await demandedParams(errand);
  if (now === undefined || JSON.stringify(now) === JSON.stringify(kept)) yield refused;
  else yield* send(now);
}

/** Yields everything but a refusal for the headers' sake, which it returns. */
async function* unlessMismatched(
  events: AsyncGenerator<RelayEvent, void>,
): AsyncGenerator<RelayEvent, RelayEvent | undefined> {
  for await (const event of events) {
    if (isMismatch(event)) return event;
    yield event;
  }
  return undefined;
}

function isMismatch(event: RelayEvent): boolean {
  if (event.kind !== 'final' || event.era !== 'modern') return false;
  const { body } = event.response;
  return 'error' in body && body.error.code === JSON_RPC.headerMismatch;
}
