import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { bundleFunction } from '../../../lib/adapters/lambda/bundle.ts';
import { resolveConfig } from '../../../lib/config/load.ts';
import { temporaryFolder } from '../../local/kit.ts';

/** The files that loading the handler reads, without those that are imported later. */
function readAtOnce({ outputs }: Metafile): string[] {
  const entry = Object.keys(outputs).find((file) => outputs[file]!.entryPoint === 'functions/mcp.ts');
  const reached = new Set([entry!]);
  for (const file of reached) {
    for (const { path, kind, external } of outputs[file]!.imports) {
      if (kind === 'import-statement' && !external) reached.add(path);
    }
  }
  return [...reached];
}

describe('the bundle', () => {
  test('reads little at a cold start: no AWS SDK, no validation', async () => {
    const { metafile } = await bundleFunction({ outdir: await temporaryFolder(), config: {} });
    const files = readAtOnce(metafile);
    const inputs = files.flatMap((file) => Object.keys(metafile.outputs[file]!.inputs));
    expect(inputs).toContain('lib/gateway.ts');
    expect(inputs.filter((input) => /node_modules\/(@aws-sdk|@smithy|zod)\//.test(input))).toEqual([]);
    const bytes = files.reduce((sum, file) => sum + metafile.outputs[file]!.bytes, 0);
    expect(bytes).toBeLessThan(180_000);
  });

  test('holds the configuration beside the handler', async () => {
    const outdir = await temporaryFolder();
    const resolved = resolveConfig({
      upstreams: { time: { url: 'http://127.0.0.1:1/mcp' } },
      servers: { default: { upstreams: ['time'] } },
    });
    if (!resolved.ok) throw new Error('This configuration is valid');
    const { file } = await bundleFunction({ outdir, config: resolved.config });
    expect(file).toBe(join(outdir, 'mcp.mjs'));
    expect(JSON.parse(await readFile(join(outdir, 'config.json'), 'utf8'))).toEqual(resolved.config);
  });
});
