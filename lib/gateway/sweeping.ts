/**
 * Ends what nobody uses any more: expired client sessions with the upstream sessions attached to them, and shared
 * upstream sessions. Each is removed by condition first, so that one that is used at the same moment stays, and of
 * several sweeps one closes it.
 */
import type { ServerUpstream } from '../catalog/plan.ts';
import type { ClientSession, UpstreamSession } from '../ports.ts';
import { closeUpstreamSession } from '../upstream/legacy.ts';
import { asAfterword } from './connection-tools.ts';
import type { Work } from './work.ts';

/** What is left is for the next sweep. */
const MOST_AT_ONCE = 100;

export interface Swept {
  readonly clientSessions: number;
  readonly upstreamSessions: number;
}

export async function sweep(work: Work, upstreams: readonly ServerUpstream[]): Promise<Swept> {
  const closed = await Promise.all([sweepClientSessions(work, upstreams), sweepSharedSessions(work, upstreams)]);
  return { clientSessions: closed[0].ended, upstreamSessions: closed[0].closed + closed[1] };
}

async function sweepClientSessions(work: Work, upstreams: readonly ServerUpstream[]) {
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

async function sweepSharedSessions(work: Work, upstreams: readonly ServerUpstream[]): Promise<number> {
  const { upstreamSessions } = work.stores;
  const now = work.ports.clock.now();
  let closed = 0;
  for (const key of await upstreamSessions.expiringBetween(0, now, MOST_AT_ONCE)) {
    const shared = await upstreamSessions.removeExpired(key, now);
    if (shared !== undefined && close(work, upstreams, shared.upstream, shared.session)) closed += 1;
  }
  return closed;
}

/** False for an upstream that is no longer configured: there is nobody to tell. */
function close(work: Work, upstreams: readonly ServerUpstream[], name: string, session: UpstreamSession): boolean {
  const upstream = upstreams.find((candidate) => candidate.name === name);
  if (upstream === undefined || session.id === null) return false;
  work.defer(() => asAfterword(work, (tools) => closeUpstreamSession(upstream, session, tools)));
  return true;
}
