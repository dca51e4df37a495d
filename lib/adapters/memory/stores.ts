import type {
  Cancellation,
  ClientSession,
  ClientSessionStore,
  MailboxStore,
  StoreTally,
  UpstreamEras,
  UpstreamEraStore,
  UpstreamSession,
  Stores,
} from '../../ports.ts';
import type { JsonObject } from '../../protocol/message.ts';

/**
 * Every store in the memory of this process, in the semantics of the database: what goes in and what comes out are
 * copies, and an operation counts on the tally as the request that it would have been. Nothing is ever deleted because
 * it expired, as the database may be two days late with that.
 */
export function createMemoryStores(): (tally: StoreTally) => Stores {
  const sessions = new Map<string, ClientSession>();
  const cancellations = new Map<string, Cancellation>();
  const eras = new Map<string, UpstreamEras>();
  return (tally) => {
    /** Runs at once and as a whole, as one request does in the database. */
    const request = async <T>(work: () => T): Promise<T> => {
      tally.requests += 1;
      return work();
    };
    return {
      clientSessions: clientSessionsIn(sessions, request),
      mailbox: mailboxIn(cancellations, request),
      upstreamEras: upstreamErasIn(eras, request),
    };
  };
}

type Request = <T>(work: () => T) => Promise<T>;

function clientSessionsIn(sessions: Map<string, ClientSession>, request: Request): ClientSessionStore {
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
  };
}

function mailboxIn(cancellations: Map<string, Cancellation>, request: Request): MailboxStore {
  const keyOf = (clientSession: string, call: string) => JSON.stringify([clientSession, call]);
  return {
    leaveCancellation: (clientSession, call, cancellation) =>
      request(() => {
        cancellations.set(keyOf(clientSession, call), { ...cancellation });
      }),

    peekCancellation: (clientSession, call) =>
      request(() => {
        const cancellation = cancellations.get(keyOf(clientSession, call));
        return cancellation && { ...cancellation };
      }),

    clearCancellation: (clientSession, call) =>
      request(() => {
        cancellations.delete(keyOf(clientSession, call));
      }),
  };
}

function upstreamErasIn(eras: Map<string, UpstreamEras>, request: Request): UpstreamEraStore {
  return {
    read: (upstream) =>
      request(() => {
        const known = eras.get(upstream);
        return known && structuredClone(known);
      }),

    write: (upstream, learned) =>
      request(() => {
        const known = eras.get(upstream);
        if (known === undefined || known.learnedAt < learned.learnedAt) eras.set(upstream, structuredClone(learned));
      }),
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

/** Through text, as the database keeps it. */
function copyJson(value: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** Without a prototype, so that an upstream named `constructor` has a session only when it has one. */
function copyUpstreamSessions(sessions: ClientSession['upstreamSessions']): Record<string, UpstreamSession> {
  const copy = Object.create(null) as Record<string, UpstreamSession>;
  for (const [upstream, session] of Object.entries(sessions)) copy[upstream] = { ...session };
  return copy;
}
