/**
 * Mixed load and faults at the local gateway for minutes, and what is left in the end: whether the heap has grown, which
 * upstream sessions are still open when every session has expired and been swept, and what is in the table. Exit status
 * 0 only when there is nothing to complain of.
 *
 *   --minutes N      10 by default
 *   --seed N         repeats the choices of a run
 *   --clients N      how many clients are at work at the same time
 */
import { parseArgs } from 'node:util';
import { newSeed } from '../support/random.ts';
import { formatSoak, misses, soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    clients: { type: 'string', default: '8' },
  },
});

const seed = values.seed === undefined ? newSeed() : Number(values.seed);
const clients = Number(values.clients);
const report = await soak({ ms: 60_000 * Number(values.minutes), leastVisits: clients, seed, clients });
const missed = misses(report);
console.log([formatSoak(report), ...missed.map((miss) => `Missed: ${miss}`)].join('\n'));
process.exitCode = missed.length === 0 ? 0 : 1;
