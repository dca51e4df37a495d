/** How large the function is as built: what a cold start reads, and each file that is read only when it is needed. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FunctionBundle } from '../../lib/adapters/lambda/bundle.ts';
import type { Aim } from './aim.ts';
import type { Section } from './sheet.ts';

/** Sizes in bytes. */
interface FileSize {
  readonly file: string;
  /** Whether a cold start reads it. */
  readonly eager: boolean;
  /** The largest part of it. */
  readonly mainly: string;
  /** Of all that went into it, before anything was left out. */
  readonly sources: number;
  readonly built: number;
  readonly gzip: number;
}

export type BundleFigures = readonly FileSize[];

/** What a cold start reads, in kilobytes of 1,000 bytes. */
const EAGER_KB = 150;

export function bundleAims(figures: BundleFigures): Aim[] {
  const eager = figures.filter((size) => size.eager).reduce((sum, { built }) => sum + built, 0);
  return [{ what: 'what a cold start reads', measured: eager / 1000, atMost: EAGER_KB, unit: 'KB' }];
}

type Output = FunctionBundle['metafile']['outputs'][string];

export async function measureBundle({ file, metafile }: FunctionBundle): Promise<BundleFigures> {
  const outputs = outputsOf(metafile);
  const eager = closure(basename(file), outputs);
  const sizes = await Promise.all(
    [...outputs].map(async ([name, output]): Promise<FileSize> => {
      const bytes = await readFile(join(dirname(file), name));
      return {
        file: name,
        eager: eager.has(name),
        mainly: mainPart(output),
        sources: Object.keys(output.inputs).reduce((sum, input) => sum + (metafile.inputs[input]?.bytes ?? 0), 0),
        built: bytes.length,
        gzip: gzipSync(bytes, { level: 9 }).length,
      };
    }),
  );
  return sizes.toSorted((left, right) => Number(right.eager) - Number(left.eager) || right.built - left.built);
}

function outputsOf(metafile: FunctionBundle['metafile']): ReadonlyMap<string, Output> {
  return new Map(
    Object.entries(metafile.outputs).flatMap(([path, output]): [string, Output][] =>
      path.endsWith('.mjs') ? [[basename(path), output]] : [],
    ),
  );
}

/** The names of the file that was built of this one, lazy or not, and of all that it imports without delay. */
export function filesReadFor(source: string, { metafile }: FunctionBundle): ReadonlySet<string> {
  const outputs = outputsOf(metafile);
  const found = [...outputs].find(([, { entryPoint }]) => entryPoint?.endsWith(source));
  if (found === undefined) throw new Error(`The bundle has no file of its own for ${source}`);
  return closure(found[0], outputs);
}

/** A file and all that it imports without delay. */
function closure(entry: string, outputs: ReadonlyMap<string, Output>): ReadonlySet<string> {
  const reached = new Set([entry]);
  for (const name of reached) {
    for (const { kind, path, external } of outputs.get(name)?.imports ?? []) {
      if (kind === 'import-statement' && external !== true) reached.add(basename(path));
    }
  }
  return reached;
}

/** The package, or folder of the project, that most of it comes from. */
function mainPart({ inputs }: Output): string {
  const parts = new Map<string, number>();
  for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
    const part = partOf(input);
    parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
  }
  const [largest] = [...parts].toSorted(([, left], [, right]) => right - left);
  return largest?.[0] ?? 'shared by others';
}

function partOf(input: string): string {
  const inPackages = input.split('node_modules/').at(-1) ?? '';
  if (input.includes('node_modules/')) return /^(?:@[^/]+\/)?[^/]+/.exec(inPackages)?.[0] ?? inPackages;
  return /(?:functions|lib\/[^/]+)/.exec(input)?.[0] ?? input;
}

/** The lazy chunk that holds the AWS SDK; undefined when there is none. */
export function sdkChunk({ file, metafile }: FunctionBundle): string | undefined {
  const found = Object.entries(metafile.outputs).find(
    ([path, { entryPoint }]) => path.endsWith('.mjs') && entryPoint?.endsWith('dynamodb/sdk.ts'),
  );
  return found === undefined ? undefined : join(dirname(file), basename(found[0]));
}

export function bundleSection(figures: BundleFigures): Section {
  const header = ['file', 'read', 'mainly', 'sources', 'built', 'gzip'];
  const rows = figures.filter(({ eager, built }) => eager || built >= SMALL_BYTES).map(rowOf);
  const small = figures.filter(({ eager, built }) => !eager && built < SMALL_BYTES);
  const rest = total(small, `${small.length} smaller files`, 'when needed');
  const cold = total(
    figures.filter(({ eager }) => eager),
    'all of a cold start',
    'at start',
  );
  const all = total(figures, `all ${figures.length} files`, '');
  const sheet = { meaning: 'Bytes; built is minified.', header, rows: [...rows, rest, cold, all], leftColumns: 3 };
  return { heading: 'Size of the function', sheets: [sheet] };
}

/** Smaller lazy files share a line. */
const SMALL_BYTES = 4096;

function rowOf({ file, eager, mainly, sources, built, gzip }: FileSize): string[] {
  return [file, eager ? 'at start' : 'when needed', mainly, String(sources), String(built), String(gzip)];
}

function total(files: BundleFigures, name: string, read: string): string[] {
  const sum = (of: (size: FileSize) => number): string => String(files.reduce((bytes, file) => bytes + of(file), 0));
  return [name, read, '', sum(({ sources }) => sources), sum(({ built }) => built), sum(({ gzip }) => gzip)];
}
