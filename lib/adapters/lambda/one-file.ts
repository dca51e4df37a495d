/**
 * What a cold start reads, in one file. The bundler makes a file of whatever the same entries share, and to it every
 * module that is imported lazily is an entry: what each of them has in common with the function would be scattered over
 * twenty files, which have to be found, read and linked one by one. So each is given the whole function to share, which
 * has long run when it is loaded.
 */
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

const LAZY = 'lazy';

/** `entry` is the absolute path of the function's source. What packages import lazily is their own matter. */
export function oneFileAtStart(entry: string): Plugin {
  return {
    name: 'one-file-at-start',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.{1,2}\// }, ({ path, kind, importer, resolveDir }) => {
        const isOwn = kind === 'dynamic-import' && !importer.includes('node_modules');
        return isOwn ? { path: join(resolveDir, path), namespace: LAZY } : undefined;
      });
      onLoad({ filter: /.*/, namespace: LAZY }, ({ path }) => ({
        contents: `import ${JSON.stringify(entry)};\nexport * from ${JSON.stringify(path)};`,
        resolveDir: dirname(path),
      }));
    },
  };
}
