import type { ManualClock } from './manual-clock.ts';
import { turn } from './turn.ts';

/** Lets time pass in small steps, each after everything has run that waits for nothing outside, until `work` settles. */
export async function asTimePasses<T>(clock: ManualClock, work: Promise<T>, stepMs = 20): Promise<T> {
  const settled = work.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([settled, turn()]))) clock.advance(stepMs);
  return work;
}

/** Lets so much time pass in this manner, in milliseconds. */
export async function passing(clock: ManualClock, ms: number): Promise<void> {
  const passed = Promise.withResolvers<void>();
  clock.schedule(ms, passed.resolve);
  await asTimePasses(clock, passed.promise);
}
