/**
 * What the gateway costs, in dollars: measured time, store requests, log and bytes sent, at listed prices. What cannot be
 * measured here is assumed, and said to be.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Era } from '../../lib/protocol/era.ts';
import { coldMs, type ColdStartFigures } from './cold-start.ts';
import type { CoreCounts, HousekeeperCounts } from './core-counts.ts';
import { costOf, settle, type Counted } from './cost.ts';
import { FLEET, TOOLS_EACH } from './fleet.ts';
import { McpClient, type Place } from './mcp-client.ts';
import type { Capacity } from './programs/capacity.ts';
import { startProgram, type Counts, type Program } from './programs/program.ts';
import type { Stage } from './stage.ts';
import { tracedUsage, type TracedUsage, type TracingFigures } from './tracing.ts';
import { timeOf } from './turns.ts';
import { PREFIX } from './workload.ts';

export interface Assumptions {
  /** What the function is configured with. */
  readonly memoryMb: number;
  /** How long a call waits for its upstream, in milliseconds: one bill for each. */
  readonly upstreamMs: readonly number[];
  /** Of a hundred calls, how many find no environment, as a share. */
  readonly coldShare: number;
  /** Of a hundred calls, how many are traced, as a share. */
  readonly tracedShare: number;
}

/** One call of a kind, as measured. */
export interface CallUsage {
  readonly what: string;
  /** Whether it waits for an upstream. */
  readonly waits: boolean;
  /** Of the gateway and its stores, with what is done after the answer. */
  readonly gatewayMs: number;
  /** What a cold start takes more. */
  readonly coldMs: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly logBytes: number;
  readonly sentBytes: number;
}

/** A stream that a client holds open, per second of it, or polls for. */
export interface ListeningUsage {
  readonly what: string;
  /** Invocations an hour. */
  readonly requests: number;
  /** That an environment is busy with it, in an hour. */
  readonly seconds: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly logBytes: number;
  readonly sentBytes: number;
}

/** One run of the schedule. */
export interface ScheduleUsage extends Omit<CallUsage, 'waits' | 'coldMs'> {
  /** Requests that an upstream answers one after the other; upstreams are asked at the same time. */
  readonly waits: number;
}

export interface BillFigures {
  readonly calls: readonly CallUsage[];
  readonly listening: readonly ListeningUsage[];
  readonly schedule: readonly ScheduleUsage[];
  readonly traced: TracedUsage;
  /** The most memory that a process of the core held in all of this, in bytes. */
  readonly mostMemoryBytes: number;
}

export interface BillOptions {
  readonly calls: number;
  readonly lists: number;
  /** How long a stream is held, in milliseconds. */
  readonly holdMs: number;
}

const TABLE_NAME = 'sluice';

/** A subscription ends by itself after so long. */
const SUBSCRIPTION_SECONDS = 300;

/** A client that polls comes back so long after its stream has ended. */
const POLL_AGAIN_SECONDS = 15;

const HOUR_SECONDS = 3600;

/** What a stream that is held does at first and not again is over after so long. */
const BEGINNING_MS = 3000;

/** A gateway over a DynamoDB that says what its requests consume. */
interface BillStage {
  readonly upstream: Program;
  readonly dynamodb: Program;
  readonly core: Program;
  readonly fleet: Program;
  readonly housekeeper: Program;
}

/** What was measured before, and is part of the bill. */
export interface BillBasis {
  readonly coldStart: ColdStartFigures;
  readonly tracing: TracingFigures;
}

export async function measureBill(
  stage: Stage,
  { coldStart, tracing }: BillBasis,
  options: BillOptions,
): Promise<BillFigures> {
  const programs: Program[] = [];
  const start = async (file: URL, data: object): Promise<Program> => {
    const program = await startProgram(file, data);
    programs.push(program);
    return program;
  };
  try {
    const { upstream } = stage;
    const core = new URL('programs/core.ts', import.meta.url);
    const dynamodb = await start(new URL('programs/dynamodb.ts', import.meta.url), {
      tableNames: [TABLE_NAME],
      billed: true,
    });
    const data = {
      upstream: upstream.origin,
      dynamodb: { endpoint: dynamodb.origin, tableName: TABLE_NAME },
      metrics: true,
    };
    const opened: BillStage = {
      upstream,
      dynamodb,
      core: await start(core, data),
      fleet: await start(core, { ...data, fleet: true }),
      housekeeper: await start(new URL('programs/housekeeper.ts', import.meta.url), { ...data, fleet: true }),
    };
    return { ...(await measureAll(opened, coldStart, options)), traced: tracedUsage(tracing) };
  } finally {
    for (const program of programs.toReversed()) await program.close();
  }
}

