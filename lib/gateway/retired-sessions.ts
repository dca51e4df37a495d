/** Upstream sessions that nobody will use again, and that are not ended yet: housekeeping ends them. */
import type { ServerUpstream } from '../catalog/plan.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import type { UpstreamLink } from '../upstream/streamable-http.ts';
import type { Work } from './work.ts';

/** An upstream that cannot end a session for this long after its last use has forgotten it by itself. */
const GIVE_UP_AFTER_MS = 24 * 60 * 60 * 1000;

/** Leaves a session to the first sweep after `afterMs`. */
export async function leaveToSweep(
  work: Work,
  { name: upstream }: Pick<UpstreamLink, 'name'>,
  session: UpstreamSession,
  afterMs: number,
): Promise<void> {
  const { clock, ids } = work.ports;
  const now = clock.now();
  const leftAt = session.leftAt ?? now;
  if (session.id === null || now - leftAt > GIVE_UP_AFTER_MS) return;
  const key = ids.digest(JSON.stringify(['retired', upstream, session.generation]));
  await work.stores.upstreamSessions.keep(
    key,
    { upstream, session: { ...session, leftAt }, expiresAt: now + afterMs },
    undefined,
    now,
  );
}

/** A session that others may still be using is left to them until the longest call in it is over. */
export async function retire(work: Work, upstream: ServerUpstream, session: UpstreamSession): Promise<void> {
  const { timeoutMs, tools } = upstream.config;
  const longest = Math.max(timeoutMs, ...Object.values(tools).map((tool) => tool.timeoutMs ?? 0));
  await leaveToSweep(work, upstream, session, longest);
}
