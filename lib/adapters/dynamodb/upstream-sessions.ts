import type { KeepOutcome, SharedUpstreamSession, UpstreamSessionStore } from '../../ports/upstream-sessions.ts';
import { expiringKeys, removeExpired } from './expiring.ts';
import { GarbledRecord, type Item, numberValue, readNumber, readText, textValue } from './item.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { untilSettled } from './settled.ts';
import { CONDITIONS } from './conditions.ts';
import { sharedUpstreamSessionKey, sweptExpiryAttributes } from './table.ts';
import { decodeUpstreamSession, doubting, encodeUpstreamSession } from './upstream-session.ts';

export function createUpstreamSessionStore(records: Records): UpstreamSessionStore {
  return {
    read: (key) =>
      storeOperation('upstreamSessions.read', async () => {
        const item = await records.get(sharedUpstreamSessionKey(key), 'consistent');
        return item && decodeShared(item);
      }),

    keep: (key, shared, replaces, now) =>
      storeOperation('upstreamSessions.keep', async () => {
        const item = { ...sharedUpstreamSessionKey(key), ...encodeShared(shared) };
        return keep(records, item, shared, keepable(replaces, now));
      }),

    setDoubt: (key, generation, doubted) =>
      storeOperation('upstreamSessions.setDoubt', async () => {
        const condition = { text: CONDITIONS.stillKept, values: { ':generation': textValue(generation) } };
        await records.update(sharedUpstreamSessionKey(key), doubting('#session', doubted), condition);
      }),

    removeExpired: (key, now) =>
      storeOperation('upstreamSessions.removeExpired', async () => {
        const item = await removeExpired(records, sharedUpstreamSessionKey(key), now);
        return item && decodeShared(item);
      }),

    expiringBetween: (from, until, limit) =>
      storeOperation('upstreamSessions.expiringBetween', () =>
        expiringKeys(records, 'upstream-session', from, until, limit),
      ),
  };
}

function keep(
  records: Records,
  item: Parameters<Records['put']>[0],
  { session }: SharedUpstreamSession,
  condition: Expression,
): Promise<KeepOutcome> {
  return untilSettled(async () => {
    const written = await records.put(item, condition);
    if (written.kind === 'written') return { kind: 'kept' };
    const inPlace = await written.found();
    if (inPlace === undefined) return undefined;
    const winner = decodeSession(inPlace);
    // What is in place may be this very session, sent twice by the SDK.
    return winner.generation === session.generation ? { kind: 'kept' } : { kind: 'lost', winner };
  });
}

function keepable(replaces: string | undefined, now: number): Expression {
  const values = { ':now': numberValue(now) };
  if (replaces === undefined) return { text: CONDITIONS.nothingKept, values };
  return { text: CONDITIONS.nothingNewerKept, values: { ...values, ':replaces': textValue(replaces) } };
}

function encodeShared({ upstream, session, expiresAt }: SharedUpstreamSession): Item {
  return {
    upstream: textValue(upstream),
    session: encodeUpstreamSession(session),
    ...sweptExpiryAttributes('upstream-session', expiresAt),
  };
}

function decodeShared(item: Item): SharedUpstreamSession {
  return {
    upstream: readText(item, 'upstream'),
    session: decodeSession(item),
    expiresAt: readNumber(item, 'expiresAt'),
  };
}

function decodeSession(item: Item) {
  if (item['session'] === undefined) throw new GarbledRecord('session');
  return decodeUpstreamSession(item['session'], 'session');
}
