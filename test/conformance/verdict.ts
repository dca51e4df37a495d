import { readFile } from 'node:fs/promises';
import type { Check, ScenarioResult } from './suite.ts';

/** By scenario. */
export type ExpectedFailures = Readonly<Record<string, ExpectedFailure>>;

/** A scenario that is expected to fail in these checks only: each of them does, and any other counts. */
export interface ExpectedFailure {
  readonly checks: readonly string[];
  /** A sentence about the protocol. */
  readonly reason: string;
}

/** What else is known of a gateway that served the suite. */
export interface Service {
  /** How many environments served. */
  readonly environments: number;
  /** What went wrong beside what the suite sees, one line each. */
  readonly troubles: readonly string[];
}

/** One row of the table: what a pair of client revision and upstream form scored. */
export interface Verdict {
  readonly pair: string;
  readonly passed: number;
  readonly total: number;
  readonly checksPassed: number;
  readonly checksFailed: number;
  readonly checksSkipped: number;
  /** Undefined when there was no gateway in front. */
  readonly service: Service | undefined;
  /** What makes the run fail, one line each; expected failures that pass included, because the list is then wrong. */
  readonly problems: readonly string[];
  /** Worth reading, but not a reason to fail. */
  readonly remarks: readonly string[];
}

/** By pair, then by scenario. Throws when a pair does not exist, or when a reason or the checks are missing. */
export async function readExpectedFailures(
  file: URL,
  pairNames: readonly string[],
): Promise<Readonly<Record<string, ExpectedFailures>>> {
  const pairs = JSON.parse(await readFile(file, 'utf8')) as Record<string, ExpectedFailures>;
  for (const [pair, scenarios] of Object.entries(pairs)) {
    if (!pairNames.includes(pair)) throw new Error(`Failures are expected of ${pair}, which is not run`);
    for (const [scenario, { checks, reason }] of Object.entries(scenarios)) {
      if (reason?.trim() && checks?.length > 0) continue;
      throw new Error(`The expected failure of ${scenario} in ${pair} has no reason, or names no checks`);
    }
  }
  return pairs;
}

/** `total` is how many scenarios the suite must have scored, so that one that stops early cannot pass. */
export function judge(
  pair: string,
  total: number,
  results: readonly ScenarioResult[],
  service: Service | undefined,
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
    checksFailed: count(checks, 'FAILURE'),
    checksSkipped: count(checks, 'SKIPPED'),
    service,
    problems: [
      ...failed.flatMap((result) => describeFailures(result, expected[result.scenario]?.checks)),
      ...passedUnexpectedly(failed, expected),
      ...scored.flatMap(skippedForWant),
      ...(scored.length === total ? [] : [`${scored.length} scenarios were scored instead of ${total}`]),
      ...(service === undefined ? [] : problemsOf(service)),
    ],
    remarks: [
      ...failed.flatMap(({ scenario }) => {
        const reason = expected[scenario]?.reason;
        return reason === undefined ? [] : [`${scenario} failed as expected: ${reason}`];
      }),
      ...scored.flatMap(describeWarnings),
    ],
  };
}

function passedUnexpectedly(failed: readonly ScenarioResult[], expected: ExpectedFailures): string[] {
  const failures = new Set(
    failed.flatMap(({ scenario, checks }) =>
      checks.filter(({ status }) => status === 'FAILURE').map(({ id }) => `${scenario}: ${id}`),
    ),
  );
  return Object.entries(expected)
    .flatMap(([scenario, { checks }]) => checks.map((id) => `${scenario}: ${id}`))
    .filter((check) => !failures.has(check))
    .map((check) => `${check} passes or is not run, but is listed as an expected failure`);
}

/** Checks of what the gateway announces: that changes of lists are told, and updates of resources. */
const ABOUT_CHANGES = /subscri|list-changed|notification-filter/;

/** They are skipped only when nothing of the kind is announced. */
function skippedForWant({ scenario, checks }: ScenarioResult): string[] {
  return checks
    .filter(({ id, status }) => status === 'SKIPPED' && ABOUT_CHANGES.test(id))
    .map(({ id }) => `${scenario}: ${id} was skipped: changes are not announced`);
}

function problemsOf({ environments, troubles }: Service): string[] {
  const moved = environments > 1;
  return [
    ...(moved ? [] : [`${environments} environments served: nothing has shown that a session may move between them`]),
    ...troubles.map((trouble) => `trouble: ${trouble}`),
  ];
}

export function hasFailed({ checks }: ScenarioResult): boolean {
  return checks.some(({ status }) => status === 'FAILURE');
}

/** `excused` are ids of checks that are left out. */
export function describeFailures(result: ScenarioResult, excused: readonly string[] = []): string[] {
  return describe(
    result,
    result.checks.filter(({ id, status }) => status === 'FAILURE' && !excused.includes(id)),
  );
}

function describeWarnings(result: ScenarioResult): string[] {
  const warnings = result.checks.filter(({ status }) => status === 'WARNING');
  return describe(result, warnings).map((line) => `warning: ${line}`);
}

function describe({ scenario }: ScenarioResult, checks: readonly Check[]): string[] {
  return checks.map(({ id, errorMessage }) => `${scenario}: ${id}: ${errorMessage ?? 'no message'}`);
}

function count(checks: readonly Check[], status: Check['status']): number {
  return checks.filter((check) => check.status === status).length;
}
