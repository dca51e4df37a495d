import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, stop, waitForLine } from './child-process.ts';
import { freePort } from './free-port.ts';

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
