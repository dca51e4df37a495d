import { expect, test } from 'vitest';
import { pause } from '../../lib/policies/pause.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';

/** A signal that counts who listens to it. */
function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const counted = {
    get aborted() {
      return signal.aborted;
    },
    addEventListener: (...given: Parameters<AbortSignal['addEventListener']>) => {
      listeners += 1;
      signal.addEventListener(...given);
    },
    removeEventListener: (...given: Parameters<AbortSignal['removeEventListener']>) => {
      listeners -= 1;
      signal.removeEventListener(...given);
    },
  } as AbortSignal;
  return { signal: counted, abort: () => controller.abort(), listeners: () => listeners };
}

test('a pause ends after its time, and not before', async () => {
  const clock = createManualClock();
  const { signal, listeners } = countedSignal();
  let over = false;
  const pausing = pause(clock, 100, signal).then(() => (over = true));
  clock.advance(99);
  await turn();
  expect(over).toBe(false);
  clock.advance(1);
  await pausing;
  expect([clock.scheduled, listeners()]).toEqual([0, 0]);
});

test('a pause ends with its signal, and leaves no timer', async () => {
  const clock = createManualClock();
  const { signal, abort } = countedSignal();
  const pausing = pause(clock, 100, signal);
  abort();
  await pausing;
  expect(clock.scheduled).toBe(0);
});

test('there is no pause once the signal has been given', async () => {
  const clock = createManualClock();
  await pause(clock, 100, AbortSignal.abort());
  expect(clock.scheduled).toBe(0);
});
