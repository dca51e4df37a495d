/** A function that is compared as one without a tracer has none. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { withoutTracer } from './untraced.ts';

async function buildOf(source: string): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-untraced-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const entry = join(folder, 'entry.ts');
  await writeFile(entry, source);
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    logLevel: 'silent',
    plugins: [withoutTracer],
  });
  return Object.keys(metafile.inputs);
}

test('what imports the tracer gets none in its place', async () => {
  const inputs = await buildOf("export { createXRayTracer } from '../lib/adapters/xray/tracer.ts';");
  expect(inputs.some((input) => input.endsWith('programs/no-tracer.ts'))).toBe(true);
});

test('what is built without ever asking for the tracer is refused: it may have it from elsewhere', async () => {
  await expect(buildOf('export const tracer = 1;')).rejects.toThrow('The tracer is imported from elsewhere');
});
