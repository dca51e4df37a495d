/** What the console shows of the table. */
import type { KeptList, Operator, SessionList, UpstreamBreaker } from '../../operator.ts';
import type { ClientSession } from '../../ports/client-sessions.ts';
import type { CatalogView, SessionView, StateView, UpstreamView } from './feed.ts';

/** What was looked up. */
export interface LookedUp {
  readonly breakers: readonly UpstreamBreaker[];
  readonly sessions: SessionList;
  readonly lists: readonly KeptList[];
}

/** Each costs a read every few seconds. */
const MOST_SESSIONS = 100;
const MOST_LISTS = 500;
const MOST_CLIENT_CHARS = 100;
/** As many characters of a session's key as the action log shows. */
const HASH_CHARS = 12;

/** Rejects with what the stores throw. */
export async function lookUp(operator: Operator): Promise<LookedUp> {
  const [breakers, sessions, lists] = await Promise.all([
    operator.breakers(),
    operator.latestSessions(MOST_SESSIONS),
    operator.keptLists(),
  ]);
  return { breakers, sessions, lists };
}

/** Before anything was looked up. */
export function nothingKnown(upstreams: readonly string[]): LookedUp {
  const breakers = upstreams.map((upstream) => ({
    upstream,
    state: 'closed' as const,
    openUntil: undefined,
    failures: 0,
  }));
  return { breakers, sessions: { sessions: [], hasMore: false }, lists: [] };
}

export function toStateView({ breakers, sessions, lists }: LookedUp): StateView {
  return {
    upstreams: breakers.map(toUpstreamView),
    sessions: sessions.sessions.map(toSessionView).toSorted((a, b) => b.lastSeenAt - a.lastSeenAt),
    hasMoreSessions: sessions.hasMore,
    catalog: lists.slice(0, MOST_LISTS).map(toCatalogView),
  };
}

function toUpstreamView({ upstream, state, openUntil, failures }: UpstreamBreaker): UpstreamView {
  return { name: upstream, breaker: state, openUntil: openUntil ?? null, failures };
}

function toSessionView(session: ClientSession): SessionView {
  const { key, server, protocolVersion, clientInfo, lastSeenAt, expiresAt, upstreamSessions } = session;
  const { name } = clientInfo;
  return {
    hash: key.slice(0, HASH_CHARS),
    server,
    protocolVersion,
    client: typeof name === 'string' && name !== '' ? name.slice(0, MOST_CLIENT_CHARS) : null,
    lastSeenAt,
    expiresAt,
    upstreams: Object.keys(upstreamSessions).toSorted(),
  };
}

function toCatalogView({ upstream, member, fetchedAt, freshUntil, isStale, bytes }: KeptList): CatalogView {
  return { upstream, member, fetchedAt, freshUntil, isStale, bytes };
}
