/**
 * The ledger: many calls with idempotency keys through a gateway whose upstreams, connections and environments fail at
 * random points, and what clients were told beside what was really executed. Exit status 0 only when nothing was executed
 * twice, lost, mixed up or reported wrongly, and every kind of fault has happened often enough to show it.
 *
 *   --calls N        how many calls; 2,000 by default
 *   --seed N         repeats the faults of a run
 *   --callers N      how many clients are at work at the same time
 *   --broken HOW     with stores that are broken on purpose: fence, release or expiry; the run must fail
 */
import { parseArgs } from 'node:util';
import { newSeed } from '../support/random.ts';
import { BREAKAGES } from './ledger/broken-idempotency.ts';
import { formatReport, runLedger, shortcomings } from './ledger/run-ledger.ts';

/** In a run of 2,000 calls. */
const LEAST_OF_EACH = 50;
const FULL_RUN = 2000;

const LIMIT_MS = 10 * 60_000;

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: String(FULL_RUN) },
    seed: { type: 'string' },
    callers: { type: 'string', default: '16' },
    broken: { type: 'string' },
  },
});

const broken = BREAKAGES.find((breakage) => breakage === values.broken);
if (values.broken !== undefined && broken === undefined) throw new Error(`--broken is one of ${BREAKAGES.join(', ')}`);

const calls = Number(values.calls);
const seed = values.seed === undefined ? newSeed() : Number(values.seed);
const report = await runLedger({ calls, seed, callers: Number(values.callers), broken, limitMs: LIMIT_MS });
const missing = shortcomings(report, Math.min(LEAST_OF_EACH, Math.floor((LEAST_OF_EACH * calls) / FULL_RUN)));
console.log([formatReport(report), ...missing].join('\n'));
process.exitCode = report.violations.length + missing.length === 0 ? 0 : 1;
