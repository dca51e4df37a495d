/**
 * An upstream that fails again and again is left alone for a while, by every environment. Closed: calls pass, and
 * failures in a row are counted. Open: calls are refused at once. Half-open: one real call is let through, by condition,
 * and decides. Nobody is called only to see how it is, so nobody's credentials are used for it.
 */
import type { BreakerConfig } from '../config/schema.ts';
import type { UpstreamFault } from '../errors.ts';
import type { Clock, Ids } from '../ports.ts';
import type { BreakerState, BreakerStore } from '../ports/breakers.ts';

/** For how long an environment believes that a breaker is closed without looking, in milliseconds. */
const BELIEVED_MS = 1000;

/** Failures that nothing has come after for a day are forgotten. */
const FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1000;

/** What an environment knows of an upstream; a cache that may be lost at any moment. */
interface Known {
  readonly state: BreakerState | undefined;
  /** When the state was read; undefined when it has to be read again. */
  readonly readAt: number | undefined;
  /** When a call of this environment was last served; undefined when none was. */
  readonly servedAt: number | undefined;
  /** How many of its calls have failed since. */
  readonly failedSince: number;
}

const NOTHING_KNOWN: Known = { state: undefined, readAt: undefined, servedAt: undefined, failedSince: 0 };

/** By upstream. */
export type BreakerCache = Map<string, Known>;

export interface BreakerTools {
  /** Opens the store: most calls need none. */
  readonly store: () => BreakerStore;
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
    case 'upstream-credentials':
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
  | {
      readonly kind: 'admitted';
      readonly settle: (health: Health) => Promise<Turn | undefined>;
      readonly isTrial?: true;
    }
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
  if (state?.openUntil === undefined) return admittedByClosed(upstream, config, tools);
  const { openUntil, trial } = state;
  if (openUntil > now) return { kind: 'refused', retryAfterMs: openUntil - now };
  const openMs = Math.max(1, config.openMs);
  if (trial !== undefined && trial.until > now) {
    return { kind: 'refused', retryAfterMs: Math.min(openMs, trial.until - now) };
  }
  const token = tools.ids.random();
  const isOurs = await tools.store().beginTrial(upstream, { token, until: callEndsAt }, now);
  note(upstream, { readAt: undefined }, tools);
  if (isOurs) {
    const settle = (health: Health) => settleTrial(upstream, token, config, health, tools);
    return { kind: 'admitted', settle, isTrial: true };
  }
  // Somebody else's trial, or one that has just succeeded.
  const isClosed = (await stateOf(upstream, tools))?.openUntil === undefined;
  return isClosed ? admittedByClosed(upstream, config, tools) : { kind: 'refused', retryAfterMs: openMs };
}

/** As `askBreaker`, where the breaker is believed to be closed; undefined when it has to be asked. */
export function admittedOnBelief(upstream: string, config: BreakerConfig, tools: BreakerTools): Admission | undefined {
  const { state, readAt } = tools.cache.get(upstream) ?? NOTHING_KNOWN;
  const isBelieved = readAt !== undefined && tools.clock.now() < readAt + BELIEVED_MS;
  return isBelieved && state?.openUntil === undefined ? admittedByClosed(upstream, config, tools) : undefined;
}

function admittedByClosed(upstream: string, config: BreakerConfig, tools: BreakerTools): Admission {
  return { kind: 'admitted', settle: (health) => settleClosed(upstream, config, health, tools) };
}

function note(upstream: string, news: Partial<Known>, { cache }: Pick<BreakerTools, 'cache'>): void {
  cache.set(upstream, { ...(cache.get(upstream) ?? NOTHING_KNOWN), ...news });
}

/** An open breaker is believed until it is due. */
async function stateOf(upstream: string, tools: BreakerTools): Promise<BreakerState | undefined> {
  const { state: known, readAt } = tools.cache.get(upstream) ?? NOTHING_KNOWN;
  const now = tools.clock.now();
  if (readAt !== undefined && now < (known?.openUntil ?? readAt + BELIEVED_MS)) return known;
  try {
    const state = await tools.store().read(upstream, now);
    note(upstream, { state, readAt: now }, tools);
    return state;
  } catch (error) {
    // Not every call is to wait for a store that does not answer.
    note(upstream, { state: undefined, readAt: tools.clock.now() }, tools);
    throw error;
  }
}

async function settleClosed(
  upstream: string,
  config: BreakerConfig,
  health: Health,
  tools: BreakerTools,
): Promise<Turn | undefined> {
  const { clock, store, cache } = tools;
  const now = clock.now();
  const known = cache.get(upstream) ?? NOTHING_KNOWN;
  switch (health) {
    case 'failed':
      note(upstream, { failedSince: known.failedSince + 1 }, tools);
      return countFailure(upstream, config, now, tools);
    case 'well':
      note(upstream, { servedAt: now, failedSince: 0 }, tools);
      if ((known.state?.failures ?? 0) === 0) return undefined;
      note(upstream, { state: undefined }, tools);
      await store().forgetFailures(upstream);
      return undefined;
    case 'unclear':
      return undefined;
  }
}

/**
 * Failures are in a row only if nothing was served in between, and others do not write down each call that was. Whoever
 * was served within the last second, and has not seen a whole row by itself, leaves it to others to open the breaker.
 */
async function countFailure(
  upstream: string,
  { failures, openMs }: BreakerConfig,
  now: number,
  tools: BreakerTools,
): Promise<Turn | undefined> {
  const { servedAt, failedSince } = tools.cache.get(upstream) ?? NOTHING_KNOWN;
  const mayOpen = servedAt === undefined || now - servedAt >= BELIEVED_MS || failedSince >= failures;
  const openUntil = now + openMs;
  const limit = mayOpen ? failures : Infinity;
  const state = await tools.store().countFailure(upstream, limit, openUntil, now + FORGOTTEN_AFTER_MS, now);
  note(upstream, { state, readAt: now }, tools);
  return state.openUntil === openUntil ? 'opened' : undefined;
}

async function settleTrial(
  upstream: string,
  token: string,
  { openMs }: BreakerConfig,
  health: Health,
  tools: BreakerTools,
): Promise<Turn | undefined> {
  const { store, clock } = tools;
  note(upstream, { readAt: undefined }, tools);
  const now = clock.now();
  switch (health) {
    case 'well':
      note(upstream, { servedAt: now, failedSince: 0 }, tools);
      await store().passTrial(upstream, token);
      return 'closed';
    case 'failed':
      await store().failTrial(upstream, token, now + openMs, now + openMs + FORGOTTEN_AFTER_MS);
      return undefined;
    case 'unclear':
      await store().giveUpTrial(upstream, token);
      return undefined;
  }
}
