/** Ends an environment at every fault point of a kind of call, and looks at what that leaves behind. */
import { expect, type TestContext } from 'vitest';
import type { Headers, WireResponse } from '../support/wire.ts';
import { ANSWERING } from './fault-points.ts';
import type { Outcome, Run, RunOptions } from './stage.ts';
import type { World } from './world.ts';

/** Time for ending a new environment at some twenty points, one after the other. */
export const KILLING_MS = 120_000;

export interface Kind {
  /** How many points it has at least. */
  readonly least: number;
  /** Some that have to be among them. */
  readonly among: readonly string[];
  /** The first point at which environments are ended; the first of all when left out. */
  readonly from?: string;
  /** Prepares one call of this kind; `tag` is in its arguments, and in those of no other. */
  prepare(world: World, tag: string): Promise<Attempt>;
}

export interface Attempt {
  /** Sends what the environment is ended in, with these headers besides its own. */
  send(mark: Headers): Promise<WireResponse>;
  readonly meanwhile?: RunOptions['meanwhile'];
  /** What the same client does next, with its session if it has one. Rejects when that does not work. */
  next(): Promise<unknown>;
  /** An upstream session that the upstream has forgotten: what it gets in there it does not run. */
  readonly stale?: string | undefined;
}

/** How soon after its environment has ended a client must know that its request has, in milliseconds. */
const WAIT_MS = 2000;

/**
 * A point that does not come up is looked for again. Some come up on a busy machine only, where two chunks come as one,
 * or a call takes long enough for a look at the mailbox; they count for nothing.
 */
const TRIES = 3;

/** The tags of all calls differ. */
let lastTag = 0;

/** Fails unless, wherever the environment is ended, everybody can go on. Annotates the test with a table of the points. */
export async function expectNobodyStuck(world: World, kind: Kind, annotate: TestContext['annotate']): Promise<void> {
  const points = await listPoints(world, kind);
  const first = kind.from === undefined ? 0 : points.indexOf(kind.from);
  const passed = points.slice(0, first);
  const rows: Row[] = [];
  for (const point of points.slice(first)) rows.push(await endAt(world, kind, point));
  await annotate(`\n${rows.map(formatRow).join('\n')}`);
  expect(rows.filter(({ trouble }) => trouble.length > 0)).toEqual([]);
  expectComplete(kind, [...passed, ...rows.filter(({ killed }) => killed).map(({ point }) => point)]);
}

/** The points of an undisturbed call, in order. */
async function listPoints(world: World, kind: Kind): Promise<readonly string[]> {
  const { run } = await begin(world, kind);
  expect(run.outcome.kind).toBe('answered');
  expectComplete(kind, run.points);
  return run.points;
}

function expectComplete({ least, among }: Kind, points: readonly string[]): void {
  expect(points).toEqual(expect.arrayContaining([...among]));
  expect(points.length).toBeGreaterThanOrEqual(least);
}

interface Row {
  readonly point: string;
  /** False when the point did not come up again, and the call went on to its end. */
  readonly killed: boolean;
  readonly outcome: string;
  /** How often the upstream was sent the call. */
  readonly executions: number;
  /** What kinds of records were written since the row before. */
  readonly records: readonly string[];
  readonly trouble: readonly string[];
}

async function endAt(world: World, kind: Kind, point: string): Promise<Row> {
  for (let tries = 1; ; tries += 1) {
    const { run, tag, attempt } = await begin(world, kind, point);
    if (!run.killed && tries < TRIES) continue;
    const executions = () => world.executions(tag, attempt.stale);
    const trouble = await troubleOf({
      'left waiting': async () => expect(run.waitedMs).toBeLessThan(WAIT_MS),
      'answered too early': async () => expectNoEarlyAnswer(run),
      'the next request': () => attempt.next(),
      'other clients': () => world.expectBystandersServed(),
      'sent more than once': async () => expect(executions()).toBeLessThanOrEqual(1),
    });
    const { kinds, faults } = await world.stage.records.inspect();
    return {
      point,
      killed: run.killed,
      outcome: formatOutcome(run.outcome),
      executions: executions(),
      records: kinds,
      trouble: [...trouble, ...faults],
    };
  }
}

interface Begun {
  readonly run: Run;
  readonly tag: string;
  readonly attempt: Attempt;
}

async function begin(world: World, kind: Kind, killAt?: string): Promise<Begun> {
  const tag = `call ${(lastTag += 1)}`;
  const attempt = await kind.prepare(world, tag);
  const { meanwhile } = attempt;
  const run = await world.stage.run((mark) => attempt.send(mark), { killAt, meanwhile });
  return { run, tag, attempt };
}

/** What the gateway has not given out yet, nobody can have. */
function expectNoEarlyAnswer(run: Run): void {
  if (run.points.slice(0, -1).includes(ANSWERING)) return;
  expect(run.outcome).toEqual({ kind: 'failed' });
}

/** All checks are made, whichever fail. */
async function troubleOf(checks: Readonly<Record<string, () => Promise<unknown>>>): Promise<string[]> {
  const trouble: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
    } catch (error) {
      trouble.push(`${name}: ${formatError(error)}`);
    }
  }
  return trouble;
}

/** Assertions shorten what they were given. */
function formatError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'actual' in error ? `${error.message} (got ${JSON.stringify(error.actual)})` : error.message;
}

function formatOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'answered':
      return `answered ${outcome.response.status}`;
    case 'failed':
      return 'HTTP 502';
    case 'broken':
      return 'connection ended';
  }
}

function formatRow({ point, killed, outcome, executions, records, trouble }: Row): string {
  if (!killed) return `${point.padEnd(46)}  did not come up again`;
  const columns = [point.padEnd(46), outcome.padEnd(16), `sent ${executions}`, records.join(' ').padEnd(20)];
  return `${columns.join('  ')}  ${trouble.length === 0 ? 'everybody goes on' : trouble.join('; ')}`;
}
