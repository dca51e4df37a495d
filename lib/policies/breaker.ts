/**
 * An upstream that fails again and again is left alone for a while, by every environment. Closed: calls pass, and
 * failures in a row are counted. Open: calls are refused at once. Half-open: one real call is let through, by condition,
 * and decides. Nobody is called only to see how it is, so nobody's credentials are used for it.
 */
import type { BreakerConfig } from '../config/schema.ts';
import type { UpstreamFault } from '../errors.ts';
import type { BreakerState, BreakerStore, Clock, Ids } from '../ports.ts';

/** For how long an environment believes that a breaker is closed without looking, in milliseconds. */
const BELIEVED_MS = 1000;

/** Failures that nothing has come after for a day are forgotten. */
const FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1000;

/** By upstream. A cache that may be lost at any moment; an open breaker is believed until it is due. */
export type BreakerCache = Map<string, { readonly state: BreakerState | undefined; readonly readAt: number }>;

export interface BreakerTools {
  readonly store: BreakerStore;
  readonly cache: BreakerCache;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What a call has shown of its upstream; `unclear` when it ended for reasons of its own. */
export type Health = 'well' | 'failed' | 'unclear';

/** Only failures of the connection and statuses of 500 and above count. */
export function healthShownBy(end: UpstreamFault | { readonly kind: 'cancelled' }): Health {
  switch (end.kind) {
    case 'upstream-unreachable':
    case 'upstream-connect-timeout':
    case 'upstream-reset':
    case 'upstream-closed':
      return 'failed';
    case 'upstream-http':
      return end.status >= 500 ? 'failed' : 'well';
    case 'cancelled':
    case 'upstream-timeout':
    case 'upstream-idle':
    case 'invocation-ending':
    case 'upstream-busy':
    case 'breaker-open':
      return 'unclear';
    default:
      return 'well';
  }
}

export type Turn = 'opened' | 'closed';

export type Admission =
  /**
   * `settle` is to be called once, with what the call has shown, and says what has become of the breaker by that.
   * Rejects with what the store throws.
   */
  | { readonly kind: 'admitted'; readonly settle: (health: Health) => Promise<Turn | undefined> }
  | { readonly kind: 'refused'; readonly retryAfterMs: number };

/** `upstream` is its digest; the call ends at `callEndsAt` at the latest. Rejects with what the store throws. */
export async function askBreaker(
  upstream: string,
  config: BreakerConfig,
  callEndsAt: number,
  tools: BreakerTools,
): Promise<Admission> {
  const state = await stateOf(upstream, tools);
  const now = tools.clock.now();
  if (state?.openUntil === undefined) {
    return { kind: 'admitted', settle: (health) => settleClosed(upstream, config, health, tools) };
  }
  const { openUntil, trial } = state;
  if (openUntil > now) return { kind: 'refused', retryAfterMs: openUntil - now };
  const openMs = Math.max(1, config.openMs);
  if (trial !== undefined && trial.until > now) {
    return { kind: 'refused', retryAfterMs: Math.min(openMs, trial.until - now) };
  }
  const token = tools.ids.random();
  const isOurs = await tools.store.beginTrial(upstream, { token, until: callEndsAt }, now);
  tools.cache.delete(upstream);
  if (!isOurs) return { kind: 'refused', retryAfterMs: openMs };
  return { kind: 'admitted', settle: (health) => settleTrial(upstream, token, config, health, tools) };
}

async function stateOf(upstream: string, { store, cache, clock }: BreakerTools): Promise<BreakerState | undefined> {
  const known = cache.get(upstream);
  const now = clock.now();
  if (known !== undefined && now < (known.state?.openUntil ?? known.readAt + BELIEVED_MS)) return known.state;
  const state = await store.read(upstream, now);
  cache.set(upstream, { state, readAt: now });
  return state;
}

async function settleClosed(
  upstream: string,
  { failures, openMs }: BreakerConfig,
  health: Health,
  { store, cache, clock }: BreakerTools,
): Promise<Turn | undefined> {
  const now = clock.now();
  if (health === 'failed') {
    const openUntil = now + openMs;
    const state = await store.countFailure(upstream, failures, openUntil, now + FORGOTTEN_AFTER_MS, now);
    cache.set(upstream, { state, readAt: now });
    return state.failures === failures && state.openUntil === openUntil ? 'opened' : undefined;
  }
  const counted = cache.get(upstream)?.state?.failures ?? 0;
  if (health !== 'well' || counted === 0) return undefined;
  cache.delete(upstream);
  await store.forgetFailures(upstream, counted);
  return undefined;
}

async function settleTrial(
  upstream: string,
  token: string,
  { openMs }: BreakerConfig,
  health: Health,
  { store, cache, clock }: BreakerTools,
): Promise<Turn | undefined> {
  cache.delete(upstream);
  const now = clock.now();
  switch (health) {
    case 'well':
      await store.passTrial(upstream, token);
      return 'closed';
    case 'failed':
      await store.failTrial(upstream, token, now + openMs, now + openMs + FORGOTTEN_AFTER_MS);
      return undefined;
    case 'unclear':
      await store.giveUpTrial(upstream, token);
      return undefined;
  }
}
