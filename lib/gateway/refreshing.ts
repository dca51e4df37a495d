/** Keeps lists fresh that callers share, on nobody's behalf: whoever asks next finds what the upstream has now. */
import { catalogKey, isDoubtful, isVersionOf, modernAudiences, suits } from '../catalog/listing.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import type { CatalogHead, CatalogKey } from '../ports/catalog.ts';
import { isModernVersion, type Era } from '../protocol/era.ts';
import { newTally } from '../upstream/fault.ts';
import type { SessionKeeper } from '../upstream/legacy.ts';
import { upstreamKey } from '../upstream/eras.ts';
import { ttlOf } from './catalogs.ts';
import { inquire } from './fetching.ts';
import { keepList } from './keeping.ts';
import { tellHeldTools } from './pinning.ts';
import { forSeveralCalls, freshKeeper } from './upstream-sessions.ts';
import type { Work } from './work.ts';

/** What no client has used for this long is not kept fresh, in milliseconds. */
const WANTED_FOR_MS = 60 * 60 * 1000;

/** An upstream that takes longer for one of its lists is left for the next time, in milliseconds. */
const REFRESH_MS = 20_000;

/** Clients of many kinds may ask; those that were served last are kept fresh. */
const MAX_AUDIENCES = 8;

/** How the refresh of one upstream went. */
export interface Refreshed {
  readonly upstream: string;
  readonly lists: number;
  readonly failed: number;
}

/**
 * Asks an upstream again for every shared list that is kept of it, one after another. A failure leaves what is kept as it
 * is. Rejects with what the stores throw.
 */
export async function refreshUpstream(work: Work, upstream: ServerUpstream): Promise<Refreshed> {
  const { clock, ids } = work.ports;
  const wantedSince = clock.now() - WANTED_FOR_MS;
  const kept = await work.stores.catalog.headsOf(upstreamKey(upstream, ids));
  const due = kept.filter(({ head }) => head.shared && head.wantedAt >= wantedSince);
  const audiences = [...Map.groupBy(due, ({ key }) => key.audience).values()].toSorted(byLastWanted);
  const results: boolean[] = [];
  for (const lists of audiences.slice(0, MAX_AUDIENCES))
    results.push(...(await refreshAudience(work, upstream, lists)));
  return { upstream: upstream.name, lists: results.length, failed: results.filter((ok) => !ok).length };
}

interface KeptList {
  readonly key: CatalogKey;
  readonly head: CatalogHead;
}

function byLastWanted(left: readonly KeptList[], right: readonly KeptList[]): number {
  const last = (lists: readonly KeptList[]): number => Math.max(...lists.map(({ head }) => head.wantedAt));
  return last(right) - last(left);
}

/** In one upstream session, which the introduction opens: that is how an upstream introduces itself. One failure is enough. */
async function refreshAudience(work: Work, upstream: ServerUpstream, lists: readonly KeptList[]): Promise<boolean[]> {
  const { keeper, close } = forSeveralCalls(work, upstream, keeperOfAudience(work, lists[0]!.head));
  const isFirst = ({ key }: KeptList): boolean => key.member === 'introduction';
  const inOrder = [...lists.filter(isFirst), ...lists.filter((list) => !isFirst(list))];
  const results: boolean[] = [];
  try {
    for (const list of inOrder) {
      results.push(results.includes(false) ? false : await refreshList(work, upstream, list, keeper));
    }
    return results;
  } finally {
    close();
  }
}

/** Tells the upstream what whoever asked first told it. */
function keeperOfAudience(work: Work, { asked }: CatalogHead): SessionKeeper {
  const { version, clientCapabilities } = asked;
  const fresh = freshKeeper({ clientInfo: work.shared.identity, clientCapabilities, logLevel: undefined });
  return { ...fresh, identity: { ...fresh.identity, protocolVersion: version } };
}

async function refreshList(
  work: Work,
  upstream: ServerUpstream,
  { key, head }: KeptList,
  keeper: SessionKeeper,
): Promise<boolean> {
  const fetchedAt = work.ports.clock.now();
  const era = isModernVersion(head.asked.version) ? 'modern' : 'legacy';
  const [state] = await work.stores.catalog.heads([key]);
  const fetched = await inquire(work, {
    upstream,
    member: key.member,
    preferred: era,
    keeper: () => keeper,
    patienceMs: REFRESH_MS,
    spentMs: 0,
    tally: newTally({ span: work.trace.root }),
  });
  if (fetched.kind === 'failed' || fetched.era !== era || state === undefined) return false;
  const { list } = fetched;
  if (isDoubtful(list.text, state.head, work.ports.ids)) return true;
  if (!isStillFor(work, upstream, key, era, list.scope)) {
    // It is for another audience now, which asks for itself; what this one has is no longer true.
    await work.stores.catalog.countChange(key.upstream, key.member);
    return true;
  }
  const place = { upstream, member: key.member, key, state, shared: head.shared, asked: head.asked };
  const { wantedAt } = head;
  const isPinned = upstream.config.pin && key.member === 'tools';
  if (isPinned && state.head !== undefined && !isVersionOf(state.head.version, list.text, work.ports.ids)) {
    await tellHeldTools(work, upstream.name, head.asked.version, list.text);
  }
  keepList(work, place, { text: list.text, ttlMs: ttlOf(list, era, upstream), fetchedAt, wantedAt });
  return true;
}

/** Whether a list that was asked for again is still for those it is kept for. */
function isStillFor(
  { ports }: Work,
  upstream: ServerUpstream,
  key: CatalogKey,
  era: Era,
  scope: 'public' | 'private',
): boolean {
  const [everyone, own] = modernAudiences('', false);
  const place = upstreamKey(upstream, ports.ids);
  const isEveryones = catalogKey(place, everyone, key.member, ports.ids).audience === key.audience;
  return suits(isEveryones ? everyone : { ...own, era }, era, scope);
}
