import type { ClientSession, ClientSessionStore } from '../../ports/client-sessions.ts';
import type { UpstreamSession } from '../../ports/upstream-sessions.ts';
import {
  GarbledRecord,
  type Item,
  jsonValue,
  numberValue,
  readJsonObject,
  readMap,
  readNumber,
  readText,
  textValue,
} from './item.ts';
import { expiringKeys, lastExpiringKeys, removeExpired } from './expiring.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { CONDITIONS } from './conditions.ts';
import { clientSessionKey, sweptExpiryAttributes, upstreamEntry, upstreamOfEntry } from './table.ts';
import { decodeUpstreamSession, doubting, encodeUpstreamSession } from './upstream-session.ts';

export function createClientSessionStore(records: Records): ClientSessionStore {
  return {
    create: (session) =>
      storeOperation('clientSessions.create', async () => {
        const creation = process.getBuiltinModule('node:crypto').randomUUID();
        const item = { ...encodeSession(session), creation: textValue(creation) };
        const written = await records.put(item, { text: CONDITIONS.keyIsFree });
        if (written.kind === 'written') return true;
        // The SDK repeats a request whose answer was lost, and then finds what the first one created.
        return (await written.found())?.['creation']?.S === creation;
      }),

    read: (key) =>
      storeOperation('clientSessions.read', async () => {
        const item = await records.get(clientSessionKey(key), 'consistent');
        return item && decodeSession(key, item);
      }),

    attach: (key, upstream, session, replaces) =>
      storeOperation('clientSessions.attach', async () => {
        const entry = upstreamEntry(upstream);
        const update: Expression = {
          text: 'SET #upstreamSessions.#upstream = :session',
          names: { '#upstream': entry },
          values: { ':session': encodeUpstreamSession(session) },
        };
        const written = await records.update(clientSessionKey(key), update, attachable(replaces));
        if (written.kind === 'written') return { kind: 'attached' };
        const attached = attachedSession(await written.found(), entry);
        // Nothing is ever detached: a record without the entry is not the one that refused.
        if (attached === undefined) return { kind: 'gone' };
        // As in `create`: what is in place may be this very attachment, sent twice by the SDK.
        if (attached.generation === session.generation) return { kind: 'attached' };
        return { kind: 'lost', winner: attached };
      }),

    setDoubt: (key, upstream, generation, doubted) =>
      storeOperation('clientSessions.setDoubt', async () => {
        const condition: Expression = {
          text: CONDITIONS.stillAttached,
          names: { '#upstream': upstreamEntry(upstream) },
          values: { ':generation': textValue(generation) },
        };
        await records.update(clientSessionKey(key), doubting('#upstreamSessions.#upstream', doubted), condition);
      }),

    setLogLevel: (key, level) =>
      storeOperation('clientSessions.setLogLevel', async () => {
        const update = { text: 'SET #logLevel = :level', values: { ':level': textValue(level) } };
        const written = await records.update(clientSessionKey(key), update, { text: CONDITIONS.sessionExists });
        return written.kind === 'written';
      }),

    touch: (key, lastSeenAt, expiresAt) =>
      storeOperation('clientSessions.touch', async () => {
        const expiry = sweptExpiryAttributes('client-session', expiresAt);
        const update: Expression = {
          text: 'SET #lastSeenAt = :lastSeenAt, #expiresAt = :expiresAt, #ttl = :ttl',
          values: {
            ':lastSeenAt': numberValue(lastSeenAt),
            ':expiresAt': expiry.expiresAt,
            ':ttl': expiry.ttl,
          },
        };
        const written = await records.update(clientSessionKey(key), update, { text: CONDITIONS.expiryAdvances });
        return written.kind === 'written' || (await written.found()) !== undefined;
      }),

    terminate: (key) =>
      storeOperation('clientSessions.terminate', async () => {
        const item = await records.remove(clientSessionKey(key));
        return item && decodeSession(key, item);
      }),

    terminateExpired: (key, now) =>
      storeOperation('clientSessions.terminateExpired', async () => {
        const item = await removeExpired(records, clientSessionKey(key), now);
        return item && decodeSession(key, item);
      }),

    expiringBetween: (from, until, limit) =>
      storeOperation('clientSessions.expiringBetween', () =>
        expiringKeys(records, 'client-session', from, until, limit),
      ),

    expiringLast: (from, limit) =>
      storeOperation('clientSessions.expiringLast', () => lastExpiringKeys(records, 'client-session', from, limit)),
  };
}

function attachable(replaces: string | undefined): Expression {
  if (replaces === undefined) return { text: CONDITIONS.nothingAttached };
  return { text: CONDITIONS.nothingNewerAttached, values: { ':replaces': textValue(replaces) } };
}

function attachedSession(item: Item | undefined, entry: string): UpstreamSession | undefined {
  if (item === undefined) return undefined;
  const attached = readMap(item, 'upstreamSessions')[entry];
  return attached && decodeUpstreamSession(attached, 'upstreamSessions');
}

function encodeSession(session: ClientSession): Item & ReturnType<typeof clientSessionKey> {
  const upstreamSessions = Object.entries(session.upstreamSessions).map(
    ([upstream, upstreamSession]) => [upstreamEntry(upstream), encodeUpstreamSession(upstreamSession)] as const,
  );
  return {
    ...clientSessionKey(session.key),
    server: textValue(session.server),
    caller: textValue(session.caller),
    protocolVersion: textValue(session.protocolVersion),
    clientInfo: jsonValue(session.clientInfo),
    clientCapabilities: jsonValue(session.clientCapabilities),
    ...(session.logLevel !== undefined && { logLevel: textValue(session.logLevel) }),
    upstreamSessions: { M: Object.fromEntries(upstreamSessions) },
    createdAt: numberValue(session.createdAt),
    lastSeenAt: numberValue(session.lastSeenAt),
    ...sweptExpiryAttributes('client-session', session.expiresAt),
  };
}

function decodeSession(key: string, item: Item): ClientSession {
  return {
    key,
    server: readText(item, 'server'),
    caller: readText(item, 'caller'),
    protocolVersion: readText(item, 'protocolVersion'),
    clientInfo: readJsonObject(item, 'clientInfo'),
    clientCapabilities: readJsonObject(item, 'clientCapabilities'),
    logLevel: item['logLevel'] && readText(item, 'logLevel'),
    upstreamSessions: decodeUpstreamSessions(readMap(item, 'upstreamSessions')),
    createdAt: readNumber(item, 'createdAt'),
    lastSeenAt: readNumber(item, 'lastSeenAt'),
    expiresAt: readNumber(item, 'expiresAt'),
  };
}

/** Without a prototype, so that an upstream named `constructor` has a session only when it has one. */
function decodeUpstreamSessions(map: Item): Record<string, UpstreamSession> {
  const sessions = Object.create(null) as Record<string, UpstreamSession>;
  for (const [entry, attached] of Object.entries(map)) {
    const upstream = upstreamOfEntry(entry);
    if (upstream === undefined) throw new GarbledRecord('upstreamSessions');
    sessions[upstream] = decodeUpstreamSession(attached, 'upstreamSessions');
  }
  return sessions;
}
