import { randomBytes, randomUUID } from 'node:crypto';

import type { CatalogKey, NewCatalogHead } from '../../lib/ports/catalog.ts';
import type { ClientSession } from '../../lib/ports/client-sessions.ts';
import type { IdempotencyClaim } from '../../lib/ports/idempotency.ts';
import type { Subscription } from '../../lib/ports/listening.ts';
import type { PinRecord } from '../../lib/ports/pins.ts';
import type { SharedUpstreamSession, UpstreamSession } from '../../lib/ports/upstream-sessions.ts';

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

export function sharedSession(changes: Partial<SharedUpstreamSession> = {}): SharedUpstreamSession {
  return { upstream: 'time', session: upstreamSession(), expiresAt: 1_780_003_600_000, ...changes };
}

export function catalogKey(changes: Partial<CatalogKey> = {}): CatalogKey {
  return { upstream: freshKey(), audience: freshKey(), member: 'tools', ...changes };
}

export function newHead(changes: Partial<NewCatalogHead> = {}): NewCatalogHead {
  return {
    version: randomUUID(),
    changes: 0,
    fetchedAt: 1_780_000_000_000,
    freshUntil: 1_780_000_060_000,
    wantedAt: 1_780_000_000_000,
    shared: true,
    asked: { version: '2026-07-28', clientCapabilities: { elicitation: {} } },
    ...changes,
  };
}

export function subscription(changes: Partial<Subscription> = {}): Subscription {
  return { uri: 'note://1', upstream: 'notes', generation: null, ...changes };
}

export function pinRecord(changes: Partial<PinRecord> = {}): PinRecord {
  return { version: randomUUID(), text: '{"tools":[]}', ...changes };
}

export function callClaim(changes: Partial<IdempotencyClaim> = {}): IdempotencyClaim {
  return {
    owner: randomUUID(),
    digest: 'digest',
    deadlineAt: 1_780_000_060_000,
    expiresAt: 1_780_086_400_000,
    ...changes,
  };
}

/** JSON text of this many characters that cannot be compressed by more than a quarter. */
export function randomJson(chars: number): string {
  return JSON.stringify({ text: randomBytes(chars).toString('base64') }).slice(0, chars - 2) + '"}';
}
