import type { ClientSession, UpstreamSession } from '../../ports.ts';
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
  const { generation, id, protocolVersion, attachedAt } = session;
  return { generation, id, protocolVersion, attachedAt, ...(doubted && { doubted }) };
}
