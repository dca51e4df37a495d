import type { Counts } from '../programs/program.ts';
import type { Stage } from '../stage.ts';
import { countedAs } from '../workload.ts';

/** The upstream over Streamable HTTP as one peer finds it: it lists what can be called there, and counts apart. */
interface PeerUpstream {
  readonly url: string;
  /** What has come from this peer, by method. */
  counts(): Promise<Counts>;
}

/** `caller` is a word that no other peer has. */
export function upstreamFor({ upstream }: Pick<Stage, 'upstream'>, caller: string): PeerUpstream {
  const start = countedAs('', caller);
  const counts = async (): Promise<Counts> => {
    const own = Object.entries(await upstream.counts()).filter(([what]) => what.startsWith(start));
    return Object.fromEntries(own.map(([what, count]) => [what.slice(start.length), count] as const));
  };
  return { url: `${upstream.origin}/both/few/${caller}`, counts };
}
