import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, stop, waitForLine } from '../support/child-process.ts';

export interface GatewayInFront {
  readonly url: string;
  /** The execution environments that have served something so far. */
  readonly environments: ReadonlySet<string>;
  close(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../lib/local/main.ts', import.meta.url));

/**
 * Starts the local gateway as a user does, as a process of its own, in front of one upstream whose names pass through.
 * Environments rotate, which is its default. Aborting ends a gateway that is not ready yet.
 */
export async function startGateway(upstream: string, signal: AbortSignal): Promise<GatewayInFront> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-gateway-'));
  const config = join(folder, 'gateway.config.json');
  await writeFile(
    config,
    JSON.stringify({
      upstreams: { conformance: { url: upstream, prefix: '' } },
      servers: { default: { upstreams: ['conformance'] } },
    }),
  );
  const child = spawn(process.execPath, [MAIN, '--config', config, '--port', '0'], {
    env: { ...process.env, SLUICE_LOG: 'json' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithThisProcess(child);
  const close = async (): Promise<void> => {
    await stop(child);
    await rm(folder, { recursive: true, force: true });
  };

  const environments = new Set<string>();
  const note = (line: string): void => {
    const environment = environmentOf(line);
    if (environment !== undefined) environments.add(environment);
  };
  const end = (): void => void child.kill();
  signal.addEventListener('abort', end, { once: true });
  try {
    const [, url = ''] = await waitForLine(child, child.stdout, /^ready (http:\/\/\S+)$/, note);
    return { url, environments, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** Undefined for a line that is not from the action log. */
function environmentOf(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  const { environment } = JSON.parse(line) as { environment?: unknown };
  return typeof environment === 'string' ? environment : undefined;
}
