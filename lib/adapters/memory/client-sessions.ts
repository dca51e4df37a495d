import type { ClientSession, ClientSessionStore } from '../../ports/client-sessions.ts';
import { copyJson, copyUpstreamSessions, withDoubt } from './copies.ts';
import { expiringIn, lastExpiringIn, takeExpired } from './expiring.ts';
import type { Request } from './request.ts';

export function clientSessionsIn(sessions: Map<string, ClientSession>, request: Request): ClientSessionStore {
  return {
    create: (session) =>
      request(() => {
        if (sessions.has(session.key)) return false;
        sessions.set(session.key, copySession(session));
        return true;
      }),

    read: (key) =>
      request(() => {
        const session = sessions.get(key);
        return session && copySession(session);
      }),

    attach: (key, upstream, upstreamSession, replaces) =>
      request(() => {
        const session = sessions.get(key);
        if (session === undefined) return { kind: 'gone' };
        const attached = session.upstreamSessions[upstream];
        if (attached !== undefined && attached.generation !== replaces) {
          if (attached.generation === upstreamSession.generation) return { kind: 'attached' };
          return { kind: 'lost', winner: { ...attached } };
        }
        const upstreamSessions = copyUpstreamSessions(session.upstreamSessions);
        upstreamSessions[upstream] = { ...upstreamSession };
        sessions.set(key, { ...session, upstreamSessions });
        return { kind: 'attached' };
      }),

    setDoubt: (key, upstream, generation, doubted) =>
      request(() => {
        const session = sessions.get(key);
        const attached = session?.upstreamSessions[upstream];
        if (session === undefined || attached?.generation !== generation) return;
        const upstreamSessions = copyUpstreamSessions(session.upstreamSessions);
        upstreamSessions[upstream] = withDoubt(attached, doubted);
        sessions.set(key, { ...session, upstreamSessions });
      }),

    setLogLevel: (key, logLevel) =>
      request(() => {
        const session = sessions.get(key);
        if (session === undefined) return false;
        sessions.set(key, { ...session, logLevel });
        return true;
      }),

    touch: (key, lastSeenAt, expiresAt) =>
      request(() => {
        const session = sessions.get(key);
        if (session === undefined) return false;
        if (session.expiresAt < expiresAt) sessions.set(key, { ...session, lastSeenAt, expiresAt });
        return true;
      }),

    terminate: (key) =>
      request(() => {
        const session = sessions.get(key);
        sessions.delete(key);
        return session && copySession(session);
      }),

    terminateExpired: (key, now) =>
      request(() => {
        const session = takeExpired(sessions, key, now);
        return session && copySession(session);
      }),

    expiringBetween: (from, until, limit) => request(() => expiringIn(sessions, from, until, limit)),
    expiringLast: (from, limit) => request(() => lastExpiringIn(sessions, from, limit)),
  };
}

function copySession(session: ClientSession): ClientSession {
  return {
    ...session,
    clientInfo: copyJson(session.clientInfo),
    clientCapabilities: copyJson(session.clientCapabilities),
    upstreamSessions: copyUpstreamSessions(session.upstreamSessions),
  };
}
