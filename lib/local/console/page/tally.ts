/** What the actions that are known say of each upstream. */
import type { ActionLine } from '../feed.ts';
import { median } from './scale.ts';

export interface Tally {
  readonly calls: number;
  readonly errors: number;
  /** Median of the upstream time of those that went there, in milliseconds; null when none did. */
  readonly upstreamMs: number | null;
}

export const NO_CALLS: Tally = { calls: 0, errors: 0, upstreamMs: null };

/** By name of the upstream. */
export function tallyByUpstream(lines: readonly ActionLine[]): ReadonlyMap<string | null, Tally> {
  const byUpstream = Map.groupBy(lines, ({ upstream }) => upstream);
  return new Map([...byUpstream].map(([upstream, own]) => [upstream, tallyOf(own)] as const));
}

function tallyOf(lines: readonly ActionLine[]): Tally {
  return {
    calls: lines.length,
    errors: lines.filter(({ outcome }) => outcome === 'error').length,
    upstreamMs: medianUpstreamMs(lines),
  };
}

/** What was answered without an upstream, such as a replay, took none of its time. Null of none. */
export function medianUpstreamMs(lines: readonly ActionLine[]): number | null {
  return median(lines.filter(({ upstreamRequests }) => upstreamRequests > 0).map(({ upstreamMs }) => upstreamMs));
}
