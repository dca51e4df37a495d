/** How many calls an upstream gets at once. The clock stands still, and nobody waits for real. */
import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { claimSlot, type Slot } from '../../lib/policies/slots.ts';
import type { SlotStore } from '../../lib/ports/slots.ts';
import { startEnvironments } from '../contract/environments.ts';
import { legs } from '../contract/legs.ts';
import { freshKey } from '../contract/samples.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';

const CALL_MS = 55_000;

/** Lets time pass in small steps until the promise has settled; a step goes on when nothing is under way any more. */
async function passUntil<T>(clock: ManualClock, claim: Promise<T>): Promise<T> {
  const state = { settled: false };
  const done = (): void => void (state.settled = true);
  claim.then(done, done);
  while (!state.settled) {
    await turn();
    if (clock.scheduled > 0) clock.advance(10);
  }
  return claim;
}

describe.each(legs)('over $name', (leg) => {
  const { environment } = startEnvironments(leg);

  function openWorld(most: number) {
    const upstream = freshKey();
    const clock = createManualClock();
    const store = (): SlotStore => environment().slots;
    const claim = (signal = new AbortController().signal, slots = store()): Promise<Slot> =>
      claimSlot(upstream, most, clock.now() + CALL_MS, signal, { store: slots, clock, ids: cryptoIds });
    const claimed = async (): Promise<Extract<Slot, { kind: 'claimed' }>> => {
      const slot = await claim();
      if (slot.kind === 'full') throw new Error('There was no room');
      return slot;
    };
    return { upstream, clock, store, claim, claimed };
  }

  test('as many calls have a slot as there are, at once', async () => {
    const { claim, clock } = openWorld(3);
    expect((await Promise.all([claim(), claim(), claim()])).map(({ kind }) => kind)).toEqual(Array(3).fill('claimed'));
    expect(clock.scheduled).toBe(0);
  });

  test('one more waits for a moment, and is refused then', async () => {
    const { claim, claimed, clock } = openWorld(1);
    await claimed();
    const began = clock.elapsed();
    expect(await passUntil(clock, claim())).toEqual({ kind: 'full', retryAfterMs: 2000 });
    const waitedMs = clock.elapsed() - began;
    expect(waitedMs).toBeGreaterThan(1000);
    expect(waitedMs).toBeLessThanOrEqual(2000);
    expect(clock.scheduled).toBe(0);
  });

  test('one that waits gets the slot of a call that ends', async () => {
    const { claim, claimed, clock } = openWorld(1);
    const first = await claimed();
    const waiting = claim();
    for (let waits = 0; waits < 100 && clock.scheduled === 0; waits += 1) await turn();
    await first.release();
    expect((await passUntil(clock, waiting)).kind).toBe('claimed');
  });

  test('the slot of an environment that was killed is free once its call would have ended', async () => {
    const { claim, claimed, clock } = openWorld(1);
    await claimed();
    clock.advance(CALL_MS - 1000);
    expect((await passUntil(clock, claim())).kind).toBe('claimed');
    expect(clock.elapsed()).toBeGreaterThanOrEqual(CALL_MS);
  });

  test('who is refused learns when a slot is free by itself, if that is soon', async () => {
    const { clock, upstream, store } = openWorld(1);
    await store().claim(upstream, 'other', 1, clock.now() + 2500, clock.now());
    const refused = await passUntil(
      clock,
      claimSlot(upstream, 1, clock.now() + CALL_MS, new AbortController().signal, {
        store: store(),
        clock,
        ids: { ...cryptoIds, fraction: () => 0 },
      }),
    );
    expect(refused).toEqual({ kind: 'full', retryAfterMs: 2500 - clock.elapsed() });
  });

  test('a slot that is released twice is released once', async () => {
    const { claim, claimed, clock } = openWorld(1);
    const first = await claimed();
    await first.release();
    await claimed();
    await first.release();
    expect((await passUntil(clock, claim())).kind).toBe('full');
  });

  test('one that is called off while it waits does not wait on, and leaves no timer', async () => {
    const { claim, claimed, clock } = openWorld(1);
    await claimed();
    const caller = new AbortController();
    const waiting = claim(caller.signal);
    while (clock.scheduled === 0) await turn();
    caller.abort();
    expect((await waiting).kind).toBe('full');
    expect([clock.scheduled, clock.elapsed()]).toEqual([0, 0]);
  });

  test('one that is called off while it claims a slot leaves it free', async () => {
    const { claim, clock, store } = openWorld(1);
    const caller = new AbortController();
    const slots = store();
    const slow: SlotStore = {
      ...slots,
      claim: async (...wish) => {
        const outcome = await slots.claim(...wish);
        caller.abort();
        return outcome;
      },
    };
    expect((await claim(caller.signal, slow)).kind).toBe('full');
    expect((await claim()).kind).toBe('claimed');
    expect(clock.scheduled).toBe(0);
  });

  test('never has more calls than slots, however many come together', async () => {
    const { claim, clock } = openWorld(4);
    let running = 0;
    let most = 0;
    const call = async (): Promise<Slot['kind']> => {
      const slot = await claim();
      if (slot.kind === 'full') return 'full';
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => void clock.schedule(30, resolve));
      running -= 1;
      await slot.release();
      return 'claimed';
    };
    const kinds = await passUntil(clock, Promise.all(Array.from({ length: 20 }, call)));
    expect(most).toBeLessThanOrEqual(4);
    expect(kinds.filter((kind) => kind === 'claimed').length).toBeGreaterThanOrEqual(4);
    // Whoever came away with a slot has given it back.
    expect((await Promise.all(Array.from({ length: 4 }, () => claim()))).map(({ kind }) => kind)).toEqual(
      Array(4).fill('claimed'),
    );
  });
});

test('one that is refused while the store fails gets what the store throws, and leaves no timer', async () => {
  const clock = createManualClock();
  const down = new Error('down');
  const store: SlotStore = { claim: () => Promise.reject(down), release: async () => {} };
  const claim = claimSlot('up', 1, CALL_MS, new AbortController().signal, { store, clock, ids: cryptoIds });
  await expect(claim).rejects.toBe(down);
  expect(clock.scheduled).toBe(0);
});
