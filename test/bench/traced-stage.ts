/** What takes part in the bench of tracing, each in a process of its own: cores, emulated functions, and a daemon. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleEntry, bundleFunction, type FunctionBundle } from '../../lib/adapters/lambda/bundle.ts';
import { gatewayConfig } from './programs/gateway-data.ts';
import { startProgram, type Program } from './programs/program.ts';
import type { Stage } from './stage.ts';
import { withoutTracer } from './untraced.ts';

/** Where a call is measured. */
export type Where = 'core' | 'emulator';

export const PLACES: readonly Where[] = ['core', 'emulator'];

/** A process that has never made a trace, and one that has: what makes traces stays loaded in it. */
export interface Pair {
  readonly fresh: Program;
  readonly used: Program;
}

export interface TracedStage {
  /** Of the function, and of the function without a tracer. */
  readonly bundles: { readonly traced: FunctionBundle; readonly untraced: FunctionBundle };
  readonly daemon: Program;
  /** The emulated function: without a tracer, and the two that have one. */
  readonly functions: Pair & { readonly untraced: Program };
  /** Two cores that have served nobody yet; whoever opens them closes them. */
  openCores(): Promise<Pair>;
  close(): Promise<void>;
}

const PROGRAM = {
  core: fileURLToPath(new URL('programs/traced-core.ts', import.meta.url)),
  function: new URL('programs/traced-function.ts', import.meta.url),
  daemon: new URL('programs/xray-daemon.ts', import.meta.url),
};

export async function openTracedStage({ upstream, dynamodb, tableName }: Stage): Promise<TracedStage> {
  const programs: Program[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-traced-'));
  const start = async (file: URL, data: object = {}): Promise<Program> => {
    const program = await startProgram(file, data);
    programs.push(program);
    return program;
  };
  const close = async (): Promise<void> => {
    for (const program of programs.splice(0).toReversed()) await program.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const config = gatewayConfig({ upstream: upstream.origin });
    const traced = await bundleFunction({ outdir: join(folder, 'traced'), config });
    const plugins = [withoutTracer];
    const untraced = await bundleFunction({ outdir: join(folder, 'untraced'), config, plugins });
    const core = await bundleEntry({ entry: PROGRAM.core, outdir: join(folder, 'core'), sourceMaps: false });
    const daemon = await start(PROGRAM.daemon);
    const xrayDaemon = daemon.origin;
    const startFunction = ({ file }: FunctionBundle): Promise<Program> =>
      start(PROGRAM.function, {
        handlerFile: file,
        dynamodb: { endpoint: dynamodb.origin, tableName },
        xrayDaemon,
      });
    const startCore = (): Promise<Program> =>
      startProgram(pathToFileURL(core.file), { upstream: upstream.origin, xrayDaemon });
    return {
      bundles: { traced, untraced },
      daemon,
      functions: {
        untraced: await startFunction(untraced),
        fresh: await startFunction(traced),
        used: await startFunction(traced),
      },
      openCores: async () => ({ fresh: await startCore(), used: await startCore() }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