async function measureAll(
  stage: BillStage,
  coldStart: ColdStartFigures,
  options: BillOptions,
): Promise<Omit<BillFigures, 'traced'>> {
  const idle = await measureSchedule(stage, `${FLEET} upstreams, nobody calls`);
  const calls = await measureCalls(stage, coldStart, options);
  const listening = [await measureHeld(stage, options), await measurePolled(stage)];
  const busy = await measureSchedule(stage, `${FLEET} upstreams, ${FLEET * TOOLS_EACH} tools kept fresh`);
  const memory = await Promise.all([stage.core, stage.fleet].map((program) => program.counts()));
  const mostMemoryBytes = Math.max(...memory.map(({ mostMemoryBytes = 0 }) => mostMemoryBytes));
  return { calls, listening, schedule: [idle, busy], mostMemoryBytes };
}

// ---------------------------------------------------------------------------------------------------------- calls

async function measureCalls(
  stage: BillStage,
  coldStart: ColdStartFigures,
  { calls, lists }: BillOptions,
): Promise<readonly CallUsage[]> {
  const place: Place = { url: `${stage.core.origin}/mcp`, prefix: `${PREFIX}__` };
  const modern = await McpClient.connect(place, 'modern');
  const legacy = await McpClient.connect(place, 'legacy');
  const lister = await McpClient.connect({ url: `${stage.fleet.origin}/mcp`, prefix: '' }, 'modern');
  const kept = randomUUID();
  const usage = async (
    what: string,
    core: Program,
    call: () => Promise<unknown>,
    { waits = true, keyed = false, era = 'modern', count = calls }: KindOfCall = {},
  ): Promise<CallUsage> => {
    const cold = coldMs(coldStart, era, keyed);
    return { what, waits, coldMs: cold, ...(await measureCall(stage, core, call, count)) };
  };
  try {
    await modern.callKeyed('small', kept, 'executed');
    return [
      await usage('a modern call', stage.core, () => modern.call('small')),
      await usage('a legacy call', stage.core, () => legacy.call('small'), { era: 'legacy' }),
      await usage('a modern call with a key', stage.core, () => modern.callKeyed('small', randomUUID(), 'executed'), {
        keyed: true,
      }),
      await usage('the same key again', stage.core, () => modern.callKeyed('small', kept, 'replayed'), {
        keyed: true,
        waits: false,
      }),
      await usage(`a merged list of ${FLEET * TOOLS_EACH} tools`, stage.fleet, () => lister.listTools(), {
        waits: false,
        count: lists,
      }),
    ];
  } finally {
    for (const client of [modern, legacy, lister]) client.close();
  }
}

interface KindOfCall {
  readonly waits?: boolean;
  readonly keyed?: boolean;
  readonly era?: Era;
  readonly count?: number;
}

/** Of each of `count` calls, after as many that do not count. */
async function measureCall(
  stage: BillStage,
  core: Program,
  call: () => Promise<unknown>,
  count: number,
): Promise<Omit<CallUsage, 'what' | 'waits' | 'coldMs'>> {
  const repeat = async (): Promise<void> => {
    for (let sent = 0; sent < count; sent += 1) await call();
  };
  await repeat();
  const used = await usedBy(stage, core, repeat);
  return {
    gatewayMs: (used.gatewayMs + used.afterMs) / count,
    writeUnits: used.writeUnits / count,
    readUnits: used.readUnits / count,
    logBytes: used.logBytes / count,
    sentBytes: used.sentBytes / count,
  };
}

type Used = Capacity & Pick<CoreCounts, 'gatewayMs' | 'afterMs' | 'logBytes' | 'sentBytes'>;

