/**
 * The limits of one call: a total that nothing extends, an idle limit that activity resets, and the end of the
 * invocation, less a second for the last word. Whichever comes first aborts everything done for the call.
 */
import type { UpstreamFault } from '../errors.ts';
import type { Clock } from '../ports.ts';

/** Why a call had to end before its answer. */
export type Expiry =
  | Extract<UpstreamFault, { kind: 'upstream-timeout' | 'upstream-idle' | 'invocation-ending' }>
  | { readonly kind: 'cancelled'; readonly reason: string | undefined };

export interface DeadlineLimits {
  readonly totalMs: number;
  /** How much of the total has gone by already. */
  readonly spentMs?: number;
  /** Undefined: a slow tool that says nothing is slow, not dead. */
  readonly idleMs: number | undefined;
  /** When the platform ends the invocation, milliseconds since the epoch. */
  readonly endsAt: number;
  /** Time to leave before that, in milliseconds: a second for the last word unless given. */
  readonly leaveMs?: number;
}

export interface Deadline {
  /** Aborts on expiry; every connection of the call hangs on it. */
  readonly signal: AbortSignal;
  /** When it expires at the latest, milliseconds since the epoch. */
  readonly endsAt: number;
  /** Undefined while the call may go on. */
  expiry(): Expiry | undefined;
  /** The upstream gave a sign of life. */
  active(): void;
  /** `reason` is the client's own word, if it gave one. */
  cancel(reason?: string): void;
  /** Settles like the promise, or rejects with `DeadlineExpired` on expiry, whatever the promise does afterwards. */
  guard<T>(promise: Promise<T>): Promise<T>;
  /** The call is over: no timer is left behind. */
  stop(): void;
}

export class DeadlineExpired extends Error {
  override readonly name = 'DeadlineExpired';
}

/** Time kept for telling the client why its call ended. */
const LAST_WORD_MS = 1000;

export function startDeadline(clock: Clock, limits: DeadlineLimits): Deadline {
  const controller = new AbortController();
  let expiry: Expiry | undefined;
  let stopIdle = (): void => {};
  let stopped = false;

  function expire(reason: Expiry): void {
    if (expiry !== undefined) return;
    expiry = reason;
    controller.abort();
  }

  const invocationMs = limits.endsAt - clock.now() - (limits.leaveMs ?? LAST_WORD_MS);
  const totalMs = Math.max(0, limits.totalMs - (limits.spentMs ?? 0));
  const stopTotal =
    totalMs <= invocationMs
      ? clock.schedule(totalMs, () => expire({ kind: 'upstream-timeout', limitMs: limits.totalMs }))
      : clock.schedule(Math.max(0, invocationMs), () => expire({ kind: 'invocation-ending' }));

  function active(): void {
    stopIdle();
    const { idleMs } = limits;
    // The rest of a stream may be read after the call is over.
    if (idleMs === undefined || stopped) return;
    stopIdle = clock.schedule(idleMs, () => expire({ kind: 'upstream-idle', limitMs: idleMs }));
  }
  active();

  return {
    signal: controller.signal,
    endsAt: clock.now() + Math.max(0, Math.min(totalMs, invocationMs)),
    expiry: () => expiry,
    active,
    cancel: (reason) => expire({ kind: 'cancelled', reason }),
    guard: (promise) => guard(promise, controller.signal),
    stop() {
      stopped = true;
      stopTotal();
      stopIdle();
    },
  };
}

function guard<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new DeadlineExpired('The deadline of the call has passed'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
