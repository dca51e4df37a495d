/** What something costs in requests to the upstream and to DynamoDB, counted where they arrive. */
import { setTimeout } from 'node:timers/promises';
import type { Counts, Program } from './programs/program.ts';

export interface Cost {
  readonly upstream: number;
  readonly dynamodb: number;
  /** What was sent, by method or operation. */
  readonly detail: Counts;
}

/** Who takes part in what is counted. */
export interface Counted {
  readonly upstream: Program;
  readonly dynamodb: Program;
  readonly gateways: readonly Program[];
}

/** Between two looks at what has arrived, in milliseconds. */
const SETTLE_MS = 25;

/** What `work` costs, with all that it leaves behind. */
export async function costOf(stage: Counted, work: () => Promise<void>): Promise<Cost> {
  const before = await settledCounts(stage);
  await work();
  const after = await settledCounts(stage);
  const upstream = difference(before.upstream, after.upstream);
  const dynamodb = difference(before.dynamodb, after.dynamodb);
  return { upstream: sum(upstream), dynamodb: sum(dynamodb), detail: { ...upstream, ...dynamodb } };
}

interface StageCounts {
  readonly upstream: Counts;
  readonly dynamodb: Counts;
  /** Requests that a gateway still has to do with; those of an emulator do not say. */
  readonly underway: number;
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
export function divide({ upstream, dynamodb, detail }: Cost, calls: number): Cost {
  const shares = Object.entries(detail).map(([name, count]) => [name, count / calls] as const);
  return { upstream: upstream / calls, dynamodb: dynamodb / calls, detail: Object.fromEntries(shares) };
}
