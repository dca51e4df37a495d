import { expect, test } from 'vitest';

import { atMost } from '../../../lib/adapters/dynamodb/at-most.ts';

/** Work that goes on until it is told to end. */
function startable() {
  const started: { readonly item: number; readonly end: (error?: Error) => void }[] = [];
  const work = (item: number) =>
    new Promise<string>((resolve, reject) => {
      started.push({ item, end: (error) => (error ? reject(error) : resolve(`done ${item}`)) });
    });
  return { started, work, items: () => started.map(({ item }) => item) };
}

/** Lets everything run that can run without an event from outside. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('results come in the order of the items, and no more than the limit are at work', async () => {
  const { started, work, items } = startable();
  const all = atMost(2, [10, 20, 30], work);
  expect(items()).toEqual([10, 20]);
  started[1]!.end();
  await settle();
  expect(items()).toEqual([10, 20, 30]);
  started[2]!.end();
  started[0]!.end();
  expect(await all).toEqual(['done 10', 'done 20', 'done 30']);
});

test('after a failure nothing is begun, and the failure is told when everything has ended', async () => {
  const { started, work, items } = startable();
  let told = false;
  const all = atMost(2, [10, 20, 30], work).finally(() => {
    told = true;
  });
  started[0]!.end(new Error('the first'));
  await settle();
  expect(told).toBe(false);
  started[1]!.end();
  await expect(all).rejects.toThrow('the first');
  expect(items()).toEqual([10, 20]);
});

test('nothing to do is done at once', async () => {
  expect(await atMost(2, [], () => Promise.reject(new Error('never')))).toEqual([]);
});
