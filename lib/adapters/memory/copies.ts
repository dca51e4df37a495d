import type { ClientSession } from '../../ports/client-sessions.ts';
import type { UpstreamSession } from '../../ports/upstream-sessions.ts';
import type { JsonObject } from '../../protocol/message.ts';

/** Through text, as the database keeps it. */
export function copyJson(value: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** Without a prototype, so that an upstream named `constructor` has a session only when it has one. */
export function copyUpstreamSessions(sessions: ClientSession['upstreamSessions']): Record<string, UpstreamSession> {
  const copy = Object.create(null) as Record<string, UpstreamSession>;
  for (const [upstream, session] of Object.entries(sessions)) copy[upstream] = { ...session };
  return copy;
}

export function withDoubt(session: UpstreamSession, doubted: boolean): UpstreamSession {
  const { doubted: _before, ...others } = session;
  return { ...others, ...(doubted && { doubted }) };
}
