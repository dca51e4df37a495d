/** The function as it would be without a tracer: what a tracer costs is the difference. */
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

/** In the place of `lib/adapters/xray/tracer.ts`, with its exports. */
const NO_TRACER = fileURLToPath(new URL('programs/no-tracer.ts', import.meta.url));

export const withoutTracer: Plugin = {
  name: 'without-tracer',
  setup({ onResolve }) {
    onResolve({ filter: /\/xray\/tracer\.ts$/ }, () => ({ path: NO_TRACER }));
  },
};
