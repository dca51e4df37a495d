import { setImmediate } from 'node:timers/promises';

/** Resolves once everything has run that waits for nothing outside of this process. */
export async function turn(): Promise<void> {
  await setImmediate();
}
