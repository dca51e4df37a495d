/**
 * How many calls an upstream gets at once, from all environments together. A slot is leased until its call's deadline, so
 * that one whose environment was killed becomes free by itself.
 */
import type { Clock, Ids } from '../ports.ts';
import type { SlotStore } from '../ports/slots.ts';
import { pause } from './pause.ts';

/** How long a call waits for a slot before it is refused, and how often it looks, in milliseconds. */
const QUEUE_MS = 2000;
const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 400;

export type Slot =
  | { readonly kind: 'claimed'; readonly release: () => Promise<void> }
  | { readonly kind: 'full'; readonly retryAfterMs: number };

export interface SlotTools {
  readonly store: SlotStore;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** `upstream` is its digest. Gives up when the signal aborts. Rejects with what the store throws. */
export async function claimSlot(
  upstream: string,
  most: number,
  callEndsAt: number,
  signal: AbortSignal,
  { store, clock, ids }: SlotTools,
): Promise<Slot> {
  const token = ids.random();
  const giveUpAt = clock.elapsed() + QUEUE_MS;
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)) {
    const now = clock.now();
    const outcome = await store.claim(upstream, token, most, callEndsAt, now);
    const release = (): Promise<void> => store.release(upstream, token);
    if (outcome.kind === 'claimed' && !signal.aborted) return { kind: 'claimed', release };
    if (outcome.kind === 'claimed') {
      // Whoever wanted it has gone while it was claimed: nobody else would free it before the lease ends.
      await release();
      return { kind: 'full', retryAfterMs: 1 };
    }
    if (signal.aborted || clock.elapsed() + lookMs > giveUpAt) {
      return { kind: 'full', retryAfterMs: Math.max(1, Math.min(outcome.freeAt - now, QUEUE_MS)) };
    }
    // Not in step with the others that wait.
    await pause(clock, lookMs * (1 - ids.fraction() / 2), signal);
  }
}
