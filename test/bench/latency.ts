/** How long small and large results take on each route, alone and with others: rounds in which the routes take turns. */
import type { Era } from '../../lib/protocol/era.ts';
import type { Aim } from './aim.ts';
import { McpClient } from './mcp-client.ts';
import { inAnyOrder } from './order.ts';
import { ROUTES, type Route, type Stage } from './stage.ts';
import type { Section } from './sheet.ts';
import { median, percentile } from './statistics.ts';
import { milliseconds } from './table.ts';
import type { Rounds } from './turns.ts';
import type { Tool } from './workload.ts';

/** One kind of load. */
export interface Load {
  readonly tool: Tool;
  readonly callers: number;
}

/** One route under one load, in milliseconds and calls a second: medians of the rounds. */
interface RouteLatency {
  readonly era: Era;
  readonly route: Route;
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** As `multiplesOfProxy`: of each round that gave one, in order. */
  readonly timesProxy: readonly number[];
  readonly samples: number;
}

interface LoadLatency extends Load {
  readonly routes: readonly RouteLatency[];
  /** How much the direct p50 differed between rounds: largest less smallest, as a share of the median. */
  readonly noise: number;
}

export interface LatencyFigures {
  readonly rounds: number;
  readonly loads: readonly LoadLatency[];
}

export interface LatencyOptions {
  readonly rounds: number;
  /** How often the routes take turns within a round, so that what disturbs one disturbs the others, too. */
  readonly turns: number;
  /** How long one route is loaded in one turn, in milliseconds. */
  readonly turnMs: number;
  /**
   * How long one route is loaded before it counts, in milliseconds for each size of result: the engine goes on
   * compiling for many thousand calls.
   */
  readonly warmUpMs: Readonly<Record<'small' | 'large', number>>;
}

/** What a bare proxy adds is the measure; the core may add so many times as much. */
const CORE_TIMES_PROXY = 2;

const LOADS: readonly Load[] = [
  { tool: 'small', callers: 1 },
  { tool: 'small', callers: 10 },
  { tool: 'large', callers: 1 },
  { tool: 'large', callers: 10 },
];

const WARM_UP_CALLERS = 10;

const ERAS: readonly Era[] = ['modern', 'legacy'];

interface Runner {
  readonly era: Era;
  readonly route: Route;
  readonly client: McpClient;
}

/** What one route did in one round. */
interface Slice {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  readonly samples: number;
}

/** What one route did in one turn: how long each call took, and all of them together, in milliseconds. */
interface Turn {
  readonly samples: readonly number[];
  readonly ms: number;
}

export async function measureLatency(stage: Stage, options: LatencyOptions): Promise<LatencyFigures> {
  const runners = await Promise.all(
    ERAS.flatMap((era) =>
      ROUTES[era].map(async (route) => ({ era, route, client: await McpClient.connect(stage.place(route), era) })),
    ),
  );
  try {
    for (const runner of runners) await warmUp(runner, options);
    const slices = new Map<Load, Map<Runner, Slice[]>>(LOADS.map((load) => [load, new Map()]));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const load of LOADS) await runRound(load, runners, slices.get(load)!, options);
    }
    return { rounds: options.rounds, loads: LOADS.map((load) => summarize(load, slices.get(load)!)) };
  } finally {
    for (const { client } of runners) client.close();
  }
}

async function runRound(
  load: Load,
  runners: readonly Runner[],
  slices: Map<Runner, Slice[]>,
  { turns, turnMs }: LatencyOptions,
): Promise<void> {
  const taken = new Map<Runner, Turn[]>(runners.map((runner) => [runner, []]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const runner of inAnyOrder(runners)) taken.get(runner)!.push(await takeTurn(runner.client, load, turnMs));
  }
  for (const runner of runners) slices.set(runner, [...(slices.get(runner) ?? []), sliceOf(taken.get(runner)!)]);
}

async function warmUp({ client }: Runner, { warmUpMs }: LatencyOptions): Promise<void> {
  for (const tool of ['small', 'large'] as const) {
    await client.call(tool);
    await takeTurn(client, { tool, callers: WARM_UP_CALLERS }, warmUpMs[tool]);
  }
}

/** Callers that each call again as soon as they have their answer. */
export async function takeTurn(client: McpClient, { tool, callers }: Load, ms: number): Promise<Turn> {
  const samples: number[] = [];
  const began = performance.now();
  const callRepeatedly = async (): Promise<void> => {
    for (let now = performance.now(); now - began < ms;) {
      await client.callFast(tool);
      const answered = performance.now();
      samples.push(answered - now);
      now = answered;
    }
  };
  await Promise.all(Array.from({ length: callers }, callRepeatedly));
  return { samples, ms: performance.now() - began };
}

