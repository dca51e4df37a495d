/** The order of turns: by chance, so that nothing that is compared always follows the same; for the whole run. */
import { newSeed, seededChance } from '../support/random.ts';

/** `SLUICE_SEED` repeats it. */
export const seed = newSeed();

const chance = seededChance(seed);

/** Takes what has a turn, and returns it in the order of this turn. */
export function inAnyOrder<T>(values: readonly T[]): readonly T[] {
  return chance.shuffled(values);
}
