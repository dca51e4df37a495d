import { readFile } from 'node:fs/promises';
import type { Check, ScenarioResult } from './suite.ts';

/** Scenario names with the reason why each is expected to fail. */
export type ExpectedFailures = Readonly<Record<string, string>>;

/** One row of the table: what a pair of client revision and upstream form scored. */
export interface Verdict {
  readonly pair: string;
  readonly passed: number;
  readonly total: number;
  readonly checksPassed: number;
  readonly checksSkipped: number;
  /** How many environments served; undefined when there was no gateway in front. */
  readonly environments: number | undefined;
  /** What makes the run fail, one line each; expected failures that pass included, because the list is then wrong. */
  readonly problems: readonly string[];
  /** Worth reading, but not a reason to fail. */
  readonly remarks: readonly string[];
}

/** By pair, then by scenario. Throws when a reason is missing. */
export async function readExpectedFailures(file: URL): Promise<Readonly<Record<string, ExpectedFailures>>> {
  const pairs = JSON.parse(await readFile(file, 'utf8')) as Record<string, ExpectedFailures>;
  for (const [pair, scenarios] of Object.entries(pairs)) {
    for (const [scenario, reason] of Object.entries(scenarios)) {
      if (typeof reason === 'string' && reason.trim() !== '') continue;
      throw new Error(`The expected failure of ${scenario} in ${pair} has no reason`);
    }
  }
  return pairs;
}

/** `total` is how many scenarios the suite must have scored, so that one that stops early cannot pass. */
export function judge(
  pair: string,
  total: number,
  results: readonly ScenarioResult[],
  environments: number | undefined,
  expected: ExpectedFailures,
): Verdict {
  const scored = results.filter(({ notScored }) => notScored === undefined);
  const failed = scored.filter(hasFailed);
  const checks = scored.flatMap((result) => result.checks);
  return {
    pair,
    passed: scored.length - failed.length,
    total,
    checksPassed: count(checks, 'SUCCESS'),
    checksSkipped: count(checks, 'SKIPPED'),
    environments,
    problems: [
      ...failed.filter(({ scenario }) => expected[scenario] === undefined).flatMap(describeFailures),
      ...Object.keys(expected)
        .filter((scenario) => !failed.some((result) => result.scenario === scenario))
        .map((scenario) => `${scenario} passes or is not run, but is listed as an expected failure`),
      ...(scored.length === total ? [] : [`${scored.length} scenarios were scored instead of ${total}`]),
      ...(environments === undefined || environments > 1
        ? []
        : [`${environments} environments served: nothing has shown that a session may move between them`]),
    ],
    remarks: [
      ...failed.flatMap(({ scenario }) =>
        expected[scenario] === undefined ? [] : [`${scenario} failed as expected: ${expected[scenario]}`],
      ),
      ...scored.flatMap(describeWarnings),
    ],
  };
}

export function hasFailed({ checks }: ScenarioResult): boolean {
  return checks.some(({ status }) => status === 'FAILURE');
}

export function describeFailures(result: ScenarioResult): string[] {
  return describe(result, 'FAILURE');
}

function describeWarnings(result: ScenarioResult): string[] {
  return describe(result, 'WARNING').map((line) => `warning: ${line}`);
}

function describe({ scenario, checks }: ScenarioResult, status: Check['status']): string[] {
  return checks
    .filter((check) => check.status === status)
    .map(({ id, errorMessage }) => `${scenario}: ${id}: ${errorMessage ?? 'no message'}`);
}

function count(checks: readonly Check[], status: Check['status']): number {
  return checks.filter((check) => check.status === status).length;
}
