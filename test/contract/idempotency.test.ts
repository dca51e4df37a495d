/** What every implementation must do with calls that carry an idempotency key. */
import { describe, expect, test } from 'vitest';

import type { IdempotencyClaim } from '../../lib/ports/idempotency.ts';
import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { callClaim, freshKey, randomJson } from './samples.ts';

const NOW = 1_780_000_000_000;
/** When the owner of a sample has given up, and when its key is forgotten. */
const DEADLINE = NOW + 60_000;
const EXPIRY = NOW + 86_400_000;

describe.each(legs)('keyed calls in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const store = () => environment().idempotency;

  const begun = async (changes: Partial<IdempotencyClaim> = {}) => {
    const key = freshKey();
    const claim = callClaim(changes);
    expect(await store().begin(key, claim, NOW)).toEqual({ kind: 'begun' });
    return { key, claim };
  };

  const inProgress = ({ owner, digest, deadlineAt }: IdempotencyClaim) => ({
    owner,
    digest,
    state: { kind: 'in-progress', deadlineAt },
  });

  const doneWith = ({ owner, digest }: IdempotencyClaim, text: string | undefined) => ({
    owner,
    digest,
    state: { kind: 'done', text },
  });

  const unknown = ({ owner, digest }: IdempotencyClaim) => ({ owner, digest, state: { kind: 'unknown' } });

  /** A call whose first owner was overtaken once its deadline had passed. */
  const overtaken = async () => {
    const { key, claim: first } = await begun();
    const second = callClaim({ deadlineAt: DEADLINE + 60_000 });
    expect(await store().overtake(key, first.owner, second, DEADLINE)).toBe(true);
    return { key, first, second };
  };

  describe('beginning', () => {
    test('puts a call in progress under a key that nobody has', async () => {
      const { key, claim } = await begun();
      expect(await store().read(key, NOW)).toEqual(inProgress(claim));
    });

    test('tells the second what the first is doing, and changes nothing', async () => {
      const { key, claim } = await begun();
      expect(await store().begin(key, callClaim({ digest: 'another' }), NOW + 1)).toEqual({
        kind: 'exists',
        record: inProgress(claim),
      });
      expect(await store().read(key, NOW)).toEqual(inProgress(claim));
    });

    test('tells the second how the first has ended', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, '{"ok":1}', EXPIRY);
      expect(await store().begin(key, callClaim(), NOW)).toEqual({
        kind: 'exists',
        record: doneWith(claim, '{"ok":1}'),
      });
    });

    test('once more is still begun for the same owner', async () => {
      const { key, claim } = await begun();
      expect(await store().begin(key, claim, NOW)).toEqual({ kind: 'begun' });
      expect(await store().read(key, NOW)).toEqual(inProgress(claim));
    });

    test('once more is not begun for an owner whose call is done', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, '1', EXPIRY);
      expect(await store().begin(key, claim, NOW)).toMatchObject({ kind: 'exists' });
    });

    test('does not take a key from a call that is past its deadline', async () => {
      const { key, claim } = await begun();
      expect(await store().begin(key, callClaim(), DEADLINE + 1)).toEqual({
        kind: 'exists',
        record: inProgress(claim),
      });
    });

    test('takes the key of a call that has ended and expired', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, '1', NOW + 1000);
      const next = callClaim();
      expect(await store().begin(key, next, NOW + 999)).toMatchObject({ kind: 'exists' });
      expect(await store().begin(key, next, NOW + 1000)).toEqual({ kind: 'begun' });
      expect(await store().read(key, NOW + 1000)).toEqual(inProgress(next));
    });

    test('takes the key of a call that was left unknown and has expired', async () => {
      const { key, claim } = await begun();
      await store().leaveUnknown(key, claim.owner, NOW + 1000);
      expect(await store().begin(key, callClaim(), NOW + 1000)).toEqual({ kind: 'begun' });
    });

    test('takes the key of a call that is past both its deadline and its expiry', async () => {
      const { key } = await begun();
      expect(await store().begin(key, callClaim(), EXPIRY)).toEqual({ kind: 'begun' });
    });

    test('never takes the key of a call before its deadline, even if it has expired', async () => {
      const { key, claim } = await begun({ expiresAt: NOW + 1000 });
      const exists = { kind: 'exists', record: inProgress(claim) };
      expect(await store().begin(key, callClaim(), DEADLINE - 1)).toEqual(exists);
      expect(await store().begin(key, callClaim(), DEADLINE)).toEqual({ kind: 'begun' });
    });

    test('of many at once begins exactly one, and the others learn which', async () => {
      const key = freshKey();
      const claims = Array.from({ length: RACERS }, () => callClaim());
      const outcomes = await race((stores, racer) => stores.idempotency.begin(key, claims[racer]!, NOW));
      const winners = claims.filter((_, racer) => outcomes[racer]!.kind === 'begun');
      expect(winners).toHaveLength(1);
      expect(outcomes.filter(({ kind }) => kind === 'exists')).toEqual(
        Array.from({ length: RACERS - 1 }, () => ({ kind: 'exists', record: inProgress(winners[0]!) })),
      );
    });

    test.each(HOSTILE)('takes %j for a key, an owner and a digest like any other', async (word) => {
      const key = `${freshKey()}${word}`;
      const neighbour = callClaim();
      await store().begin(`${key}#`, neighbour, NOW);
      const claim = callClaim({ owner: word, digest: word });
      expect(await store().begin(key, claim, NOW)).toEqual({ kind: 'begun' });
      expect(await store().complete(key, word, word, EXPIRY)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(doneWith(claim, word));
      expect(await store().read(`${key}#`, NOW)).toEqual(inProgress(neighbour));
    });
  });

  describe('reading', () => {
    test('finds nothing under a key that was never used', async () => {
      expect(await store().read(freshKey(), NOW)).toBeUndefined();
    });

    test('finds nothing of a call that has ended and expired', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, '1', NOW + 1000);
      expect(await store().read(key, NOW + 999)).toEqual(doneWith(claim, '1'));
      expect(await store().read(key, NOW + 1000)).toBeUndefined();
    });

    test('finds a call before its deadline, even if it has expired', async () => {
      const { key, claim } = await begun({ expiresAt: NOW + 1000 });
      expect(await store().read(key, DEADLINE - 1)).toEqual(inProgress(claim));
      expect(await store().read(key, DEADLINE)).toBeUndefined();
    });

    test('gives what can be changed without changing what is kept', async () => {
      const { key, claim } = await begun();
      Object.assign((await store().read(key, NOW))!.state, { deadlineAt: 1 });
      expect(await store().read(key, NOW)).toEqual(inProgress(claim));
    });
  });

  describe('completing', () => {
    test.each([
      ['', 'an empty text'],
      ['{"text":"名前🦉"}', 'a short text'],
      [`"${'x'.repeat(100_000)}"`, 'a long text'],
      ['unpaired \ud800', 'a short text with half a character'],
      [`${'x'.repeat(9000)}\udc00`, 'a long text with half a character'],
      [randomJson(400_000), 'a text that is hard to compress'],
    ])('keeps the text as it was (%#)', async (text) => {
      const { key, claim } = await begun();
      expect(await store().complete(key, claim.owner, text, EXPIRY)).toBe(true);
      const record = await store().read(key, NOW);
      expect(record?.state.kind === 'done' && record.state.text === text).toBe(true);
    });

    test.each([600_000, 3_000_000])('is done without a text of %i characters that does not fit', async (chars) => {
      const { key, claim } = await begun();
      expect(await store().complete(key, claim.owner, randomJson(chars), EXPIRY)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(doneWith(claim, undefined));
    });

    test('keeps a text of megabytes that fits once it is compressed', async () => {
      const { key, claim } = await begun();
      const text = JSON.stringify(Array.from({ length: 200_000 }, (_, row) => ({ row: row % 7 })));
      await store().complete(key, claim.owner, text, EXPIRY);
      const record = await store().read(key, NOW);
      expect(record?.state.kind === 'done' && record.state.text === text).toBe(true);
    });

    test('once more keeps the first text', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, 'first', EXPIRY);
      expect(await store().complete(key, claim.owner, 'second', EXPIRY)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(doneWith(claim, 'first'));
    });

    test('is possible for an owner that has left its call unknown', async () => {
      const { key, claim } = await begun();
      await store().leaveUnknown(key, claim.owner, EXPIRY);
      expect(await store().complete(key, claim.owner, 'late', EXPIRY)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(doneWith(claim, 'late'));
    });

    test('is refused to an owner that was overtaken', async () => {
      const { key, first, second } = await overtaken();
      expect(await store().complete(key, first.owner, 'late', EXPIRY)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(inProgress(second));
    });

    test('is refused to an owner that was overtaken when the other one is done', async () => {
      const { key, first, second } = await overtaken();
      await store().complete(key, second.owner, 'second', EXPIRY);
      expect(await store().complete(key, first.owner, 'first', EXPIRY)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(doneWith(second, 'second'));
    });

    test('is refused under a key that nobody has', async () => {
      const key = freshKey();
      expect(await store().complete(key, 'nobody', '1', EXPIRY)).toBe(false);
      expect(await store().read(key, NOW)).toBeUndefined();
    });
  });

  describe('leaving a call unknown', () => {
    test('is read as such', async () => {
      const { key, claim } = await begun();
      expect(await store().leaveUnknown(key, claim.owner, EXPIRY)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(unknown(claim));
    });

    test('moves its expiry', async () => {
      const { key, claim } = await begun();
      await store().leaveUnknown(key, claim.owner, EXPIRY + 1000);
      expect(await store().read(key, EXPIRY + 999)).toEqual(unknown(claim));
      expect(await store().read(key, EXPIRY + 1000)).toBeUndefined();
    });

    test('once more is the same', async () => {
      const { key, claim } = await begun();
      await store().leaveUnknown(key, claim.owner, EXPIRY);
      expect(await store().leaveUnknown(key, claim.owner, EXPIRY)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(unknown(claim));
    });

    test('never turns back one that is done', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, '1', EXPIRY);
      expect(await store().leaveUnknown(key, claim.owner, EXPIRY)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(doneWith(claim, '1'));
    });

    test('is refused to an owner that was overtaken', async () => {
      const { key, first, second } = await overtaken();
      expect(await store().leaveUnknown(key, first.owner, EXPIRY)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(inProgress(second));
    });
  });

  describe('releasing', () => {
    test('frees the key', async () => {
      const { key, claim } = await begun();
      expect(await store().release(key, claim.owner)).toBe(true);
      expect(await store().read(key, NOW)).toBeUndefined();
      expect(await store().begin(key, callClaim(), NOW)).toEqual({ kind: 'begun' });
    });

    test('frees the key of a call that was left unknown', async () => {
      const { key, claim } = await begun();
      await store().leaveUnknown(key, claim.owner, EXPIRY);
      expect(await store().release(key, claim.owner)).toBe(true);
      expect(await store().read(key, NOW)).toBeUndefined();
    });

    test('once more is the same', async () => {
      const { key, claim } = await begun();
      await store().release(key, claim.owner);
      expect(await store().release(key, claim.owner)).toBe(true);
    });

    test('is refused when the call is done', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, '1', EXPIRY);
      expect(await store().release(key, claim.owner)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(doneWith(claim, '1'));
    });

    test('is refused to an owner that was overtaken', async () => {
      const { key, first, second } = await overtaken();
      expect(await store().release(key, first.owner)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(inProgress(second));
    });
  });

  describe('overtaking', () => {
    test('takes the place of a call whose owner has given up', async () => {
      const { key, second } = await overtaken();
      expect(await store().read(key, NOW)).toEqual(inProgress(second));
    });

    test('takes the place of a call that was left unknown, at once', async () => {
      const { key, claim } = await begun();
      await store().leaveUnknown(key, claim.owner, EXPIRY);
      const second = callClaim();
      expect(await store().overtake(key, claim.owner, second, NOW)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(inProgress(second));
    });

    test('is refused before the deadline', async () => {
      const { key, claim } = await begun();
      expect(await store().overtake(key, claim.owner, callClaim(), DEADLINE - 1)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(inProgress(claim));
    });

    test('is refused when the call is done, however late', async () => {
      const { key, claim } = await begun();
      await store().complete(key, claim.owner, '1', EXPIRY);
      expect(await store().overtake(key, claim.owner, callClaim(), EXPIRY + 1)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(doneWith(claim, '1'));
    });

    test('is refused to one that names an owner who was overtaken before', async () => {
      const { key, first, second } = await overtaken();
      expect(await store().overtake(key, first.owner, callClaim(), EXPIRY)).toBe(false);
      expect(await store().read(key, NOW)).toEqual(inProgress(second));
    });

    test('is refused under a key that nobody has', async () => {
      const key = freshKey();
      expect(await store().overtake(key, 'nobody', callClaim(), NOW)).toBe(false);
      expect(await store().read(key, NOW)).toBeUndefined();
    });

    test('once more has still happened', async () => {
      const { key, first, second } = await overtaken();
      expect(await store().overtake(key, first.owner, second, DEADLINE)).toBe(true);
      expect(await store().read(key, NOW)).toEqual(inProgress(second));
    });

    test('of many at once succeeds for exactly one', async () => {
      const { key, claim } = await begun();
      const claims = Array.from({ length: RACERS }, () => callClaim());
      const results = await race((stores, racer) =>
        stores.idempotency.overtake(key, claim.owner, claims[racer]!, DEADLINE),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await store().read(key, NOW)).toEqual(inProgress(claims[results.indexOf(true)]!));
    });
  });

  test('every operation that goes through costs one request', async () => {
    const tally = { requests: 0 };
    const { idempotency } = environment(tally);
    const key = freshKey();
    const [first, second, third] = [callClaim(), callClaim(), callClaim()];
    const operations: readonly (() => Promise<unknown>)[] = [
      () => idempotency.begin(key, first, NOW),
      () => idempotency.read(key, NOW),
      () => idempotency.overtake(key, first.owner, second, DEADLINE),
      () => idempotency.leaveUnknown(key, second.owner, EXPIRY),
      () => idempotency.overtake(key, second.owner, third, NOW),
      () => idempotency.release(key, third.owner),
      () => idempotency.begin(key, first, NOW),
      () => idempotency.complete(key, first.owner, randomJson(300_000), EXPIRY),
      () => idempotency.read(key, NOW),
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
