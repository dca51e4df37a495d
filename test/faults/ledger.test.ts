/**
 * Calls with idempotency keys while everything fails: what clients were told, beside what was really executed. A long run
 * is `npm run faults`.
 */
import { describe, expect, test } from 'vitest';
import { newSeed } from '../support/random.ts';
import type { Breakage } from './ledger/broken-idempotency.ts';
import type { FaultKind, KillPoint, Tool } from './ledger/plan.ts';
import { formatReport, runLedger, shortcomings } from './ledger/run-ledger.ts';

/** How long a run may take on a busy machine, in milliseconds. */
const LIMIT_MS = 120_000;

const seed = newSeed();

test('no call is executed twice, lost, mixed up or reported wrongly', { timeout: LIMIT_MS }, async () => {
  const report = await runLedger({ calls: 200, seed, callers: 12, limitMs: LIMIT_MS });
  console.info(formatReport(report));
  expect(report.violations).toEqual([]);
  expect(shortcomings(report, 5)).toEqual([]);
});

interface Broken {
  readonly how: string;
  readonly breakage: Breakage;
  /** What makes the fault show. */
  readonly kinds: readonly FaultKind[];
  readonly killPoints?: readonly KillPoint[];
  readonly tools: readonly Tool[];
  readonly rule: 'executed twice' | 'wrong answer';
}

const BROKEN: readonly Broken[] = [
  {
    how: 'whose records obey an owner that was overtaken',
    breakage: 'fence',
    kinds: ['stall'],
    tools: ['put'],
    rule: 'wrong answer',
  },
  {
    how: 'that forgets whatever fails',
    breakage: 'release',
    kinds: ['reset-after'],
    tools: ['pay', 'send'],
    rule: 'executed twice',
  },
  {
    how: 'whose records in progress expire into freedom',
    breakage: 'expiry',
    kinds: ['kill'],
    killPoints: ['upstream executed'],
    tools: ['pay', 'send'],
    rule: 'executed twice',
  },
];

describe('the ledger finds out a store', () => {
  // They mostly wait for deadlines to pass.
  test.concurrent.each(BROKEN)('$how', { timeout: LIMIT_MS }, async ({ breakage, rule, kinds, killPoints, tools }) => {
    const extent = { calls: 4, percentOfEach: 100, callers: 4, timeoutMs: 2000, limitMs: LIMIT_MS };
    const plan = { kinds, tools, ...(killPoints === undefined ? {} : { killPoints }) };
    const report = await runLedger({ ...plan, ...extent, seed, broken: breakage });
    const found = report.violations.map((violation) => violation.rule);
    console.info(`${breakage}: ${found.join(', ')} (SLUICE_SEED=${seed})`);
    expect(found).toContain(rule);
  });
});
