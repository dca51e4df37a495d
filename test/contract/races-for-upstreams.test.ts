/** Races for upstreams, their sessions and their lists, in the database. */
import { describe, expect, test } from 'vitest';

import { onlyWinner, raceLegs, RACERS, startRaces } from './races.ts';
import { catalogKey, clientSession, freshKey, newHead, sharedSession, upstreamSession } from './samples.ts';

const NOW = 1_780_000_000_000;
const EXPIRY = NOW + 86_400_000;

describe.each(raceLegs)('in $name', (leg) => {
  const { environment, manyTimes } = startRaces(leg, 'test/contract/races-for-upstreams');

  describe('a breaker', () => {
    const OPEN_UNTIL = NOW + 10_000;

    const opened = async () => {
      const upstream = freshKey();
      await environment().breakers.countFailure(upstream, 1, OPEN_UNTIL, EXPIRY, NOW);
      return upstream;
    };

    test('opens once, and misses no failure', () =>
      manyTimes(
        async ({ run }) => {
          const upstream = freshKey();
          const states = await run(({ breakers }, racer) =>
            breakers.countFailure(upstream, 3, OPEN_UNTIL + racer, EXPIRY, NOW),
          );
          const state = await environment().breakers.read(upstream, NOW);
          expect(state).toMatchObject({ failures: RACERS, openUntil: expect.any(Number) });
          for (const { openUntil = state?.openUntil } of states) expect(openUntil).toBe(state?.openUntil);
          return 'open';
        },
        ['open'],
      ));

    test('that is half-open lets one through', () =>
      manyTimes(
        async ({ run }) => {
          const upstream = await opened();
          const until = OPEN_UNTIL + 1000;
          const through = await run(({ breakers }, racer) =>
            breakers.beginTrial(upstream, { token: `t${racer}`, until }, OPEN_UNTIL),
          );
          const state = await environment().breakers.read(upstream, NOW);
          expect(state?.trial?.token).toBe(`t${onlyWinner(through)}`);
          return 'one';
        },
        ['one'],
      ));

    test('is closed by a trial, or the trial is overtaken, and never both', () =>
      manyTimes(
        async ({ run }) => {
          const upstream = await opened();
          const until = OPEN_UNTIL + 1000;
          await environment().breakers.beginTrial(upstream, { token: 'first', until }, OPEN_UNTIL);
          const next = { token: 'second', until: until + 1000 };
          const [, overtaken] = await run<boolean | void>(
            ({ breakers }, racer) =>
              racer === 0 ? breakers.passTrial(upstream, 'first') : breakers.beginTrial(upstream, next, until),
            2,
          );
          expect((await environment().breakers.read(upstream, NOW))?.trial).toEqual(overtaken ? next : undefined);
          return overtaken ? 'overtaken' : 'closed';
        },
        ['closed', 'overtaken'],
      ));

    test('is not closed by a success that comes while it opens', () =>
      manyTimes(
        async ({ run }) => {
          const upstream = freshKey();
          await environment().breakers.countFailure(upstream, 9, OPEN_UNTIL, EXPIRY, NOW);
          await run(async ({ breakers }, racer) => {
            if (racer === 0) await breakers.forgetFailures(upstream);
            else await breakers.countFailure(upstream, 1, OPEN_UNTIL, EXPIRY, NOW);
          }, 2);
          const state = await environment().breakers.read(upstream, NOW);
          // The success came last before the opening, or not at all.
          expect(state?.openUntil ?? OPEN_UNTIL).toBe(OPEN_UNTIL);
          return state?.failures === 2 ? 'the failure came first' : 'the success came first';
        },
        ['the failure came first', 'the success came first'],
      ));
  });

  describe('the slots of an upstream', () => {
    const UNTIL = NOW + 60_000;

    test('are never claimed by more than there are, whatever has expired', () =>
      manyTimes(
        async ({ run, chance }) => {
          const upstream = freshKey();
          const { slots } = environment();
          for (let lease = 0; lease < chance; lease += 1) await slots.claim(upstream, `old${lease}`, 2, NOW + 1, NOW);
          const outcomes = await run((stores, racer) => stores.slots.claim(upstream, `new${racer}`, 2, UNTIL, NOW + 1));
          expect(outcomes.filter(({ kind }) => kind === 'claimed')).toHaveLength(2);
          return 'two';
        },
        ['two'],
      ));

    test('are never held by more than there are while they change hands', () =>
      manyTimes(
        async ({ run }) => {
          const upstream = freshKey();
          await environment().slots.claim(upstream, 'before', 2, UNTIL, NOW);
          await environment().slots.release(upstream, 'before');
          let held = 0;
          let most = 0;
          const refusals = await run(async ({ slots, pins }, racer) => {
            let refused = 0;
            while ((await slots.claim(upstream, `t${racer}`, 2, UNTIL, NOW)).kind === 'full') refused += 1;
            held += 1;
            most = Math.max(most, held);
            // Long enough for the others to meet a slot that is taken.
            for (let call = 0; call < 3; call += 1) await pins.read(upstream);
            held -= 1;
            await slots.release(upstream, `t${racer}`);
            return refused;
          }, 3);
          expect(most).toBeLessThanOrEqual(2);
          return refusals.some((refused) => refused > 0) ? 'waited' : 'never full';
        },
        ['waited'],
      ));
  });

  describe('a session', () => {
    test('is created by one', () =>
      manyTimes(
        async ({ run }) => {
          const key = freshKey();
          const created = await run(({ clientSessions }, racer) =>
            clientSessions.create(clientSession({ key, caller: `caller ${racer}` })),
          );
          const caller = `caller ${onlyWinner(created)}`;
          expect(await environment().clientSessions.read(key)).toMatchObject({ caller });
          return 'one';
        },
        ['one'],
      ));

    test.each(['first', 'replacing'])('gets one attachment (%s)', (order) =>
      manyTimes(
        async ({ run }) => {
          const dead = upstreamSession();
          const session = clientSession({ upstreamSessions: order === 'first' ? {} : { time: dead } });
          await environment().clientSessions.create(session);
          const replaces = order === 'first' ? undefined : dead.generation;
          const offers = Array.from({ length: RACERS }, () => upstreamSession());
          const outcomes = await run(({ clientSessions }, racer) =>
            clientSessions.attach(session.key, 'time', offers[racer]!, replaces),
          );
          const winner = offers[onlyWinner(outcomes.map(({ kind }) => kind === 'attached'))]!;
          for (const outcome of outcomes) if (outcome.kind === 'lost') expect(outcome.winner).toEqual(winner);
          expect((await environment().clientSessions.read(session.key))?.upstreamSessions['time']).toEqual(winner);
          return 'one';
        },
        ['one'],
      ),
    );

    test('that replaces a doubted one is not doubted', () =>
      manyTimes(
        async ({ run }) => {
          const dead = upstreamSession();
          const next = upstreamSession();
          const { key } = clientSession();
          await environment().clientSessions.create(clientSession({ key, upstreamSessions: { time: dead } }));
          await run(async ({ clientSessions }, racer) => {
            if (racer === 0) await clientSessions.setDoubt(key, 'time', dead.generation, true);
            else await clientSessions.attach(key, 'time', next, dead.generation);
          }, 2);
          expect((await environment().clientSessions.read(key))?.upstreamSessions['time']).toStrictEqual(next);
          return 'not doubted';
        },
        ['not doubted'],
      ));

    test('is shared by one', () =>
      manyTimes(
        async ({ run }) => {
          const key = freshKey();
          const offers = Array.from({ length: RACERS }, () => sharedSession({ expiresAt: EXPIRY }));
          const outcomes = await run(({ upstreamSessions }, racer) =>
            upstreamSessions.keep(key, offers[racer]!, undefined, NOW),
          );
          const winner = offers[onlyWinner(outcomes.map(({ kind }) => kind === 'kept'))]!;
          expect(await environment().upstreamSessions.read(key)).toEqual(winner);
          return 'one';
        },
        ['one'],
      ));
  });

  test('a list gives way to one that was asked for later only, whatever the order of arrival', () =>
    manyTimes(
      async ({ run }) => {
        const key = catalogKey();
        const heads = Array.from({ length: RACERS }, (_, racer) =>
          newHead({ changes: racer % 2, fetchedAt: NOW + racer }),
        );
        await run(({ catalog }, racer) => catalog.write(key, heads[racer]!, `[${racer}]`, EXPIRY));
        const { catalog } = environment();
        const [state] = await catalog.heads([key]);
        expect(state?.head?.version).toBe(heads.at(-1)!.version);
        expect(await catalog.texts([{ key, head: state!.head! }])).toEqual([`[${RACERS - 1}]`]);
        return 'latest';
      },
      ['latest'],
    ));
});
