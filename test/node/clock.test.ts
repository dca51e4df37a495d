import { expect, test } from 'vitest';
import { systemClock } from '../../lib/adapters/node/clock.ts';

test('now is the time of day, and elapsed goes on within a millisecond', async () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  const first = systemClock.elapsed();
  while (systemClock.elapsed() === first);
  expect(systemClock.elapsed() - first).toBeGreaterThan(0);
  expect(systemClock.elapsed() - first).toBeLessThan(1000);
});

test('what is scheduled runs once, after its time', async () => {
  const start = systemClock.elapsed();
  let runs = 0;
  await new Promise<void>((resolve) => {
    systemClock.schedule(20, () => {
      runs += 1;
      resolve();
    });
  });
  // Timers count in whole milliseconds.
  expect(systemClock.elapsed() - start).toBeGreaterThan(18);
  await new Promise<void>((resolve) => systemClock.schedule(25, resolve));
  expect(runs).toBe(1);
});

test('what is called off does not run', async () => {
  let runs = 0;
  const callOff = systemClock.schedule(1, () => (runs += 1));
  callOff();
  await new Promise<void>((resolve) => systemClock.schedule(5, resolve));
  expect(runs).toBe(0);
});

test('what is scheduled beyond the range of timers does not run at once', async () => {
  let runs = 0;
  const callOff = systemClock.schedule(Infinity, () => (runs += 1));
  await new Promise<void>((resolve) => systemClock.schedule(5, resolve));
  callOff();
  expect(runs).toBe(0);
});
