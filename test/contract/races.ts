/**
 * The races between environments, hundreds of times each: environments set out at moments that the seed decides, and the
 * conditions in the database settle the rest.
 */
import * as fc from 'fast-check';
import { expect, vi } from 'vitest';

import type { Stores } from '../../lib/ports/stores.ts';
import { seeded } from '../support/property.ts';
import { turn } from '../support/turn.ts';
import { type Environments, startEnvironments } from './environments.ts';
import { databaseLegs, type Leg } from './legs.ts';

export const RACERS = 4;

/** In one database: the same conditions hold in all of them, and races take time. */
export const raceLegs: readonly Leg[] = databaseLegs.slice(0, 1);

type Attempt<T> = (stores: Stores, racer: number) => Promise<T>;

export interface Race {
  /** Runs `attempt` in environments that set out at different moments. */
  readonly run: <T>(attempt: Attempt<T>, racers?: number) => Promise<T[]>;
  /** One of 0, 1 and 2, for what is to differ from race to race. */
  readonly chance: number;
}

export interface Races extends Pick<Environments, 'environment'> {
  /**
   * Runs one race after the other; each says how it ended. A race that always ends in the same way shows little, so all
   * of `ends` must have been met.
   */
  manyTimes(race: (race: Race) => Promise<string>, ends: readonly string[]): Promise<void>;
}

/** How many turns of this process each racer waits before it sets out. */
const starts = fc.array(fc.nat(12), { minLength: RACERS, maxLength: RACERS });

/** For all rounds of one race, on a machine that has other things to do: some seconds are usual. */
const PATIENCE_MS = 90_000;

export function startRaces(leg: Leg, place: string): Races {
  vi.setConfig({ testTimeout: PATIENCE_MS });
  const { environment } = startEnvironments(leg);
  const rounds = { ...seeded(place, 200), endOnFailure: true };

  const raceFrom = <T>(delays: readonly number[], attempt: Attempt<T>): Promise<T[]> =>
    Promise.all(
      delays.map(async (turns, racer) => {
        const stores = environment();
        for (let waited = 0; waited < turns; waited += 1) await turn();
        return attempt(stores, racer);
      }),
    );

  return {
    environment,
    async manyTimes(race, ends) {
      const met = new Set<string>();
      await fc.assert(
        fc.asyncProperty(starts, fc.nat(2), async (delays, chance) => {
          const run: Race['run'] = (attempt, racers = RACERS) => raceFrom(delays.slice(0, racers), attempt);
          met.add(await race({ run, chance }));
        }),
        rounds,
      );
      expect([...met]).toEqual(expect.arrayContaining([...ends]));
    },
  };
}

/** The only one for whom it is true. */
export function onlyWinner(won: readonly boolean[]): number {
  expect(won.filter(Boolean)).toHaveLength(1);
  return won.indexOf(true);
}
