/** The functions as they are deployed: each a folder with its bundle and the configuration. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleFunction } from '../lib/adapters/lambda/bundle.ts';
import type { GatewayConfig } from '../lib/config/schema.ts';

/** One folder for each function. */
export interface FunctionCode {
  readonly mcp: string;
  readonly refresh: string;
}

/**
 * Builds the functions, and removes them when `use` is done: by then the CDK has its own copy of what it deploys. The
 * same sources and configuration give the same bytes, wherever they are built. Rejects with esbuild's `BuildFailure`.
 */
export async function withFunctionCode<T>(config: GatewayConfig, use: (code: FunctionCode) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-synth-'));
  try {
    const code = { mcp: join(folder, 'mcp'), refresh: join(folder, 'refresh') };
    for (const [name, outdir] of Object.entries(code)) {
      const entry = fileURLToPath(new URL(`../functions/${name}.ts`, import.meta.url));
      await bundleFunction({ entry, outdir, config, sourceMaps: false });
    }
    return use(code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
