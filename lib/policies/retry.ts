/** When a call is sent again: after what may pass by itself, soon but not at once, and as long as there is time. */
import type { UpstreamFault } from '../errors.ts';
import type { Clock } from '../ports.ts';

/** The first pause in milliseconds; each further one is twice as long. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;

/** How an attempt ended, and what is left for another one. */
export interface Spent {
  /** Retries so far. */
  readonly retried: number;
  /** Most retries. */
  readonly retries: number;
  /** Until the call's deadline, in milliseconds. */
  readonly leftMs: number;
  readonly clock: Pick<Clock, 'now' | 'readDate'>;
  /** From 0 up to 1: spreads the retries of calls that failed together. */
  readonly fraction: number;
}

/** For how long to wait before the next attempt; undefined when there is to be none. */
export function pauseBeforeRetry(fault: UpstreamFault, spent: Spent): number | undefined {
  if (!mayPass(fault) || spent.retried >= spent.retries) return undefined;
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** spent.retried);
  const pauseMs = Math.max(longest * (1 - spent.fraction / 2), askedPause(fault, spent.clock));
  return pauseMs < spent.leftMs ? pauseMs : undefined;
}

/** What is the upstream's last word, or the same at any time, is passed on at once. */
function mayPass(fault: UpstreamFault): boolean {
  switch (fault.kind) {
    case 'upstream-unreachable':
    case 'upstream-connect-timeout':
    case 'upstream-reset':
    case 'upstream-closed':
    case 'upstream-throttled':
      return true;
    case 'upstream-http':
      return fault.status >= 500;
    default:
      return false;
  }
}

/** `Retry-After` (RFC 9110, section 10.2.3), in milliseconds from now; what is neither seconds nor a date says nothing. */
function askedPause(fault: UpstreamFault, clock: Spent['clock']): number {
  const retryAfter = 'retryAfter' in fault ? fault.retryAfter?.trim() : undefined;
  if (retryAfter === undefined) return 0;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const at = clock.readDate(retryAfter);
  return Number.isNaN(at) ? 0 : at - clock.now();
}