function sliceOf(turns: readonly Turn[]): Slice {
  const samples = turns.flatMap((turn) => turn.samples);
  const ms = turns.reduce((sum, turn) => sum + turn.ms, 0);
  return {
    p50: percentile(samples, 0.5),
    p99: percentile(samples, 0.99),
    perSecond: (samples.length / ms) * 1000,
    samples: samples.length,
  };
}

function summarize(load: Load, slices: ReadonlyMap<Runner, readonly Slice[]>): LoadLatency {
  const p50sOf = (era: Era, route: Route): number[] =>
    [...slices].flatMap(([runner, own]) =>
      runner.era === era && runner.route === route ? own.map(({ p50 }) => p50) : [],
    );
  const routes = [...slices].map(([{ era, route }, own]): RouteLatency => {
    const direct = p50sOf(era, 'direct');
    const proxy = p50sOf(era, 'proxy');
    return {
      era,
      route,
      p50: median(own.map(({ p50 }) => p50)),
      p99: median(own.map(({ p99 }) => p99)),
      perSecond: median(own.map(({ perSecond }) => perSecond)),
      timesProxy: multiplesOfProxy(
        own.map(({ p50 }) => p50),
        { direct, proxy },
      ),
      samples: own.reduce((sum, { samples }) => sum + samples, 0),
    };
  });
  const direct = p50sOf('modern', 'direct');
  const noise = (Math.max(...direct) - Math.min(...direct)) / median(direct);
  return { ...load, routes: inOrder(routes), noise };
}

/**
 * What a route adds to the direct p50, as a multiple of what the bare proxy adds, from the p50 of each round. A round in
 * which noise made the proxy as fast as the direct way, or faster, has none.
 */
export function multiplesOfProxy(
  own: Rounds,
  { direct, proxy }: { readonly direct: Rounds; readonly proxy: Rounds },
): readonly number[] {
  return own.flatMap((p50, round) => {
    const byProxy = proxy[round]! - direct[round]!;
    return byProxy > 0 ? [(p50 - direct[round]!) / byProxy] : [];
  });
}

function inOrder(routes: readonly RouteLatency[]): readonly RouteLatency[] {
  return ERAS.flatMap((era) =>
    ROUTES[era].flatMap((route) => routes.filter((latency) => latency.era === era && latency.route === route)),
  );
}

const HEADER =
  'client, route, p50, added, times proxy, (least to most), p99, calls/s, calls, rounds with a multiple'.split(', ');

export function latencySection({ rounds, loads }: LatencyFigures): Section {
  const sheets = loads.map(({ tool, callers, routes, noise }) => {
    const size = tool === 'large' ? '100 KB result' : 'small result';
    return {
      title: `${size}, ${callers} ${callers === 1 ? 'caller' : 'callers'}`,
      meaning:
        `Milliseconds a call, medians of ${rounds} rounds in which the routes took turns; "times proxy" is what a route ` +
        `adds as a multiple of what a bare Node proxy adds (direct p50 varied by ${percent(noise)}), of as many rounds as ` +
        'the last column says: where noise had the proxy add nothing, a round has no multiple.',
      header: HEADER,
      rows: routes.map((latency) => rowOf(latency, routes, rounds)),
      leftColumns: 2,
    };
  });
  return { heading: 'Latency', sheets };
}

function rowOf(latency: RouteLatency, all: readonly RouteLatency[], rounds: number): string[] {
  const { era, route, p50, p99, perSecond, timesProxy, samples } = latency;
  const direct = all.find((other) => other.era === era && other.route === 'direct');
  const compared = route !== 'direct' && route !== 'proxy';
  const range = `(${Math.min(...timesProxy).toFixed(1)} to ${Math.max(...timesProxy).toFixed(1)})`;
  const added = p50 - (direct?.p50 ?? 0);
  return [
    era,
    route,
    milliseconds(p50),
    route === 'direct' ? '' : milliseconds(added),
    compared && timesProxy.length > 0 ? median(timesProxy).toFixed(1) : '',
    compared && timesProxy.length > 0 ? range : '',
    milliseconds(p99),
    perSecond.toFixed(0),
    String(samples),
    compared ? `${timesProxy.length} of ${rounds}` : '',
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

/** Stores in memory, so that the core is what is measured and not the database. Without a multiple, an aim is missed. */
export function latencyAims({ loads }: LatencyFigures): Aim[] {
  return loads.flatMap(({ tool, callers, routes }) =>
    routes
      .filter(({ route }) => route === 'core, memory')
      .map(({ era, timesProxy }) => ({
        what: `the core adds, as a multiple of a bare proxy: ${era}, ${tool}, callers: ${callers}`,
        measured: median(timesProxy),
        atMost: CORE_TIMES_PROXY,
        unit: 'x',
      })),
  );
}
