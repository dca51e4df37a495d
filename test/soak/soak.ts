/** A long run of mixed load and faults at the local gateway, and what it has left behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { startDynamoDb } from '../../lib/local/dynamodb.ts';
import { RUN_HEADER } from '../faults/fault-points.ts';
import { FAULT_KINDS, isUpstreamFault, type KillPoint } from '../faults/ledger/plan.ts';
import { createSteering } from '../faults/ledger/steering.ts';
import { LedgerUpstream, type Behaviour } from '../faults/ledger/upstream.ts';
import { startTestGateway } from '../support/local-gateway.ts';
import { seededChance, type Chance } from '../support/random.ts';
import type { Signal } from '../support/signals.ts';
import { visit, type Grounds, type Tally } from './client.ts';
import { collectedHeap, judgeHeap, type HeapSample, type HeapVerdict } from './heap.ts';
import { sweepEverything } from './housekeeping.ts';
import { inspectTable, type TableReport } from './table.ts';

export interface SoakOptions {
  /** How long it takes. */
  readonly ms: number;
  /** It goes on until so many visits have been made. */
  readonly leastVisits: number;
  readonly seed: number;
  readonly clients: number;
}

export interface SoakReport {
  readonly options: SoakOptions;
  readonly tally: Tally;
  /** Of the main process, with the emulator, and of all environments together; undefined when the run was too short. */
  readonly heap: Readonly<Record<'main process' | 'environments', HeapVerdict | undefined>>;
  /**
   * Upstream sessions: how many were opened, how many were open before the sweep, and are after it. The gateway never
   * heard of those that are `unheard`: it had given the opening up, or was ended, before it was answered.
   */
  readonly sessions: {
    readonly opened: number;
    readonly before: number;
    readonly after: number;
    readonly unheard: number;
  };
  readonly swept: { readonly clientSessions: number; readonly upstreamSessions: number };
  readonly table: TableReport;
  /** Environments that failed by themselves, and defects of the program. */
  readonly trouble: readonly string[];
}

const ENTRY = fileURLToPath(new URL('mcp.ts', import.meta.url));

const TIMEOUT_MS = 1000;
const FUNCTION_TIMEOUT_MS = 30_000;

/** Of a thousand: requests whose environment is ended, requests at upstreams that fail, visits after which a session is lost. */
const KILLED = 5;
const FAILING = 100;
const LOST = 50;

/** Once a session is in place: who is ended before that leaves one behind that nobody knows of. */
const KILL_POINTS: readonly KillPoint[] = ['POST tools/call before', 'POST tools/call after', 'POST tools/call chunk'];

const SAMPLES = 60;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const chance = seededChance(options.seed);
  const tally: Tally = new Map();
  const heap: Record<'main process' | 'environments', HeapSample[]> = { 'main process': [], environments: [] };
  const upstreams = await startUpstreams(chance, tally);
  const file = configOf(upstreams);
  const database = await startDynamoDb();
  const began = performance.now();
  const progress = () => (performance.now() - began) / options.ms;

  const gateway = await startTestGateway(file, {
    entry: ENTRY,
    environments: 4 * options.clients,
    timeoutMs: FUNCTION_TIMEOUT_MS,
    dynamodbEndpoint: database.endpoint,
    onMessage: (environment, message) => {
      const { name, value } = message as Signal;
      if (name === 'heap') heap.environments.push({ at: progress(), bytes: Number(value) });
      else steering.onMessage(environment, message);
    },
  });
  const steering = createSteering((environment) => gateway.emulator.kill(environment));

  let runs = 0;
  const risk: Grounds['risk'] = () => {
    if (chance.below(1000) >= KILLED) return { mark: {}, over: async () => undefined };
    const run = `run-${(runs += 1)}`;
    const steered = steering.begin(run, chance.pick(KILL_POINTS));
    return {
      mark: { [RUN_HEADER]: run },
      over: async () => {
        await steered.finish();
        if (steered.fired) tally.set('environments ended', (tally.get('environments ended') ?? 0) + 1);
      },
    };
  };
  const urls = Object.keys(upstreams).map((name) => gateway.url(name));
  const grounds: Grounds = { chance, tally, urls, risk };
  let visits = 0;
  async function work(): Promise<void> {
    while (progress() < 1 || visits < options.leastVisits) {
      visits += 1;
      await visit(grounds);
      if (chance.below(1000) < LOST) chance.pick(Object.values(upstreams)).forgetOne();
    }
  }
  async function sample(): Promise<void> {
    while (progress() < 1) {
      await sleep(options.ms / SAMPLES);
      heap['main process'].push({ at: progress(), bytes: collectedHeap() });
    }
  }
  await Promise.all([sample(), ...Array.from({ length: options.clients }, work)]);
  // Work that outlives its answer has two seconds, and calls that were cancelled have their limit.
  await untilIdle(gateway.emulator);

  const before = countOpen(upstreams);
  const resolved = resolveConfig(file, UNSAID.local);
  if (!resolved.ok) throw new Error('The configuration was good for the gateway');
  const table = await inspectTable(database.endpoint);
  const swept = await sweepEverything(resolved.config, database.endpoint);
  const unheard = Object.values(upstreams).reduce((sum, upstream) => sum + upstream.openUnused, 0);
  const after = countOpen(upstreams) - unheard;
  const defects = gateway.logLines().filter((line) => line.includes('"defect":') && !line.includes('"StoreError"'));
  const trouble = [...gateway.reports, ...defects];
  await gateway.close();
  await database.close();
  await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()));
  const opened = Object.values(upstreams).reduce((sum, upstream) => sum + upstream.opened, 0);
  return {
    options,
    tally,
    heap: { 'main process': judgeHeap(heap['main process']), environments: judgeHeap(heap.environments) },
    sessions: { opened, before, after, unheard },
    swept,
    table,
    trouble,
  };
}

