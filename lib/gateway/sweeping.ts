/**
 * Ends what nobody uses any more: expired client sessions with the upstream sessions attached to them, and shared
 * upstream sessions. Each is removed by condition first, so that one that is used at the same moment stays, and of
 * several sweeps one closes it.
 */
import type { ServerUpstream } from '../catalog/plan.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import { closeUpstreamSession } from '../upstream/session.ts';
import { asAfterword } from './connection-tools.ts';
import type { Work } from './work.ts';

/** How many are looked up together, and how often: what is left then is for the next sweep. */
const MOST_AT_ONCE = 100;
const MOST_ROUNDS = 20;

export interface Swept {
  readonly clientSessions: number;
  readonly upstreamSessions: number;
}

export async function sweep(work: Work, upstreams: readonly ServerUpstream[]): Promise<Swept> {
  const [client, shared] = await Promise.allSettled([
    inRounds(() => sweepClientSessions(work, upstreams)),
    inRounds(() => sweepSharedSessions(work, upstreams)),
  ]);
  if (client.status === 'rejected') throw client.reason;
  if (shared.status === 'rejected') throw shared.reason;
  return { clientSessions: client.value.ended, upstreamSessions: client.value.closed + shared.value.closed };
}

interface Round {
  readonly ended: number;
  readonly closed: number;
}

/** Until nothing more is found; the index may go on showing for a moment what has been removed. */
async function inRounds(sweepRound: () => Promise<Round>): Promise<Round> {
  let total: Round = { ended: 0, closed: 0 };
  for (let round = 1; round <= MOST_ROUNDS; round += 1) {
    const { ended, closed } = await sweepRound();
    total = { ended: total.ended + ended, closed: total.closed + closed };
    if (ended < MOST_AT_ONCE) break;
  }
  return total;
}

async function sweepClientSessions(work: Work, upstreams: readonly ServerUpstream[]): Promise<Round> {
  const { clientSessions } = work.stores;
  const now = work.ports.clock.now();
  let ended = 0;
  let closed = 0;
  for (const key of await clientSessions.expiringBetween(0, now, MOST_AT_ONCE)) {
    const session = await clientSessions.terminateExpired(key, now);
    if (session === undefined) continue;
    ended += 1;
    closed += sweepSession(work, upstreams, session);
  }
  return { ended, closed };
}

/** Closes the upstream sessions of a client session that is no more, in the background; says how many. */
export function sweepSession(work: Work, upstreams: readonly ServerUpstream[], session: ClientSession): number {
  const attached = Object.entries(session.upstreamSessions);
  return attached.filter(([name, upstreamSession]) => close(work, upstreams, name, upstreamSession)).length;
}

async function sweepSharedSessions(work: Work, upstreams: readonly ServerUpstream[]): Promise<Round> {
  const { upstreamSessions } = work.stores;
  const now = work.ports.clock.now();
  let ended = 0;
  let closed = 0;
  for (const key of await upstreamSessions.expiringBetween(0, now, MOST_AT_ONCE)) {
    const shared = await upstreamSessions.removeExpired(key, now);
    if (shared === undefined) continue;
    ended += 1;
    if (close(work, upstreams, shared.upstream, shared.session)) closed += 1;
  }
  return { ended, closed };
}

/** False for an upstream that is no longer configured: there is nobody to tell. */
function close(work: Work, upstreams: readonly ServerUpstream[], name: string, session: UpstreamSession): boolean {
  const upstream = upstreams.find((candidate) => candidate.name === name);
  if (upstream === undefined || session.id === null) return false;
  work.defer(() => asAfterword(work, (tools) => closeUpstreamSession(upstream, session, tools)));
  return true;
}
