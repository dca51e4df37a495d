/** What every implementation must do with what is known of how an upstream has done lately. */
import { describe, expect, test } from 'vitest';

import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { freshKey } from './samples.ts';

const NOW = 1_780_000_000_000;
const OPEN_UNTIL = NOW + 10_000;
const EXPIRY = NOW + 600_000;
const LIMIT = 3;

describe.each(legs)('breakers in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const store = () => environment().breakers;

  const fail = (upstream: string, times = 1, now = NOW) =>
    Array.from({ length: times }).reduce<Promise<unknown>>(
      (before) => before.then(() => store().countFailure(upstream, LIMIT, OPEN_UNTIL, EXPIRY, now)),
      Promise.resolve(),
    );

  /** An upstream whose breaker is open until `OPEN_UNTIL`. */
  const opened = async () => {
    const upstream = freshKey();
    await fail(upstream, LIMIT);
    return upstream;
  };

  /** The same, after somebody was let through as soon as that was possible. */
  const onTrial = async () => {
    const upstream = await opened();
    const trial = { token: freshKey(), until: OPEN_UNTIL + 1000 };
    expect(await store().beginTrial(upstream, trial, OPEN_UNTIL)).toBe(true);
    return { upstream, trial };
  };

  describe('counting failures', () => {
    test('begins with none', async () => {
      expect(await store().read(freshKey(), NOW)).toBeUndefined();
    });

    test('leaves the breaker closed below the limit', async () => {
      const upstream = freshKey();
      await fail(upstream, LIMIT - 2);
      const state = { failures: LIMIT - 1, openUntil: undefined, trial: undefined };
      expect(await store().countFailure(upstream, LIMIT, OPEN_UNTIL, EXPIRY, NOW)).toEqual(state);
      expect(await store().read(upstream, NOW)).toEqual(state);
    });

    test('opens the breaker at the limit', async () => {
      const upstream = freshKey();
      await fail(upstream, LIMIT - 1);
      const state = { failures: LIMIT, openUntil: OPEN_UNTIL, trial: undefined };
      expect(await store().countFailure(upstream, LIMIT, OPEN_UNTIL, EXPIRY, NOW)).toEqual(state);
      expect(await store().read(upstream, NOW)).toEqual(state);
    });

    test('opens the breaker at the first failure when one is the limit', async () => {
      const upstream = freshKey();
      const state = { failures: 1, openUntil: OPEN_UNTIL, trial: undefined };
      expect(await store().countFailure(upstream, 1, OPEN_UNTIL, EXPIRY, NOW)).toEqual(state);
    });

    test('does not keep an open breaker open for longer', async () => {
      const upstream = await opened();
      const state = { failures: LIMIT + 1, openUntil: OPEN_UNTIL, trial: undefined };
      expect(await store().countFailure(upstream, LIMIT, OPEN_UNTIL + 5000, EXPIRY, NOW + 5000)).toEqual(state);
    });

    test('does not open a breaker again whose time is over: that is for the trial to say', async () => {
      const upstream = await opened();
      const late = await store().countFailure(upstream, LIMIT, OPEN_UNTIL + 5000, EXPIRY, OPEN_UNTIL + 1);
      expect(late).toMatchObject({ openUntil: OPEN_UNTIL });
    });

    test('begins anew when what was counted has expired', async () => {
      const upstream = await opened();
      const state = { failures: 1, openUntil: undefined, trial: undefined };
      expect(await store().countFailure(upstream, LIMIT, EXPIRY + 1, EXPIRY + 2, EXPIRY)).toEqual(state);
      expect(await store().read(upstream, EXPIRY)).toEqual(state);
    });

    test('is counted for as long as the last one says', async () => {
      const upstream = freshKey();
      await fail(upstream);
      await store().countFailure(upstream, LIMIT, OPEN_UNTIL, EXPIRY + 5000, NOW);
      expect(await store().read(upstream, EXPIRY + 4999)).toMatchObject({ failures: 2 });
      expect(await store().read(upstream, EXPIRY + 5000)).toBeUndefined();
    });

    test('misses none of many at once, and opens once', async () => {
      const upstream = freshKey();
      const states = await race((stores, racer) =>
        stores.breakers.countFailure(upstream, LIMIT, OPEN_UNTIL + racer, EXPIRY, NOW),
      );
      const { failures, openUntil } = (await store().read(upstream, NOW))!;
      expect(failures).toBe(RACERS);
      const open = states.filter((state) => state.openUntil !== undefined);
      expect(open.map((state) => state.openUntil)).toEqual(open.map(() => openUntil));
      expect(open.length).toBeGreaterThan(RACERS - LIMIT);
    });

    test('misses none of many at once after those before have expired', async () => {
      const upstream = freshKey();
      await fail(upstream, 2);
      await race((stores) => stores.breakers.countFailure(upstream, 1000, OPEN_UNTIL, EXPIRY + 9000, EXPIRY));
      expect(await store().read(upstream, EXPIRY)).toMatchObject({ failures: RACERS });
    });

    test.each(HOSTILE)('takes %j for an upstream and a token like any other', async (word) => {
      const upstream = `${freshKey()}${word}`;
      await fail(`${upstream}#`);
      await fail(upstream, LIMIT);
      const trial = { token: word, until: OPEN_UNTIL + 1 };
      expect(await store().beginTrial(upstream, trial, OPEN_UNTIL)).toBe(true);
      expect(await store().read(upstream, NOW)).toEqual({ failures: LIMIT, openUntil: OPEN_UNTIL, trial });
      expect(await store().read(`${upstream}#`, NOW)).toMatchObject({ failures: 1 });
    });
  });

  describe('forgetting failures', () => {
    test('leaves none', async () => {
      const upstream = freshKey();
      await fail(upstream, 2);
      await store().forgetFailures(upstream);
      expect(await store().read(upstream, NOW)).toBeUndefined();
    });

    test('does not close an open breaker', async () => {
      const upstream = await opened();
      await store().forgetFailures(upstream);
      expect(await store().read(upstream, NOW)).toMatchObject({ openUntil: OPEN_UNTIL });
    });

    test('of an upstream without any does nothing', async () => {
      await expect(store().forgetFailures(freshKey())).resolves.toBeUndefined();
    });
  });

  describe('beginning a trial', () => {
    test('lets one through when the time is over, and nobody else', async () => {
      const { upstream, trial } = await onTrial();
      const other = { token: freshKey(), until: OPEN_UNTIL + 2000 };
      expect(await store().beginTrial(upstream, other, trial.until - 1)).toBe(false);
      expect(await store().read(upstream, NOW)).toEqual({ failures: LIMIT, openUntil: OPEN_UNTIL, trial });
    });

    test('lets nobody through before', async () => {
      const upstream = await opened();
      expect(await store().beginTrial(upstream, { token: 't', until: EXPIRY }, OPEN_UNTIL - 1)).toBe(false);
      expect(await store().read(upstream, NOW)).toMatchObject({ trial: undefined });
    });

    test('is not for a closed breaker', async () => {
      const upstream = freshKey();
      expect(await store().beginTrial(upstream, { token: 't', until: EXPIRY }, NOW)).toBe(false);
      await fail(upstream);
      expect(await store().beginTrial(upstream, { token: 't', until: EXPIRY }, NOW)).toBe(false);
    });

    test('is not for a breaker that has expired', async () => {
      const upstream = await opened();
      expect(await store().beginTrial(upstream, { token: 't', until: EXPIRY + 1 }, EXPIRY)).toBe(false);
    });

    test('once more has still happened for the same one', async () => {
      const { upstream, trial } = await onTrial();
      expect(await store().beginTrial(upstream, trial, OPEN_UNTIL)).toBe(true);
    });

    test('overtakes one who has taken too long', async () => {
      const { upstream, trial } = await onTrial();
      const next = { token: freshKey(), until: trial.until + 1000 };
      expect(await store().beginTrial(upstream, next, trial.until)).toBe(true);
      expect(await store().read(upstream, NOW)).toMatchObject({ trial: next });
    });

    test('lets one of many at once through', async () => {
      const upstream = await opened();
      const trials = Array.from({ length: RACERS }, () => ({ token: freshKey(), until: OPEN_UNTIL + 1000 }));
      const through = await race((stores, racer) => stores.breakers.beginTrial(upstream, trials[racer]!, OPEN_UNTIL));
      expect(through.filter(Boolean)).toHaveLength(1);
      expect(await store().read(upstream, NOW)).toMatchObject({ trial: trials[through.indexOf(true)] });
    });
  });

  describe('ending a trial', () => {
    const LATER = OPEN_UNTIL + 20_000;

    test('that failed opens the breaker again, for another trial later', async () => {
      const { upstream, trial } = await onTrial();
      await store().failTrial(upstream, trial.token, LATER, EXPIRY + 1000);
      expect(await store().read(upstream, NOW)).toEqual({ failures: LIMIT, openUntil: LATER, trial: undefined });
      const next = { token: freshKey(), until: LATER + 1000 };
      expect(await store().beginTrial(upstream, next, LATER - 1)).toBe(false);
      expect(await store().beginTrial(upstream, next, LATER)).toBe(true);
    });

    test('that failed moves the expiry', async () => {
      const { upstream, trial } = await onTrial();
      await store().failTrial(upstream, trial.token, LATER, EXPIRY + 1000);
      expect(await store().read(upstream, EXPIRY + 999)).toBeDefined();
      expect(await store().read(upstream, EXPIRY + 1000)).toBeUndefined();
    });

    test('that was given up lets another one through at once', async () => {
      const { upstream, trial } = await onTrial();
      await store().giveUpTrial(upstream, trial.token);
      expect(await store().read(upstream, NOW)).toEqual({
        failures: LIMIT,
        openUntil: OPEN_UNTIL,
        trial: undefined,
      });
      expect(await store().beginTrial(upstream, { token: 't', until: EXPIRY }, OPEN_UNTIL)).toBe(true);
    });

    test('that succeeded closes the breaker and forgets every failure', async () => {
      const { upstream, trial } = await onTrial();
      await store().passTrial(upstream, trial.token);
      expect(await store().read(upstream, NOW)).toBeUndefined();
      expect(await store().countFailure(upstream, LIMIT, LATER, EXPIRY, NOW)).toMatchObject({
        failures: 1,
        openUntil: undefined,
      });
    });

    test.each(['failTrial', 'giveUpTrial', 'passTrial'] as const)(
      'with %s changes nothing for one who was overtaken',
      async (method) => {
        const { upstream, trial } = await onTrial();
        const next = { token: freshKey(), until: trial.until + 1000 };
        await store().beginTrial(upstream, next, trial.until);
        const before = await store().read(upstream, NOW);
        await store()[method](upstream, trial.token, LATER, EXPIRY + 1000);
        expect(await store().read(upstream, NOW)).toEqual(before);
      },
    );

    test.each(['failTrial', 'giveUpTrial', 'passTrial'] as const)(
      'with %s changes nothing where there is none',
      async (method) => {
        const upstream = await opened();
        const before = await store().read(upstream, NOW);
        await store()[method](upstream, 'nobody', LATER, EXPIRY + 1000);
        expect(await store().read(upstream, NOW)).toEqual(before);
        const unknown = freshKey();
        await store()[method](unknown, 'nobody', LATER, EXPIRY + 1000);
        expect(await store().read(unknown, NOW)).toBeUndefined();
      },
    );
  });

  test('every operation that goes through costs one request, and opening one more', async () => {
    const tally = { requests: 0 };
    const { breakers } = environment(tally);
    const upstream = freshKey();
    const trial = { token: 'token', until: OPEN_UNTIL + 1000 };
    const operations: readonly (readonly [cost: number, run: () => Promise<unknown>])[] = [
      [1, () => breakers.read(upstream, NOW)],
      [1, () => breakers.countFailure(upstream, 2, OPEN_UNTIL, EXPIRY, NOW)],
      [1, () => breakers.forgetFailures(upstream)],
      [1, () => breakers.countFailure(upstream, 2, OPEN_UNTIL, EXPIRY, NOW)],
      [2, () => breakers.countFailure(upstream, 2, OPEN_UNTIL, EXPIRY, NOW)],
      [1, () => breakers.countFailure(upstream, 2, OPEN_UNTIL, EXPIRY, NOW)],
      [1, () => breakers.beginTrial(upstream, trial, OPEN_UNTIL)],
      [1, () => breakers.giveUpTrial(upstream, 'token')],
      [1, () => breakers.beginTrial(upstream, trial, OPEN_UNTIL)],
      [1, () => breakers.failTrial(upstream, 'token', OPEN_UNTIL, EXPIRY)],
      [1, () => breakers.beginTrial(upstream, trial, OPEN_UNTIL)],
      [1, () => breakers.passTrial(upstream, 'token')],
    ];
    const costs: number[] = [];
    for (const [, run] of operations) {
      const before = tally.requests;
      await run();
      costs.push(tally.requests - before);
    }
    expect(costs).toEqual(operations.map(([cost]) => cost));
  });
});
