/** What every implementation must do with the streams that clients may come back for. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import type { StreamBatch, StreamHead } from '../../lib/ports/streams.ts';
import { HOSTILE, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { freshKey, randomJson } from './samples.ts';

const NOW = 1_780_000_000_000;
const LATER = NOW + 600_000;

const seed = Number(process.env['SLUICE_TEST_SEED'] ?? Date.now() % 2 ** 31);
console.info(`test/contract/streams.test.ts: SLUICE_TEST_SEED=${seed}`);

function streamHead(changes: Partial<StreamHead> = {}): StreamHead {
  return { holder: freshKey(), heldUntil: NOW + 60_000, requests: ['1'], continuation: undefined, ...changes };
}

function batch(last: number, events: readonly string[], changes: Partial<StreamBatch> = {}): StreamBatch {
  return { last, events, answered: [], cut: false, ...changes };
}

describe.each(legs)('streams in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const streams = () => environment().streams;

  test('one that never began is none, whatever was appended to it', async () => {
    const key = freshKey();
    expect(await streams().read(key, 0, NOW)).toBeUndefined();
    await streams().append(key, batch(1, ['{}']), LATER);
    expect(await streams().read(key, 0, NOW)).toBeUndefined();
  });

  test('is read as it was written, in the order of its events', async () => {
    const key = freshKey();
    const head = streamHead({ requests: ['"a"', '1.0', '"\\ud800"'] });
    await streams().begin(key, head, LATER);
    const batches = [
      batch(2, ['{"名前":"🦉"}', '{"\\ud800":1e400}']),
      batch(9, Array<string>(7).fill('{}'), { answered: [2] }),
      batch(10, ['']),
      batch(1000, Array<string>(990).fill('[]'), { answered: [2, 0] }),
      batch(999_999_999, [], { answered: [2, 0], cut: true }),
    ];
    for (const one of batches) await streams().append(key, one, LATER);
    expect(await streams().read(key, 0, NOW)).toEqual({ head, batches });
  });

  test.each([
    [0, [2, 5, 12]],
    [2, [2, 5, 12]],
    [3, [5, 12]],
    [12, [12]],
    [13, []],
  ])('is read from event %i on', async (from, lasts) => {
    const key = freshKey();
    await streams().begin(key, streamHead(), LATER);
    for (const last of [2, 5, 12]) await streams().append(key, batch(last, ['{}']), LATER);
    expect((await streams().read(key, from, NOW))?.batches.map(({ last }) => last)).toEqual(lasts);
  });

  test.each([299_000, 2_000_000, 4_000_000])('keeps an event of %i characters', async (chars) => {
    const key = freshKey();
    const one = batch(2, ['{}', randomJson(chars)]);
    await streams().begin(key, streamHead(), LATER);
    await streams().append(key, one, LATER);
    await streams().append(key, batch(3, ['{}']), LATER);
    const kept = await streams().read(key, 0, NOW);
    assert.deepEqual(kept?.batches[0], one);
    expect(kept?.batches[1]).toEqual(batch(3, ['{}']));
  });

  test('is not there once it has expired, and neither are batches that have', async () => {
    const key = freshKey();
    await streams().begin(key, streamHead(), NOW + 2);
    await streams().append(key, batch(1, ['{}']), NOW + 1);
    await streams().append(key, batch(2, ['{}']), NOW + 2);
    const lasts = async (now: number) => (await streams().read(key, 0, now))?.batches.map(({ last }) => last);
    expect(await lasts(NOW)).toEqual([1, 2]);
    expect(await lasts(NOW + 1)).toEqual([2]);
    expect(await lasts(NOW + 2)).toBeUndefined();
  });

  test('a batch that is written twice is there once', async () => {
    const key = freshKey();
    await streams().begin(key, streamHead(), LATER);
    for (let times = 0; times < 2; times += 1) await streams().append(key, batch(2, ['1', '2']), LATER);
    expect((await streams().read(key, 0, NOW))?.batches).toEqual([batch(2, ['1', '2'])]);
  });

  test('is left by whoever holds it, and by nobody else', async () => {
    const key = freshKey();
    const head = streamHead();
    await streams().begin(key, head, LATER);
    expect(await streams().handOver(key, 'another', 'what goes on', LATER)).toBe(false);
    expect((await streams().read(key, 0, NOW))?.head).toEqual(head);
    expect(await streams().handOver(key, head.holder, 'what goes on', LATER + 1)).toBe(true);
    const left = await streams().read(key, 0, LATER);
    expect(left?.head).toEqual({ ...head, continuation: 'what goes on' });
    expect(await streams().handOver(freshKey(), head.holder, 'nothing', LATER)).toBe(false);
  });

  test('is taken over once it was left, from who has left it, and lives on', async () => {
    const key = freshKey();
    const head = streamHead();
    const by = { holder: freshKey(), heldUntil: NOW + 99_000 };
    await streams().begin(key, head, LATER);
    expect(await streams().takeOver(key, head.holder, by, LATER)).toBe(false);
    await streams().handOver(key, head.holder, 'what goes on', LATER);
    expect(await streams().takeOver(key, 'another', by, LATER)).toBe(false);
    expect(await streams().takeOver(key, head.holder, by, LATER + 1)).toBe(true);
    expect((await streams().read(key, 0, LATER))?.head).toEqual({ ...head, ...by });
    expect(await streams().takeOver(key, head.holder, { ...by, holder: 'late' }, LATER)).toBe(false);
    expect(await streams().takeOver(freshKey(), head.holder, by, LATER)).toBe(false);
  });

  test('is taken over by exactly one of many, hundreds of times', async () => {
    const key = freshKey();
    let { holder } = streamHead();
    await streams().begin(key, streamHead({ holder }), LATER);
    for (let round = 0; round < 30; round += 1) {
      expect(await streams().handOver(key, holder, String(round), LATER)).toBe(true);
      const from = holder;
      const taken = await race((stores, racer) =>
        stores.streams.takeOver(key, from, { holder: `${round}-${racer}`, heldUntil: round }, LATER),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
      holder = `${round}-${taken.indexOf(true)}`;
      expect((await streams().read(key, 0, NOW))?.head).toMatchObject({ holder, continuation: undefined });
    }
  });

  test.each(HOSTILE)('a key such as %j is a key like any other', async (word) => {
    const key = `${freshKey()}${word}`;
    const head = streamHead({ holder: `h${word}`, requests: [JSON.stringify(word)] });
    await streams().begin(`${key}#`, streamHead(), LATER);
    await streams().begin(key, head, LATER);
    await streams().append(key, batch(1, [word]), LATER);
    await streams().handOver(key, head.holder, `c${word}`, LATER);
    const kept = await streams().read(key, 0, NOW);
    expect(kept).toEqual({ head: { ...head, continuation: `c${word}` }, batches: [batch(1, [word])] });
    expect((await streams().read(`${key}#`, 0, NOW))?.batches).toEqual([]);
  });

  test('every operation costs one request', async () => {
    const tally = { requests: 0 };
    const store = environment(tally).streams;
    const key = freshKey();
    const head = streamHead();
    const costs: number[] = [];
    const operations: readonly (() => Promise<unknown>)[] = [
      () => store.read(key, 0, NOW),
      () => store.begin(key, head, LATER),
      () => store.append(key, batch(1, ['{}']), LATER),
      () => store.append(key, batch(2, [randomJson(64 * 1024)]), LATER),
      () => store.read(key, 0, NOW),
      () => store.handOver(key, head.holder, 'what goes on', LATER),
      () => store.takeOver(key, head.holder, { holder: 'b', heldUntil: 1 }, LATER),
    ];
    for (const operation of operations) {
      const before = tally.requests;
      await operation();
      costs.push(tally.requests - before);
    }
    expect(costs).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  const number = fc.integer({ min: 0, max: 12 });
  const time = fc.integer({ min: 0, max: 3 }).map((step) => NOW + step);
  const holder = fc.constantFrom('a', 'b', 'c');
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('', '"\\ud800"'));
  const keys = fc.constantFrom('k', 'k#head', '__proto__');
  const operation = fc.oneof(
    fc
      .tuple(keys, holder, fc.array(text, { maxLength: 2 }), time, fc.option(fc.constant('left'), { nil: undefined }))
      .map(
        ([k, by, requests, end, continuation]) =>
          (at: ReturnType<typeof streams>, p: string) =>
            at.begin(p + k, { holder: by, heldUntil: end, requests, continuation }, end),
      ),
    fc
      .tuple(keys, number, fc.array(text, { maxLength: 3 }), fc.array(fc.nat(2), { maxLength: 2 }), fc.boolean(), time)
      .map(
        ([k, last, events, answered, cut, end]) =>
          (at: ReturnType<typeof streams>, p: string) =>
            at.append(p + k, { last, events, answered, cut }, end),
      ),
    fc.tuple(keys, holder, time).map(
      ([k, by, end]) =>
        (at: ReturnType<typeof streams>, p: string) =>
          at.handOver(p + k, by, 'left', end),
    ),
    fc.tuple(keys, holder, holder, time).map(
      ([k, from, by, end]) =>
        (at: ReturnType<typeof streams>, p: string) =>
          at.takeOver(p + k, from, { holder: by, heldUntil: end }, end),
    ),
    fc.tuple(keys, number, time).map(
      ([k, from, now]) =>
        (at: ReturnType<typeof streams>, p: string) =>
          at.read(p + k, from, now),
    ),
  );

  test('answers any sequence of operations as the memory does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40 }), async (operations) => {
        const prefix = freshKey();
        const inMemory = createMemoryStores()({ requests: 0 }).streams;
        for (const run of operations) {
          const [stored, remembered] = await Promise.all([run(streams(), prefix), run(inMemory, prefix)]);
          assert.deepStrictEqual(stored, remembered);
        }
      }),
      { seed, numRuns: 100 },
    );
  });
});
