import { afterAll, beforeAll } from 'vitest';

import type { Stores, StoreTally } from '../../lib/ports/stores.ts';
import type { Leg, StartedLeg } from './legs.ts';

export const RACERS = 20;

/** Awkward as keys, as names and as values. */
export const HOSTILE = [
  '',
  '#',
  'a#session',
  'a.b[0]',
  ':value',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '\u0000\n"\\',
  '名前🦉é\u202e',
  'x'.repeat(900),
];

export interface Environments {
  /** The stores as another environment would hold them, each time it is called. */
  environment(tally?: StoreTally): Stores;
  /** Runs `attempt` in several environments at once. */
  race<T>(attempt: (stores: Stores, racer: number) => Promise<T>): Promise<T[]>;
}

/** Starts the leg before the tests of the surrounding `describe`, and stops it after them. */
export function startEnvironments(leg: Leg): Environments {
  let started: StartedLeg;
  beforeAll(async () => {
    started = await leg.start();
  });
  afterAll(() => started.stop());
  const environment = (tally: StoreTally = { requests: 0 }) => started.open(tally);
  return {
    environment,
    race: (attempt) => Promise.all(Array.from({ length: RACERS }, (_, racer) => attempt(environment(), racer))),
  };
}
