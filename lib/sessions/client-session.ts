/** The client session: what it is made of, who may use it, and how long it lives. */
import { fail, succeed, type Result } from '../errors.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import type { JsonObject } from '../protocol/message.ts';

/** A session that nobody uses ends after a day; each use moves its end. */
export const SESSION_TTL_MS = 24 * 60 * 60 * 1000;

/** Writing down every use would cost a request to the store each; once an hour moves the end well enough. */
const TOUCH_AFTER_MS = 60 * 60 * 1000;

/** What `Ids.random` gives out. Anything else cannot be a session, and is not looked up. */
const SESSION_ID = /^[A-Za-z0-9_-]{32}$/;

/** Client info and capabilities are kept with the session; larger ones than this are refused, in characters. */
export const MAX_HELLO_CHARS = 64 * 1024;

export interface NewSession {
  readonly key: string;
  readonly server: string;
  readonly caller: string;
  readonly protocolVersion: string;
  readonly clientInfo: JsonObject;
  readonly clientCapabilities: JsonObject;
  readonly upstreamSessions: Readonly<Record<string, UpstreamSession>>;
}

export function newClientSession(fields: NewSession, now: number): ClientSession {
  return { ...fields, logLevel: undefined, createdAt: now, lastSeenAt: now, expiresAt: now + SESSION_TTL_MS };
}

export function isSessionId(id: string): boolean {
  return SESSION_ID.test(id);
}

/**
 * The session, if it may be used by this caller on this virtual server now. To the client, every other case is the same
 * "not found" (2025-11-25, basic/transports); a stranger's attempt is told apart in the action log.
 */
export function admitToSession(
  session: ClientSession | undefined,
  caller: string,
  server: string,
  now: number,
): Result<ClientSession> {
  if (session === undefined || session.expiresAt <= now || session.server !== server) {
    return fail({ kind: 'session-unknown' });
  }
  return session.caller === caller ? succeed(session) : fail({ kind: 'session-foreign' });
}

/** When the session is to end after a use at `now`; undefined when that need not be written down yet. */
export function nextExpiry(session: ClientSession, now: number): number | undefined {
  return now - session.lastSeenAt >= TOUCH_AFTER_MS ? now + SESSION_TTL_MS : undefined;
}
