import { readFile } from 'node:fs/promises';
import { parseConfig, resolveConfig, UNSAID, type ConfigResult } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import type { AuthConfig, GatewayConfig } from '../config/schema.ts';

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
  const result = await parseFile(file);
  if (result === undefined && name === undefined) return openDemo();
  if (result === undefined) throw missing(file);
  return { config: valid(result, file), file, close: async () => undefined };
}

/** From a file that must exist; `path` is where it is when it is not at its name. */
export async function readConfiguration(name: string, path: string = name): Promise<GatewayConfig> {
  const result = await parseFile(name, path);
  if (result === undefined) throw missing(name);
  return valid(result, name);
}

/** Undefined when there is no such file. `unsaid` is who may call when it does not say so. */
export async function parseFile(
  name: string,
  path: string = name,
  unsaid: AuthConfig = UNSAID.local,
): Promise<ConfigResult | undefined> {
  const text = await readText(name, path);
  return text === undefined ? undefined : parseConfig(text, unsaid);
}

function missing(file: string): ConfigurationError {
  return new ConfigurationError(`${file}: there is no such file`);
}

/** Undefined when there is no such file. */
async function readText(file: string, path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ConfigurationError(`${file}: cannot be read (${code ?? String(error)})`, { cause: error });
  }
}

/** Two upstreams of the gateway's own, so that the first run answers real calls. */
async function openDemo(): Promise<Configuration> {
  const { startDemoUpstreams } = await import('./demo/start.ts');
  const { time, test, close } = await startDemoUpstreams();
  return { config: demoConfig({ time, test }), file: undefined, close };
}

/** Of the demo's upstreams, by their addresses. */
export function demoConfig({ time, test }: Readonly<Record<string, string>>): GatewayConfig {
  const file = {
    upstreams: { time: { url: time }, test: { url: test } },
    servers: { default: { upstreams: ['time', 'test'] }, time: { upstreams: ['time'] } },
  };
  return valid(resolveConfig(file, UNSAID.local), 'demo');
}

function valid(result: ConfigResult, file: string): GatewayConfig {
  if (result.ok) return result.config;
  throw new ConfigurationError(formatProblems(result.problems, file));
}
