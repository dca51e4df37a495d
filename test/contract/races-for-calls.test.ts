/** Races for the key of a call, in the database. */
import { describe, expect, test } from 'vitest';

import { onlyWinner, raceLegs, RACERS, startRaces } from './races.ts';
import { callClaim, freshKey } from './samples.ts';

const NOW = 1_780_000_000_000;
const DEADLINE = NOW + 60_000;
const EXPIRY = NOW + 86_400_000;

describe.each(raceLegs)('in $name, a call with a key', (leg) => {
  const { environment, manyTimes } = startRaces(leg, 'test/contract/races-for-calls');

  /** A key in progress, whose owner has given up at `DEADLINE`. */
  const begun = async () => {
    const key = freshKey();
    const claim = callClaim({ deadlineAt: DEADLINE, expiresAt: EXPIRY });
    await environment().idempotency.begin(key, claim, NOW);
    return { key, owner: claim.owner };
  };

  const stateOf = async (key: string) => (await environment().idempotency.read(key, NOW))?.state;

  test('is begun by one', () =>
    manyTimes(
      async ({ run }) => {
        const key = freshKey();
        const claims = Array.from({ length: RACERS }, () => callClaim());
        const outcomes = await run(({ idempotency }, racer) => idempotency.begin(key, claims[racer]!, NOW));
        const winner = claims[onlyWinner(outcomes.map(({ kind }) => kind === 'begun'))]!;
        for (const outcome of outcomes) {
          if (outcome.kind === 'exists') expect(outcome.record.owner).toBe(winner.owner);
        }
        expect(await environment().idempotency.read(key, NOW)).toMatchObject({ owner: winner.owner });
        return 'one';
      },
      ['one'],
    ));

  test('whose key has expired is begun anew by one', () =>
    manyTimes(
      async ({ run }) => {
        const { key, owner } = await begun();
        await environment().idempotency.leaveUnknown(key, owner, NOW + 1);
        const claims = Array.from({ length: RACERS }, () => callClaim());
        const outcomes = await run(({ idempotency }, racer) => idempotency.begin(key, claims[racer]!, NOW + 1));
        const winner = claims[onlyWinner(outcomes.map(({ kind }) => kind === 'begun'))]!;
        expect(await environment().idempotency.read(key, NOW)).toMatchObject({ owner: winner.owner });
        return 'one';
      },
      ['one'],
    ));

  test('that is released while others want to begin is begun by one at most', () =>
    manyTimes(
      async ({ run }) => {
        const { key, owner } = await begun();
        const began = await run(async ({ idempotency }, racer) => {
          if (racer > 0) return (await idempotency.begin(key, callClaim(), NOW)).kind === 'begun';
          expect(await idempotency.release(key, owner)).toBe(true);
          return false;
        });
        const count = began.filter(Boolean).length;
        expect(count).toBeLessThanOrEqual(1);
        return String(count);
      },
      ['0', '1'],
    ));

  test('is overtaken by one', () =>
    manyTimes(
      async ({ run }) => {
        const { key, owner } = await begun();
        const claims = Array.from({ length: RACERS }, () => callClaim());
        const won = await run(({ idempotency }, racer) => idempotency.overtake(key, owner, claims[racer]!, DEADLINE));
        const winner = claims[onlyWinner(won)]!;
        expect(await environment().idempotency.read(key, NOW)).toMatchObject({ owner: winner.owner });
        return 'one';
      },
      ['one'],
    ));

  test('is completed by its owner or overtaken, and never both', () =>
    manyTimes(
      async ({ run }) => {
        const { key, owner } = await begun();
        const next = callClaim();
        const [completed, overtaken] = await run(
          ({ idempotency }, racer) =>
            racer === 0
              ? idempotency.complete(key, owner, 'first', EXPIRY)
              : idempotency.overtake(key, owner, next, DEADLINE),
          2,
        );
        expect(completed).toBe(!overtaken);
        expect(await stateOf(key)).toMatchObject(completed ? { kind: 'done', text: 'first' } : { kind: 'in-progress' });
        return completed ? 'completed' : 'overtaken';
      },
      ['completed', 'overtaken'],
    ));

  test('that was overtaken is not completed by its first owner', () =>
    manyTimes(
      async ({ run }) => {
        const { key, owner } = await begun();
        const next = callClaim();
        await environment().idempotency.overtake(key, owner, next, DEADLINE);
        const [late, completed] = await run(
          ({ idempotency }, racer) =>
            racer === 0
              ? idempotency.complete(key, owner, 'first', EXPIRY)
              : idempotency.complete(key, next.owner, 'second', EXPIRY),
          2,
        );
        expect([late, completed]).toEqual([false, true]);
        expect(await stateOf(key)).toEqual({ kind: 'done', text: 'second' });
        return 'second';
      },
      ['second'],
    ));

  test('is released by its owner or overtaken, and never both', () =>
    manyTimes(
      async ({ run }) => {
        const { key, owner } = await begun();
        const next = callClaim();
        const [released, overtaken] = await run(
          ({ idempotency }, racer) =>
            racer === 0 ? idempotency.release(key, owner) : idempotency.overtake(key, owner, next, DEADLINE),
          2,
        );
        expect(released).toBe(!overtaken);
        expect((await stateOf(key))?.kind).toBe(overtaken ? 'in-progress' : undefined);
        return released ? 'released' : 'overtaken';
      },
      ['released', 'overtaken'],
    ));

  test('that is left unknown after it was overtaken is still in progress', () =>
    manyTimes(
      async ({ run }) => {
        const { key, owner } = await begun();
        const next = callClaim();
        const [left, overtaken] = await run(
          ({ idempotency }, racer) =>
            racer === 0
              ? idempotency.leaveUnknown(key, owner, EXPIRY)
              : idempotency.overtake(key, owner, next, DEADLINE),
          2,
        );
        expect(overtaken).toBe(true);
        expect(await environment().idempotency.read(key, NOW)).toMatchObject({
          owner: next.owner,
          state: { kind: 'in-progress' },
        });
        return left ? 'left before' : 'overtaken before';
      },
      ['left before', 'overtaken before'],
    ));
});
