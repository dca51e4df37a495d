/** Keeps lists fresh that callers share, on nobody's behalf: whoever asks next finds what the upstream has now. */
import { EMPTY_LIST } from '../catalog/listing.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import type { CatalogHead, CatalogKey } from '../ports.ts';
import { isModernVersion } from '../protocol/era.ts';
import { newTally } from '../upstream/fault.ts';
import type { SessionKeeper } from '../upstream/legacy.ts';
import { upstreamKey } from '../upstream/eras.ts';
import { hadItems, ttlOf } from './catalogs.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { fetchMember } from './fetching.ts';
import { keepList } from './keeping.ts';
import type { Line } from './upstream-call.ts';
import { forSeveralCalls, freshKeeper } from './upstream-sessions.ts';
import type { Work } from './work.ts';

/** What no client has caused to be asked for this long is not kept fresh, in milliseconds. */
const WANTED_FOR_MS = 60 * 60 * 1000;

/** An upstream that takes longer for all that is kept of it is left for the next time, in milliseconds. */
const REFRESH_MS = 20_000;

/** How the refresh of one upstream went. */
export interface Refreshed {
  readonly upstream: string;
  readonly lists: number;
  readonly failed: number;
}

/** Asks an upstream again for every shared list that is kept of it. A failure leaves what is kept as it is. */
export async function refreshUpstream(work: Work, upstream: ServerUpstream): Promise<Refreshed> {
  const { clock, ids } = work.ports;
  const wantedSince = clock.now() - WANTED_FOR_MS;
  const kept = await work.stores.catalog.headsOf(upstreamKey(upstream, ids));
  const due = kept.filter(({ head }) => head.shared && head.wantedAt >= wantedSince);
  const byAudience = Map.groupBy(due, ({ key }) => key.audience);
  const results = await Promise.all([...byAudience.values()].map((lists) => refreshAudience(work, upstream, lists)));
  const failed = results.flat().filter((ok) => !ok).length;
  return { upstream: upstream.name, lists: due.length, failed };
}

interface KeptList {
  readonly key: CatalogKey;
  readonly head: CatalogHead;
}

/** One list after another, in one upstream session; an introduction takes one of its own, since it is made by opening. */
async function refreshAudience(work: Work, upstream: ServerUpstream, lists: readonly KeptList[]): Promise<boolean[]> {
  const { endsAt } = work.invocation;
  const deadline = startDeadline(work.ports.clock, { totalMs: REFRESH_MS, idleMs: undefined, endsAt });
  const fresh = keeperOfAudience(work, lists[0]!.head);
  const several = forSeveralCalls(work, upstream, fresh);
  const results: boolean[] = [];
  try {
    for (const list of lists) {
      const keeper = list.key.member === 'introduction' ? fresh : several.keeper;
      results.push(await refreshList(work, upstream, list, keeper, deadline));
    }
    return results;
  } finally {
    deadline.stop();
    several.close();
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
  deadline: Deadline,
): Promise<boolean> {
  const fetchedAt = work.ports.clock.now();
  const connection = connectionTools(work, deadline, newTally());
  const era = isModernVersion(head.asked.version) ? 'modern' : 'legacy';
  const line: Line = {
    work,
    upstream,
    preferred: era,
    requestedVersion: head.asked.version,
    keeper,
    deadline,
    connection,
    eras: eraTools(work, connection),
  };
  const [state] = await work.stores.catalog.heads([key]);
  const fetched = await fetchMember(line, key.member);
  // What it says in the other era is for another audience, which asks for itself.
  if (fetched.kind === 'failed' || fetched.era !== era || state === undefined) return false;
  const { list } = fetched;
  if (list.text === EMPTY_LIST && hadItems(work, state.head)) return true;
  const place = { upstream, member: key.member, key, state, shared: head.shared, asked: head.asked };
  const { wantedAt } = head;
  keepList(work, place, { text: list.text, ttlMs: ttlOf(list, era, upstream), fetchedAt, wantedAt });
  return true;
}
