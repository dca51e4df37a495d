/** Ends an environment at every fault point of a kind of call, and looks at what that leaves behind. */
import { expect, type TestContext } from 'vitest';
import type { Headers, WireResponse } from '../support/wire.ts';
import { ANSWERING } from './fault-points.ts';
import type { Outcome, Run, RunOptions } from './stage.ts';
import type { World } from './world.ts';

/** One call of a kind. */
export interface Attempt {
  /** Sends what the environment is ended in, with these headers besides its own. */
  send(mark: Headers): Promise<WireResponse>;
  readonly meanwhile?: RunOptions['meanwhile'];
  /** What the same client does next, with its session if it has one. Rejects when that does not work. */
  next(): Promise<unknown>;
  /** An upstream session that the upstream has forgotten: what it gets in there it does not run. */
  readonly stale?: string | undefined;
}

export interface Kind {
  /** Prepares an attempt; `tag` is in the arguments of its calls. */
  prepare(tag: string): Promise<Attempt>;
  /** How many points it has at least. */
  readonly least: number;
  /** Some that have to be among them. */
  readonly among: readonly string[];
  /** The first point at which environments are ended; the first of all when left out. */
  readonly from?: string;
}

/** How often a point is looked for that does not come up again. */
const TRIES = 3;

let lastTag = 0;

/** Fails unless, wherever the environment is ended, everybody can go on. Leaves a table with the test. */
export async function expectNobodyStuck(world: World, kind: Kind, annotate: TestContext['annotate']): Promise<void> {
  const points = await listPoints(world, kind);
  const first = kind.from === undefined ? 0 : points.indexOf(kind.from);
  const rows: Row[] = [];
  for (const point of points.slice(first)) rows.push(await killAt(world, kind, point));
  await annotate(`\n${formatRows(rows)}`);
  expect(rows.filter(({ trouble }) => trouble !== undefined)).toEqual([]);
}

/** The points of an undisturbed call, in order. */
async function listPoints(world: World, kind: Kind): Promise<readonly string[]> {
  const { run } = await attempt(world, kind);
  expect(run.outcome.kind).toBe('answered');
  expect(run.points).toEqual(expect.arrayContaining([...kind.among]));
  expect(run.points.length).toBeGreaterThanOrEqual(kind.least);
  return run.points;
}

interface Row {
  readonly point: string;
  readonly outcome: string;
  readonly executions: number;
  /** Records written since the row before. */
  readonly records: string;
  readonly trouble: string | undefined;
}

async function killAt(world: World, kind: Kind, point: string): Promise<Row> {
  for (let tries = 1; ; tries += 1) {
    const { run, tag, attempt: made } = await attempt(world, kind, point);
    if (!run.killed && tries < TRIES) continue;
    const problems = await collect([
      ['not reached', async () => expect(run.killed).toBe(true)],
      ['answered too early', async () => expectNoEarlyAnswer(run)],
      ['the next request', () => made.next()],
      ['other clients', () => world.bystandersCall()],
      ['sent upstream', async () => expect(world.executions(tag, made.stale)).toBeLessThanOrEqual(1)],
    ]);
    const { faults, kinds } = await world.stage.records.inspect();
    const trouble = [...problems, ...faults];
    return {
      point,
      outcome: describe(run.outcome),
      executions: world.executions(tag, made.stale),
      records: kinds.join(' '),
      trouble: trouble.length === 0 ? undefined : trouble.join('; '),
    };
  }
}

async function attempt(
  world: World,
  kind: Kind,
  killAt?: string,
): Promise<{ run: Run; tag: string; attempt: Attempt }> {
  const tag = `call ${(lastTag += 1)}`;
  const made = await kind.prepare(tag);
  const run = await world.stage.run((mark) => made.send(mark), { killAt, meanwhile: made.meanwhile });
  return { run, tag, attempt: made };
}

/** What the gateway has not given out yet, nobody can have. */
function expectNoEarlyAnswer(run: Run): void {
  if (run.points.slice(0, -1).includes(ANSWERING)) return;
  expect(run.outcome).toEqual({ kind: 'failed' });
}

async function collect(checks: readonly (readonly [string, () => Promise<unknown>])[]): Promise<string[]> {
  const problems: string[] = [];
  for (const [name, check] of checks) {
    try {
      await check();
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems;
}

function describe(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'answered':
      return `answered ${outcome.response.status}`;
    case 'failed':
      return 'HTTP 502';
    case 'broken':
      return 'connection ended';
  }
}

function formatRows(rows: readonly Row[]): string {
  const lines = rows.map(({ point, outcome, executions, records, trouble }) =>
    [point.padEnd(46), outcome.padEnd(17), `sent ${executions}`, records.padEnd(8), trouble ?? 'everybody goes on'].join(
      '  ',
    ),
  );
  return lines.join('\n');
}
