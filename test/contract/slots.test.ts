/** What every implementation must do with the slots of an upstream that takes a number of calls at a time. */
import { describe, expect, test } from 'vitest';

import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { freshKey } from './samples.ts';

const NOW = 1_780_000_000_000;
const UNTIL = NOW + 60_000;
const CLAIMED = { kind: 'claimed' };

describe.each(legs)('slots in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const store = () => environment().slots;

  /** An upstream whose slots are all taken, one after the other, until these times. */
  const takenUntil = async (...ends: readonly number[]) => {
    const upstream = freshKey();
    const tokens: string[] = [];
    for (const until of ends) {
      const token = freshKey();
      tokens.push(token);
      expect(await store().claim(upstream, token, ends.length, until, NOW)).toEqual(CLAIMED);
    }
    return { upstream, tokens };
  };

  test('there are as many as are asked for', async () => {
    const { upstream } = await takenUntil(UNTIL, UNTIL, UNTIL);
    expect(await store().claim(upstream, freshKey(), 3, UNTIL, NOW)).toEqual({ kind: 'full', freeAt: UNTIL });
  });

  test('who is refused learns when the first one is free by itself', async () => {
    const { upstream } = await takenUntil(UNTIL + 2, UNTIL + 1, UNTIL + 3);
    expect(await store().claim(upstream, freshKey(), 3, UNTIL, NOW)).toEqual({ kind: 'full', freeAt: UNTIL + 1 });
  });

  test('who is refused because there are fewer now learns when there is room again', async () => {
    const { upstream } = await takenUntil(UNTIL + 4, UNTIL + 1, UNTIL + 3, UNTIL + 2);
    expect(await store().claim(upstream, freshKey(), 2, UNTIL, NOW)).toEqual({ kind: 'full', freeAt: UNTIL + 3 });
  });

  test('one that is released can be claimed at once', async () => {
    const { upstream, tokens } = await takenUntil(UNTIL, UNTIL);
    await store().release(upstream, tokens[0]!);
    expect(await store().claim(upstream, freshKey(), 2, UNTIL, NOW)).toEqual(CLAIMED);
    expect(await store().claim(upstream, freshKey(), 2, UNTIL, NOW)).toMatchObject({ kind: 'full' });
  });

  test('a release takes nothing from others', async () => {
    const { upstream } = await takenUntil(UNTIL, UNTIL);
    await store().release(upstream, 'nobody');
    expect(await store().claim(upstream, freshKey(), 2, UNTIL, NOW)).toMatchObject({ kind: 'full' });
  });

  test('a second release is harmless, and so is one where nothing was claimed', async () => {
    const { upstream, tokens } = await takenUntil(UNTIL);
    await store().release(upstream, tokens[0]!);
    await expect(store().release(upstream, tokens[0]!)).resolves.toBeUndefined();
    const other = freshKey();
    await expect(store().release(other, tokens[0]!)).resolves.toBeUndefined();
    expect(await store().claim(other, freshKey(), 1, UNTIL, NOW)).toEqual(CLAIMED);
  });

  test('one whose time has passed is as good as free', async () => {
    const { upstream } = await takenUntil(UNTIL, UNTIL + 9);
    expect(await store().claim(upstream, freshKey(), 2, UNTIL + 5, UNTIL - 1)).toMatchObject({ kind: 'full' });
    expect(await store().claim(upstream, freshKey(), 2, UNTIL + 5, UNTIL)).toEqual(CLAIMED);
    expect(await store().claim(upstream, freshKey(), 2, UNTIL + 5, UNTIL)).toEqual({
      kind: 'full',
      freeAt: UNTIL + 5,
    });
  });

  test('all are free when the time of all has passed', async () => {
    const { upstream } = await takenUntil(UNTIL, UNTIL, UNTIL);
    const claimed = await race((stores) => stores.slots.claim(upstream, freshKey(), 3, UNTIL + 5, UNTIL));
    expect(claimed.filter(({ kind }) => kind === 'claimed')).toHaveLength(3);
  });

  test('a release that comes too late takes nothing from whoever has the slot now', async () => {
    const { upstream, tokens } = await takenUntil(UNTIL);
    await store().claim(upstream, freshKey(), 1, UNTIL + 9, UNTIL);
    await store().release(upstream, tokens[0]!);
    expect(await store().claim(upstream, freshKey(), 1, UNTIL + 9, UNTIL)).toMatchObject({ kind: 'full' });
  });

  test('who claims once more still has the one slot', async () => {
    const { upstream, tokens } = await takenUntil(UNTIL, UNTIL);
    expect(await store().claim(upstream, tokens[0]!, 2, UNTIL + 1, NOW)).toEqual(CLAIMED);
    await store().release(upstream, tokens[0]!);
    expect(await store().claim(upstream, freshKey(), 2, UNTIL, NOW)).toEqual(CLAIMED);
    expect(await store().claim(upstream, freshKey(), 2, UNTIL, NOW)).toMatchObject({ kind: 'full' });
  });

  test('a hundred of them can have expired', async () => {
    const { upstream } = await takenUntil(...Array.from({ length: 100 }, () => UNTIL));
    expect(await store().claim(upstream, freshKey(), 100, UNTIL + 9, UNTIL)).toEqual(CLAIMED);
    expect(await store().claim(upstream, freshKey(), 1, UNTIL + 9, UNTIL)).toEqual({ kind: 'full', freeAt: UNTIL + 9 });
  });

  test('those of one upstream are not those of another', async () => {
    await takenUntil(UNTIL);
    expect(await store().claim(freshKey(), freshKey(), 1, UNTIL, NOW)).toEqual(CLAIMED);
  });

  test('of many claims at once exactly as many succeed as there are slots', async () => {
    const upstream = freshKey();
    const outcomes = await race((stores, racer) => stores.slots.claim(upstream, freshKey(), 5, UNTIL + racer, NOW));
    expect(outcomes.filter(({ kind }) => kind === 'claimed')).toHaveLength(5);
    const ends = outcomes.flatMap(({ kind }, racer) => (kind === 'claimed' ? [UNTIL + racer] : []));
    expect(await store().claim(upstream, freshKey(), 5, UNTIL, NOW)).toEqual({
      kind: 'full',
      freeAt: Math.min(...ends),
    });
    expect(outcomes).toHaveLength(RACERS);
  });

  test.each(HOSTILE)('%j is an upstream and a token like any other', async (word) => {
    const upstream = `${freshKey()}${word}`;
    expect(await store().claim(`${upstream}#`, word, 1, UNTIL, NOW)).toEqual(CLAIMED);
    expect(await store().claim(upstream, word, 1, UNTIL, NOW)).toEqual(CLAIMED);
    expect(await store().claim(upstream, `${word}#`, 1, UNTIL, NOW)).toMatchObject({ kind: 'full' });
    await store().release(upstream, word);
    expect(await store().claim(upstream, `${word}#`, 1, UNTIL, NOW)).toEqual(CLAIMED);
    expect(await store().claim(`${upstream}#`, 'x', 1, UNTIL, NOW)).toMatchObject({ kind: 'full' });
  });

  test('a claim and its release cost one request each', async () => {
    const tally = { requests: 0 };
    const { slots } = environment(tally);
    const { upstream } = await takenUntil(UNTIL);
    await slots.claim(upstream, 'token', 2, UNTIL, NOW);
    await slots.release(upstream, 'token');
    expect(tally.requests).toBe(2);
  });
});
