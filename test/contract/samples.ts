import { randomUUID } from 'node:crypto';

import type { ClientSession, UpstreamSession } from '../../lib/ports.ts';

/** A key that no other test uses. */
export function freshKey(): string {
  return randomUUID();
}

export function clientSession(changes: Partial<ClientSession> = {}): ClientSession {
  return {
    key: freshKey(),
    server: 'default',
    caller: 'caller',
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'client', version: '1.0.0' },
    clientCapabilities: { roots: { listChanged: true } },
    logLevel: undefined,
    upstreamSessions: {},
    createdAt: 1_780_000_000_000,
    lastSeenAt: 1_780_000_000_000,
    expiresAt: 1_780_003_600_000,
    ...changes,
  };
}

export function upstreamSession(changes: Partial<UpstreamSession> = {}): UpstreamSession {
  return {
    generation: randomUUID(),
    id: randomUUID(),
    protocolVersion: '2025-06-18',
    attachedAt: 1_780_000_000_001,
    ...changes,
  };
}