async function usedBy(stage: BillStage, core: Program, work: () => Promise<void>): Promise<Used> {
  const before = (await core.counts()) as CoreCounts;
  const { detail } = await costOf(countedIn(stage), work);
  const after = (await core.counts()) as CoreCounts;
  return {
    ...capacityOf(detail),
    gatewayMs: after.gatewayMs - before.gatewayMs,
    afterMs: after.afterMs - before.afterMs,
    logBytes: after.logBytes - before.logBytes,
    sentBytes: after.sentBytes - before.sentBytes,
  };
}

function countedIn({ upstream, dynamodb, core, fleet }: BillStage): Counted {
  return { upstream, dynamodb, gateways: [core, fleet] };
}

function capacityOf({ writeUnits = 0, readUnits = 0 }: Counts): Capacity {
  return { writeUnits, readUnits };
}

// ------------------------------------------------------------------------------------------------------- listening

/** While it is held, which is most of the time; what it takes to begin and to end is little. */
async function measureHeld(stage: BillStage, { holdMs }: BillOptions): Promise<ListeningUsage> {
  const client = await McpClient.connect({ url: `${stage.fleet.origin}/mcp`, prefix: '' }, 'modern');
  const logged = ((await stage.fleet.counts()) as CoreCounts).logBytes;
  const listening = await client.listen();
  await setTimeout(BEGINNING_MS);
  const [before, sentBefore] = [await stage.dynamodb.counts(), (await stage.fleet.counts()) as CoreCounts];
  await setTimeout(holdMs);
  const [after, sentAfter] = [await stage.dynamodb.counts(), (await stage.fleet.counts()) as CoreCounts];
  await listening.close();
  await settle(countedIn(stage));
  client.close();
  const { logBytes } = (await stage.fleet.counts()) as CoreCounts;
  const perHour = (was: number, is: number): number => ((is - was) / holdMs) * HOUR_SECONDS * 1000;
  const [was, is] = [capacityOf(before), capacityOf(after)];
  const requests = HOUR_SECONDS / SUBSCRIPTION_SECONDS;
  return {
    what: `a modern client that listens, ${FLEET} upstreams`,
    requests,
    seconds: HOUR_SECONDS,
    writeUnits: perHour(was.writeUnits, is.writeUnits),
    readUnits: perHour(was.readUnits, is.readUnits),
    logBytes: (logBytes - logged) * requests,
    sentBytes: perHour(sentBefore.sentBytes, sentAfter.sentBytes),
  };
}

/** The second time: the first one may have something to write down. */
async function measurePolled(stage: BillStage): Promise<ListeningUsage> {
  const client = await McpClient.connect({ url: `${stage.fleet.origin}/mcp`, prefix: '' }, 'legacy');
  let seconds = 0;
  const poll = async (): Promise<void> => {
    seconds = (await timeOf(async () => (await client.listen()).ended)) / 1000;
  };
  await poll();
  const used = await usedBy(stage, stage.fleet, poll);
  client.close();
  const requests = HOUR_SECONDS / (POLL_AGAIN_SECONDS + seconds);
  return {
    what: `a legacy client that polls, ${FLEET} upstreams`,
    requests,
    seconds: requests * (seconds + used.afterMs / 1000),
    writeUnits: requests * used.writeUnits,
    readUnits: requests * used.readUnits,
    logBytes: requests * used.logBytes,
    sentBytes: requests * used.sentBytes,
  };
}

// -------------------------------------------------------------------------------------------------------- schedule

/** The second run: the first one loads what later ones have. */
async function measureSchedule(stage: BillStage, what: string): Promise<ScheduleUsage> {
  const { housekeeper } = stage;
  const run = async (): Promise<void> => {
    const { status } = await fetch(housekeeper.origin);
    if (status !== 200) throw new Error(`Housekeeping failed with status ${status}`);
  };
  await run();
  const before = (await housekeeper.counts()) as HousekeeperCounts;
  const { detail, upstream } = await costOf(countedIn(stage), run);
  const after = (await housekeeper.counts()) as HousekeeperCounts;
  return {
    what,
    waits: upstream / FLEET,
    gatewayMs: after.ms - before.ms,
    ...capacityOf(detail),
    logBytes: after.logBytes - before.logBytes,
    sentBytes: after.sentBytes - before.sentBytes,
  };
}
