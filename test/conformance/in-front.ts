/** What a gateway in front of the suite's upstream has in common, whatever runs it. */
import { isTrouble } from '../support/trouble.ts';
import type { Neighbour } from './neighbours.ts';

export interface GatewayInFront {
  readonly url: string;
  /** The execution environments that have served something so far. */
  readonly environments: ReadonlySet<string>;
  /** What the gateway's operator would want to know: defects, and upstreams or claims that were left out. */
  readonly troubles: ReadonlySet<string>;
  close(): Promise<void>;
}

/** Most that there may be: each stream that is held occupies one. */
export const ENVIRONMENTS = 30;

/** Enough to judge by. */
const MOST_TROUBLES = 20;

/** What the lines that environments log say of the gateway. */
export class GatewayLog {
  readonly environments = new Set<string>();
  readonly troubles = new Set<string>();

  /** Any line of output. */
  note(line: string): void {
    if (!line.startsWith('{')) return;
    const entry = JSON.parse(line) as Record<string, unknown>;
    if (typeof entry['environment'] === 'string') this.environments.add(entry['environment']);
    if (isTrouble(entry)) this.complain(describeTrouble(entry));
  }

  complain(trouble: string): void {
    if (this.troubles.size < MOST_TROUBLES) this.troubles.add(trouble);
  }
}

/** For an upstream whose names pass through and its neighbours, of which two come before it. */
export function configurationOf(upstream: string, neighbours: readonly Neighbour[]): object {
  const names = neighbours.map(({ name }) => name);
  return {
    upstreams: {
      ...Object.fromEntries(neighbours.map(({ name, url }) => [name, { url, prefix: name }])),
      conformance: { url: upstream, prefix: '' },
    },
    // A legacy client hears what a modern upstream says of resources only while its stream is held, here briefly: it occupies an environment.
    listen: { holdSeconds: 1 },
    servers: { default: { upstreams: names.toSpliced(2, 0, 'conformance') } },
  };
}

/** Without what differs from one occurrence to the next. */
function describeTrouble(entry: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...entry, time: undefined, requestId: undefined });
}
