/** Runs planned calls through the gateway, many at a time, and judges what came of them. */
import type { Breakage } from './broken-idempotency.ts';
import { runCall, type CallRecord } from './client.ts';
import { judge, RULES, type Violation } from './judge.ts';
import { FAULT_KINDS, planCalls, type FaultKind, type PlanOptions } from './plan.ts';
import { openWorld } from './world.ts';

export interface LedgerOptions extends PlanOptions {
  /** How many clients are at work at the same time. */
  readonly callers: number;
  readonly broken?: Breakage | undefined;
  /** Limit of a call, in milliseconds; a second when left out. */
  readonly timeoutMs?: number;
  /** The run is broken off after this long, in milliseconds. */
  readonly limitMs: number;
}

export interface LedgerReport {
  readonly options: LedgerOptions;
  readonly calls: number;
  readonly attempts: number;
  readonly executions: number;
  readonly tookMs: number;
  readonly fired: ReadonlyMap<FaultKind, number>;
  /** Calls to which anything happened. */
  readonly met: number;
  /** How clients ended, by what they were left with. */
  readonly ends: Readonly<Record<string, number>>;
  readonly replays: number;
  readonly violations: readonly Violation[];
  /** What was wrong with the gateway: defects in its log, environments that failed by themselves. */
  readonly trouble: readonly string[];
}

const TIMEOUT_MS = 1000;

/** Rejects when the run took too long. */
export async function runLedger(options: LedgerOptions): Promise<LedgerReport> {
  const plans = planCalls(options);
  // Each client has a request under way, and those it has given up hold environments as well.
  const world = await openWorld({ timeoutMs: TIMEOUT_MS, ...options, environments: 3 * options.callers });
  const began = performance.now();
  const records: CallRecord[] = [];
  const queue = plans.values();
  const isLate = () => performance.now() - began > options.limitMs;
  async function work(): Promise<void> {
    for (const plan of queue) {
      if (isLate()) return;
      records.push(await runCall(world, plan));
    }
  }
  const working = await Promise.allSettled(Array.from({ length: options.callers }, work));
  const tookMs = performance.now() - began;
  const trouble = await world.close();
  for (const ended of working) if (ended.status === 'rejected') throw ended.reason;
  if (records.length < plans.length) throw new Error(`Only ${records.length} calls within ${options.limitMs} ms`);
  return {
    options,
    calls: records.length,
    attempts: count(records, ({ attempts }) => attempts.length),
    executions: world.ledger.size,
    tookMs,
    fired: world.fired,
    met: count(records, ({ met }) => Number(met)),
    ends: tally(records.flatMap(({ ends }) => ends.map(({ kind }) => kind))),
    replays: count(records, ({ attempts }) => attempts.filter(isReplay).length),
    violations: judge(records, world.ledger),
    trouble,
  };
}

function isReplay({ outcome }: CallRecord['attempts'][number]): boolean {
  return outcome.kind === 'answer' && outcome.replayed;
}

function count(records: readonly CallRecord[], of: (record: CallRecord) => number): number {
  return records.reduce((sum, record) => sum + of(record), 0);
}

function tally(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** What is wrong with the run itself: too few faults to show anything. */
export function shortcomings(report: LedgerReport, leastOfEach: number): readonly string[] {
  const rare = FAULT_KINDS.filter((kind) => (report.fired.get(kind) ?? 0) < leastOfEach);
  const seldom = report.met < 0.4 * report.calls;
  return [
    ...(report.trouble.length > 0 ? [`the gateway was in trouble ${report.trouble.length} times`] : []),
    ...rare.map((kind) => `${kind} happened ${report.fired.get(kind) ?? 0} times, and not ${leastOfEach}`),
    ...(seldom ? [`only ${report.met} of ${report.calls} calls met a fault`] : []),
  ];
}

const MOST_DETAILS = 10;

export function formatReport(report: LedgerReport): string {
  const { options, calls, attempts, executions, met, replays, violations } = report;
  const faults = FAULT_KINDS.map((kind) => `  ${kind.padEnd(14)} ${report.fired.get(kind) ?? 0}`);
  const ends = Object.entries(report.ends).map(([kind, times]) => `${times} ${kind}`);
  const verdicts = RULES.map((rule) => `${violations.filter((found) => found.rule === rule).length} ${rule}`);
  const details = violations.slice(0, MOST_DETAILS).map(({ rule, call, detail }) => `  ${rule}: ${call}: ${detail}`);
  return [
    `${calls} calls, ${attempts} attempts, ${executions} executions, ${replays} replays in ` +
      `${(report.tookMs / 1000).toFixed(1)} s (SLUICE_SEED=${options.seed})`,
    `${met} calls (${((100 * met) / calls).toFixed(0)} %) met a fault:`,
    ...faults,
    `Clients ended with: ${ends.join(', ')}`,
    `Verdict: ${verdicts.join(', ')}`,
    ...details,
    ...report.trouble.slice(0, MOST_DETAILS).map((line) => `  The gateway was in trouble: ${line}`),
  ].join('\n');
}
