/** Peers under the same load, in rounds in which they take turns. */
import { setTimeout } from 'node:timers/promises';
import type { Counts } from '../programs/program.ts';
import { median, percentile } from '../statistics.ts';
import { SLOW_MS } from '../workload.ts';
import type { Peer, PeerClient, RunningPeer } from './peer.ts';

export interface PeerOptions {
  readonly rounds: number;
  /** How often the peers take turns within a round. */
  readonly turns: number;
  /** How long one peer is loaded in one turn, in milliseconds; at least one call of each caller is made. */
  readonly turnMs: number;
  /** How long a peer is loaded before it counts, in milliseconds. */
  readonly warmUpMs: number;
  /** How often calls at once are repeated. */
  readonly repetitions: number;
  /** For the requests that a call takes. */
  readonly calls: number;
  /** For what a call leaves behind at its upstream, in milliseconds. */
  readonly settleMs: number;
}

/** In milliseconds: medians of the rounds, and the p50 of each round. */
export interface PeerLatency {
  readonly p50s: readonly number[];
  readonly p99: number;
  readonly perSecond: number;
  readonly samples: number;
}

export interface PeerFigures {
  readonly alone: PeerLatency;
  /** Of ten callers with a session each. */
  readonly together: PeerLatency;
  /** Until six slow calls, sent at once in one session, were all answered. */
  readonly parallelMs: number;
  /** That reach the upstream for each call; undefined where nothing stands in front of it. */
  readonly requests: number | undefined;
  readonly startMs: number | undefined;
  readonly memoryBytes: number | undefined;
}

export interface MeasuredPeer {
  readonly peer: Omit<Peer, 'start'>;
  /** The reason is why there are no figures. */
  readonly result: PeerFigures | { readonly reason: string };
}

const CALLERS = 10;
const PARALLEL = 6;

type Load = 'alone' | 'together';

const LOADS: readonly Load[] = ['alone', 'together'];

interface Turn {
  readonly samples: readonly number[];
  readonly ms: number;
}

/** One that takes part until something goes wrong with it. */
class Runner {
  readonly peer: Peer;
  readonly turns = { alone: [] as Turn[][], together: [] as Turn[][] };
  reason: string | undefined;
  #running: RunningPeer | undefined;
  #clients: PeerClient[] = [];

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /** What goes wrong is this peer's end, and nobody else's. */
  async attempt(work: () => Promise<void>): Promise<void> {
    if (this.reason !== undefined) return;
    try {
      await work();
    } catch (error) {
      this.reason = reasonOf(error);
    }
  }

  async start({ warmUpMs }: PeerOptions): Promise<void> {
    this.#running = await this.peer.start();
    while (this.#clients.length < CALLERS) this.#clients.push(await this.#running.connect());
    await this.#load('together', warmUpMs);
  }

  /** A turn of this round, which is new when `round` is as many as there are. */
  async takeTurn(load: Load, round: number, ms: number): Promise<void> {
    const rounds = this.turns[load];
    if (rounds.length === round) rounds.push([]);
    rounds[round]!.push(await this.#load(load, ms));
  }

  async #load(load: Load, ms: number): Promise<Turn> {
    const samples: number[] = [];
    const began = performance.now();
    const callRepeatedly = async (client: PeerClient): Promise<void> => {
      let now = performance.now();
      do {
        await client.call('small');
        const answered = performance.now();
        samples.push(answered - now);
        now = answered;
      } while (now - began < ms);
    };
    await Promise.all((load === 'alone' ? this.#clients.slice(0, 1) : this.#clients).map(callRepeatedly));
    return { samples, ms: performance.now() - began };
  }

  async finish(options: PeerOptions): Promise<PeerFigures> {
    const [client] = this.#clients;
    const requests = await this.#requestsOf(client!, options);
    const parallel: number[] = [];
    while (parallel.length < options.repetitions) parallel.push(await callAtOnce(client!));
    return {
      alone: latencyOf(this.turns.alone),
      together: latencyOf(this.turns.together),
      parallelMs: median(parallel),
      requests,
      startMs: this.#running!.startMs,
      memoryBytes: await this.#running!.memoryBytes(),
    };
  }

  async #requestsOf(client: PeerClient, { calls, settleMs }: PeerOptions): Promise<number | undefined> {
    await setTimeout(settleMs);
    const before = await this.#running!.upstreamCounts();
    for (let sent = 0; sent < calls; sent += 1) await client.call('small');
    await setTimeout(settleMs);
    const after = await this.#running!.upstreamCounts();
    return before && after && (sum(after) - sum(before)) / calls;
  }

  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close();
    await this.#running?.close();
  }
}

export async function measurePeers(peers: readonly Peer[], options: PeerOptions): Promise<readonly MeasuredPeer[]> {
  const runners = peers.map((peer) => new Runner(peer));
  try {
    for (const runner of runners) await runner.attempt(() => runner.start(options));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const load of LOADS) await runRound(runners, load, round, options);
    }
    const measured: MeasuredPeer[] = [];
    for (const runner of runners) measured.push(await finish(runner, options));
    return measured;
  } finally {
    for (const runner of runners) await runner.close();
  }
}

async function runRound(
  runners: readonly Runner[],
  load: Load,
  round: number,
  { turns, turnMs }: PeerOptions,
): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    // Each turn begins with another one, so that no peer always follows the same.
    for (const index of runners.keys()) {
      const runner = runners[(index + turn + round) % runners.length]!;
      await runner.attempt(() => runner.takeTurn(load, round, turnMs));
    }
  }
}

async function finish(runner: Runner, options: PeerOptions): Promise<MeasuredPeer> {
  const { name, upstream, setup } = runner.peer;
  let figures: PeerFigures | undefined;
  await runner.attempt(async () => {
    figures = await runner.finish(options);
  });
  return { peer: { name, upstream, setup }, result: figures ?? { reason: runner.reason ?? 'nothing was measured' } };
}

async function callAtOnce(client: PeerClient): Promise<number> {
  const began = performance.now();
  await Promise.all(Array.from({ length: PARALLEL }, () => client.call('slow')));
  return performance.now() - began;
}

function latencyOf(rounds: readonly (readonly Turn[])[]): PeerLatency {
  const samplesOf = (turns: readonly Turn[]): number[] => turns.flatMap(({ samples }) => samples);
  const msOf = (turns: readonly Turn[]): number => turns.reduce((total, { ms }) => total + ms, 0);
  return {
    p50s: rounds.map((turns) => percentile(samplesOf(turns), 0.5)),
    p99: median(rounds.map((turns) => percentile(samplesOf(turns), 0.99))),
    perSecond: median(rounds.map((turns) => (samplesOf(turns).length / msOf(turns)) * 1000)),
    samples: rounds.reduce((total, turns) => total + samplesOf(turns).length, 0),
  };
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

const MOST_CHARS = 300;

/** Without addresses and paths, which say more of this machine than of the peer. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const plain = text.replace(/https?:\/\/\S+|(?:\/[\w.@+-]+){2,}/g, '...').replace(/\s+/g, ' ');
  return plain.trim().slice(-MOST_CHARS);
}

export const PEER_LOAD = { callers: CALLERS, parallel: PARALLEL, slowMs: SLOW_MS } as const;
