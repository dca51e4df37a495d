/**
 * A legacy client cancels with a notification that may reach any environment, so it is left in a mailbox, and the
 * environment that holds the call looks there: each second, once the call has lasted one.
 *
 * A client whose ids restart when it resumes a session could find its new call named by an old cancellation; one that
 * arrived before the call did is therefore not for it. What counts is when each reached the platform: a call that waits
 * for a cold environment is easily overtaken by its cancellation.
 */
import type { Clock } from '../ports.ts';
import type { MailboxStore } from '../ports/mailbox.ts';

const POLL_MS = 1000;

export interface CancellationWatch {
  /** Ends the watch and settles once no look-up is under way. */
  stop(): Promise<void>;
}

/** The call to watch over. */
export interface WatchedCall {
  /** Key of its client session. */
  readonly clientSession: string;
  /** Names it within the client session. Asked for by the first look, which most calls do not last to see. */
  readonly request: () => string;
  /** When it reached the platform, milliseconds since the epoch. */
  readonly arrivedAt: number;
}

export function watchForCancellation(
  clock: Clock,
  mailbox: MailboxStore,
  { clientSession, request, arrivedAt }: WatchedCall,
  onCancelled: (reason: string | undefined) => void,
): CancellationWatch {
  let lookup: Promise<void> = Promise.resolve();
  let stopped = false;
  let cancelTimer = clock.schedule(POLL_MS, poll);

  function poll(): void {
    lookup = look();
  }

  async function look(): Promise<void> {
    try {
      const name = request();
      const cancellation = await mailbox.peekCancellation(clientSession, name);
      if (cancellation !== undefined && cancellation.leftAt >= arrivedAt) {
        if (!stopped) onCancelled(cancellation.reason);
        await mailbox.clearCancellation(clientSession, name);
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
