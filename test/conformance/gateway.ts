import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, stop, waitForLine } from '../support/child-process.ts';
import type { Neighbour } from './neighbours.ts';

export interface GatewayInFront {
  readonly url: string;
  /** The execution environments that have served something so far. */
  readonly environments: ReadonlySet<string>;
  /** What the gateway's operator would want to know: defects, and upstreams or claims that were left out. */
  readonly troubles: ReadonlySet<string>;
  close(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../lib/local/main.ts', import.meta.url));

/** Each stream that is held occupies one. */
const ENVIRONMENTS = '30';

/** Enough to judge by. */
const MOST_TROUBLES = 20;

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
  const child = spawn(process.execPath, [MAIN, '--config', config, '--port', '0', '--environments', ENVIRONMENTS], {
    env: { ...process.env, SLUICE_LOG: 'json' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithThisProcess(child);
  const close = async (): Promise<void> => {
    await stop(child);
    await rm(folder, { recursive: true, force: true });
  };

  const environments = new Set<string>();
  const troubles = new Set<string>();
  const note = (line: string): void => {
    if (!line.startsWith('{')) return;
    const entry = JSON.parse(line) as Record<string, unknown>;
    if (typeof entry['environment'] === 'string') environments.add(entry['environment']);
    if (troubles.size < MOST_TROUBLES && isTrouble(entry)) troubles.add(describeTrouble(entry));
  };
  const end = (): void => void child.kill();
  signal.addEventListener('abort', end, { once: true });
  try {
    const [, url = ''] = await waitForLine(child, child.stdout, /^ready (http:\/\/\S+)$/, note);
    return { url, environments, troubles, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function configurationOf(upstream: string, neighbours: readonly Neighbour[]): object {
  const names = neighbours.map(({ name }) => name);
  return {
    upstreams: {
      ...Object.fromEntries(neighbours.map(({ name, url }) => [name, { url, prefix: name }])),
      conformance: { url: upstream, prefix: '' },
    },
    // A legacy client hears what a modern upstream says of resources only while its stream is held, here briefly: it occupies an environment.
    listen: { holdSeconds: 1 },
    servers: { default: { upstreams: names.toSpliced(2, 0, 'conformance') } },
  };
}

/** Lists change all the time; every other notice is one of trouble, and so is a defect. */
function isTrouble(entry: Readonly<Record<string, unknown>>): boolean {
  return 'defect' in entry || ('notice' in entry && entry['notice'] !== 'list-changed');
}

/** Without what differs from one occurrence to the next. */
function describeTrouble(entry: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...entry, time: undefined, requestId: undefined });
}
