/** Peers under the same load, in rounds in which they take turns, in another order each time. */
import { setTimeout } from 'node:timers/promises';
import { within } from '../limit.ts';
import { inAnyOrder } from '../order.ts';
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
  /** No turn takes longer, nor what is measured at the end, nor to close, in milliseconds; a peer that hangs has ended. */
  readonly limitMs: number;
}

/** In milliseconds: medians of the rounds that are complete, and the p50 of each of them. */
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
  readonly startMs: number | undefined;
  /** Undefined for one that ended before. */
  readonly rest: PeerRest | undefined;
}

/** What is measured after the rounds. */
export interface PeerRest {
  /** Until six slow calls, sent at once in one session, were all answered. */
  readonly parallelMs: number;
  /** That reach the upstream for each call; undefined where nothing stands in front of it. */
  readonly requests: number | undefined;
  readonly memoryBytes: number | undefined;
}

export interface MeasuredPeer {
  readonly peer: Omit<Peer, 'start'>;
  /** Of the rounds before it ended; undefined when there was none. */
  readonly figures: PeerFigures | undefined;
  /** Why it ended before all was measured; undefined when it did not. */
  readonly reason: string | undefined;
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
  async takeTurn(load: Load, round: number, { turnMs, limitMs }: PeerOptions): Promise<void> {
    const rounds = this.turns[load];
    if (rounds.length === round) rounds.push([]);
    const turn = async (): Promise<Turn> => {
      await Promise.all(this.#clientsOf(load).map((client) => client.renew()));
      return await this.#load(load, turnMs);
    };
    rounds[round]!.push(await within(limitMs, turn()));
  }

  #clientsOf(load: Load): readonly PeerClient[] {
    return load === 'alone' ? this.#clients.slice(0, 1) : this.#clients;
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
    await Promise.all(this.#clientsOf(load).map(callRepeatedly));
    return { samples, ms: performance.now() - began };
  }

  async finish(options: PeerOptions): Promise<PeerRest> {
    const [client] = this.#clients;
    await client!.renew();
    const requests = await this.#requestsOf(client!, options);
    const parallel: number[] = [];
    while (parallel.length < options.repetitions) parallel.push(await callAtOnce(client!));
    return { parallelMs: median(parallel), requests, memoryBytes: await this.#running!.memoryBytes() };
  }

  /** Of the rounds in which it has had all its turns. */
  figures({ turns }: PeerOptions, rest: PeerRest | undefined): PeerFigures | undefined {
    const complete = LOADS.map((load) => this.turns[load].filter((round) => round.length === turns));
    const rounds = Math.min(...complete.map(({ length }) => length));
    if (rounds === 0) return undefined;
    const [alone, together] = complete.map((own) => latencyOf(own.slice(0, rounds)));
    return { alone: alone!, together: together!, startMs: this.#running?.startMs, rest };
  }

  async #requestsOf(client: PeerClient, { calls, settleMs }: PeerOptions): Promise<number | undefined> {
    await setTimeout(settleMs);
    const before = await this.#running!.upstreamCounts();
    for (let sent = 0; sent < calls; sent += 1) await client.call('small');
    await setTimeout(settleMs);
    const after = await this.#running!.upstreamCounts();
    return before && after && (sum(after) - sum(before)) / calls;
  }

  /** What goes wrong with it is told, and keeps nothing else from being closed. */
  async close({ limitMs }: PeerOptions): Promise<void> {
    const clients = this.#clients.splice(0).map(async (client) => within(limitMs, client.close()));
    const closed = await Promise.allSettled(clients);
    const ended = await Promise.allSettled([within(limitMs, this.#running?.close() ?? Promise.resolve())]);
    const rejected = [...closed, ...ended].filter((end) => end.status === 'rejected');
    const reasons = new Set(rejected.map(({ reason }) => reasonOf(reason)));
    for (const reason of reasons) console.error(`${this.peer.name} could not be closed: ${reason}`);
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
    for (const runner of runners) await runner.close(options);
  }
}

async function runRound(runners: readonly Runner[], load: Load, round: number, options: PeerOptions): Promise<void> {
  for (let turn = 0; turn < options.turns; turn += 1) {
    for (const runner of inAnyOrder(runners)) await runner.attempt(() => runner.takeTurn(load, round, options));
  }
}

async function finish(runner: Runner, options: PeerOptions): Promise<MeasuredPeer> {
  const { name, upstream, setup } = runner.peer;
  let rest: PeerRest | undefined;
  await runner.attempt(async () => {
    rest = await within(options.limitMs, runner.finish(options));
  });
  return { peer: { name, upstream, setup }, figures: runner.figures(options, rest), reason: runner.reason };
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
