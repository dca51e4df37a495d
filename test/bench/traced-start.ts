/** What tracing adds to a cold start: to one that is not sampled, and to the first call of an environment that is. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FunctionBundle } from '../../lib/adapters/lambda/bundle.ts';
import { filesReadFor } from './bundle-size.ts';
import { buildRuntime, runProcess, variablesOf, writeCall, type Run } from './cold-process.ts';
import { inAnyOrder } from './order.ts';
import type { Stage } from './stage.ts';
import { median } from './statistics.ts';
import { tracedVariables } from './trace-kinds.ts';
import type { TracedStage } from './traced-stage.ts';

/** In the order of the tables; the first is what the others are compared with. */
const STARTS = ['no tracer', 'not sampled', 'sampled'] as const;

export type StartKind = (typeof STARTS)[number];

const ENTRY = 'functions/mcp.ts';
const DOCUMENTS = 'lib/adapters/xray/documents.ts';

/** Of fresh processes, in milliseconds, medians. */
export interface TracedStart {
  readonly kind: StartKind;
  /** From the start of the process to the entry having been loaded. */
  readonly entry: number;
  /** From there to the first answer. */
  readonly answer: number;
  /** The same call again. */
  readonly again: number;
  /** From the start of the process to the first answer. */
  readonly total: number;
  /** `total` by that of the process without a tracer: of each turn, in order. */
  readonly ratios: readonly number[];
  /** What it reads of the function until then, in bytes, the AWS SDK left out. */
  readonly bytes: number;
}

export interface TracedStartFigures {
  readonly samples: number;
  readonly starts: readonly TracedStart[];
}

export async function measureTracedStart(
  stage: Stage,
  { bundles, daemon }: TracedStage,
  samples: number,
): Promise<TracedStartFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  try {
    const runtime = await buildRuntime(folder);
    const event = await writeCall(stage, { era: 'modern', form: 'both' }, join(folder, 'event.json'));
    const variables = variablesOf(stage, folder);
    const runs: Readonly<Record<StartKind, Run[]>> = { 'no tracer': [], 'not sampled': [], sampled: [] };
    const start = (kind: StartKind): Promise<Run> => {
      const { file } = kind === 'no tracer' ? bundles.untraced : bundles.traced;
      const traced = tracedVariables(daemon.origin, kind === 'sampled');
      return runProcess([runtime, file, event, event], { ...variables, ...traced });
    };
    // The first turn brings the files into the system's memory and does not count.
    for (const kind of STARTS) await start(kind);
    for (let sample = 0; sample < samples; sample += 1) {
      for (const kind of inAnyOrder(STARTS)) runs[kind].push(await start(kind));
    }
    const bytes: Readonly<Record<StartKind, number>> = {
      'no tracer': await bytesRead(bundles.untraced, ENTRY),
      'not sampled': await bytesRead(bundles.traced, ENTRY),
      sampled: await bytesRead(bundles.traced, ENTRY, DOCUMENTS),
    };
    return {
      samples,
      starts: STARTS.map((kind) => ({ ...summarize(kind, runs), bytes: bytes[kind] })),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function summarize(kind: StartKind, runs: Readonly<Record<StartKind, readonly Run[]>>): Omit<TracedStart, 'bytes'> {
  const own = runs[kind];
  const between = (from: number, to: number): number => median(own.map(({ marks }) => marks[to]!.at - marks[from]!.at));
  const totals = (of: readonly Run[]): readonly number[] => of.map(({ marks }) => marks[1]!.heardAfter);
  const untraced = totals(runs['no tracer']);
  return {
    kind,
    entry: median(own.map(({ marks }) => marks[0]!.heardAfter)),
    answer: between(0, 1),
    again: between(1, 2),
    total: median(totals(own)),
    ratios: totals(own).map((total, turn) => total / untraced[turn]!),
  };
}

/** Of the files that are read for these sources, each once. */
async function bytesRead(bundle: FunctionBundle, ...sources: readonly string[]): Promise<number> {
  const names = new Set(sources.flatMap((source) => [...filesReadFor(source, bundle)]));
  const folder = dirname(bundle.file);
  const sizes = await Promise.all([...names].map(async (name) => (await readFile(join(folder, name))).length));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
