import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, stop, waitForLine } from '../support/child-process.ts';
import { configurationOf, ENVIRONMENTS, GatewayLog, type GatewayInFront } from './in-front.ts';
import type { Neighbour } from './neighbours.ts';

const MAIN = fileURLToPath(new URL('../../lib/local/main.ts', import.meta.url));

/**
 * Starts the local gateway as a user does, as a process of its own, in front of an upstream whose names pass through and
 * its neighbours, of which two come before it. Environments rotate, which is its default. Aborting ends a gateway that
 * is not ready yet.
 */
export async function startGateway(
  upstream: string,
  neighbours: readonly Neighbour[],
  signal: AbortSignal,
): Promise<GatewayInFront> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-gateway-'));
  const config = join(folder, 'gateway.config.json');
  await writeFile(config, JSON.stringify(configurationOf(upstream, neighbours)));
  const child = spawn(
    process.execPath,
    [MAIN, '--config', config, '--port', '0', '--environments', String(ENVIRONMENTS)],
    {
      env: { ...process.env, SLUICE_LOG: 'json' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  endWithThisProcess(child);
  const close = async (): Promise<void> => {
    await stop(child);
    await rm(folder, { recursive: true, force: true });
  };

  const log = new GatewayLog();
  const end = (): void => void child.kill();
  signal.addEventListener('abort', end, { once: true });
  try {
    const [, url = ''] = await waitForLine(child, child.stdout, /^ready (http:\/\/\S+)$/, (line) => log.note(line));
    return { url, environments: log.environments, troubles: log.troubles, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
