/**
 * From the start of a process to the first answer of the built function, with a stand-in for Lambda's runtime and no
 * emulator. Each sample is a fresh process; the kinds of process take turns.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunction, type FunctionBundle } from '../../lib/adapters/lambda/bundle.ts';
import type { Aim } from './aim.ts';
import { buildRuntime, runProcess, variablesOf, writeCall, type ColdCall, type Run } from './cold-process.ts';
import { measureBundle, sdkChunk, type BundleFigures } from './bundle-size.ts';
import { gatewayConfig } from './programs/gateway-data.ts';
import type { RuntimeMark } from './programs/lambda-runtime.ts';
import type { Section } from './sheet.ts';
import type { Stage } from './stage.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import type { Era } from '../../lib/protocol/era.ts';

/** Everything in milliseconds, medians of all turns; what comes on top of something is the difference in each turn. */
export interface ColdStartFigures {
  readonly samples: number;
  /** `node -e 0`, from its start to its end, as the other two. */
  readonly bareNode: number;
  /** The stand-in for the runtime with an empty handler, above bare Node. */
  readonly runtime: number;
  /** The stand-in with the function's entry, above bare Node. */
  readonly entry: number;
  /** Loading the AWS SDK, once the entry is loaded. */
  readonly sdk: number;
  readonly first: readonly FirstAnswer[];
  readonly noise: number;
}

interface FirstAnswer {
  readonly what: string;
  /** From the entry having been loaded to the first answer. */
  readonly answer: number;
  /** The same call again. */
  readonly again: number;
  /** From the start of the process to the first answer. */
  readonly total: number;
  /** The most memory that the process has held until the second answer, in bytes. */
  readonly mostMemoryBytes: number;
}

const FIRST_CALLS: readonly (ColdCall & { readonly what: string })[] = [
  { what: 'modern call, era configured, no breaker (no DynamoDB)', era: 'modern', form: 'alone' },
  { what: 'modern call, era configured', era: 'modern', form: 'modern' },
  { what: 'modern call, era from DynamoDB', era: 'modern', form: 'both' },
  { what: 'legacy call, session from DynamoDB', era: 'legacy', form: 'legacy' },
  { what: 'modern call with a key, era from DynamoDB', era: 'modern', form: 'both', keyed: true },
  { what: 'legacy call with a key, session from DynamoDB', era: 'legacy', form: 'legacy', keyed: true },
];

/** Above bare Node, in milliseconds. */
const READY_MS = 15;
const FIRST_ANSWER_MS = 90;

/** What to run for one sample of each kind. */
interface Kinds {
  readonly bareNode: readonly string[];
  readonly runtime: readonly string[];
  readonly entry: readonly string[];
  readonly sdk: readonly string[];
  readonly first: readonly (readonly string[])[];
}

