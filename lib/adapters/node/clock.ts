import type { Clock } from '../../ports.ts';

/** The longest delay that timers take, in milliseconds (24 days); a longer one would fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The clocks and timers of the process. A timer keeps the process alive, because an invocation waits for it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  readDate: (text) => Date.parse(text),
  schedule: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, LONGEST_DELAY_MS));
    return () => clearTimeout(timer);
  },
};
