/** Resources behind several upstreams: their URIs stay as they are, so the catalog says who has one. */
import { itemsOf, NO_LIST } from '../catalog/listing.ts';
import { candidatesFor, type ResourceLists } from '../catalog/owners.ts';
import { unknownName, type ServerUpstream } from '../catalog/plan.ts';
import type { Call } from '../protocol/call.ts';
import { JSON_RPC } from '../protocol/message.ts';
import { LEGACY_CODES } from '../protocol/translation/error.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import { askerOf, LISTING_MS, listsOf, noteChange, type Listed } from './catalogs.ts';
import { endingOfFailure, type RelayReply } from './ending.ts';
import type { Scope } from './errand.ts';
import { relay } from './relay.ts';
import type { Visit } from './visit.ts';

/** Who has a URI changes more slowly than what is in it: lists this old still say where it is, in milliseconds. */
const ROUTING_TOLERANCE_MS = 60_000;

/** Asks whoever has the resource; where nobody says so, each upstream with resources until one knows it. */
export async function* relayToOwner(
  visit: Visit,
  scope: Scope,
  call: Call,
  uri: string,
  tally: UpstreamTally,
): AsyncGenerator<RelayReply, void> {
  const lists = await resourceLists(visit, scope, tally);
  const candidates = candidatesFor(uri, lists);
  for (const [index, upstream] of candidates.entries()) {
    const isLast = index === candidates.length - 1;
    const errand = { visit, scope, call, upstream, targetName: uri, tally: { ...newTally(tally.cost) } };
    for await (const reply of relay(errand)) {
      const isUnknown = reply.kind === 'final' && UNKNOWN_RESOURCE.has(reply.errorKind);
      // Its lists said otherwise: they are old.
      if (isUnknown && isListed(lists, upstream, uri)) noteChange(visit, upstream, ['resources', 'resourceTemplates']);
      if (isUnknown && !isLast) continue;
      Object.assign(tally, errand.tally);
      yield reply;
      if (reply.kind === 'final') return;
    }
  }
  yield endingOfFailure(unknownName({ what: 'resource', name: uri }), call.request.idText);
}

/** In either era's words (server/resources, "Error Handling"), or because the upstream knows no resources at all. */
const UNKNOWN_RESOURCE: ReadonlySet<string | null> = new Set(
  [JSON_RPC.invalidParams, LEGACY_CODES.resourceNotFound, JSON_RPC.methodNotFound].map(String),
);

function isListed(lists: readonly ResourceLists[], upstream: ServerUpstream, uri: string): boolean {
  const own = lists.filter((list) => list.upstream === upstream);
  return (
    candidatesFor(
      uri,
      own.map((list) => ({ ...list, hasResources: false })),
    ).length > 0
  );
}

async function resourceLists(visit: Visit, scope: Scope, tally: UpstreamTally): Promise<readonly ResourceLists[]> {
  const { upstreams } = scope.server;
  const wanted = upstreams.flatMap((upstream) => [
    { upstream, member: 'resources' as const },
    { upstream, member: 'resourceTemplates' as const },
  ]);
  const asker = askerOf(visit, scope);
  const reader = { work: visit, asker, patienceMs: LISTING_MS, tally, toleranceMs: ROUTING_TOLERANCE_MS };
  const lists = await listsOf(reader, wanted);
  return upstreams.map((upstream, index) => {
    const [resources, templates] = lists.slice(2 * index, 2 * index + 2) as [Listed, Listed];
    return {
      upstream,
      resources: itemsIn(resources),
      templates: itemsIn(templates),
      hasResources: [resources, templates].some((list) => list.kind === 'unavailable' || list.text !== NO_LIST),
    };
  });
}

function itemsIn(list: Listed): readonly string[] | undefined {
  return list.kind === 'listed' ? itemsOf(list.text) : undefined;
}
