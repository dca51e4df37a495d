/**
 * The contract suite on another DynamoDB than the one that `npm test` uses: Dynoxide, written in Rust on SQLite and
 * independent of dynalite, or whatever `SLUICE_TEST_DYNAMODB_ENDPOINT` names.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, stop, waitForLine } from '../support/child-process.ts';
import { freePort } from '../support/free-port.ts';
import type { Check } from './judge.ts';
import { NotToBeHad, obtainPackages } from './obtained.ts';
import { runProgram } from './program.ts';

export interface Database {
  readonly name: string;
  /** What it is called in the environment of the tests. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Rejects with `NotToBeHad`. */
export type StartDatabase = () => Promise<Database>;

export async function obtainDatabase(): Promise<StartDatabase> {
  const endpoint = process.env['SLUICE_TEST_DYNAMODB_ENDPOINT'];
  if (endpoint !== undefined) return async () => ({ name: endpoint, endpoint, stop: async () => {} });
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new NotToBeHad(`Dynoxide: no package for ${process.platform} on ${process.arch}`);
  }
  const packages = await obtainPackages('dynoxide');
  return () => startDynoxide(join(packages, '@dynoxide/linux-x64/dynoxide'));
}

/** In memory and empty. */
async function startDynoxide(program: string): Promise<Database> {
  const port = await freePort();
  const child = spawn(program, ['serve', '--port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  endWithThisProcess(child);
  await waitForLine(child, child.stderr, /listening on/);
  return {
    name: 'Dynoxide',
    endpoint: `http://127.0.0.1:${port}`,
    stop: async () => {
      await stop(child);
    },
  };
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Two minutes are plenty on a quiet machine with a database beside it; tables of a real one take their time. */
const SUITE_LIMIT_MS = 15 * 60_000;

/** A check for each test of the suite, and one more for what went wrong outside of them. */
export async function runContract({ endpoint }: Database): Promise<readonly Check[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-contract-'));
  const file = join(folder, 'report.json');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const options = [
    'run',
    'test/contract',
    '--reporter=json',
    `--outputFile.json=${file}`,
    '--testTimeout=90000',
    '--hookTimeout=90000',
  ];
  const ended = await runProgram([process.execPath, vitest, ...options], {
    limitMs: SUITE_LIMIT_MS,
    cwd: ROOT,
    variables: { SLUICE_TEST_DYNAMODB_ENDPOINT: endpoint },
  });
  const report = await readFile(file, 'utf8').catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
  return judgeSuite(report, ended.ending, ended.stderr);
}

interface SuiteReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/**
 * `text` is vitest's report, undefined when it left none. A test that is left out has not passed, nor has a file that
 * holds none, nor a run that ends badly.
 */
export function judgeSuite(text: string | undefined, ending: string, stderr: string): readonly Check[] {
  if (text === undefined) return [{ name: 'suite', problem: `left no report: ${ending}: ${stderr.trim()}` }];
  const files = (JSON.parse(text) as SuiteReport).testResults;
  const tests = files.flatMap(({ assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages = [] }): Check => {
      const problem = status === 'passed' ? undefined : [status, ...failureMessages].join(': ');
      return { name: fullName, problem };
    }),
  );
  const empty = files
    .filter(({ assertionResults }) => assertionResults.length === 0)
    .map(({ name, message }): Check => ({ name, problem: `holds no test: ${message}` }));
  const failed = [...tests, ...empty].some(({ problem }) => problem !== undefined);
  const unexplained = ending === 'exit 0' || failed ? tests.length === 0 : true;
  const suite = {
    name: 'suite',
    problem: unexplained ? `${ending} with ${tests.length} tests: ${stderr.trim()}` : undefined,
  };
  return [...tests, ...empty, ...(unexplained ? [suite] : [])];
}
