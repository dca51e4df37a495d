import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Children still running; ended with this process, whatever ends it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const STOP_LIMIT_MS = 5000;

/** Has the child killed when this process exits. */
export function endWithThisProcess(child: ChildProcess): void {
  running.add(child);
  child.once('close', () => running.delete(child));
}

/**
 * Reads the child's output line by line, to its end, so that a full pipe never stops the child. Resolves with the first
 * line that matches; rejects when the child ends without one.
 */
export async function waitForLine(
  child: ChildProcess,
  output: Readable,
  pattern: RegExp,
  onLine: (line: string) => void = () => {},
): Promise<RegExpExecArray> {
  return await new Promise((resolve, reject) => {
    const seen: string[] = [];
    createInterface({ input: output }).on('line', (line) => {
      onLine(line);
      seen.push(line);
      if (seen.length > 20) seen.shift();
      const match = pattern.exec(line);
      if (match !== null) resolve(match);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      reject(new Error(`The child ended (${signal ?? code}) without ${String(pattern)}:\n${seen.join('\n')}`));
    });
  });
}

/** Asks the child to end, and insists after a while. Resolves with how it ended once its output is complete. */
export async function stop(child: ChildProcess): Promise<'ended' | 'killed'> {
  if (!running.has(child)) return 'ended';
  const closed = once(child, 'close');
  let killed = false;
  const insist = setTimeout(() => {
    killed = true;
    child.kill('SIGKILL');
  }, STOP_LIMIT_MS);
  child.kill('SIGTERM');
  await closed;
  clearTimeout(insist);
  return killed ? 'killed' : 'ended';
}
