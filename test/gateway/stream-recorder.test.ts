/** How a stream is kept behind its client's back: what is written when, and what never waits for it. */
import { describe, expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { StoreError, type Stores } from '../../lib/ports/stores.ts';
import type { StreamBatch } from '../../lib/ports/streams.ts';
import { FUNCTION_LEG } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import { openScripted } from './fixtures.ts';
import type { Incoming } from './scripted-upstream.ts';

/** Stores whose stream writes are done when the test lets them. */
function gatedStores() {
  const batches: StreamBatch[] = [];
  const waiting: (() => void)[] = [];
  let isOpen = true;
  let failure: Error | undefined;
  const pass = async (): Promise<void> => {
    if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
    if (failure !== undefined) throw failure;
  };
  return {
    batches,
    close: () => void (isOpen = false),
    open(): void {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
    fail: (error: Error) => void (failure = error),
    wrapStores: ({ streams, ...stores }: Stores): Stores => ({
      ...stores,
      streams: {
        ...streams,
        async begin(...given) {
          await pass();
          await streams.begin(...given);
        },
        async append(key, batch, expiresAt) {
          batches.push(batch);
          await pass();
          await streams.append(key, batch, expiresAt);
        },
      },
    }),
  };
}

async function openStream() {
  const clock = createManualClock();
  const gate = gatedStores();
  const openStores = createMemoryStores();
  const { gateway, upstream } = await openScripted({
    leg: FUNCTION_LEG,
    clock,
    openStores,
    wrapStores: gate.wrapStores,
  });
  const arrived = Promise.withResolvers<Incoming>();
  upstream.onCall((incoming) => arrived.resolve(incoming));
  const peer = await gateway.client.connect('2025-11-25');
  const opening = peer.stream('tools/call', { name: 'up__x' }, { progressToken: 't' });
  const incoming = await arrived.promise;
  const speak = async (count: number): Promise<void> => {
    incoming.progress(count);
    const { events } = await opening;
    for (;;) {
      const { value, done } = await events.next();
      if (done === true) throw new Error('The stream has ended');
      if (value.kind === 'event' && value.message?.params?.progress === count) return;
    }
  };
  const sizes = (): number[] => gate.batches.map(({ events }) => events.length);
  return { clock, gate, gateway, incoming, opening, speak, sizes };
}

async function turns(): Promise<void> {
  for (let count = 0; count < 10; count += 1) await turn();
}

describe('events are written', () => {
  test('together, when the first of them has waited 300 ms', async () => {
    const { clock, incoming, speak, sizes, gateway } = await openStream();
    for (const count of [1, 2, 3]) await speak(count);
    clock.advance(299);
    await turns();
    expect(sizes()).toEqual([]);
    clock.advance(1);
    await turns();
    expect(sizes()).toEqual([3]);
    await speak(4);
    clock.advance(300);
    await turns();
    expect(sizes()).toEqual([3, 1]);
    incoming.answer({ content: [] });
    await gateway.settled();
    expect(clock.scheduled).toBe(0);
  });

  test('at once when there are 64 KB of them', async () => {
    const { incoming, speak, sizes, gateway } = await openStream();
    await speak(1);
    incoming.progress(2, { message: 'x'.repeat(64 * 1024) });
    await speak(3);
    await turns();
    expect(sizes()[0]).toBeGreaterThanOrEqual(2);
    incoming.answer({ content: [] });
    await gateway.settled();
  });

  test('with the answer, as soon as it is sent', async () => {
    const { incoming, speak, gate, sizes, gateway } = await openStream();
    await speak(1);
    incoming.answer({ content: [] });
    await gateway.settled();
    expect(sizes()).toEqual([2]);
    expect(gate.batches[0]).toMatchObject({ last: 2, answered: [0], cut: false });
  });
});

describe('a store that is slow', () => {
  test('holds no event back, and is given together what has come meanwhile', async () => {
    const { clock, incoming, speak, gate, sizes, gateway } = await openStream();
    await speak(1);
    await turns();
    gate.close();
    await speak(2);
    clock.advance(300);
    await turns();
    for (const count of [3, 4, 5]) await speak(count);
    clock.advance(3000);
    await turns();
    expect(sizes()).toEqual([2]);
    gate.open();
    await turns();
    incoming.answer({ content: [] });
    await gateway.settled();
    expect(sizes()).toEqual([2, 4]);
  });

  test('is waited for before the invocation ends, though not by the client', async () => {
    const { incoming, speak, gate, sizes, gateway, opening } = await openStream();
    await speak(1);
    gate.close();
    incoming.answer({ content: [] });
    const { events } = await opening;
    let last: unknown;
    for await (const event of events) if (event.kind === 'event') last = event.message;
    expect(last).toMatchObject({ result: { content: [] } });
    let isSettled = false;
    const settled = gateway.settled().then(() => void (isSettled = true));
    await turns();
    expect([sizes(), isSettled]).toEqual([[2], false]);
    gate.open();
    await settled;
  });
});

test('a store that fails is not asked again, but for the one word that something is missing', async () => {
  const { clock, incoming, speak, gate, sizes, gateway } = await openStream();
  await speak(1);
  await turns();
  gate.fail(new StoreError('streams.append', 'TROUBLE', undefined));
  clock.advance(300);
  await turns();
  await speak(2);
  clock.advance(300);
  incoming.answer({ content: [] });
  await gateway.settled();
  expect(sizes()).toEqual([1, 0]);
  expect(gate.batches.at(-1)).toMatchObject({ cut: true });
  expect(gateway.takeDefects()).toHaveLength(2);
});
