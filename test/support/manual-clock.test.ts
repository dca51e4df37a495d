import { expect, test } from 'vitest';

import { createManualClock } from './manual-clock.ts';

test('time stands still until it is advanced', () => {
  const clock = createManualClock(1000);
  expect([clock.now(), clock.elapsed()]).toEqual([1000, 0]);
  clock.advance(1.5);
  expect([clock.now(), clock.elapsed()]).toEqual([1001, 1.5]);
});

test('what is due runs in the order of its time, each at its own time', () => {
  const clock = createManualClock(0);
  const ran: string[] = [];
  const note = (name: string) => () => void ran.push(`${name} at ${clock.now()}`);
  clock.schedule(30, note('third'));
  clock.schedule(10, note('first'));
  clock.schedule(10, note('second'));
  clock.schedule(31, note('not due'));
  clock.advance(30);
  expect(ran).toEqual(['first at 10', 'second at 10', 'third at 30']);
  expect(clock.scheduled).toBe(1);
});

test('what is scheduled by what runs is run when it is due as well', () => {
  const clock = createManualClock(0);
  const ran: number[] = [];
  const beat = () => {
    ran.push(clock.now());
    clock.schedule(10, beat);
  };
  clock.schedule(10, beat);
  clock.advance(35);
  expect(ran).toEqual([10, 20, 30]);
});

test('what is called off does not run, and calling it off later does nothing', () => {
  const clock = createManualClock(0);
  const ran: string[] = [];
  const callOff = clock.schedule(10, () => void ran.push('called off'));
  const callOffLate = clock.schedule(10, () => void ran.push('ran'));
  callOff();
  clock.advance(10);
  callOffLate();
  expect(ran).toEqual(['ran']);
});
