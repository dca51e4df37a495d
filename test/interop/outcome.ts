/** What has become of a run: its checks, what could not be had, and how both are told. */
import type { Check } from './judge.ts';

/** One row of the table: one way in which one peer was tried, or why it was not. */
export interface Part {
  readonly name: string;
  readonly way: string;
  readonly outcome: Outcome;
}

export type Outcome =
  | { readonly kind: 'ran'; readonly checks: readonly Check[] }
  | { readonly kind: 'not to be had'; readonly reason: string };

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly notToBeHad: number;
}

export function ran(name: string, way: string, checks: readonly Check[]): Part {
  return { name, way, outcome: { kind: 'ran', checks } };
}

/** As one failed check. */
export function broke(name: string, error: unknown): Part {
  const problem = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return ran(name, '', [{ name: 'run', problem }]);
}

/** What could not be had is one for each part that could not be run. A part that has checked nothing has failed. */
function count(parts: readonly Part[]): Counts {
  const counts = { passed: 0, failed: 0, notToBeHad: 0 };
  for (const { outcome } of parts) {
    if (outcome.kind === 'not to be had') counts.notToBeHad += 1;
    else if (outcome.checks.length === 0) counts.failed += 1;
    else for (const { problem } of outcome.checks) counts[problem === undefined ? 'passed' : 'failed'] += 1;
  }
  return counts;
}

export function tableOf(parts: readonly Part[]): string[][] {
  const rows = parts.map((part) => {
    const { passed, failed, notToBeHad } = count([part]);
    return [part.name, part.way, ...(notToBeHad > 0 ? ['not to be had', ''] : [String(passed), String(failed)])];
  });
  return [['peer', 'way', 'passed', 'failed'], ...rows];
}

/** What failed and what could not be had, one line each. */
export function problemsOf(parts: readonly Part[]): string[] {
  return parts.flatMap(({ name, way, outcome }) => {
    const who = [name, way].filter((word) => word !== '').join(' ');
    if (outcome.kind === 'not to be had') return [`not to be had: ${who}: ${outcome.reason}`];
    if (outcome.checks.length === 0) return [`failed: ${who}: nothing was checked`];
    return outcome.checks.flatMap((check) =>
      check.problem === undefined ? [] : [`failed: ${who}: ${check.name}: ${check.problem}`],
    );
  });
}

export function closingLine(parts: readonly Part[]): string {
  const { passed, failed, notToBeHad } = count(parts);
  return `${passed} passed, ${failed} failed, ${notToBeHad} not to be had`;
}

/** What could not be had is no failure: a registry that is down says nothing about the gateway. */
export function exitStatusOf(parts: readonly Part[]): number {
  return count(parts).failed === 0 && parts.length > 0 ? 0 : 1;
}
