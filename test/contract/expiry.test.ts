/** What every implementation must do about sessions that expire: find them, and remove each of them once. */
import { describe, expect, test } from 'vitest';

import type { ClientSession } from '../../lib/ports/client-sessions.ts';
import { RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { clientSession, freshKey, sharedSession, upstreamSession } from './samples.ts';

const EVERYTHING = 1000;

let windows = 1_780_000_000_000;

/** The beginning of a span of time in which no other test has sessions expire. */
function freshWindow(): number {
  windows += 1_000_000;
  return windows;
}

describe.each(legs)('expiry in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const sessions = () => environment().clientSessions;

  const created = async (changes: Partial<ClientSession>): Promise<ClientSession> => {
    const session = clientSession(changes);
    expect(await sessions().create(session)).toBe(true);
    return session;
  };

  describe('terminating a session that has expired', () => {
    test.each([5000, 5001])('returns it as it was last, once it is %i', async (now) => {
      const session = await created({ expiresAt: 5000, logLevel: 'info' });
      const attachment = upstreamSession();
      await sessions().attach(session.key, 'time', attachment, undefined);
      expect(await sessions().terminateExpired(session.key, now)).toEqual({
        ...session,
        upstreamSessions: { time: attachment },
      });
      expect(await sessions().read(session.key)).toBeUndefined();
    });

    test('leaves one alone that expires later', async () => {
      const session = await created({ expiresAt: 5000 });
      expect(await sessions().terminateExpired(session.key, 4999)).toBeUndefined();
      expect(await sessions().read(session.key)).toEqual(session);
    });

    test('finds nothing where there is none', async () => {
      const key = freshKey();
      expect(await sessions().terminateExpired(key, Number.MAX_SAFE_INTEGER)).toBeUndefined();
      expect(await sessions().read(key)).toBeUndefined();
    });

    test('gives it to exactly one of many', async () => {
      const session = await created({ expiresAt: 5000 });
      const terminated = await race((stores) => stores.clientSessions.terminateExpired(session.key, 6000));
      expect(terminated.filter((one) => one !== undefined)).toEqual([session]);
    });

    test('gives it to exactly one, be it a sweep or a client', async () => {
      const session = await created({ expiresAt: 5000 });
      const terminated = await race((stores, racer) =>
        racer % 2 === 0
          ? stores.clientSessions.terminate(session.key)
          : stores.clientSessions.terminateExpired(session.key, 6000),
      );
      expect(terminated.filter((one) => one !== undefined)).toEqual([session]);
    });

    test('either comes before a touch, which learns of it, or after, and spares the session', async () => {
      for (let round = 0; round < RACERS; round += 1) {
        const session = await created({ lastSeenAt: 1000, expiresAt: 5000 });
        const touch = () => sessions().touch(session.key, 4999, 9000);
        const sweep = () => sessions().terminateExpired(session.key, 5000);
        const [touched, terminated] =
          round % 2 === 0
            ? await Promise.all([touch(), sweep()])
            : await Promise.all([sweep(), touch()]).then(([first, second]) => [second, first] as const);
        expect(terminated).toEqual(touched ? undefined : session);
        const left = touched ? { ...session, lastSeenAt: 4999, expiresAt: 9000 } : undefined;
        expect(await sessions().read(session.key)).toEqual(left);
      }
    });
  });

  describe('the sessions that expire', () => {
    test('are found from the beginning of a span to before its end, the earliest first', async () => {
      const from = freshWindow();
      const keys: string[] = [];
      for (const after of [0, 999, 1000, -1, 500]) {
        keys.push((await created({ expiresAt: from + after })).key);
      }
      expect(await sessions().expiringBetween(from, from + 1000, EVERYTHING)).toEqual([keys[0], keys[4], keys[1]]);
    });

    test.each([1, 2, 7])('are no more than %i when no more are wanted', async (limit) => {
      const from = freshWindow();
      const keys: string[] = [];
      for (let after = 0; after < 9; after += 1) keys.push((await created({ expiresAt: from + after })).key);
      expect(await sessions().expiringBetween(from, from + 1000, limit)).toEqual(keys.slice(0, limit));
      expect(await sessions().expiringBetween(from, from + 8, limit + 8)).toEqual(keys.slice(0, 8));
    });

    test('are found from the far end, the latest first and no more than are wanted', async () => {
      // Behind everything that other tests have expire.
      const from = 9_000_000_000_000 + freshWindow();
      const keys: string[] = [];
      for (const after of [5, -1, 0, 900, 40]) keys.push((await created({ expiresAt: from + after })).key);
      const latestFirst = [keys[3], keys[4], keys[0], keys[2]];
      expect(await sessions().expiringLast(from, EVERYTHING)).toEqual(latestFirst);
      for (const limit of [1, 3, 4]) {
        expect(await sessions().expiringLast(from, limit)).toEqual(latestFirst.slice(0, limit));
      }
      expect(await sessions().expiringLast(from, 0)).toEqual([]);
      expect(await sessions().expiringLast(from + 901, EVERYTHING)).toEqual([]);
      const { upstreamSessions } = environment();
      await upstreamSessions.keep(freshKey(), sharedSession({ expiresAt: from + 950 }), undefined, from - 1);
      expect(await sessions().expiringLast(from, EVERYTHING)).toEqual(latestFirst);
    });

    test('are none when none are wanted, or when the span has no length', async () => {
      const from = freshWindow();
      await created({ expiresAt: from });
      expect(await sessions().expiringBetween(from, from + 1, 0)).toEqual([]);
      expect(await sessions().expiringBetween(from, from, EVERYTHING)).toEqual([]);
      expect(await sessions().expiringBetween(from + 1, from, EVERYTHING)).toEqual([]);
    });

    test('are found where a touch has moved them', async () => {
      const from = freshWindow();
      const { key } = await created({ lastSeenAt: from - 9000, expiresAt: from });
      await sessions().touch(key, from - 1, from + 5000);
      expect(await sessions().expiringBetween(from, from + 5000, EVERYTHING)).toEqual([]);
      expect(await sessions().expiringBetween(from, from + 5001, EVERYTHING)).toEqual([key]);
    });

    test('are found no more once they are terminated', async () => {
      const from = freshWindow();
      const { key } = await created({ expiresAt: from });
      await sessions().terminate(key);
      expect(await sessions().expiringBetween(from, from + 1, EVERYTHING)).toEqual([]);
    });

    test('are of one kind, and nothing else that expires is among them', async () => {
      const from = freshWindow();
      const shared = freshKey();
      const { key } = await created({ expiresAt: from });
      const { mailbox, upstreamEras, upstreamSessions } = environment();
      await upstreamSessions.keep(shared, sharedSession({ expiresAt: from }), undefined, from - 1);
      await mailbox.leaveCancellation(key, 'call', { reason: undefined, leftAt: 1 }, from);
      await upstreamEras.write(key, { versions: {}, learnedAt: 1 }, from);
      expect(await sessions().expiringBetween(from, from + 1, EVERYTHING)).toEqual([key]);
      expect(await upstreamSessions.expiringBetween(from, from + 1, EVERYTHING)).toEqual([shared]);
    });

    test.each(['#', 'a#session', '\u0000\n"\\', '名前🦉'])('are found by their keys, %j included', async (word) => {
      const from = freshWindow();
      const key = `${freshKey()}${word}`;
      const shared = `${freshKey()}${word}`;
      await created({ key, expiresAt: from });
      const { upstreamSessions } = environment();
      await upstreamSessions.keep(shared, sharedSession({ expiresAt: from }), undefined, from - 1);
      expect(await sessions().expiringBetween(from, from + 1, EVERYTHING)).toEqual([key]);
      expect(await upstreamSessions.expiringBetween(from, from + 1, EVERYTHING)).toEqual([shared]);
    });
  });
});
