import type { Clock } from '../ports.ts';

export interface Schedule {
  /** No run begins any more. Settles when the one under way has ended. */
  close(): Promise<void>;
}

/**
 * Runs `work`, which never rejects, at once and then every `everyMs` milliseconds: one run at a time. A run that takes
 * longer than that is followed by the next one as soon as it has ended.
 */
export function startSchedule(
  { elapsed, schedule }: Pick<Clock, 'elapsed' | 'schedule'>,
  everyMs: number,
  work: () => Promise<void>,
): Schedule {
  let isClosed = false;
  let cancel = (): void => {};
  const run = async (): Promise<void> => {
    const began = elapsed();
    await work();
    if (isClosed) return;
    cancel = schedule(Math.max(0, everyMs - (elapsed() - began)), () => {
      running = run();
    });
  };
  let running = run();
  return {
    close: () => {
      isClosed = true;
      cancel();
      return running;
    },
  };
}
