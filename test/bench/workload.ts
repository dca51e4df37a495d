/** What is called, in which words, by every client of the bench and answered by its upstream. */
import type { Era } from '../../lib/protocol/era.ts';
import { LATEST_LEGACY, LATEST_MODERN } from '../../lib/protocol/era.ts';

export const VERSIONS: Readonly<Record<Era, string>> = { modern: LATEST_MODERN, legacy: LATEST_LEGACY };

export type Tool = 'small' | 'large' | 'slow';

export const SMALL: Tool = 'small';

/** What the upstream's `large` tool says, in characters of one byte. */
export const LARGE_CHARS = 100 * 1024;

/** How long the upstream's `slow` tool takes, in milliseconds. */
export const SLOW_MS = 500;

/** What every request waits for at an upstream that is near, and at one that is far, in milliseconds. */
export const ROUND_TRIP_MS = { near: 0, far: 20 } as const;

/** What opening a session takes at these two, besides, in milliseconds. */
export const INITIALIZE_MS = 300;

/** More than there are callers: what is measured is a slot that is free. */
const SLOTS = 100;

/** What goes before the upstream's tool names at the gateway. */
export const PREFIX = 'bench';

/** What the upstream counts a method as, if it comes from one that has a path of its own there. */
export function countedAs(method: string, caller: string): string {
  return `${caller}: ${method}`;
}

/** The configuration of every gateway here: one virtual server for each form of the upstream at `origin`. */
export function benchConfiguration(origin: string) {
  const upstreams = upstreamsAt(origin);
  const { both: _default, ...others } = upstreams;
  const servers = Object.keys(others).map((name) => [name, { upstreams: [name] }] as const);
  return { upstreams, servers: { default: { upstreams: ['both'] }, ...Object.fromEntries(servers) } };
}

/** URLs differ by their queries where state must not be shared. */
function upstreamsAt(origin: string) {
  const distant = (ms: number): string => `${origin}/legacy?roundTripMs=${ms}&initializeMs=${INITIALIZE_MS}`;
  const { near, far } = ROUND_TRIP_MS;
  return {
    both: { url: `${origin}/both`, prefix: PREFIX },
    modern: { url: `${origin}/modern`, prefix: PREFIX, era: 'modern' },
    legacy: { url: `${origin}/legacy`, prefix: PREFIX },
    shared: { url: `${origin}/legacy?isolation=shared`, prefix: PREFIX, isolation: 'shared' },
    sse: { url: `${origin}/sse`, prefix: PREFIX, transport: 'sse' },
    alone: { url: `${origin}/modern?alone`, prefix: PREFIX, era: 'modern', breaker: false },
    'near-new': { url: distant(near), prefix: PREFIX, isolation: 'call' },
    'near-reused': { url: `${distant(near)}&reused`, prefix: PREFIX, isolation: 'shared' },
    'far-new': { url: distant(far), prefix: PREFIX, isolation: 'call' },
    'far-reused': { url: `${distant(far)}&reused`, prefix: PREFIX, isolation: 'shared' },
    unguarded: { url: `${origin}/both?unguarded`, prefix: PREFIX, breaker: false },
    breaker: { url: `${origin}/both?breaker`, prefix: PREFIX },
    slots: { url: `${origin}/both?slots`, prefix: PREFIX, breaker: false, maxConcurrent: SLOTS },
    guarded: { url: `${origin}/both?guarded`, prefix: PREFIX, maxConcurrent: SLOTS },
  };
}
