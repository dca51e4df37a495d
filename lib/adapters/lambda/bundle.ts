/** How the function is built: the one place with esbuild's options, for deployment and the local gateway alike. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';
import { builtinsWithoutImport } from './builtins.ts';
import { CONFIG_FILE } from './names.ts';
import { oneFileAtStart } from './one-file.ts';

export interface FunctionBundle {
  /** The module whose export is the handler. */
  readonly file: string;
  /** What went into each file, with sizes in bytes. */
  readonly metafile: Metafile;
}

export interface EntryInput {
  /** The path of the module. */
  readonly entry: string;
  /** A folder of its own; created when it does not exist. */
  readonly outdir: string;
  /**
   * Whether source maps are written beside the bundle (they are by default). Without them the same sources give the same
   * bytes wherever `outdir` is.
   */
  readonly sourceMaps?: boolean;
  /** Asked before those that every bundle is built with. */
  readonly plugins?: readonly Plugin[];
}

export interface BundleInput extends Omit<EntryInput, 'entry'> {
  /** Another module than `functions/mcp.ts`, with the same export. */
  readonly entry?: string;
  /** The resolved configuration. */
  readonly config: object;
}

const ONE_CONTEXT = fileURLToPath(new URL('../xray/one-context.ts', import.meta.url));
const FUNCTION_ENTRY = fileURLToPath(new URL('../../../functions/mcp.ts', import.meta.url));

/** Builds the function into `outdir`. Rejects with esbuild's `BuildFailure`. */
export async function bundleFunction(input: BundleInput): Promise<FunctionBundle> {
  const { entry = FUNCTION_ENTRY, outdir, config, ...rest } = input;
  const bundle = await bundleEntry({ ...rest, entry, outdir });
  writeFileSync(join(outdir, CONFIG_FILE), JSON.stringify(config));
  return bundle;
}

/** Builds any module into `outdir` as the function is built, without a configuration. Rejects likewise. */
export async function bundleEntry(input: EntryInput): Promise<FunctionBundle> {
  const { entry, outdir } = input;
  const { outputFiles, metafile } = await build(bundleOptions(input));
  // Synchronously: a process that ends in between has nothing under way that would bring a folder back that it removes.
  mkdirSync(outdir, { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  return { file: join(outdir, `${nameOf(entry)}.mjs`), metafile };
}

function bundleOptions({ entry, outdir, sourceMaps = true, plugins = [] }: EntryInput) {
  return {
    entryPoints: [{ in: entry, out: nameOf(entry) }],
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // What is imported lazily becomes a file of its own, which a cold start does not read.
    splitting: true,
    minify: true,
    // ES modules where a package has both: they can be shaken.
    mainFields: ['module', 'main'],
    // Beside the bundle, read only by a Node that was asked to.
    sourcemap: sourceMaps ? 'linked' : false,
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    alias: { 'cls-hooked/context': ONE_CONTEXT },
    plugins: [...plugins, oneFileAtStart(resolve(entry)), builtinsWithoutImport],
    // Written by this process: esbuild's own could go on writing after this one has ended and tidied up.
    write: false,
    logLevel: 'silent',
  } satisfies BuildOptions;
}

/** `mcp` of `functions/mcp.ts`. */
function nameOf(entry: string): string {
  return basename(entry).replace(/\.[^.]+$/, '');
}
