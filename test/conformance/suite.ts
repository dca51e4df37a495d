import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess } from '../support/child-process.ts';

/** What one scenario of the official suite found. */
export interface ScenarioResult {
  readonly scenario: string;
  /** Why the suite does not count it for the revision; undefined when it counts. */
  readonly notScored: string | undefined;
  readonly checks: readonly Check[];
}

export interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

const SUITE = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'));

/** A scenario that hangs must not use up the time of the others. */
const SCENARIO_LIMIT_MS = 8000;

/**
 * Runs the suite against a server and returns every scenario it began, in order; one that left no result has a failed
 * check saying so. Aborting ends the suite where it stands.
 */
export async function runSuite(
  url: string,
  selection: readonly string[],
  signal: AbortSignal,
): Promise<readonly ScenarioResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    const output = await suiteOutput(['--url', url, ...selection, '--output-dir', folder], signal);
    const results = await readResults(folder);
    const notScored = new Map(matches(output, /^ {2}[✓✗] (\S+) \((.+)\)$/gm).map(([, name, why]) => [name, why]));
    return matches(output, /^=== Running scenario: (\S+) ===$/gm).map(([, scenario = '']) => ({
      scenario,
      notScored: notScored.get(scenario),
      checks: results.get(scenario) ?? [noResult(scenario, signal)],
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function suiteOutput(options: readonly string[], signal: AbortSignal): Promise<string> {
  const child = spawn(process.execPath, [SUITE, 'server', '--timeout', String(SCENARIO_LIMIT_MS), ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithThisProcess(child);
  const end = (): void => void child.kill();
  signal.addEventListener('abort', end, { once: true });
  let output = '';
  const append = (chunk: string): void => {
    output += chunk;
  };
  child.stdout.setEncoding('utf8').on('data', append);
  child.stderr.setEncoding('utf8').on('data', append);
  // The exit status says nothing that the results do not say better.
  await once(child, 'close');
  signal.removeEventListener('abort', end);
  return output;
}

/** The suite leaves `<folder>/server-<scenario>-<time>/checks.json`. */
async function readResults(folder: string): Promise<Map<string, Check[]>> {
  const results = new Map<string, Check[]>();
  for (const entry of await readdir(folder)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(entry)?.[1];
    if (scenario === undefined) continue;
    const text = await readFile(join(folder, entry, 'checks.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) results.set(scenario, JSON.parse(text) as Check[]);
  }
  return results;
}

function noResult(scenario: string, signal: AbortSignal): Check {
  const errorMessage = signal.aborted ? 'The run was out of time' : 'The suite left no result';
  return { id: scenario, status: 'FAILURE', errorMessage };
}

function matches(text: string, pattern: RegExp): RegExpExecArray[] {
  return [...text.matchAll(pattern)];
}
