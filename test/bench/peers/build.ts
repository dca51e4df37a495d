import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleEntry } from '../../../lib/adapters/lambda/bundle.ts';

interface BuiltProgram {
  readonly module: URL;
  remove(): Promise<void>;
}

/** Builds a program of the bench with the function's own options, so that none has its types removed when it starts. */
export async function buildProgram(program: URL): Promise<BuiltProgram> {
  const outdir = await mkdtemp(join(tmpdir(), 'sluice-bench-program-'));
  const remove = () => rm(outdir, { recursive: true, force: true });
  try {
    const { file } = await bundleEntry({ entry: fileURLToPath(program), outdir, sourceMaps: false });
    return { module: pathToFileURL(file), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
