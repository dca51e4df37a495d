import type { ManualClock } from './manual-clock.ts';
import { turn } from './turn.ts';

/** Lets time pass in small steps, each after everything has run that waits for nothing outside, until `work` settles. */
export async function asTimePasses<T>(clock: ManualClock, work: Promise<T>, stepMs = 20): Promise<T> {
  let settled = false;
  const noted = work.finally(() => {
    settled = true;
  });
  // Whoever awaits the result hears of it.
  noted.catch(() => undefined);
  while (!settled) {
    await turn();
    clock.advance(stepMs);
  }
  return noted;
}
