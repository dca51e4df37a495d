/** The order in which what is compared takes its turns. */
import { expect, test } from 'vitest';
import { inAnyOrder, seed } from './order.ts';
import { takeTurns } from './turns.ts';

test(`a turn leaves nobody out, and nobody always follows the same (seed ${seed})`, () => {
  const names = ['small', 'twin', 'tools'];
  const before = new Set<string>();
  for (let turn = 0; turn < 100; turn += 1) {
    const order = inAnyOrder(names);
    expect(order.toSorted()).toEqual(names.toSorted());
    before.add(order[order.indexOf('twin') - 1] ?? 'none');
  }
  expect(before).toEqual(new Set(['small', 'tools', 'none']));
});

test('every caller has as many calls, and a p50 for each round', async () => {
  const calls = [0, 0, 0];
  const callers = calls.map((_, index) => async () => void (calls[index]! += 1));
  const taken = await takeTurns(callers, { rounds: 2, calls: 5 });
  expect(calls).toEqual([10, 10, 10]);
  expect(taken.map((rounds) => rounds.length)).toEqual([2, 2, 2]);
});