type Upstreams = Readonly<Record<'both' | 'old', LedgerUpstream>>;

async function startUpstreams(chance: Chance, tally: Tally): Promise<Upstreams> {
  const kinds = FAULT_KINDS.filter(isUpstreamFault);
  let receipts = 0;
  const behaviour: Behaviour = {
    faultOf: (call) => {
      if (call.startsWith('late')) return 'delay';
      if (chance.below(1000) >= FAILING) return undefined;
      tally.set('faults of upstreams', (tally.get('faults of upstreams') ?? 0) + 1);
      return chance.pick(kinds);
    },
    execute: () => `receipt-${(receipts += 1)}`,
    fraction: () => chance.fraction(),
  };
  const upstreams = {
    both: new LedgerUpstream({ eras: 'both', lateMs: TIMEOUT_MS + 500 }, behaviour),
    old: new LedgerUpstream({ eras: 'legacy', lateMs: TIMEOUT_MS + 500 }, behaviour),
  };
  await Promise.all(Object.values(upstreams).map((upstream) => upstream.start()));
  return upstreams;
}

function configOf({ both, old }: Upstreams): object {
  const common = { prefix: '', timeoutMs: TIMEOUT_MS, breaker: { failures: 5, openMs: 200 } };
  return {
    upstreams: {
      both: { ...common, url: both.url },
      old: { ...common, url: old.url, isolation: 'shared', maxConcurrent: 20 },
    },
    servers: { both: { upstreams: ['both'] }, old: { upstreams: ['old'] }, default: { upstreams: ['both'] } },
  };
}

function countOpen(upstreams: Upstreams): number {
  return Object.values(upstreams).reduce((sum, upstream) => sum + upstream.open, 0);
}

const LOOK_MS = 50;

async function untilIdle(emulator: { readonly environments: readonly { readonly state: string }[] }): Promise<void> {
  while (emulator.environments.some(({ state }) => state === 'busy')) await sleep(LOOK_MS);
}

/** What is wrong, in words; nothing when the run was good. */
export function misses(report: SoakReport): readonly string[] {
  const growing = Object.entries(report.heap).flatMap(([part, verdict]) =>
    verdict?.grows === true ? [`the heap of the ${part} grows`] : [],
  );
  const { after } = report.sessions;
  return [
    ...growing,
    ...(after > 0 ? [`${after} upstream sessions were left open`] : []),
    ...report.table.faults.map((fault) => `a record in the table: ${fault}`),
    ...report.trouble.map((line) => `the gateway was in trouble: ${line}`),
  ];
}

export function formatSoak(report: SoakReport): string {
  const { options, sessions, swept, table } = report;
  const heaps = Object.entries(report.heap).map(([part, verdict]) => `Heap of the ${part}: ${formatHeap(verdict)}`);
  return [
    `${(options.ms / 60_000).toFixed(1)} minutes, ${options.clients} clients (SLUICE_SEED=${options.seed})`,
    formatCounts(report.tally),
    ...heaps,
    `Upstream sessions: ${sessions.opened} opened, ${sessions.before} open before the sweep, ${sessions.after} after it, ` +
      `besides ${sessions.unheard} that the gateway never heard of ` +
      `(${swept.clientSessions} client sessions and ${swept.upstreamSessions} upstream sessions swept)`,
    `Records in the table before the sweep: ${formatCounts(table.kinds)}`,
  ].join('\n');
}

function formatHeap(verdict: HeapVerdict | undefined): string {
  if (verdict === undefined) return 'too few samples to say anything';
  const [middle, last] = [verdict.middle, verdict.last].map((bytes) => (bytes / 2 ** 20).toFixed(1));
  return `${middle} MB in the middle third, ${last} MB in the last one (medians of ${verdict.samples} samples)`;
}

function formatCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, times]) => `${times} ${what}`).join(', ');
}
