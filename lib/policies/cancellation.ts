/**
 * A legacy client cancels with a notification that may reach any environment, so it is left in a mailbox, and the
 * environment that holds the call looks there: each second, once the call has lasted one.
 *
 * A client whose ids restart when it resumes a session could find its new call named by an old cancellation; one that
 * was left before the call began is therefore not for it.
 */
import type { Clock, MailboxStore } from '../ports.ts';

const POLL_MS = 1000;

export interface CancellationWatch {
  /** Ends the watch and settles once no look-up is under way. */
  stop(): Promise<void>;
}

export function watchForCancellation(
  clock: Clock,
  mailbox: MailboxStore,
  clientSession: string,
  request: string,
  onCancelled: () => void,
): CancellationWatch {
  const begun = clock.now();
  let lookup: Promise<void> = Promise.resolve();
  let stopped = false;
  let cancelTimer = clock.schedule(POLL_MS, poll);

  function poll(): void {
    lookup = look();
  }

  async function look(): Promise<void> {
    try {
      const cancellation = await mailbox.peekCancellation(clientSession, request);
      if (cancellation !== undefined && cancellation.leftAt >= begun) {
        if (!stopped) onCancelled();
        await mailbox.clearCancellation(clientSession, request);
        return;
      }
    } catch {
      // A store that does not answer now is asked again in a second: the call itself does not depend on it.
    }
    if (!stopped) cancelTimer = clock.schedule(POLL_MS, poll);
  }

  return {
    stop() {
      stopped = true;
      cancelTimer();
      return lookup;
    },
  };
}
