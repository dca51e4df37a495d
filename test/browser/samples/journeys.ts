/** What the page makes of a feed, whatever is in it. */
import type { Journey } from '../journey.ts';
import { keyboardJourneys } from './keyboard.ts';
import { listJourneys } from './list.ts';
import { lookJourneys } from './look.ts';
import { safetyJourneys } from './safety.ts';
import { stateJourneys } from './state.ts';
import { traceJourneys } from './trace.ts';

export const sampleJourneys: readonly Journey[] = [
  ...listJourneys,
  ...traceJourneys,
  ...keyboardJourneys,
  ...stateJourneys,
  ...safetyJourneys,
  ...lookJourneys,
];
