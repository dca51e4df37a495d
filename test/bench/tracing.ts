/**
 * What tracing adds to a small call: without a tracer, not sampled, not sampled where others were before, and sampled.
 * All of them take turns. What is compared is as deployed: built by the function's own bundler, which replaces what would
 * hook into every promise of a process that has once made a trace.
 */
import { setTimeout } from 'node:timers/promises';
import type { Era } from '../../lib/protocol/era.ts';
import { takeTurn, type Load } from './latency.ts';
import { McpClient } from './mcp-client.ts';
import { inAnyOrder } from './order.ts';
import type { CpuCounts } from './programs/cpu.ts';
import type { Program } from './programs/program.ts';
import type { DaemonCounts } from './programs/xray-daemon.ts';
import type { Stage } from './stage.ts';
import { median, percentile } from './statistics.ts';
import { NOT_SAMPLED, TRACE_HEADER, TRACING_HEADER, type Tracing } from './trace-kinds.ts';
import { openTracedStage, PLACES, type Pair, type TracedStage, type Where } from './traced-stage.ts';
import { measureTracedStart, type StartKind, type TracedStartFigures } from './traced-start.ts';
import { ratios } from './turns.ts';
import { PREFIX } from './workload.ts';

/** In the order of the tables; the first is what the others are compared with. */
export const KINDS = ['no tracer', 'not sampled', 'not sampled, others were', 'sampled'] as const;

export type Kind = (typeof KINDS)[number];

/** One kind of call: medians of the rounds. */
export interface TracedLatency {
  readonly where: Where;
  readonly era: Era;
  readonly callers: number;
  readonly kind: Kind;
  /** In milliseconds. */
  readonly p50: number;
  /** To the p50 without a tracer, in milliseconds. */
  readonly added: number;
  /** The p50 by that without a tracer: of each round, in order. */
  readonly ratios: readonly number[];
  /** What a call takes of a processor, in milliseconds, everything of the process included. */
  readonly cpuMs: number;
  readonly cpuRatios: readonly number[];
  readonly samples: number;
}

/** What a sampled call sends to the daemon. */
export interface SentTrace {
  readonly where: Where;
  readonly era: Era;
  readonly documents: number;
  readonly bytes: number;
}

export interface TracingFigures {
  readonly rounds: number;
  readonly latency: readonly TracedLatency[];
  readonly sent: readonly SentTrace[];
  readonly start: TracedStartFigures;
}

/** What a sampled call takes longer, in milliseconds. */
export interface TracedUsage {
  readonly callMs: number;
  /** The first one of an environment, besides. */
  readonly firstMs: number;
}

export interface TracingOptions {
  /** Each with cores of its own, as no two processes are equally fast. */
  readonly rounds: number;
  readonly turns: number;
  /** How long one kind of call is loaded in one turn, in milliseconds. */
  readonly turnMs: number;
  /**
   * How long a process is loaded by clients of one era before it counts, in milliseconds. An emulated function has as
   * many environments to get warm as there are callers.
   */
  readonly warmUpMs: Readonly<Record<Where, number>>;
  readonly coldStarts: number;
}

const ERAS: readonly Era[] = ['modern', 'legacy'];

const LOADS: readonly Load[] = [
  { tool: 'small', callers: 1 },
  { tool: 'small', callers: 10 },
];

const WARM_UP_CALLERS = 10;

/** Of each kind, one after the other, to see what they send. */
const SENT_CALLS = 20;

/** Between two looks at what the daemon has received, in milliseconds. */
const SETTLE_MS = 25;

interface Runner {
  readonly where: Where;
  readonly era: Era;
  readonly kind: Kind;
  readonly client: McpClient;
  readonly program: Program;
}

/** What one kind of call did in one round. */
interface Slice {
  readonly p50: number;
  readonly cpuMs: number;
  readonly samples: number;
}

type Slices = ReadonlyMap<string, readonly Slice[]>;

