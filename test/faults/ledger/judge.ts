/** Compares what clients were told of their calls with what the ledger says. */
import type { Attempt, Outcome } from './attempt.ts';
import type { CallRecord } from './client.ts';
import type { Execution, Ledger } from './ledger.ts';
import { isUnsafe } from './plan.ts';

export const RULES = ['executed twice', 'answer lost', 'wrong answer', 'false report'] as const;

export interface Violation {
  readonly rule: (typeof RULES)[number];
  readonly call: string;
  readonly detail: string;
}

export function judge(records: readonly CallRecord[], ledger: Ledger): readonly Violation[] {
  return records.flatMap((record) => judgeCall(record, ledger.of(record.plan.id)));
}

function judgeCall(record: CallRecord, executions: readonly Execution[]): Violation[] {
  const found = [
    ...executedTwice(record, executions).map((detail) => ({ rule: 'executed twice' as const, detail })),
    ...answersLost(record, executions).map((detail) => ({ rule: 'answer lost' as const, detail })),
    ...wrongAnswers(record, executions).map((detail) => ({ rule: 'wrong answer' as const, detail })),
    ...falseReports(record, executions).map((detail) => ({ rule: 'false report' as const, detail })),
  ];
  const { plan } = record;
  const about = `${plan.tool}, ${plan.era}, ${plan.old ? 'old' : 'both'}, ${plan.first ?? ''} ${plan.killAt ?? ''} ${plan.faults.join()}`;
  const story = record.attempts.map(({ purpose, outcome }) => `${purpose}: ${JSON.stringify(outcome)}`).join(' ');
  return found.map(({ rule, detail }) => ({ rule, call: plan.id, detail: `${detail} (${about}) ${story}` }));
}

type Answered = Attempt & { readonly outcome: Extract<Outcome, { kind: 'answer' }> };

/** In the order in which the client got them. */
function answersOf({ attempts }: CallRecord): readonly Answered[] {
  const answered = attempts.filter((made): made is Answered => made.outcome.kind === 'answer');
  return answered.toSorted((a, b) => a.endedAt - b.endedAt);
}

/**
 * A call that may not run twice has at most one execution, and any other at most one effect. What was asked for once the
 * answer was known is never executed, whatever the call.
 */
function executedTwice(record: CallRecord, executions: readonly Execution[]): string[] {
  const faults: string[] = [];
  const { tool } = record.plan;
  if (isUnsafe(tool) && executions.length > 1) faults.push(`${executions.length} executions`);
  const effects = executions.filter(({ changed }) => changed).length;
  if (!isUnsafe(tool) && effects > 1) faults.push(`${effects} effects`);
  const known = answersOf(record)[0];
  const after = record.attempts.filter(({ startedAt }) => known !== undefined && startedAt > known.endedAt);
  if (executions.some(({ attempt }) => after.some(({ id }) => id === attempt))) {
    faults.push('executed after its answer was known');
  }
  return faults;
}

/** An attempt that took this much longer than one has reason to, in milliseconds, shows a machine that is too busy. */
const SLOW_MS = 500;

/** Whoever has no answer was told that the outcome is unknown; where nothing had happened, nobody is told so. */
function answersLost(record: CallRecord, executions: readonly Execution[]): string[] {
  const slow = record.attempts.some(({ startedAt, endedAt }) => endedAt - startedAt > SLOW_MS);
  return record.ends.flatMap((end) => {
    if (end.kind === 'answer') return [];
    if (end.kind === 'unknown') return record.met || slow ? [] : ['an unknown outcome without any fault'];
    return [`${executions.length} executions, and the client is left with ${JSON.stringify(end)}`];
  });
}

/** All answers are the same one, which the ledger knows; all but one of them are replays, and say so. */
function wrongAnswers(record: CallRecord, executions: readonly Execution[]): string[] {
  const answers = answersOf(record);
  const faults = answers.flatMap(({ outcome: { call, receipt } }) => {
    if (call !== record.plan.id) return [`the answer of ${call}`];
    return executions.some((execution) => execution.receipt === receipt) ? [] : [`a receipt of nothing: ${receipt}`];
  });
  const receipts = new Set(answers.map(({ outcome }) => outcome.receipt));
  if (receipts.size > 1) faults.push(`${receipts.size} different answers`);
  if (answers.filter(({ outcome }) => !outcome.replayed).length > 1) faults.push('a replay that does not say so');
  const again = answers.find(({ purpose }) => purpose === 'again');
  if (again?.outcome.replayed === false && answers[0] !== again) faults.push('asked again, and not replayed');
  return faults;
}

/** Nobody is told that a call did not run, neither for this attempt nor an earlier one, when it did. */
function falseReports(record: CallRecord, executions: readonly Execution[]): string[] {
  const claims = record.attempts.filter(({ outcome }) => outcome.kind === 'not-run');
  return claims.flatMap((claim) => {
    const own = executions.filter(({ attempt }) => attempt === claim.id);
    const before = executions.filter(({ executedAt }) => executedAt < claim.startedAt);
    if (own.length > 0) return ['said not to have run, and it ran'];
    return isUnsafe(record.plan.tool) && before.length > 0 ? ['said not to have run, and it had run before'] : [];
  });
}
