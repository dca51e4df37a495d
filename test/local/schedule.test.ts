import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createTable } from '../../lib/adapters/dynamodb/create-table.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import { startLocalHousekeeping, type LocalHousekeepingOptions } from '../../lib/local/housekeeping.ts';
import { startSchedule } from '../../lib/local/schedule.ts';
import { startDynalite } from '../support/dynalite.ts';
import { startListingUpstream, tools, type ListingOptions, type ListingUpstream } from '../support/listing-upstream.ts';
import { startTestGateway } from '../support/local-gateway.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { toolNamesAt } from '../support/one-by-one.ts';
import { turn } from '../support/turn.ts';
import { temporaryFolder } from './kit.ts';

/** Work that ends when the test says so. */
function manualWork() {
  const runs: PromiseWithResolvers<void>[] = [];
  const work = () => {
    const run = Promise.withResolvers<void>();
    runs.push(run);
    return run.promise;
  };
  return { runs, work };
}

describe('a schedule', () => {
  test('begins at once, and goes on every minute', async () => {
    const clock = createManualClock();
    const { runs, work } = manualWork();
    const schedule = startSchedule(clock, 60_000, work);
    expect(runs).toHaveLength(1);
    runs[0]!.resolve();
    await turn();
    clock.advance(59_999);
    expect(runs).toHaveLength(1);
    clock.advance(1);
    expect(runs).toHaveLength(2);
    runs[1]!.resolve();
    await schedule.close();
  });

  test('does one run at a time, and the next one at once after a run that took longer', async () => {
    const clock = createManualClock();
    const { runs, work } = manualWork();
    const schedule = startSchedule(clock, 60_000, work);
    clock.advance(200_000);
    expect(runs).toHaveLength(1);
    runs[0]!.resolve();
    await turn();
    clock.advance(0);
    expect(runs).toHaveLength(2);
    runs[1]!.resolve();
    await schedule.close();
  });

  test('has ended when the run under way has, and begins no other', async () => {
    const clock = createManualClock();
    const { runs, work } = manualWork();
    const schedule = startSchedule(clock, 60_000, work);
    let isClosed = false;
    const closing = schedule.close().then(() => (isClosed = true));
    await turn();
    expect(isClosed).toBe(false);
    runs[0]!.resolve();
    await closing;
    expect(clock.scheduled).toBe(0);
  });

  test('leaves no timer behind when it ends between two runs', async () => {
    const clock = createManualClock();
    const { runs, work } = manualWork();
    const schedule = startSchedule(clock, 60_000, work);
    runs[0]!.resolve();
    await turn();
    expect(clock.scheduled).toBe(1);
    await schedule.close();
    expect(clock.scheduled).toBe(0);
  });
});

/** A local gateway over a database of its own, and the housekeeping beside it by the test's clock. */
async function openWorld(config: object) {
  const database = await startDynalite();
  onTestFinished(() => database.close());
  const state = { endpoint: database.endpoint, table: 'sluice' };
  await createTable({ endpoint: state.endpoint, tableName: state.table });
  const gateway = await startTestGateway(config, { dynamodbEndpoint: state.endpoint, environments: 1 });
  onTestFinished(() => gateway.close());
  const resolved = resolveConfig(config, UNSAID.local);
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'test configuration'));
  return { gateway, config: resolved.config, state };
}

/** Housekeeping whose timer the test holds: `next` resolves when a run has ended and the next one is awaited. */
function keepHouse(options: Omit<LocalHousekeepingOptions, 'log' | 'clock'>) {
  const clock = createManualClock();
  let ended = Promise.withResolvers<void>();
  const housekeeping = startLocalHousekeeping({
    ...options,
    log: 'errors',
    clock: {
      elapsed: clock.elapsed,
      schedule: (ms, callback) => {
        ended.resolve();
        return clock.schedule(ms, callback);
      },
    },
  });
  onTestFinished(() => housekeeping.close());
  return {
    housekeeping,
    /** Resolves when the run under way has ended. */
    ran: () => ended.promise,
    nextMinute: () => {
      ended = Promise.withResolvers<void>();
      clock.advance(60_000);
      return ended.promise;
    },
  };
}

