/**
 * A legacy client mirrors no arguments in headers, which a modern upstream may demand of some tools. It refuses such a
 * call before it runs (2026-07-28, basic/transports/streamable-http, "Server Validation"), so that the call can be sent
 * again as the tool's definition wants it.
 */
import { itemsOf } from '../catalog/listing.ts';
import { isObject, JSON_RPC, parseJson } from '../protocol/message.ts';
import { paramHeaders } from '../protocol/modern/headers.ts';
import { paramHeadersOf } from '../protocol/translation/param-headers.ts';
import { upstreamKey } from '../upstream/eras.ts';
import { askerOf } from './asker.ts';
import type { Errand } from './errand.ts';
import type { CallEvent, CallFailure } from './upstream-call.ts';

type RelayEvent = CallEvent | CallFailure;

type ParamHeaders = Readonly<Record<string, string>>;

/** Sends with the headers of a modern client; for a legacy one, with those that turn out to be missing. */
export async function* withMirroredParams(
  errand: Errand,
  send: (headers: ParamHeaders) => AsyncGenerator<RelayEvent, void>,
): AsyncGenerator<RelayEvent, void> {
  const { visit, scope, call, upstream } = errand;
  if (scope.era === 'modern') {
    yield* send(paramHeaders(visit.request.headers));
    return;
  }
  if (call.target?.what !== 'tool') {
    yield* send({});
    return;
  }
  const refused = yield* unlessMismatched(send({}));
  if (refused === undefined) return;
  const kept = await mirroredParams(errand);
  if (kept !== undefined && (yield* unlessMismatched(send(kept))) === undefined) return;
  // What is kept of the tool is not what the upstream goes by.
  await visit.stores.catalog.countChange(upstreamKey(upstream, visit.ports.ids), 'tools');
  const now = await mirroredParams(errand);
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

/** Undefined when the tool's definition asks for none. */
async function mirroredParams(errand: Errand): Promise<ParamHeaders | undefined> {
  const { visit, scope, call, upstream, targetName, tally } = errand;
  const { LISTING_MS, listsOf } = await import('./catalogs.ts');
  const reader = { work: visit, asker: askerOf(visit, scope), patienceMs: LISTING_MS, tally, toleranceMs: 0 };
  const [list] = await listsOf(reader, [{ upstream, member: 'tools' }]);
  const items = list?.kind === 'listed' ? itemsOf(list.text) : [];
  const tool = items.map((item) => parseJson(item)).find((item) => isObject(item) && item['name'] === targetName);
  const args = call.request.params?.['arguments'];
  const headers = isObject(tool) ? paramHeadersOf(tool['inputSchema'], isObject(args) ? args : undefined) : undefined;
  return headers === undefined || Object.keys(headers).length === 0 ? undefined : headers;
}
