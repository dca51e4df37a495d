import { spawn } from 'node:child_process';
import { endWithThisProcess } from '../support/child-process.ts';

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** `exit 0`, or whatever else became of it. */
  readonly ending: string;
}

interface Circumstances {
  /** Longest it may take, in milliseconds; then it is killed. */
  readonly limitMs: number;
  readonly cwd?: string;
  /** Beside those of this process. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Runs a program without input to its end. Never rejects: one that cannot be started has ended as well. */
export async function runProgram(
  [file, ...args]: readonly [string, ...string[]],
  { limitMs, cwd, variables = {} }: Circumstances,
): Promise<Ended> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
    ...(cwd !== undefined && { cwd }),
  });
  endWithThisProcess(child);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, limitMs);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`cannot be started: ${error.message}`));
    child.once('close', (code, signal) => {
      if (late) resolve(`was killed after ${limitMs / 1000} s`);
      else resolve(signal === null ? `exit ${code}` : `ended by ${signal}`);
    });
  });
  clearTimeout(limit);
  return { ...output, ending };
}
