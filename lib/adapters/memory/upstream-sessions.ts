import type { SharedUpstreamSession, UpstreamSessionStore } from '../../ports/upstream-sessions.ts';
import { withDoubt } from './copies.ts';
import { expiringIn, takeExpired } from './expiring.ts';
import type { Request } from './request.ts';

export function upstreamSessionsIn(
  sessions: Map<string, SharedUpstreamSession>,
  request: Request,
): UpstreamSessionStore {
  return {
    read: (key) =>
      request(() => {
        const shared = sessions.get(key);
        return shared && copyShared(shared);
      }),

    keep: (key, shared, replaces, now) =>
      request(() => {
        const kept = sessions.get(key);
        if (kept !== undefined && kept.session.generation !== replaces && kept.expiresAt > now) {
          if (kept.session.generation === shared.session.generation) return { kind: 'kept' };
          return { kind: 'lost', winner: { ...kept.session } };
        }
        sessions.set(key, copyShared(shared));
        return { kind: 'kept' };
      }),

    setDoubt: (key, generation, doubted) =>
      request(() => {
        const kept = sessions.get(key);
        if (kept?.session.generation !== generation) return;
        sessions.set(key, { ...kept, session: withDoubt(kept.session, doubted) });
      }),

    removeExpired: (key, now) => request(() => takeExpired(sessions, key, now)),

    expiringBetween: (from, until, limit) => request(() => expiringIn(sessions, from, until, limit)),
  };
}

function copyShared({ upstream, session, expiresAt }: SharedUpstreamSession): SharedUpstreamSession {
  return { upstream, session: { ...session }, expiresAt };
}
