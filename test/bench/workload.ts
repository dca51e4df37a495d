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

/** What goes before the upstream's tool names at the gateway. */
export const PREFIX = 'bench';

/** The configuration of every gateway here: one virtual server for each form of the upstream at `origin`. */
export function benchConfiguration(origin: string) {
  return {
    upstreams: {
      both: { url: `${origin}/both`, prefix: PREFIX },
      modern: { url: `${origin}/modern`, prefix: PREFIX, era: 'modern' },
      legacy: { url: `${origin}/legacy`, prefix: PREFIX },
      shared: { url: `${origin}/legacy?isolation=shared`, prefix: PREFIX, isolation: 'shared' },
      sse: { url: `${origin}/sse`, prefix: PREFIX, transport: 'sse' },
    },
    servers: {
      default: { upstreams: ['both'] },
      modern: { upstreams: ['modern'] },
      legacy: { upstreams: ['legacy'] },
      shared: { upstreams: ['shared'] },
      sse: { upstreams: ['sse'] },
    },
  };
}
