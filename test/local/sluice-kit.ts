/** The operator's command in a folder of its own, and local gateways that run in such a folder. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../lib/local/operator/command.ts';
import { endWithThisProcess, stop, waitForLine } from '../support/child-process.ts';
import { cleanUpAfterTest, temporaryFolder } from './kit.ts';

const MAIN = fileURLToPath(new URL('../../lib/local/main.ts', import.meta.url));

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in this process. */
export async function sluice(
  folder: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const output = { print: (text: string) => void out.push(text), complain: (text: string) => void err.push(text) };
  const status = await runCommand(args, { folder, variables }, output);
  return { status, out: out.join('\n'), err: err.join('\n') };
}

/** A new folder with this configuration; text is written as it is. */
export async function folderWith(config: object | string): Promise<string> {
  const folder = await temporaryFolder();
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  await writeFile(join(folder, 'gateway.config.json'), text);
  return folder;
}

export interface GatewayProcess {
  /** Ends in `/mcp`. */
  readonly url: string;
  readonly pid: number;
  /** Resolves with the first line of standard error that matches, whether it has come or is to come. */
  complained(pattern: RegExp): Promise<string>;
  /** What was written to standard error so far. */
  complaints(): string;
  /** Ends it, as a terminal would. */
  end(): Promise<void>;
}

/** Starts the local gateway as people do; ended after the test. */
export async function startGatewayIn(folder: string, args: readonly string[] = ['--quiet']): Promise<GatewayProcess> {
  const temporary = await temporaryFolder();
  const child = spawn(process.execPath, [MAIN, '--port', '0', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary },
  });
  endWithThisProcess(child);
  cleanUpAfterTest(() => stop(child));
  let complaints = '';
  const waiting = new Set<() => void>();
  child.stderr.on('data', (chunk) => {
    complaints += String(chunk);
    for (const look of waiting) look();
  });
  const [, url = ''] = await waitForLine(child, child.stdout, /^ready (http:\S+)$/);
  return {
    url,
    pid: child.pid!,
    complained: (pattern) =>
      new Promise((resolve) => {
        const look = () => {
          const line = complaints.split('\n').find((candidate) => pattern.test(candidate));
          if (line === undefined) return;
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
        look();
      }),
    complaints: () => complaints,
    end: async () => void (await stop(child)),
  };
}
