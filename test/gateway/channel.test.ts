import { describe, expect, test } from 'vitest';
import { Channel } from '../../lib/gateway/channel.ts';
import { turn } from '../support/turn.ts';

/** Whether the promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const done = (): void => void (settled = true);
  promise.then(done, done);
  await turn();
  return settled;
}

/** Hands over the values one after the other, and says how many of them are done with. */
function work<T>(channel: Channel<T>, values: readonly T[]) {
  let done = 0;
  const ended = (async () => {
    for (const value of values) {
      await channel.push(value);
      done += 1;
    }
    channel.close();
  })();
  return { ended, done: () => done };
}

async function readAll<T>(channel: Channel<T>): Promise<readonly T[]> {
  const values: T[] = [];
  for await (const value of channel.read()) values.push(value);
  return values;
}

describe('a channel', () => {
  test('hands everything over, in order, and ends when it is closed', async () => {
    const channel = new Channel<number>();
    const { ended } = work(channel, [1, 2, 3]);
    expect(await readAll(channel)).toEqual([1, 2, 3]);
    await ended;
  });

  test('hands over what is pushed while the reader waits', async () => {
    const channel = new Channel<number>();
    const reading = readAll(channel);
    await turn();
    await work(channel, [1, 2]).ended;
    expect(await reading).toEqual([1, 2]);
  });

  test('lets the worker go on only when a value has been dealt with', async () => {
    const channel = new Channel<number>();
    const worker = work(channel, [1, 2]);
    const reader = channel.read();
    expect((await reader.next()).value).toBe(1);
    await turn();
    expect(worker.done()).toBe(0);
    expect((await reader.next()).value).toBe(2);
    expect(worker.done()).toBe(1);
    expect((await reader.next()).done).toBe(true);
    expect(worker.done()).toBe(2);
  });

  test('lets a worker go on whose value nobody will read, once it is closed', async () => {
    const channel = new Channel<number>();
    const pushing = channel.push(1);
    expect(await isSettled(pushing)).toBe(false);
    channel.close();
    expect(await isSettled(pushing)).toBe(true);
  });

  test('lets a worker go on whose reader leaves with the value', async () => {
    const channel = new Channel<number>();
    const worker = work(channel, [1, 2, 3]);
    for await (const value of channel.read()) {
      expect(value).toBe(1);
      break;
    }
    channel.close();
    await worker.ended;
    expect(worker.done()).toBe(3);
  });

  test('lets a worker go on whose reader fails with the value', async () => {
    const channel = new Channel<number>();
    const worker = work(channel, [1, 2, 3]);
    const reader = channel.read();
    await reader.next();
    await expect(reader.throw(new Error('gone'))).rejects.toThrow('gone');
    channel.close();
    await worker.ended;
  });

  test('still hands over what was pushed before it was closed', async () => {
    const channel = new Channel<number>();
    const pushing = channel.push(1);
    channel.close();
    await pushing;
    expect(await readAll(channel)).toEqual([1]);
  });

  test('takes nothing more once it is closed', async () => {
    const channel = new Channel<number>();
    channel.close();
    await channel.push(1);
    expect(await readAll(channel)).toEqual([]);
  });

  test('may be closed twice, and ends a reader that waits', async () => {
    const channel = new Channel<number>();
    const reading = readAll(channel);
    expect(await isSettled(reading)).toBe(false);
    channel.close();
    channel.close();
    expect(await reading).toEqual([]);
  });

  test('tells undefined from nothing', async () => {
    const channel = new Channel<undefined>();
    const { ended } = work(channel, [undefined, undefined]);
    expect(await readAll(channel)).toEqual([undefined, undefined]);
    await ended;
  });
});
