const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How often it is looked whether the parent is still there, in milliseconds. */
const PARENT_CHECK_MS = 500;

/**
 * For so long after the first signal, another one is taken for the same: a terminal sends its signal to npm and to this
 * process, and npm passes its own on.
 */
const SAME_SIGNAL_MS = 300;

/** How long a clean end may take, in milliseconds. */
const CLEAN_END_MS = 1000;

/**
 * Ends the process, cleanly and with status 0, on a signal and when its parent is gone; at once on a second signal.
 * Begins to watch when called. `end` says what there is to end by then.
 */
export function endWithSignalsAndParent(end: () => Promise<void>): void {
  const parent = process.ppid;
  let endingSince: number | undefined;

  const onEnd = () => {
    if (endingSince !== undefined) {
      if (performance.now() - endingSince > SAME_SIGNAL_MS) process.exit(0);
      return;
    }
    endingSince = performance.now();
    setTimeout(() => process.exit(0), CLEAN_END_MS);
    void end().finally(() => process.exit(0));
  };

  for (const signal of SIGNALS) process.on(signal, onEnd);
  setInterval(() => {
    if (process.ppid !== parent && endingSince === undefined) onEnd();
  }, PARENT_CHECK_MS).unref();
}
