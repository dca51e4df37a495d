/** Chance that can be repeated. */

export interface Chance {
  /** 0 included and 1 not. */
  fraction(): number;
  /** From 0 on, and less than `count`. */
  below(count: number): number;
  pick<T>(values: readonly T[]): T;
  /** In another order. */
  shuffled<T>(values: readonly T[]): T[];
}

/** The same seed gives the same numbers (mulberry32). */
export function seededChance(seed: number): Chance {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number): number => Math.floor(fraction() * count);
  return {
    fraction,
    below,
    pick: (values) => {
      if (values.length === 0) throw new Error('There is nothing to pick from');
      return values[below(values.length)]!;
    },
    shuffled: (values) => {
      const keyed = values.map((value) => ({ value, order: fraction() }));
      return keyed.toSorted((a, b) => a.order - b.order).map(({ value }) => value);
    },
  };
}

/** `SLUICE_SEED`, or a new one. */
export function newSeed(): number {
  return Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31);
}
