export type SlotOutcome =
  | { readonly kind: 'claimed' }
  /** Every slot is taken; the first one to be free by itself is so at `freeAt`, milliseconds since the epoch. */
  | { readonly kind: 'full'; readonly freeAt: number };

/** Who may call an upstream at the same time. `upstream` as in `BreakerStore`. */
export interface SlotStore {
  /** Claims one of `most` slots until `until`. A slot whose time has passed by `now` is as good as free. */
  claim(upstream: string, token: string, most: number, until: number, now: number): Promise<SlotOutcome>;
  /** Harmless when it is free already. */
  release(upstream: string, token: string): Promise<void>;
}