export async function measureColdStart(
  stage: Stage,
  samples: number,
): Promise<{ readonly coldStart: ColdStartFigures; readonly bundle: BundleFigures }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  try {
    const outdir = join(folder, 'function');
    const bundle = await bundleFunction({ outdir, config: gatewayConfig({ upstream: stage.upstream.origin }) });
    const kinds = await prepare(stage, folder, bundle);
    const variables = variablesOf(stage, folder);
    const runs = await runInTurn(kinds, variables, samples);
    return { coldStart: summarize(runs, samples), bundle: await measureBundle(bundle) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(stage: Stage, folder: string, bundle: FunctionBundle): Promise<Kinds> {
  const runtime = await buildRuntime(folder);
  const empty = join(folder, 'empty', 'empty.mjs');
  const sdk = sdkChunk(bundle);
  if (sdk === undefined) throw new Error('The bundle has no chunk of its own for the AWS SDK');
  await mkdir(join(folder, 'empty'));
  await writeFile(empty, 'export const handler = awslambda.streamifyResponse(async () => undefined);\n');
  const events = await Promise.all(
    FIRST_CALLS.map((call, index) => writeCall(stage, call, join(folder, `${index}.json`))),
  );
  return {
    bareNode: ['-e', '0'],
    runtime: [runtime, empty],
    entry: [runtime, bundle.file],
    sdk: [runtime, bundle.file, '--import', sdk],
    first: events.map((event) => [runtime, bundle.file, event, event]),
  };
}

type Runs = { readonly [Kind in Exclude<keyof Kinds, 'first'>]: Run[] } & { readonly first: Run[][] };

async function runInTurn(kinds: Kinds, variables: Record<string, string>, samples: number): Promise<Runs> {
  const runs: Runs = { bareNode: [], runtime: [], entry: [], sdk: [], first: kinds.first.map(() => []) };
  const turns: readonly (readonly [readonly string[], Run[]])[] = [
    [kinds.bareNode, runs.bareNode],
    [kinds.runtime, runs.runtime],
    [kinds.entry, runs.entry],
    [kinds.sdk, runs.sdk],
    ...kinds.first.map((args, index) => [args, runs.first[index]!] as const),
  ];
  // The first turn brings the files into the system's memory and does not count.
  for (const [args] of turns) await runProcess(args, variables);
  for (let sample = 0; sample < samples; sample += 1) {
    for (const [args, results] of turns) results.push(await runProcess(args, variables));
  }
  return runs;
}

function summarize(runs: Runs, samples: number): ColdStartFigures {
  const bare = runs.bareNode.map(({ ms }) => ms);
  const aboveBare = (kind: readonly Run[]): number => median(kind.map(({ ms }, turn) => ms - bare[turn]!));
  return {
    samples,
    bareNode: median(bare),
    runtime: aboveBare(runs.runtime),
    entry: aboveBare(runs.entry),
    sdk: median(runs.sdk.map(({ marks }) => marks[1]!.at - marks[0]!.at)),
    first: runs.first.map((own, index) => ({
      what: FIRST_CALLS[index]!.what,
      answer: median(own.map(({ marks }) => marks[1]!.at - marks[0]!.at)),
      again: median(own.map(({ marks }) => marks[2]!.at - marks[1]!.at)),
      total: median(own.map(({ marks }) => marks[1]!.heardAfter)),
      mostMemoryBytes: median(own.map(({ marks }) => memoryAt(marks[2]!))),
    })),
    noise: (Math.max(...bare) - Math.min(...bare)) / median(bare),
  };
}

/** What a first call takes longer than the same one again, from the start of the process on; in milliseconds. */
export function coldMs({ first }: ColdStartFigures, era: Era, keyed: boolean): number {
  const index = FIRST_CALLS.findIndex(
    (call) => call.era === era && (call.keyed ?? false) === keyed && (era === 'legacy' || call.form === 'both'),
  );
  const { total, again } = first[index]!;
  return total - again;
}

export function coldStartSection(figures: ColdStartFigures): Section {
  const { bareNode, runtime, entry, sdk, first, samples, noise } = figures;
  const parts = {
    title: 'Parts',
    meaning: `Milliseconds, medians of ${samples} fresh processes each, which took turns (bare Node varied by ${(noise * 100).toFixed(0)} %).`,
    header: ['part', 'ms'],
    rows: [
      ['bare Node (node -e 0, start to end)', milliseconds(bareNode)],
      ['+ a stand-in for the runtime, empty handler', milliseconds(runtime)],
      ['+ the entry, instead of the empty handler', milliseconds(entry - runtime)],
      ['= entry ready, above bare Node', milliseconds(entry)],
      ['the AWS SDK, loaded when first needed', milliseconds(sdk)],
    ],
  };
  const answers = {
    title: 'First answers',
    meaning:
      'Milliseconds of the same processes, until an answer was complete, and the most memory that the process, Node ' +
      'included, has held until the second one, in MB.',
    header: ['first answer', 'after the entry', 'the same again', 'since process start', 'memory MB'],
    rows: first.map(({ what, answer, again, total, mostMemoryBytes }) => [
      what,
      milliseconds(answer),
      milliseconds(again),
      milliseconds(total),
      (mostMemoryBytes / 2 ** 20).toFixed(0),
    ]),
  };
  return { heading: 'Cold start', sheets: [parts, answers] };
}

function memoryAt(mark: RuntimeMark): number {
  return mark.kind === 'answered' ? mark.mostMemoryBytes : Number.NaN;
}

export function coldStartAims({ entry, first, bareNode }: ColdStartFigures): Aim[] {
  return [
    { what: 'the entry is ready, above bare Node', measured: entry, atMost: READY_MS, unit: 'ms' },
    ...first.map(({ what, total }) => ({
      what: `first answer above bare Node: ${what}`,
      measured: total - bareNode,
      atMost: FIRST_ANSWER_MS,
      unit: 'ms',
    })),
  ];
}