export async function measureTracing(stage: Stage, options: TracingOptions): Promise<TracingFigures> {
  const traced = await openTracedStage(stage);
  try {
    const emulated = await connectAll('emulator', placesOfFunctions(traced));
    const slices = new Map<string, Slice[]>();
    let sent: readonly SentTrace[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      const cores = await traced.openCores();
      const runners = [...emulated, ...(await connectAll('core', placesOfCores(cores)))];
      sent = await measureSent(traced.daemon, runners);
      await runRound(runners, slices, options, round === 0);
      for (const { where, client } of runners) if (where === 'core') client.close();
      for (const core of [cores.fresh, cores.used]) await core.close();
    }
    for (const { client } of emulated) client.close();
    const start = await measureTracedStart(stage, traced, options.coldStarts);
    return { rounds: options.rounds, latency: summarize(slices), sent, start };
  } finally {
    await traced.close();
  }
}

// -------------------------------------------------------------------------------------------------------- who calls

interface Called {
  readonly program: Program;
  readonly headers: Readonly<Record<string, string>>;
}

type Places = Readonly<Record<Kind, Called>>;

function placesOfCores({ fresh, used }: Pair): Places {
  const called = (program: Program, tracing: Tracing): Called => ({ program, headers: { [TRACING_HEADER]: tracing } });
  return {
    'no tracer': called(fresh, 'no tracer'),
    'not sampled': called(fresh, 'not sampled'),
    'not sampled, others were': called(used, 'not sampled'),
    sampled: called(used, 'sampled'),
  };
}

function placesOfFunctions({ functions: { untraced, fresh, used } }: TracedStage): Places {
  const headers = { [TRACE_HEADER]: NOT_SAMPLED };
  return {
    'no tracer': { program: untraced, headers },
    'not sampled': { program: fresh, headers },
    'not sampled, others were': { program: used, headers },
    sampled: { program: used, headers: {} },
  };
}

async function connectAll(where: Where, places: Places): Promise<readonly Runner[]> {
  return await Promise.all(
    ERAS.flatMap((era) =>
      KINDS.map(async (kind) => {
        const { program, headers } = places[kind];
        const place = { url: `${program.origin}/mcp`, prefix: `${PREFIX}__`, headers };
        return { where, era, kind, program, client: await McpClient.connect(place, era) };
      }),
    ),
  );
}

// ---------------------------------------------------------------------------------------------------------- latency

/** Emulated functions go on from round to round, and need to get warm only once. */
async function runRound(
  runners: readonly Runner[],
  slices: Map<string, Slice[]>,
  { turns, turnMs, warmUpMs }: TracingOptions,
  isFirst: boolean,
): Promise<void> {
  // Where others are to have been sampled before, they are.
  const cold = runners.filter(({ where }) => isFirst || where === 'core').toSorted(sampledFirst);
  for (const { where, era, program, client } of cold) {
    const sharing = cold.filter((other) => other.program === program && other.era === era).length;
    await takeTurn(client, { tool: 'small', callers: WARM_UP_CALLERS }, warmUpMs[where] / sharing);
  }
  for (const load of LOADS) {
    for (const where of PLACES) {
      const own = runners.filter((runner) => runner.where === where);
      const taken = new Map(own.map((runner) => [runner, [] as Taken[]]));
      for (let turn = 0; turn < turns; turn += 1) {
        for (const runner of inAnyOrder(own)) taken.get(runner)!.push(await take(runner, load, turnMs));
      }
      for (const [runner, results] of taken) {
        const key = keyOf({ ...runner, callers: load.callers });
        slices.set(key, [...(slices.get(key) ?? []), sliceOf(results)]);
      }
    }
  }
}

function sampledFirst(left: Runner, right: Runner): number {
  return Number(right.kind === 'sampled') - Number(left.kind === 'sampled');
}

interface Taken {
  readonly samples: readonly number[];
  readonly cpuMs: number;
}

async function take({ client, program }: Runner, load: Load, ms: number): Promise<Taken> {
  const before = (await program.counts()) as CpuCounts;
  const { samples } = await takeTurn(client, load, ms);
  const after = (await program.counts()) as CpuCounts;
  return { samples, cpuMs: after.cpuMs - before.cpuMs };
}

