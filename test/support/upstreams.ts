import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, stop, waitForLine } from './child-process.ts';

export interface Everything {
  /** Ends in `/mcp`. */
  readonly url: string;
  close(): Promise<void>;
}

const EVERYTHING = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));
const ATTEMPTS = 5;

/**
 * Starts `@modelcontextprotocol/server-everything` over Streamable HTTP: an independent legacy upstream with sessions and
 * event ids. It cannot choose a free port itself, so one is found first and another tried should it be taken meanwhile.
 */
export async function startEverything(): Promise<Everything> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(await freePort());
    } catch (error) {
      if (attempt === ATTEMPTS || !String(error).includes('already in use')) throw error;
    }
  }
}

async function startOn(port: number): Promise<Everything> {
  const child = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  endWithThisProcess(child);
  await waitForLine(child, child.stderr, /listening on port/);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: async () => {
      await stop(child);
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A TCP server has a port');
  return address.port;
}
