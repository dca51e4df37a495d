/** The processes of other gateways: started on a free port of 127.0.0.1, and ended by their id. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { within } from '../limit.ts';
import { endWithThisProcess, stop } from '../../support/child-process.ts';

export interface StartedProcess {
  readonly pid: number;
  /** From its start until `isReady` first succeeded, in milliseconds. */
  readonly startMs: number;
  close(): Promise<void>;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** No gateway takes longer to start, in milliseconds; not even one that accepts connections and does not answer. */
const LIMIT_MS = 90_000;

/** Between two attempts, in milliseconds. */
const AGAIN_MS = 10;

/** Kept of what a process says, in characters. */
const KEPT_CHARS = 2000;

/** Runs the command until `isReady` resolves. Rejects with the process's last words when that takes too long, or it ends. */
export async function startProcess(
  command: Command,
  isReady: () => Promise<void>,
  limitMs = LIMIT_MS,
): Promise<StartedProcess> {
  const began = performance.now();
  const { file, args, env, cwd } = command;
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  endWithThisProcess(child);
  let words = '';
  let ended: string | undefined;
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-KEPT_CHARS);
    });
  }
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `it ended with ${signal ?? code}`;
  });
  for (;;) {
    const trouble = await within(Math.max(0, began + limitMs - performance.now()), isReady()).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    const startMs = performance.now() - began;
    const close = async (): Promise<void> => void (await stop(child));
    if (trouble === undefined) return { pid: child.pid!, startMs, close };
    if (ended === undefined && startMs < limitMs) await setTimeout(AGAIN_MS);
    else {
      const reason = ended ?? trouble;
      await close();
      throw new Error(`${reason}: ${words.trim().split('\n').at(-1) ?? ''}`);
    }
  }
}

/** What a process holds of the machine's memory, in bytes, as Linux tells; undefined elsewhere. */
export async function memoryOf(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
