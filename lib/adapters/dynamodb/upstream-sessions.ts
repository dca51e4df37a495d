import type { KeepOutcome, SharedUpstreamSession, UpstreamSessionStore } from '../../ports.ts';
import { expiringKeys, removeExpired } from './expiring.ts';
import { GarbledRecord, type Item, numberValue, readNumber, readText, textValue } from './item.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { CONDITIONS, sharedUpstreamSessionKey, sweptExpiryAttributes } from './table.ts';
import { decodeUpstreamSession, encodeUpstreamSession } from './upstream-session.ts';

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

/** A record that refuses and is then gone was removed in between, which leaves the place free: tried this often. */
const TRIES = 5;

async function keep(
  records: Records,
  item: Parameters<Records['put']>[0],
  { session }: SharedUpstreamSession,
  condition: Expression,
): Promise<KeepOutcome> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const written = await records.put(item, condition);
    if (written.kind === 'written') return { kind: 'kept' };
    const inPlace = await written.found();
    if (inPlace === undefined) continue;
    const winner = decodeSession(inPlace);
    // What is in place may be this very session, sent twice by the SDK.
    return winner.generation === session.generation ? { kind: 'kept' } : { kind: 'lost', winner };
  }
  throw new NeverInPlace('A record refused the session and was gone, again and again');
}

class NeverInPlace extends Error {
  override readonly name = 'NeverInPlace';
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
