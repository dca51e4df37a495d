/**
 * Calls that are compared with each other: one at a time, each in turn and in another order each time, so that what
 * disturbs one disturbs the others, and none always follows the same.
 */
import { setTimeout } from 'node:timers/promises';
import { inAnyOrder } from './order.ts';
import { median, percentile } from './statistics.ts';

export interface TurnOptions {
  readonly rounds: number;
  /** Of each caller in a round. */
  readonly calls: number;
  /** How long to wait before each call, in milliseconds, for what the one before leaves to be done after its answer. */
  readonly pauseMs?: number;
}

/** How long the calls of one caller took, in milliseconds: the p50 of each round, in order. */
export type Rounds = readonly number[];

/** In the order of the callers. */
export async function takeTurns(
  callers: readonly (() => Promise<unknown>)[],
  { rounds, calls, pauseMs = 0 }: TurnOptions,
): Promise<readonly Rounds[]> {
  const p50s = callers.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    const samples = callers.map((): number[] => []);
    for (let call = 0; call < calls; call += 1) {
      for (const [index, caller] of inAnyOrder([...callers.entries()])) {
        if (pauseMs > 0) await setTimeout(pauseMs);
        samples[index]!.push(await timeOf(caller));
      }
    }
    for (const [index, own] of samples.entries()) p50s[index]!.push(percentile(own, 0.5));
  }
  return p50s;
}

export async function timeOf(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

/** How many times as long as the others these took: of each round that both have, in order. */
export function ratios(rounds: Rounds, others: Rounds): readonly number[] {
  return rounds.slice(0, others.length).map((p50, round) => p50 / others[round]!);
}

export function formatRatios(values: readonly number[]): string {
  if (values.length === 0) return '';
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
}
