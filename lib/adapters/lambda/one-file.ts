/**
 * What a cold start reads, in one file. The bundler makes a file of whatever the same entries share, and to it every
 * module that is imported lazily is an entry: what each of them has in common with the function would be scattered over
 * twenty files, which have to be found, read and linked one by one. So each is given the whole function to share, which
 * has long run when it is loaded. (An entry must not await one of them while it is loaded itself: each would wait for the
 * other.)
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const LAZY = 'lazy';
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** `entry` is the absolute path of the function's source. What packages import lazily is their own matter. */
export function oneFileAtStart(entry: string): Plugin {
  return {
    name: 'one-file-at-start',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.{1,2}\// }, ({ path, kind, importer, resolveDir }) => {
        const isOwn = kind === 'dynamic-import' && !/(?:^|[\\/])node_modules[\\/]/.test(relative(ROOT, importer));
        return isOwn ? { path: join(resolveDir, path), namespace: LAZY } : undefined;
      });
      onLoad({ filter: /.*/, namespace: LAZY }, ({ path }) => {
        // Which `export *` would drop, while the types still have it.
        const hasDefault = /^export default\b/m.test(readFileSync(path, 'utf8'));
        if (hasDefault) return { errors: [{ text: `${path} is imported lazily, and has a default export` }] };
        const contents = `import ${JSON.stringify(entry)};\nexport * from ${JSON.stringify(path)};`;
        return { contents, resolveDir: dirname(path) };
      });
    },
  };
}
