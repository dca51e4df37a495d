/** The function as it would be without a tracer: what a tracer costs is the difference. */
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

/** In the place of `lib/adapters/xray/tracer.ts`, with its exports. */
const NO_TRACER = fileURLToPath(new URL('programs/no-tracer.ts', import.meta.url));

export const withoutTracer: Plugin = {
  name: 'without-tracer',
  setup({ onResolve, onEnd }) {
    let isReplaced = false;
    onResolve({ filter: /\/xray\/tracer\.ts$/ }, () => {
      isReplaced = true;
      return { path: NO_TRACER };
    });
    onEnd(() => {
      if (!isReplaced) throw new Error('The tracer is imported from elsewhere: what was built has it');
    });
  },
};
