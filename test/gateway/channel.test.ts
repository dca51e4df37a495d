import { expect, test } from 'vitest';
import { Channel } from '../../lib/gateway/channel.ts';
import { turn } from '../support/turn.ts';

async function readAll<T>(channel: Channel<T>): Promise<readonly T[]> {
  const values: T[] = [];
  for await (const value of channel.read()) values.push(value);
  return values;
}

test('a channel hands everything over, in order, and ends when it is closed', async () => {
  const channel = new Channel<number>();
  for (const value of [1, 2, 3]) channel.push(value, 1);
  channel.close();
  expect(await readAll(channel)).toEqual([1, 2, 3]);
});

test('a channel hands over what is pushed while the reader waits', async () => {
  const channel = new Channel<number>();
  const reading = readAll(channel);
  await turn();
  channel.push(1, 1);
  await turn();
  channel.push(2, 1);
  channel.close();
  expect(await reading).toEqual([1, 2]);
});

test('what is pushed once a channel is closed is lost', async () => {
  const channel = new Channel<number>();
  channel.close();
  channel.push(1, 1);
  expect(await readAll(channel)).toEqual([]);
});

test('no more than a thousand values wait to be read', async () => {
  const channel = new Channel<number>();
  for (let value = 0; value < 5000; value += 1) channel.push(value, 1);
  channel.close();
  expect(await readAll(channel)).toEqual(Array.from({ length: 1000 }, (_, value) => value));
});

test('large values leave room for fewer, but always for one', async () => {
  const channel = new Channel<string>();
  channel.push('larger than all the room there is', 5 * 1024 * 1024);
  channel.push('lost', 1);
  const reader = channel.read();
  expect((await reader.next()).value).toBe('larger than all the room there is');
  channel.push('fits again', 1024 * 1024);
  expect((await reader.next()).value).toBe('fits again');
});

test('a reader that leaves harms nobody', async () => {
  const channel = new Channel<number>();
  channel.push(1, 1);
  for await (const value of channel.read()) {
    expect(value).toBe(1);
    break;
  }
  channel.push(2, 1);
  channel.close();
  expect(await readAll(channel)).toEqual([2]);
});