function sliceOf(taken: readonly Taken[]): Slice {
  const samples = taken.flatMap((turn) => turn.samples);
  const cpuMs = taken.reduce((sum, turn) => sum + turn.cpuMs, 0) / samples.length;
  return { p50: percentile(samples, 0.5), cpuMs, samples: samples.length };
}

type Compared = Pick<TracedLatency, 'where' | 'era' | 'callers' | 'kind'>;

function keyOf({ where, era, callers, kind }: Compared): string {
  return [where, era, callers, kind].join();
}

function summarize(slices: Slices): readonly TracedLatency[] {
  const compared = PLACES.flatMap((where) =>
    LOADS.flatMap(({ callers }) =>
      ERAS.flatMap((era) => KINDS.map((kind): Compared => ({ where, era, callers, kind }))),
    ),
  );
  return compared.map((what) => {
    const own = slices.get(keyOf(what)) ?? [];
    const untraced = slices.get(keyOf({ ...what, kind: 'no tracer' })) ?? [];
    const [p50s, untracedP50s] = [own, untraced].map((rounds) => rounds.map(({ p50 }) => p50)) as [number[], number[]];
    const [cpus, untracedCpus] = [own, untraced].map((rounds) => rounds.map(({ cpuMs }) => cpuMs)) as [
      number[],
      number[],
    ];
    return {
      ...what,
      p50: median(p50s),
      added: median(p50s.map((p50, round) => p50 - untracedP50s[round]!)),
      ratios: ratios(p50s, untracedP50s),
      cpuMs: median(cpus),
      cpuRatios: ratios(cpus, untracedCpus),
      samples: own.reduce((sum, { samples }) => sum + samples, 0),
    };
  });
}

// --------------------------------------------------------------------------------------------------------- documents

/** Rejects when what is sampled sends nothing, or something is sent of what is not: then nothing here means anything. */
async function measureSent(daemon: Program, runners: readonly Runner[]): Promise<readonly SentTrace[]> {
  const sent: SentTrace[] = [];
  for (const { where, era, kind, client } of runners) {
    const before = await settledCounts(daemon);
    for (let call = 0; call < SENT_CALLS; call += 1) await client.call('small');
    const after = await settledCounts(daemon);
    const documents = (after.documents - before.documents) / SENT_CALLS;
    if (!sendsAsItShould(kind, documents)) throw new Error(`${where}, ${era}, ${kind}: ${documents} documents a call`);
    if (kind === 'sampled') sent.push({ where, era, documents, bytes: (after.bytes - before.bytes) / SENT_CALLS });
  }
  return sent;
}

/** Of what is sampled there are some of each call; of what is not, there are none of any. */
export function sendsAsItShould(kind: Kind, documents: number): boolean {
  return kind === 'sampled' ? documents >= 1 : documents === 0;
}

/** A datagram may be on its way when its call has been answered. */
async function settledCounts(daemon: Program): Promise<DaemonCounts> {
  let counts = (await daemon.counts()) as DaemonCounts;
  for (;;) {
    await setTimeout(SETTLE_MS);
    const again = (await daemon.counts()) as DaemonCounts;
    if (again.documents === counts.documents) return again;
    counts = again;
  }
}

/** Of a caller at a time, in the core: beside others a call waits for theirs as well. What is less than nothing is noise. */
export function tracedUsage({ latency, start: { starts } }: TracingFigures): TracedUsage {
  const callMs = median(
    latency
      .filter(({ where, callers, kind }) => where === 'core' && callers === 1 && kind === 'sampled')
      .map(({ added }) => added),
  );
  const answerOf = (kind: StartKind): number => starts.find((start) => start.kind === kind)?.answer ?? Number.NaN;
  const firstMs = answerOf('sampled') - answerOf('not sampled') - callMs;
  return { callMs: Math.max(0, callMs), firstMs: Math.max(0, firstMs) };
}
