import { readFile } from 'node:fs/promises';
import { parseConfig, resolveConfig, type ConfigResult } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import type { GatewayConfig } from '../config/schema.ts';

/** Read when no file is named, if it exists. */
export const USUAL_FILE = 'gateway.config.json';

export interface Configuration {
  readonly config: GatewayConfig;
  /** The file, or undefined for the demo. */
  readonly file: string | undefined;
  /** Ends the demo upstreams. */
  close(): Promise<void>;
}

/** The configuration cannot be used; the message, of one line or more, says where and why. */
export class ConfigurationError extends Error {}

/** From the named file; without a name from the usual one, and without that from the demo. */
export async function openConfiguration(name: string | undefined): Promise<Configuration> {
  const file = name ?? USUAL_FILE;
  const text = await readText(file);
  if (text === undefined && name === undefined) return openDemo();
  if (text === undefined) throw new ConfigurationError(`${file}: there is no such file`);
  return { config: valid(parseConfig(text), file), file, close: async () => undefined };
}

/** Undefined when there is no such file. */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ConfigurationError(`${file}: cannot be read (${code ?? String(error)})`, { cause: error });
  }
}

/** Two upstreams of the gateway's own, so that the first run answers real calls. */
async function openDemo(): Promise<Configuration> {
  const { startDemoUpstreams } = await import('./demo/start.ts');
  const upstreams = await startDemoUpstreams();
  const config = {
    upstreams: { time: { url: upstreams.time }, test: { url: upstreams.test } },
    servers: { default: { upstreams: ['time', 'test'] }, time: { upstreams: ['time'] } },
  };
  return { config: valid(resolveConfig(config), 'demo'), file: undefined, close: () => upstreams.close() };
}

function valid(result: ConfigResult, file: string): GatewayConfig {
  if (result.ok) return result.config;
  throw new ConfigurationError(formatProblems(result.problems, file));
}