async function startUpstream(options: ListingOptions): Promise<ListingUpstream> {
  const upstream = await startListingUpstream(options);
  onTestFinished(() => upstream.stop());
  return upstream;
}

const configOf = (url: string, more: object = {}): object => ({
  upstreams: { up: { url } },
  servers: { default: { upstreams: ['up'] } },
  ...more,
});

const FRESH_FOR_AN_HOUR = { ttlMs: 3_600_000, cacheScope: 'public' } as const;

describe('the housekeeping of the local gateway', () => {
  test('makes a change visible to clients each minute, long before the list grows old', async () => {
    const upstream = await startUpstream({ tools: tools('a'), ...FRESH_FOR_AN_HOUR });
    const { gateway, config, state } = await openWorld(configOf(upstream.url));
    expect(await toolNamesAt(gateway.url())).toEqual(['up__a']);
    upstream.lists = { tools: tools('a', 'b') };
    expect(await toolNamesAt(gateway.url())).toEqual(['up__a']);
    const house = keepHouse({ config, state });
    await house.ran();
    expect(await toolNamesAt(gateway.url())).toEqual(['up__a', 'up__b']);
    upstream.lists = { tools: tools('b') };
    await house.nextMinute();
    expect(await toolNamesAt(gateway.url())).toEqual(['up__b']);
  });

  test('tells all that it logs, whatever is written of it', async () => {
    const upstream = await startUpstream({ tools: tools('a'), ...FRESH_FOR_AN_HOUR });
    const { gateway, config, state } = await openWorld(configOf(upstream.url));
    await toolNamesAt(gateway.url());
    upstream.lists = { tools: tools('a', 'b') };
    await toolNamesAt(gateway.url());
    const file = join(await temporaryFolder(), 'log');
    const lines: string[] = [];
    await keepHouse({ config, state, logFd: openSync(file, 'a'), onLine: (line) => lines.push(line) }).ran();
    const changes = lines.map((line) => JSON.parse(line) as unknown);
    expect(changes).toEqual([expect.objectContaining({ notice: 'list-changed', upstream: 'up', added: ['b'] })]);
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  test('is not done when the configuration switches it off', async () => {
    const upstream = await startUpstream({ tools: tools('a'), ...FRESH_FOR_AN_HOUR });
    const { gateway, config, state } = await openWorld(configOf(upstream.url, { refresh: 'off' }));
    expect(await toolNamesAt(gateway.url())).toEqual(['up__a']);
    expect(await toolNamesAt(gateway.url())).toEqual(['up__a']);
    const heard = upstream.heard.length;
    await keepHouse({ config, state }).housekeeping.close();
    expect(upstream.heard).toHaveLength(heard);
  });

  test('breaks off what is under way at an upstream when it is closed, and says nothing of it', async () => {
    const upstream = await startUpstream({ tools: tools('a'), ...FRESH_FOR_AN_HOUR });
    const { gateway, config, state } = await openWorld(configOf(upstream.url));
    await toolNamesAt(gateway.url());
    await toolNamesAt(gateway.url());
    const reports: string[] = [];
    const gate = upstream.hold('tools/list');
    const { housekeeping } = keepHouse({ config, state, report: (line) => reports.push(line) });
    await gate.entered;
    await housekeeping.close();
    gate.release();
    expect(reports).toEqual([]);
  });

  test('reports at the start which upstream is not available, and which names are too long', async () => {
    const long = `${'long-'.repeat(14)}name`;
    const upstream = await startUpstream({ tools: tools('a', long) });
    const gone = await startUpstream({});
    await gone.stop();
    const { config, state } = await openWorld({
      upstreams: { up: { url: upstream.url }, gone: { url: gone.url } },
      servers: { default: { upstreams: ['up', 'gone'] } },
    });
    const reports: string[] = [];
    const reported = Promise.withResolvers<void>();
    keepHouse({
      config,
      state,
      report: (line) => {
        if (reports.push(line) === 2) reported.resolve();
      },
    });
    await reported.promise;
    expect(reports).toEqual([
      'upstream gone: Upstream gone could not be reached',
      `virtual server default: up__${long} of upstream up has 78 characters; some clients take no more than 64`,
    ]);
  });
});
