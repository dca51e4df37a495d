/** The operator's look at client sessions, when there are more of them than are read at once. */
import { describe, expect, test } from 'vitest';
import { MAX_SESSIONS, Operator } from '../../lib/operator.ts';
import type { Ports } from '../../lib/ports.ts';
import type { ClientSession, ClientSessionStore } from '../../lib/ports/client-sessions.ts';
import { newInvocation, openHouse, type House } from '../housekeeping/kit.ts';
import { LEGS } from '../support/gateway-harness.ts';

const AT_ONCE = 50;

function newSession(key: string, now: number, expiresAt: number): ClientSession {
  return {
    key,
    server: 'default',
    caller: 'anonymous',
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'many', version: '1' },
    clientCapabilities: {},
    logLevel: undefined,
    upstreamSessions: {},
    createdAt: now,
    lastSeenAt: now,
    expiresAt,
  };
}

/** Sessions that all expire at the same moment, and one before and two after them. */
async function fill({ stores, clock }: House<string>, count: number): Promise<void> {
  const now = clock.now();
  const sessions = [
    newSession('first-one', now, now + 1000),
    ...Array.from({ length: count }, (_, index) => newSession(`tied-${index}`, now, now + 2000)),
    newSession('last-one', now, now + 3000),
    newSession('last-two', now, now + 3000),
  ];
  for (let at = 0; at < sessions.length; at += AT_ONCE) {
    await Promise.all(sessions.slice(at, at + AT_ONCE).map((session) => stores.clientSessions.create(session)));
  }
}

const operatorOf = ({ config, ports, clock }: House<string>) => new Operator(config, ports, newInvocation(clock));

describe.each(LEGS)('$name', (leg) => {
  test('finds sessions by the beginning of their key behind any number that expire at one moment', async () => {
    const house = await openHouse({ up: { era: 'legacy' } }, leg);
    await fill(house, MAX_SESSIONS + 100);
    const operator = operatorOf(house);
    const keysOf = async (prefix: string) =>
      (await operator.sessionsBeginningWith(prefix)).map(({ key }) => key).toSorted();
    expect(await keysOf('last-')).toEqual(['last-one', 'last-two']);
    expect(await keysOf('last-o')).toEqual(['last-one']);
    expect(await keysOf('first')).toEqual(['first-one']);
    expect(await keysOf(`tied-${MAX_SESSIONS + 99}`)).toEqual([`tied-${MAX_SESSIONS + 99}`]);
    expect(await keysOf('none')).toEqual([]);
    const { sessions, hasMore } = await operator.sessions();
    expect([sessions.length, sessions[0]?.key, hasMore]).toEqual([MAX_SESSIONS, 'first-one', true]);
  });

  test('finds those that are used last, whatever number expires before them', async () => {
    const house = await openHouse({ up: { era: 'legacy' } }, leg);
    await fill(house, 10);
    const operator = operatorOf(house);
    const { sessions, hasMore } = await operator.latestSessions(2);
    expect([sessions.map(({ key }) => key).toSorted(), hasMore]).toEqual([['last-one', 'last-two'], true]);
    expect(await operator.latestSessions(13)).toMatchObject({ sessions: { length: 13 }, hasMore: false });
  });

  test('finds no session twice when as many as are read at once exist', async () => {
    const house = await openHouse({ up: { era: 'legacy' } }, leg);
    await fill(house, MAX_SESSIONS - 3);
    const operator = operatorOf(house);
    expect(await operator.sessionsBeginningWith('last-')).toHaveLength(2);
    const { sessions, hasMore } = await operator.sessions();
    expect([sessions.length, hasMore]).toEqual([MAX_SESSIONS, false]);
  });

  test('reads no more sessions at a time than there are connections to the database', async () => {
    const house = await openHouse({ up: { era: 'legacy' } }, leg);
    await fill(house, 200);
    let reading = 0;
    let most = 0;
    const openStores: Ports['openStores'] = (tally) => {
      const stores = house.ports.openStores(tally);
      const read: ClientSessionStore['read'] = async (key) => {
        reading += 1;
        most = Math.max(most, reading);
        try {
          return await stores.clientSessions.read(key);
        } finally {
          reading -= 1;
        }
      };
      return { ...stores, clientSessions: { ...stores.clientSessions, read } };
    };
    const operator = operatorOf({ ...house, ports: { ...house.ports, openStores } });
    expect((await operator.sessions()).sessions).toHaveLength(203);
    expect(most).toBeLessThanOrEqual(50);
  });
});
