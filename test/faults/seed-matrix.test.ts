/**
 * The seed matrix through the gateway as it is deployed: eight kinds of calls, each by legacy clients of both SDKs that
 * stay in their session, one after the other, ten at a time, and while the upstreams lose sessions.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fastTest } from '../../lib/local/demo/fast-test.ts';
import { fastTime } from '../../lib/local/demo/fast-time.ts';
import { serveUpstream, type ServedUpstream } from '../../lib/local/demo/serve.ts';
import { LEGACY, LEGACY_V1, type Traveller } from '../journeys/clients.ts';
import { startForgetfulProxy, type ForgetfulProxy } from '../support/forgetful-proxy.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { seeded } from '../support/property.ts';
import { seededChance } from '../support/random.ts';
import { SEED_CELLS, type SeedCell, type SeedServer } from './seed-cells.ts';

/** Calls in one cell, one after the other. */
const CALLS = 30;

/** So many callers at once have so many calls each. */
const CALLERS = 10;
const CALLS_OF_EACH = 12;

/** How many of a hundred calls find their session forgotten. */
const FORGOTTEN_PERCENT = 15;

const TIME_LIMIT_MS = 120_000;

const { seed } = seeded('test/faults/seed-matrix');

/** The servers of a matrix, and the gateway before them. */
interface Matrix {
  readonly gateway: TestGateway;
  readonly proxies: Readonly<Record<SeedServer, ForgetfulProxy>>;
  close(): Promise<void>;
}

async function openMatrix(environments: number, forgets: () => boolean = () => false): Promise<Matrix> {
  const served: Record<SeedServer, ServedUpstream> = {
    test: await serveUpstream(fastTest()),
    time: await serveUpstream(fastTime),
    sse: await serveUpstream(fastTime, { transport: 'sse' }),
  };
  const proxies = {
    test: await startForgetfulProxy(served.test.url, { status: 404, forgets }),
    time: await startForgetfulProxy(served.time.url, { status: 400, forgets }),
    // Over HTTP+SSE a session is the stream of one call.
    sse: await startForgetfulProxy(served.sse.url, { status: 404, forgets: () => false }),
  };
  const config = {
    upstreams: {
      test: { url: proxies.test.url },
      time: { url: proxies.time.url },
      sse: { url: proxies.sse.url, transport: 'sse' },
    },
    servers: {
      test: { upstreams: ['test'] },
      time: { upstreams: ['time'] },
      sse: { upstreams: ['sse'] },
      default: { upstreams: ['test'] },
    },
  };
  const gateway = await startTestGateway(config, { environments });
  const all = [...Object.values(proxies), ...Object.values(served)];
  return {
    gateway,
    proxies,
    close: async () => {
      await gateway.close();
      await Promise.all(all.map((each) => each.close()));
    },
  };
}

interface Size {
  readonly callers: number;
  /** Calls of each of them. */
  readonly each: number;
}

const ONE_BY_ONE: Size = { callers: 1, each: CALLS };
const MANY: Size = { callers: CALLERS, each: CALLS_OF_EACH };

/** Of each cell, how many answers were right; what else happened is told. */
interface Score {
  readonly cell: string;
  readonly calls: number;
  readonly right: number;
  readonly trouble: readonly string[];
}

/** So many callers at once, each in a session of its own, and each with its calls one after the other. */
async function play({ gateway }: Matrix, cell: SeedCell, { callers, each }: Size): Promise<Score> {
  const trouble: string[] = [];
  const travellers = await Promise.all(
    Array.from({ length: callers }, (_, index) => connect(gateway.url(cell.server), index)),
  );
  await Promise.all(
    travellers.map(async ({ peer }) => {
      for (let number = 1; number <= each; number += 1) {
        await cell.call(peer, number).catch((error: unknown) => trouble.push(String(error)));
      }
    }),
  );
  await Promise.all(travellers.map((traveller) => traveller.close()));
  const calls = callers * each;
  return { cell: cell.name, calls, right: calls - trouble.length, trouble };
}

function connect(url: string, index: number): Promise<Traveller> {
  return (index % 2 === 0 ? LEGACY_V1 : LEGACY).connect({ kind: 'http', url });
}

function print(how: string, scores: readonly Score[], more = ''): void {
  const right = scores.reduce((sum, score) => sum + score.right, 0);
  const calls = scores.reduce((sum, score) => sum + score.calls, 0);
  console.info(`seed matrix, ${how}: ${right}/${calls}${more}`);
}

function expectAllRight(scores: readonly Score[]): void {
  expect(scores.filter(({ trouble }) => trouble.length > 0)).toEqual([]);
  expect(scores).toHaveLength(8);
}

/** The slow cell takes 15 s however it is called; the others share the time. */
async function playAll(matrix: Matrix, size: Size): Promise<readonly Score[]> {
  return await Promise.all(SEED_CELLS.map((cell) => play(matrix, cell, size)));
}

/** One cell after the other beside the slow one, so that no more environments are needed than for two cells. */
async function playInTwoLanes(matrix: Matrix, size: Size): Promise<readonly Score[]> {
  const slow = SEED_CELLS.filter(({ name }) => name.includes('after'));
  const quick = SEED_CELLS.filter((cell) => !slow.includes(cell));
  const lane = async (cells: readonly SeedCell[]): Promise<Score[]> => {
    const scores: Score[] = [];
    for (const cell of cells) scores.push(await play(matrix, cell, size));
    return scores;
  };
  return (await Promise.all([lane(slow), lane(quick)])).flat();
}

let steady: Matrix;
let losing: Matrix;
const chance = seededChance(seed);

beforeAll(async () => {
  steady = await openMatrix(40);
  losing = await openMatrix(20, () => chance.below(100) < FORGOTTEN_PERCENT);
});

afterAll(async () => {
  await Promise.all([steady?.close(), losing?.close()]);
});

test('no call of the seed matrix is lost, one after the other', { timeout: TIME_LIMIT_MS }, async () => {
  const scores = await playAll(steady, ONE_BY_ONE);
  print('one after the other', scores);
  expectAllRight(scores);
});

test('none is lost with ten callers at once', { timeout: TIME_LIMIT_MS }, async () => {
  const scores = await playInTwoLanes(steady, MANY);
  print(`${CALLERS} callers at once`, scores);
  expectAllRight(scores);
});

test('none is lost while the upstreams lose sessions', { timeout: TIME_LIMIT_MS }, async () => {
  const scores = await playAll(losing, ONE_BY_ONE);
  const forgotten = Object.values(losing.proxies).reduce((sum, proxy) => sum + proxy.forgotten, 0);
  print('while sessions are lost', scores, `, ${forgotten} sessions lost`);
  expectAllRight(scores);
  expect(forgotten).toBeGreaterThanOrEqual(10);
});

test('clients and upstream sessions are as good as one to one, and no environment failed', () => {
  const clients = (server: SeedServer) =>
    SEED_CELLS.filter((cell) => cell.server === server).length * (ONE_BY_ONE.callers + MANY.callers);
  // Besides, each environment may have asked for an introduction.
  expect(steady.proxies.test.opened).toBeLessThanOrEqual(1.2 * clients('test'));
  expect(steady.proxies.time.opened).toBeLessThanOrEqual(1.2 * clients('time'));
  expect([steady, losing].flatMap(({ gateway }) => gateway.reports)).toEqual([]);
});
