/** What every implementation must do with upstream sessions that belong to no client session. */
import { describe, expect, test } from 'vitest';

import type { KeepOutcome, SharedUpstreamSession } from '../../lib/ports/upstream-sessions.ts';
import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { freshKey, sharedSession, upstreamSession } from './samples.ts';

const NOW = 1_780_000_000_000;

describe.each(legs)('shared upstream sessions in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const store = () => environment().upstreamSessions;

  const kept = async (changes: Partial<SharedUpstreamSession> = {}) => {
    const key = freshKey();
    const shared = sharedSession({ expiresAt: NOW + 1000, ...changes });
    expect(await store().keep(key, shared, undefined, NOW)).toEqual({ kind: 'kept' });
    return { key, shared };
  };

  /** Exactly one racer kept its session, which is in place, and all others were told so. */
  const expectOneWinner = async (key: string, offers: SharedUpstreamSession[], outcomes: KeepOutcome[]) => {
    const winners = offers.filter((_, racer) => outcomes[racer]?.kind === 'kept');
    expect(winners).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind !== 'kept')).toEqual(
      Array.from({ length: RACERS - 1 }, () => ({ kind: 'lost', winner: winners[0]!.session })),
    );
    expect(await store().read(key)).toEqual(winners[0]);
  };

  const offersOf = () => Array.from({ length: RACERS }, () => sharedSession({ expiresAt: NOW + 9000 }));

  test('a session that is kept is read as it was', async () => {
    const { key, shared } = await kept({ session: upstreamSession({ id: null }) });
    expect(await store().read(key)).toEqual(shared);
  });

  test('a session that was never kept is not found', async () => {
    expect(await store().read(freshKey())).toBeUndefined();
  });

  test('a second one loses and learns the winner', async () => {
    const { key, shared } = await kept();
    const outcome = await store().keep(key, sharedSession(), undefined, NOW + 999);
    expect(outcome).toEqual({ kind: 'lost', winner: shared.session });
    expect(await store().read(key)).toEqual(shared);
  });

  test('the same one, kept once more, is still kept', async () => {
    const { key, shared } = await kept();
    expect(await store().keep(key, shared, undefined, NOW)).toEqual({ kind: 'kept' });
    expect(await store().read(key)).toEqual(shared);
  });

  test('one replaces the generation that it names', async () => {
    const { key, shared } = await kept();
    const next = sharedSession({ upstream: 'test' });
    expect(await store().keep(key, next, shared.session.generation, NOW)).toEqual({ kind: 'kept' });
    expect(await store().read(key)).toEqual(next);
  });

  test('one can be kept for longer by naming itself', async () => {
    const { key, shared } = await kept();
    const longer = { ...shared, expiresAt: NOW + 5000 };
    expect(await store().keep(key, longer, shared.session.generation, NOW)).toEqual({ kind: 'kept' });
    expect(await store().read(key)).toEqual(longer);
  });

  test('one that names a generation long replaced loses', async () => {
    const { key, shared } = await kept();
    const winner = sharedSession({ expiresAt: NOW + 9000 });
    await store().keep(key, winner, shared.session.generation, NOW);
    const outcome = await store().keep(key, sharedSession(), shared.session.generation, NOW);
    expect(outcome).toEqual({ kind: 'lost', winner: winner.session });
  });

  test('one that names a generation is kept where there is none', async () => {
    const key = freshKey();
    expect(await store().keep(key, sharedSession(), 'whatever', NOW)).toEqual({ kind: 'kept' });
  });

  test.each([undefined, 'whatever'])('one that has expired gives way to one that replaces %s', async (replaces) => {
    const { key } = await kept();
    const next = sharedSession({ expiresAt: NOW + 9000 });
    expect(await store().keep(key, next, replaces, NOW + 1000)).toEqual({ kind: 'kept' });
    expect(await store().read(key)).toEqual(next);
  });

  test('one that has expired is still read, so that the reader can judge', async () => {
    const { key, shared } = await kept({ expiresAt: 1 });
    expect(await store().read(key)).toEqual(shared);
  });

  test('of many at once exactly one is kept and the others learn which', async () => {
    const key = freshKey();
    const offers = offersOf();
    const outcomes = await race((stores, racer) => stores.upstreamSessions.keep(key, offers[racer]!, undefined, NOW));
    await expectOneWinner(key, offers, outcomes);
  });

  test('of many replacements of one generation exactly one is kept and the others learn which', async () => {
    const { key, shared } = await kept();
    const offers = offersOf();
    const outcomes = await race((stores, racer) =>
      stores.upstreamSessions.keep(key, offers[racer]!, shared.session.generation, NOW),
    );
    await expectOneWinner(key, offers, outcomes);
  });

  test('of many successors of one that has expired exactly one is kept and the others learn which', async () => {
    const { key } = await kept();
    const offers = offersOf();
    const outcomes = await race((stores, racer) =>
      stores.upstreamSessions.keep(key, offers[racer]!, undefined, NOW + 1000),
    );
    await expectOneWinner(key, offers, outcomes);
  });

  test('one is doubted until it is not', async () => {
    const { key, shared } = await kept();
    const { generation } = shared.session;
    await store().setDoubt(key, generation, true);
    expect(await store().read(key)).toStrictEqual({ ...shared, session: { ...shared.session, doubted: true } });
    await store().setDoubt(key, generation, false);
    expect(await store().read(key)).toStrictEqual(shared);
  });

  test('a replacement is not doubted for what it replaced', async () => {
    const { key, shared } = await kept();
    await store().setDoubt(key, shared.session.generation, true);
    const next = sharedSession({ expiresAt: NOW + 9000 });
    await store().keep(key, next, shared.session.generation, NOW);
    await store().setDoubt(key, shared.session.generation, true);
    expect(await store().read(key)).toStrictEqual(next);
  });

  test('doubt makes nothing of what is not kept', async () => {
    const key = freshKey();
    await store().setDoubt(key, 'whatever', true);
    expect(await store().read(key)).toBeUndefined();
  });

  test('only one that has expired is removed, and returned as it was', async () => {
    const { key, shared } = await kept();
    expect(await store().removeExpired(key, NOW + 999)).toBeUndefined();
    expect(await store().read(key)).toEqual(shared);
    expect(await store().removeExpired(key, NOW + 1000)).toEqual(shared);
    expect(await store().read(key)).toBeUndefined();
    expect(await store().removeExpired(key, NOW + 1000)).toBeUndefined();
  });

  test('of many removals at once exactly one gets the session', async () => {
    const { key, shared } = await kept();
    const removed = await race((stores) => stores.upstreamSessions.removeExpired(key, NOW + 1000));
    expect(removed.filter((one) => one !== undefined)).toEqual([shared]);
  });

  test('a removal never takes the successor of what has expired', async () => {
    for (let round = 0; round < RACERS; round += 1) {
      const { key, shared } = await kept();
      const next = sharedSession({ expiresAt: NOW + 9000 });
      const keep = () => store().keep(key, next, undefined, NOW + 1000);
      const remove = () => store().removeExpired(key, NOW + 1000);
      const [outcome, removed] =
        round % 2 === 0
          ? await Promise.all([keep(), remove()])
          : await Promise.all([remove(), keep()]).then(([first, second]) => [second, first] as const);
      expect(outcome).toEqual({ kind: 'kept' });
      expect([undefined, shared]).toContainEqual(removed);
      expect(await store().read(key)).toEqual(next);
    }
  });

  test('a session that waits to be ended is kept with since when, doubted or not', async () => {
    const session = upstreamSession({ leftAt: NOW - 5, doubted: true });
    const { key } = await kept({ session });
    expect((await store().read(key))?.session).toEqual(session);
    await store().setDoubt(key, session.generation, false);
    const { doubted: _before, ...trusted } = session;
    expect(await store().removeExpired(key, NOW + 1000)).toMatchObject({ session: trusted });
  });

  test('what is stored does not change with what was given or read', async () => {
    const given = sharedSession({ expiresAt: NOW + 1000 });
    const key = freshKey();
    const copy = structuredClone(given);
    await store().keep(key, given, undefined, NOW);
    Object.assign(given.session, { id: 'vandal' });
    Object.assign((await store().read(key))!.session, { id: 'vandal' });
    expect(await store().read(key)).toEqual(copy);
  });

  test.each(HOSTILE)('%j is a key, a name and an id like any other', async (word) => {
    const key = `${freshKey()}${word}`;
    const neighbour = sharedSession();
    await store().keep(`${key}#`, neighbour, undefined, NOW);
    const shared = sharedSession({ upstream: word, session: upstreamSession({ id: word }), expiresAt: NOW + 1 });
    expect(await store().keep(key, shared, undefined, NOW)).toEqual({ kind: 'kept' });
    expect(await store().read(key)).toEqual(shared);
    expect(await store().removeExpired(key, NOW + 1)).toEqual(shared);
    expect(await store().read(`${key}#`)).toEqual(neighbour);
  });

  test('every operation that goes through costs one request', async () => {
    const tally = { requests: 0 };
    const { upstreamSessions } = environment(tally);
    const key = freshKey();
    const shared = sharedSession();
    const operations: readonly (() => Promise<unknown>)[] = [
      () => upstreamSessions.keep(key, shared, undefined, NOW),
      () => upstreamSessions.keep(key, sharedSession(), shared.session.generation, NOW),
      () => upstreamSessions.setDoubt(key, 'another', true),
      () => upstreamSessions.read(key),
      () => upstreamSessions.expiringBetween(NOW, NOW + 1, 10),
      () => upstreamSessions.removeExpired(key, NOW - 1),
      () => upstreamSessions.removeExpired(key, Number.MAX_SAFE_INTEGER),
      () => upstreamSessions.removeExpired(key, Number.MAX_SAFE_INTEGER),
      () => environment(tally).clientSessions.expiringBetween(NOW, NOW + 1, 10),
      () => environment(tally).clientSessions.terminateExpired(key, NOW),
    ];
    const costs: number[] = [];
    for (const operation of operations) {
      const before = tally.requests;
      await operation();
      costs.push(tally.requests - before);
    }
    expect(costs).toEqual(operations.map(() => 1));
  });
});
