import type { BreakerState, BreakerStore } from '../../ports/breakers.ts';
import type { Request } from './request.ts';

export interface KeptBreaker extends BreakerState {
  readonly expiresAt: number;
}

const NO_FAILURES: BreakerState = { failures: 0, openUntil: undefined, trial: undefined };

export function breakersIn(breakers: Map<string, KeptBreaker>, request: Request): BreakerStore {
  const unexpired = (upstream: string, now: number) => {
    const kept = breakers.get(upstream);
    return kept !== undefined && kept.expiresAt > now ? kept : undefined;
  };

  /** Runs `end` on the breaker whose trial this is. */
  const endTrial = (upstream: string, token: string, end: (kept: KeptBreaker) => void) =>
    request(() => {
      const kept = breakers.get(upstream);
      if (kept?.trial?.token === token) end(kept);
    });

  return {
    read: (upstream, now) =>
      request(() => {
        const kept = unexpired(upstream, now);
        return kept && stateOf(kept);
      }),

    countFailure: (upstream, limit, openUntil, expiresAt, now) => {
      const before = unexpired(upstream, now) ?? NO_FAILURES;
      const opens = before.openUntil === undefined && before.failures + 1 >= limit;
      return request(
        () => {
          const state = { ...before, failures: before.failures + 1, ...(opens && { openUntil }) };
          breakers.set(upstream, { ...state, expiresAt });
          return stateOf(state);
        },
        // The failure is counted, and then the breaker opened.
        opens ? 2 : 1,
      );
    },

    beginTrial: (upstream, { token, until }, now) =>
      request(() => {
        const kept = breakers.get(upstream);
        if (kept === undefined) return false;
        // As in the database, who asks twice has begun already.
        if (!isTrialDue(kept, now)) return kept.trial?.token === token;
        breakers.set(upstream, { ...kept, trial: { token, until } });
        return true;
      }),

    failTrial: (upstream, token, openUntil, expiresAt) =>
      endTrial(upstream, token, (kept) => {
        breakers.set(upstream, { ...kept, openUntil, trial: undefined, expiresAt });
      }),

    giveUpTrial: (upstream, token) =>
      endTrial(upstream, token, (kept) => {
        breakers.set(upstream, { ...kept, trial: undefined });
      }),

    passTrial: (upstream, token) =>
      endTrial(upstream, token, () => {
        breakers.delete(upstream);
      }),

    forgetFailures: (upstream) =>
      request(() => {
        if (breakers.get(upstream)?.openUntil === undefined) breakers.delete(upstream);
      }),
  };
}

function isTrialDue({ openUntil, trial, expiresAt }: KeptBreaker, now: number): boolean {
  return openUntil !== undefined && openUntil <= now && expiresAt > now && (trial === undefined || trial.until <= now);
}

function stateOf({ failures, openUntil, trial }: BreakerState): BreakerState {
  return { failures, openUntil, trial: trial && { ...trial } };
}
