/** Keeps lists fresh that callers share, on nobody's behalf: whoever asks next finds what the upstream has now. */
import type { ServerUpstream } from '../catalog/plan.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import type { CatalogHead, CatalogKey, UpstreamSession } from '../ports.ts';
import { isModernVersion } from '../protocol/era.ts';
import { newTally } from '../upstream/fault.ts';
import { closeUpstreamSession, type SessionKeeper } from '../upstream/legacy.ts';
import { upstreamKey } from '../upstream/eras.ts';
import { ttlOf } from './catalogs.ts';
import { asAfterword, connectionTools, eraTools } from './connection-tools.ts';
import { fetchMember } from './fetching.ts';
import { keepList } from './keeping.ts';
import type { Line } from './upstream-call.ts';
import { freshKeeper } from './upstream-sessions.ts';
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

/** One audience after another list, in one upstream session. */
async function refreshAudience(work: Work, upstream: ServerUpstream, lists: readonly KeptList[]): Promise<boolean[]> {
  const { endsAt } = work.invocation;
  const deadline = startDeadline(work.ports.clock, { totalMs: REFRESH_MS, idleMs: undefined, endsAt });
  const session = new RunSession(lists[0]!.head);
  const results: boolean[] = [];
  try {
    for (const list of lists) results.push(await refreshList(work, upstream, list, session, deadline));
    return results;
  } finally {
    deadline.stop();
    const { opened } = session;
    if (opened !== undefined) {
      work.defer(() => asAfterword(work, (tools) => closeUpstreamSession(upstream, opened, tools)));
    }
  }
}

/** The upstream session of one run, opened when it is first needed. */
class RunSession {
  readonly #identity: CatalogHead['asked'];
  opened: UpstreamSession | undefined;

  constructor({ asked }: CatalogHead) {
    this.#identity = asked;
  }

  /** An upstream introduces itself only when a session is opened, so that `introduction` takes one of its own. */
  keeper(work: Work, introduction: boolean): SessionKeeper {
    const { version, clientCapabilities } = this.#identity;
    const fresh = freshKeeper({ clientInfo: work.shared.identity, clientCapabilities, logLevel: undefined });
    const identity = { ...fresh.identity, protocolVersion: version };
    if (introduction) return { ...fresh, identity };
    return {
      ...fresh,
      identity,
      current: async () => this.opened,
      attach: async (session) => {
        this.opened = session;
        return { kind: 'attached' };
      },
      endsWithCall: false,
    };
  }
}

async function refreshList(
  work: Work,
  upstream: ServerUpstream,
  { key, head }: KeptList,
  session: RunSession,
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
    keeper: session.keeper(work, key.member === 'introduction'),
    deadline,
    connection,
    eras: eraTools(work, connection),
  };
  const [state] = await work.stores.catalog.heads([key]);
  const fetched = await fetchMember(line, key.member);
  // What it says in the other era is for another audience, which asks for itself.
  if (fetched.kind === 'failed' || fetched.era !== era || state === undefined) return false;
  const { list } = fetched;
  const place = { upstream, member: key.member, key, state, shared: head.shared, asked: head.asked };
  const { wantedAt } = head;
  keepList(work, place, { text: list.text, ttlMs: ttlOf(list, era, upstream), fetchedAt, wantedAt });
  return true;
}
