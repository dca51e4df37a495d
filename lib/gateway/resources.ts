/** Resources behind several upstreams: their URIs stay as they are, so the catalog says who has one. */
import { itemsOf, NO_LIST } from '../catalog/listing.ts';
import { candidatesFor, type ResourceLists } from '../catalog/owners.ts';
import { unknownName, type ServerUpstream } from '../catalog/plan.ts';
import { inSpan } from '../ports/tracer.ts';
import type { Call } from '../protocol/call.ts';
import { JSON_RPC } from '../protocol/message.ts';
import { LEGACY_CODES } from '../protocol/translation/error.ts';
import { detach, newCost, newTally, type UpstreamTally } from '../upstream/fault.ts';
import { askerOf } from './asker.ts';
import { askForLists, type Listed } from './catalogs.ts';
import { endingOfFailure, type Ending, type RelayReply } from './ending.ts';
import type { Scope } from './errand.ts';
import { noteChange } from './changes.ts';
import { relay } from './relay.ts';
import type { Visit } from './visit.ts';

/** An upstream that lists more slowly than this does not keep a read waiting, in milliseconds. */
const ROUTING_MS = 5000;

/** Who has a URI changes more slowly than what is in it: lists this old still say where it is, in milliseconds. */
const ROUTING_TOLERANCE_MS = 60_000;

/**
 * Asks whoever has the resource; where nobody says so, each upstream with resources until one knows it. A read may be
 * tried elsewhere: it changes nothing.
 */
export async function* relayToOwner(
  visit: Visit,
  scope: Scope,
  call: Call,
  uri: string,
  tally: UpstreamTally,
): AsyncGenerator<RelayReply, void> {
  const lists = await listsNeeded(visit, scope, uri, tally);
  const candidates = candidatesFor(uri, lists);
  /** Why one that may have had it could not say so. */
  let failed: Ending | undefined;
  let unknown: Ending | undefined;
  for (const upstream of candidates) {
    const errand = { visit, scope, call, upstream, targetName: uri, tally: newTally(tally) };
    for await (const reply of relay(errand)) {
      Object.assign(tally, errand.tally);
      // Only the calls of tools are handed over.
      if (reply.kind !== 'final') {
        yield reply;
      } else if (UNKNOWN_RESOURCE.has(reply.errorKind)) {
        // Its lists said otherwise: they are old.
        if (lists.some((list) => list.upstream === upstream && isListed(list, uri)))
          noteChange(visit, upstream, ['resources']);
        unknown = reply;
      } else if (candidates.length > 1 && reply.errorKind?.startsWith('upstream-') === true) {
        failed ??= reply;
      } else {
        yield reply;
        return;
      }
    }
  }
  const none = unknownName({ what: 'resource', name: uri });
  yield failed ?? unknown ?? endingOfFailure(none, call.request.idText);
}

/** What is still being listed when it is known who has the URI is nobody's wait any more. */
async function listsNeeded(
  visit: Visit,
  scope: Scope,
  uri: string,
  tally: UpstreamTally,
): Promise<readonly ResourceLists[]> {
  const cost = newCost(tally.cost);
  try {
    return await inSpan(tally.span, 'catalog', (span) =>
      resourceLists(visit, scope, uri, newTally({ ...tally, span, cost })),
    );
  } finally {
    detach(cost, visit.ports.clock.elapsed());
  }
}

/** In either era's words (server/resources, "Error Handling"), or because the upstream knows no resources at all. */
export const UNKNOWN_RESOURCE: ReadonlySet<string | null> = new Set(
  [JSON_RPC.invalidParams, LEGACY_CODES.resourceNotFound, JSON_RPC.methodNotFound].map(String),
);

/** A template promises nothing about any one of its URIs. */
function isListed(list: ResourceLists, uri: string): boolean {
  return candidatesFor(uri, [{ ...list, templates: undefined, hasResources: false }]).length > 0;
}

/** Waits for no more lists than it takes to know who has the URI. */
async function resourceLists(
  visit: Visit,
  scope: Scope,
  uri: string,
  tally: UpstreamTally,
): Promise<readonly ResourceLists[]> {
  const { upstreams } = scope.server;
  const asked = await askForResources(visit, scope, tally);
  for (const [index, upstream] of upstreams.entries()) {
    const resources = itemsIn(await asked[2 * index]!);
    const owned: ResourceLists = { upstream, resources, templates: undefined, hasResources: false };
    if (candidatesFor(uri, [owned]).length > 0) return [owned];
  }
  return listsIn(upstreams, await Promise.all(asked));
}

/** Who may have each of the resources, in the order in which to ask. */
export async function candidatesOf(
  visit: Visit,
  scope: Scope,
  uris: readonly string[],
  tally: UpstreamTally,
): Promise<ReadonlyMap<string, readonly ServerUpstream[]>> {
  const { upstreams } = scope.server;
  if (uris.length === 0 || upstreams.length === 1) return new Map(uris.map((uri) => [uri, upstreams]));
  const asked = await inSpan(tally.span, 'catalog', async (span) =>
    Promise.all(await askForResources(visit, scope, newTally({ ...tally, span }))),
  );
  const lists = listsIn(upstreams, asked);
  return new Map(uris.map((uri) => [uri, candidatesFor(uri, lists)]));
}

/** The resources and the templates of each upstream in turn. */
async function askForResources(visit: Visit, scope: Scope, tally: UpstreamTally): Promise<readonly Promise<Listed>[]> {
  const asker = askerOf(visit, scope);
  const reader = { work: visit, asker, patienceMs: ROUTING_MS, tally, toleranceMs: ROUTING_TOLERANCE_MS };
  const wanted = scope.server.upstreams.flatMap((upstream) => [
    { upstream, member: 'resources' as const },
    { upstream, member: 'resourceTemplates' as const },
  ]);
  const asked = await askForLists(reader, wanted);
  visit.defer(() => Promise.allSettled(asked));
  return asked;
}

function listsIn(upstreams: readonly ServerUpstream[], lists: readonly Listed[]): readonly ResourceLists[] {
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
