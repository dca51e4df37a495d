/** What something costs in requests to the upstream and to DynamoDB, counted where they arrive. */
import { setTimeout } from 'node:timers/promises';
import type { Counts, Program } from './programs/program.ts';

export interface Requests {
  readonly upstream: number;
  readonly dynamodb: number;
}

export interface Cost extends Requests {
  /** As the action log has it, which ends with the answer; undefined where there is no log to be read. */
  readonly logged: Requests | undefined;
  /** What was sent, by method or operation. */
  readonly detail: Counts;
}

/** Who takes part in what is counted. */
export interface Counted {
  readonly upstream: Program;
  readonly dynamodb: Program;
  readonly gateways: readonly Program[];
}

/** How a read of a breaker is counted: an environment looks once a second, however many calls it has. */
export const BREAKER_LOOK = 'GetItem of a breaker';

/** Between two looks at what has arrived, in milliseconds. */
const SETTLE_MS = 25;

/** What `work` costs, with all that it leaves behind; `log` is the gateway whose action log is read. */
export async function costOf(stage: Counted, work: () => Promise<void>, log?: Program): Promise<Cost> {
  const loggedBefore = await log?.counts();
  const before = await settledCounts(stage);
  await work();
  const after = await settledCounts(stage);
  const upstream = difference(before.upstream, after.upstream);
  const dynamodb = difference(before.dynamodb, after.dynamodb);
  const logged = loggedBefore && loggedBetween(loggedBefore, (await log?.counts()) ?? {});
  return { upstream: sum(upstream), dynamodb: sum(dynamodb), logged, detail: { ...upstream, ...dynamodb } };
}

function loggedBetween(before: Counts, after: Counts): Requests {
  const { loggedUpstream = 0, loggedDynamodb = 0 } = difference(before, after);
  return { upstream: loggedUpstream, dynamodb: loggedDynamodb };
}

interface StageCounts {
  readonly upstream: Counts;
  readonly dynamodb: Counts;
  /** Requests that a gateway still has to do with; those of an emulator do not say. */
  readonly underway: number;
}

/** Resolves once nothing is left to be done. */
export async function settle(stage: Counted): Promise<void> {
  await settledCounts(stage);
}

/** Some work outlives its answer; it is over when no gateway has any and two looks see the same. */
async function settledCounts(stage: Counted): Promise<StageCounts> {
  let counts = await countsOf(stage);
  for (;;) {
    await setTimeout(SETTLE_MS);
    const again = await countsOf(stage);
    const isSame = sum(again.upstream) === sum(counts.upstream) && sum(again.dynamodb) === sum(counts.dynamodb);
    if (isSame && again.underway === 0) return again;
    counts = again;
  }
}

async function countsOf({ upstream, dynamodb, gateways }: Counted): Promise<StageCounts> {
  let underway = 0;
  for (const gateway of gateways) underway += (await gateway.counts())['underway'] ?? 0;
  return { upstream: await upstream.counts(), dynamodb: await dynamodb.counts(), underway };
}

function difference(before: Counts, after: Counts): Counts {
  const changed = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(changed.filter(([, count]) => count !== 0));
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** Of each of `calls` calls. */
export function divide({ upstream, dynamodb, logged, detail }: Cost, calls: number): Cost {
  const shares = Object.entries(detail).map(([name, count]) => [name, count / calls] as const);
  return {
    upstream: upstream / calls,
    dynamodb: dynamodb / calls,
    logged: logged && { upstream: logged.upstream / calls, dynamodb: logged.dynamodb / calls },
    detail: Object.fromEntries(shares),
  };
}

/** Requests to DynamoDB that come with each call, whatever the time between calls. */
export function ofEachCall({ dynamodb, detail }: Cost): number {
  return dynamodb - (detail[BREAKER_LOOK] ?? 0);
}

export function formatCost({ upstream, dynamodb }: Requests): string {
  return `${formatCount(upstream)} + ${formatCount(dynamodb)}`;
}

/** What `formatBoth` is about. */
export const BOTH = ['requests', 'in the log'] as const;

/** Where they arrive, and as the action log has them. */
export function formatBoth(cost: Cost): readonly [string, string] {
  return [formatCost(cost), cost.logged === undefined ? '' : formatCost(cost.logged)];
}

function formatCount(count: number): string {
  return Number.isInteger(count) ? String(count) : count.toFixed(2);
}
