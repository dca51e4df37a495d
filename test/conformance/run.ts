/**
 * Runs the official MCP conformance suite through the local gateway against this project's own upstreams and prints how
 * each pair of client revision and upstream form scored. Three other upstreams are in the same virtual server. Exit
 * status 0 only when nothing unexpected happened.
 *
 *   --runtime aws  the same function run by AWS's own runtime, which is first held to what the emulator is held to
 *   --direct       the suite straight at the upstreams that speak its revision, to judge those
 *   --pair NAME    one pair, by its name or its revision
 *   --extra        also print the scenarios that the suite runs without scoring them
 */
import { parseArgs } from 'node:util';
import type { ScenarioResult } from './suite.ts';
import type { Service, Verdict } from './verdict.ts';
import { isModernVersion, type Era } from '../../lib/protocol/era.ts';
import { findRuntimeClient, type RuntimeClient } from '../runtime/ric.ts';
import { checkRuntime, type Outcome } from './aws-checks.ts';
import { startAwsGateway, type Work } from './aws-gateway.ts';
import { startGateway } from './gateway.ts';
import type { GatewayInFront } from './in-front.ts';
import { findUnreached, startNeighbours, type Neighbour } from './neighbours.ts';
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

const REVISIONS = [
  { revision: '2026-07-28', selection: ['--requirements', '2026-07-28'], scenarios: 37 },
  { revision: '2025-11-25', selection: ['--requirements', '2025-11-25'], scenarios: 30 },
] as const;

const PAIRS: readonly Pair[] = [
  ...REVISIONS.flatMap((revision) => [
    { ...revision, form: 'modern' as const },
    { ...revision, form: 'legacy' as const },
  ]),
  { revision: '2025-06-18', form: 'legacy', selection: ['--spec-version', '2025-06-18'], scenarios: 27 },
];

/** All pairs together; what is under way when it ends counts as failed. Processes start more slowly than threads. */
const RUN_LIMIT_MS = { local: 120_000, aws: 240_000 };

const { values: options } = parseArgs({
  options: {
    direct: { type: 'boolean' },
    extra: { type: 'boolean' },
    pair: { type: 'string' },
    runtime: { type: 'string', default: 'local' },
  },
});

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
// Whatever a gateway that broke has left open ends with this process.
process.exit(await main());

/** In front of an upstream and its neighbours; aborting ends one that is not ready yet. */
type StartGateway = (
  upstream: string,
  neighbours: readonly Neighbour[],
  signal: AbortSignal,
) => Promise<GatewayInFront>;

async function main(): Promise<number> {
  const pairs = PAIRS.filter(isWanted);
  if (pairs.length === 0) {
    console.error(`No pair is called ${options.pair}; there are: ${PAIRS.map(nameOf).join(', ')}`);
    return 1;
  }
  if (options.runtime === 'local') return await runPairs(pairs, startGateway, RUN_LIMIT_MS.local);
  if (options.runtime === 'aws' && options.direct !== true) return await runOnAws(pairs);
  console.error(`--runtime is local or aws${options.direct === true ? ', and --direct has none' : ''}`);
  return 1;
}

/** The runtime is held to what the emulator is held to before it runs the suite. */
async function runOnAws(pairs: readonly Pair[]): Promise<number> {
  let client: RuntimeClient;
  let outcome: Outcome;
  try {
    client = findRuntimeClient();
    outcome = await checkRuntime(client, interrupted.signal);
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
  const work: Work = { environments: 0, coldStarts: 0, invocations: 0 };
  const start: StartGateway = (upstream, neighbours) => startAwsGateway(client, upstream, neighbours, work);
  const status = await runPairs(pairs, start, RUN_LIMIT_MS.aws);
  console.log(
    `\nAWS's runtime, aws-lambda-ric ${client.version} on Node ${process.version}: ${work.environments} environments ` +
      `served, ${work.invocations} invocations, ${work.coldStarts} cold starts`,
  );
  console.log(`It passes ${outcome.passed} of ${outcome.passed + outcome.failed.length} checks of its own`);
  for (const line of outcome.failed) console.log(`  ${line}`);
  return outcome.failed.length === 0 ? status : 1;
}

async function runPairs(pairs: readonly Pair[], startGateway: StartGateway, limitMs: number): Promise<number> {
  const expected = await readExpectedFailures(new URL('expected-failures.json', import.meta.url), PAIRS.map(nameOf));
  const end = AbortSignal.any([interrupted.signal, AbortSignal.timeout(limitMs)]);
  const neighbours = options.direct === true ? undefined : await startNeighbours();
  const verdicts: Verdict[] = [];
  try {
    for (const pair of pairs) {
      const { results, service } = await runPair(pair, startGateway, neighbours?.all, end).catch((error: unknown) => {
        console.error(`${nameOf(pair)} could not be run: ${error instanceof Error ? error.message : String(error)}`);
        return { results: [], service: undefined };
      });
      verdicts.push(judge(nameOf(pair), pair.scenarios, results, service, expected[nameOf(pair)] ?? {}));
      if (options.extra === true) printNotScored(pair, results);
    }
  } finally {
    await neighbours?.close();
  }
  printTable(verdicts);
  return verdicts.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

/** An upstream alone is judged by the revisions it speaks. */
function isWanted(pair: Pair): boolean {
  if (options.direct === true && eraOf(pair) !== pair.form) return false;
  return options.pair === undefined || [pair.revision, nameOf(pair)].includes(options.pair);
}

/** `neighbours` undefined runs the suite straight at the upstream. */
async function runPair(
  pair: Pair,
  startGateway: StartGateway,
  neighbours: readonly Neighbour[] | undefined,
  end: AbortSignal,
): Promise<{ results: readonly ScenarioResult[]; service: Service | undefined }> {
  end.throwIfAborted();
  const upstream = await startConformanceUpstream(pair);
  try {
    return neighbours === undefined
      ? { results: await runSuite(upstream.url, pair.selection, end), service: undefined }
      : await runThroughGateway(pair, () => startGateway(upstream.url, neighbours, end), neighbours, end);
  } finally {
    await upstream.close();
  }
}

async function runThroughGateway(
  pair: Pair,
  start: () => Promise<GatewayInFront>,
  neighbours: readonly Neighbour[],
  end: AbortSignal,
): Promise<{ results: readonly ScenarioResult[]; service: Service }> {
  const gateway = await start();
  try {
    const results = await runSuite(gateway.url, pair.selection, end);
    const unreached = await findUnreached(gateway.url, eraOf(pair), neighbours).catch((error) => [String(error)]);
    const troubles = [...unreached, ...gateway.troubles];
    return { results, service: { environments: gateway.environments.size, troubles } };
  } finally {
    await gateway.close();
  }
}

/** Of the client. */
function eraOf({ revision }: Pair): Era {
  return isModernVersion(revision) ? 'modern' : 'legacy';
}

function nameOf({ revision, form }: Pair): string {
  return `${revision} -> ${form}`;
}

function printTable(verdicts: readonly Verdict[]): void {
  const rows = verdicts.map((verdict) => [
    verdict.pair,
    `${verdict.passed}/${verdict.total}`,
    String(verdict.checksPassed),
    String(verdict.checksFailed),
    String(verdict.checksSkipped),
    verdict.service === undefined ? 'direct' : String(verdict.service.environments),
  ]);
  const head = ['client -> upstream', 'scenarios', 'checks passed', 'failed', 'skipped', 'environments'];
  const table = [head, ...rows];
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
