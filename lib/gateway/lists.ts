/** Lists: all pages of every upstream of a virtual server, as one page. */
import { itemsOf, seenThrough } from '../catalog/listing.ts';
import { mergeItems, toClientItems, type ClientItem } from '../catalog/merge.ts';
import { toWire } from '../errors.ts';
import type { RequestMessage } from '../protocol/message.ts';
import { META } from '../protocol/modern/envelope.ts';
import type { ListMember } from '../protocol/methods.ts';
import { listItemToClient } from '../protocol/translation/list-item.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import { askerOf } from './asker.ts';
import { LISTING_MS, listsOf, type Listed } from './catalogs.ts';
import { endingOfFailure, unexpectedFailure, type Ending } from './ending.ts';
import type { Scope } from './errand.ts';
import { withoutHeldTools } from './pinning.ts';
import type { Visit } from './visit.ts';

type Available = Extract<Listed, { kind: 'listed' }>;
type Unavailable = Extract<Listed, { kind: 'unavailable' }>;

type Shown = Available & { readonly items: readonly ClientItem[] };

/** Of what an upstream can have many, the log and the client are told no more than this many. */
const MAX_NOTICES = 20;
const MAX_NAMED_CLAIMS = 100;

/** Answers a list. Fails only when no upstream at all has anything to say. */
export async function answerList(
  visit: Visit,
  scope: Scope,
  request: RequestMessage,
  member: ListMember,
  tally: UpstreamTally,
): Promise<Ending> {
  if (request.params?.['cursor'] !== undefined) {
    return endingOfFailure(
      { kind: 'invalid-params', reason: 'There is one page only: the gateway gives out no cursors' },
      request.idText,
    );
  }
  const { server } = scope;
  const wanted = server.upstreams.map((upstream) => ({ upstream, member }));
  const reader = { work: visit, asker: askerOf(visit, scope), patienceMs: LISTING_MS, tally, toleranceMs: 0 };
  const lists = await listsOf(reader, wanted);
  const judged = await Promise.all(lists.map((list) => withItems(visit, scope, member, list)));
  const available = judged.filter((list) => list.kind === 'listed');
  const unavailable = judged.filter((list) => list.kind === 'unavailable');
  for (const { upstream, failure } of unavailable) {
    visit.ports.actionLog.notice(visit.invocation.requestId, {
      kind: 'upstream-unavailable',
      upstream: upstream.name,
      member,
      reason: failure.kind,
    });
  }
  const [first] = unavailable;
  if (available.length === 0 && first !== undefined) return endingOfFailure(first.failure, request.idText);
  return merged(visit, scope, request, member, available, unavailable);
}

/** As the client gets them; an upstream whose pins cannot be read has nothing that may be shown. */
async function withItems(visit: Visit, scope: Scope, member: ListMember, list: Listed): Promise<Shown | Unavailable> {
  if (list.kind === 'unavailable') return list;
  try {
    return { ...list, items: await itemsToClient(visit, scope, member, list) };
  } catch (error) {
    return { kind: 'unavailable', upstream: list.upstream, failure: unexpectedFailure(visit, error) };
  }
}

function merged(
  visit: Visit,
  scope: Scope,
  request: RequestMessage,
  member: ListMember,
  available: readonly Shown[],
  unavailable: readonly Unavailable[],
): Ending {
  const { server } = scope;
  const { items, lost, tooLong } = mergeItems(member, available, server);
  if (available.some(({ isNew }) => isNew)) {
    const { requestId } = visit.invocation;
    for (const claim of lost.slice(0, MAX_NOTICES)) {
      visit.ports.actionLog.notice(requestId, { kind: 'claim-lost', server: server.name, ...claim });
    }
    for (const { upstream, name } of tooLong.slice(0, MAX_NOTICES)) {
      visit.ports.actionLog.notice(requestId, { kind: 'name-too-long', server: server.name, upstream, name });
    }
  }
  const meta = {
    ...(scope.era === 'modern' ? { [META.serverInfo]: visit.shared.identity } : {}),
    ...(unavailable.length === 0 ? {} : { 'io.sluice/unavailable': unavailable.map(toUnavailable) }),
    ...(lost.length === 0 ? {} : { 'io.sluice/lostClaims': lost.slice(0, MAX_NAMED_CLAIMS) }),
  };
  const members = [
    `"${member}":[${items.join(',')}]`,
    ...(scope.era === 'modern' ? [cachingOf(available, unavailable)] : []),
    ...(Object.keys(meta).length === 0 ? [] : [`"_meta":${JSON.stringify(meta)}`]),
  ];
  const text = `{"jsonrpc":"2.0","id":${request.idText},"result":{${members.join(',')}}}`;
  return { kind: 'final', text, status: 200, outcome: 'ok', errorKind: null };
}

/** What pins hold back is decided anew each time. */
async function itemsToClient(
  visit: Visit,
  scope: Scope,
  member: ListMember,
  list: Available,
): Promise<readonly ClientItem[]> {
  const { upstream, era, text } = list;
  const translated = (items: readonly string[]): readonly ClientItem[] => {
    const readable = items.flatMap((item) => listItemToClient(member, item, era, scope.era) ?? []);
    return toClientItems(member, readable, upstream);
  };
  if (member === 'tools' && upstream.config.pin) return translated(await withoutHeldTools(visit, list));
  const { prefix, tools } = upstream.view;
  const view = JSON.stringify([member, era, scope.era, prefix, tools ?? null]);
  return seenThrough(view, text, visit.shared.catalogCache, () => translated(itemsOf(text)));
}

function toUnavailable({ upstream, failure }: Unavailable) {
  return { upstream: upstream.name, reason: toWire(failure).error.message };
}

/** What is missing may be back any moment, and is not what everyone lacks (2026-07-28, server/utilities/caching). */
function cachingOf(available: readonly Available[], unavailable: readonly Unavailable[]): string {
  const whole = unavailable.length === 0;
  const ttlMs = whole ? Math.floor(Math.min(...available.map((list) => list.ttlMs))) : 0;
  const isPublic = whole && available.every(({ scope }) => scope === 'public');
  return `"resultType":"complete","ttlMs":${ttlMs},"cacheScope":"${isPublic ? 'public' : 'private'}"`;
}
