/**
 * Runs the official MCP conformance suite through the local gateway against this project's own upstreams and prints how
 * each pair of client revision and upstream form scored. Exit status 0 only when nothing unexpected happened.
 *
 *   --direct       the suite straight at the upstreams, to judge those
 *   --pair NAME    one pair, by its name or its revision
 *   --extra        also print the scenarios that the suite runs without scoring them
 */
import { parseArgs } from 'node:util';
import type { Era } from '../../lib/protocol/era.ts';
import type { ScenarioResult } from './suite.ts';
import type { Verdict } from './verdict.ts';
import { startGateway } from './gateway.ts';
import { runSuite } from './suite.ts';
import { startConformanceUpstream } from './upstream.ts';
import { describeFailures, hasFailed, judge, readExpectedFailures } from './verdict.ts';

interface Pair {
  readonly revision: string;
  readonly form: Era;
  readonly selection: readonly string[];
  /** How many scenarios this version of the suite scores. */
  readonly scenarios: number;
}

const PAIRS: readonly Pair[] = [
  { revision: '2026-07-28', form: 'modern', selection: ['--requirements', '2026-07-28'], scenarios: 37 },
  { revision: '2025-11-25', form: 'legacy', selection: ['--requirements', '2025-11-25'], scenarios: 30 },
  { revision: '2025-06-18', form: 'legacy', selection: ['--spec-version', '2025-06-18'], scenarios: 27 },
];

/** All pairs together; what is under way when it ends counts as failed. */
const RUN_LIMIT_MS = 45_000;

const { values: options } = parseArgs({
  options: { direct: { type: 'boolean' }, extra: { type: 'boolean' }, pair: { type: 'string' } },
});

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
process.exitCode = await main();

async function main(): Promise<number> {
  const pairs = PAIRS.filter(
    (pair) => options.pair === undefined || [pair.revision, nameOf(pair)].includes(options.pair),
  );
  if (pairs.length === 0) {
    console.error(`No pair is called ${options.pair}; there are: ${PAIRS.map(nameOf).join(', ')}`);
    return 1;
  }
  const expected = await readExpectedFailures(new URL('expected-failures.json', import.meta.url));
  const end = AbortSignal.any([interrupted.signal, AbortSignal.timeout(RUN_LIMIT_MS)]);
  const verdicts: Verdict[] = [];
  for (const pair of pairs) {
    const { results, environments } = await runPair(pair, end).catch((error: unknown) => {
      console.error(`${nameOf(pair)} could not be run: ${error instanceof Error ? error.message : String(error)}`);
      return { results: [], environments: 0 };
    });
    verdicts.push(judge(nameOf(pair), pair.scenarios, results, environments, expected[nameOf(pair)] ?? {}));
    if (options.extra === true) printNotScored(pair, results);
  }
  printTable(verdicts);
  return verdicts.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

async function runPair(
  { form, selection }: Pair,
  end: AbortSignal,
): Promise<{ results: readonly ScenarioResult[]; environments: number | undefined }> {
  end.throwIfAborted();
  const upstream = await startConformanceUpstream({ form });
  try {
    if (options.direct === true) {
      return { results: await runSuite(upstream.url, selection, end), environments: undefined };
    }
    const gateway = await startGateway(upstream.url, end);
    try {
      const results = await runSuite(gateway.url, selection, end);
      return { results, environments: gateway.environments.size };
    } finally {
      await gateway.close();
    }
  } finally {
    await upstream.close();
  }
}

function nameOf({ revision, form }: Pair): string {
  return `${revision} -> ${form}`;
}

function printTable(verdicts: readonly Verdict[]): void {
  const rows = verdicts.map((verdict) => [
    verdict.pair,
    `${verdict.passed}/${verdict.total}`,
    String(verdict.checksPassed),
    String(verdict.checksSkipped),
    verdict.environments === undefined ? 'direct' : String(verdict.environments),
  ]);
  const table = [['client -> upstream', 'scenarios', 'checks passed', 'checks skipped', 'environments'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  console.log();
  for (const { pair, passed, total, problems, remarks } of verdicts) {
    console.log(`${pair} ${passed}/${total}`);
    for (const line of [...problems, ...remarks]) console.log(`  ${line}`);
  }
}

/** Extensions are left out: what the gateway does not advertise, nobody can call. */
function printNotScored(pair: Pair, results: readonly ScenarioResult[]): void {
  for (const result of results) {
    if (result.notScored === undefined || result.notScored === 'extension') continue;
    const passed = result.checks.filter(({ status }) => status === 'SUCCESS').length;
    const verdict = hasFailed(result) ? 'failed' : 'passed';
    console.log(
      `${nameOf(pair)}, not scored: ${result.scenario} (${result.notScored}) ${verdict}, ${passed} checks passed`,
    );
    for (const line of describeFailures(result)) console.log(`  ${line}`);
  }
}
