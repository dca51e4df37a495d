/** The metrics of the function as it is built: in the emulator, over a DynamoDB and an upstream that may be slow. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { bundleFunction, type FunctionBundle } from '../../../lib/adapters/lambda/bundle.ts';
import { HANDLER_EXPORT, VARIABLES } from '../../../lib/adapters/lambda/names.ts';
import { resolveConfig, UNSAID } from '../../../lib/config/load.ts';
import { startDynamoDb, TABLE_NAME } from '../../../lib/local/dynamodb.ts';
import { startEmulator } from '../../../lib/local/emulator/emulator.ts';
import { foundBy, latencyReferences, statisticOf, type Reference } from '../../infra/dashboard-series.ts';
import { synthesize } from '../../infra/kit.ts';
import { cleanUpAfterTest, serve, temporaryFolder } from '../../local/kit.ts';
import { startDynamodbProxy, type DynamodbProxy } from '../../support/dynamodb-proxy.ts';
import { metricLinesIn, storedSeries, valuesOf, type StoredSeries } from '../../support/embedded-metrics.ts';
import { startVerbatimUpstream } from '../../support/verbatim-upstream.ts';
import { openLegacySession, type LegacySession, type WireResponse } from '../../support/wire.ts';

const SLOW_MS = 200;

/** Of the stack whose name the function has for its metrics. */
const template = synthesize();

interface Running {
  readonly database: DynamodbProxy;
  /** From now on the upstream takes so much longer, in milliseconds. */
  slowDownUpstream(ms: number): void;
  readonly url: string;
  readonly bundle: FunctionBundle;
  lines(): string[];
  /** Those of a call, or of as many as are said, once all of these have theirs: each has one time of the gateway. */
  metricsOf(call: () => Promise<unknown>, calls?: number): Promise<StoredSeries[]>;
}

async function run(variables: Readonly<Record<string, string>> = { [VARIABLES.service]: 'Sluice' }): Promise<Running> {
  let slowerMs = 0;
  const upstream = await startVerbatimUpstream();
  cleanUpAfterTest(() => upstream.close());
  upstream.on('tools/call', async ({ idText, answer }) => {
    if (slowerMs > 0) await setTimeout(slowerMs);
    answer(`{"jsonrpc":"2.0","id":${idText},"result":{"content":[]}}`);
  });
  const dynamodb = await startDynamoDb();
  cleanUpAfterTest(() => dynamodb.close());
  const database = await startDynamodbProxy(dynamodb.endpoint);
  cleanUpAfterTest(() => database.close());
  const bundle = await bundleInFrontOf(upstream.url);
  const log = join(await temporaryFolder(), 'log');
  const fd = openSync(log, 'a');
  cleanUpAfterTest(async () => closeSync(fd));
  const emulator = await startEmulator({
    handlerFile: bundle.file,
    handlerExport: HANDLER_EXPORT,
    variables: {
      [VARIABLES.table]: TABLE_NAME,
      [VARIABLES.dynamodbEndpoint]: database.endpoint,
      [VARIABLES.logFd]: String(fd),
      ...variables,
    },
    limit: 3,
    affinity: true,
    isSigned: false,
    timeoutMs: 60_000,
    report: () => undefined,
  });
  cleanUpAfterTest(() => emulator.close());
  const lines = (): string[] => readFileSync(log, 'utf8').split('\n').slice(0, -1);
  return {
    database,
    slowDownUpstream: (ms) => {
      slowerMs = ms;
    },
    url: `${await serve(emulator)}/mcp`,
    bundle,
    lines,
    metricsOf: async (call, calls = 1) => {
      const before = lines().length;
      await call();
      // Its client has the answer before they are written.
      return vi.waitFor(
        () => {
          const series = storedSeries(lines().slice(before));
          expect(valuesOf(series, 'GatewayMs')).toHaveLength(calls);
          return series;
        },
        { timeout: 20_000 },
      );
    },
  };
}

async function bundleInFrontOf(url: string): Promise<FunctionBundle> {
  const config = {
    upstreams: { up: { url, era: 'legacy' } },
    servers: { default: { upstreams: ['up'] } },
    auth: { mode: 'none' },
  };
  const resolved = resolveConfig(config, UNSAID.local);
  if (!resolved.ok) throw new Error('This configuration is valid');
  return bundleFunction({ outdir: await temporaryFolder(), config: resolved.config });
}

/** The highest that the dashboard of the stack shows of this. */
function shownAtMost(references: readonly Reference[], series: readonly StoredSeries[]): number {
  const values = references.flatMap((reference) =>
    foundBy(reference, series).map((found) => statisticOf(reference, found.values)),
  );
  expect(values).toHaveLength(references.length);
  return Math.max(...values);
}

/** Its handshake, of two messages, and a call. */
const CALLS_TO_CONNECT = 3;

/** A legacy client, whose session is in the table and at the upstream by now. */
async function connect(running: Running): Promise<() => Promise<WireResponse>> {
  let session: LegacySession | undefined;
  const call = (): Promise<WireResponse> => session!.request('tools/call', { name: 'up__tool', arguments: {} });
  await running.metricsOf(async () => {
    session = await openLegacySession(running.url);
    await call();
  }, CALLS_TO_CONNECT);
  return call;
}

const only = (series: readonly StoredSeries[], name: string, upstream?: string): number => {
  const values = valuesOf(series, name, upstream);
  expect(values).toHaveLength(1);
  return values[0]!;
};

describe('the metrics of the built function', () => {
  test('tell a slow session store from a slow upstream, and so does the dashboard', async () => {
    const running = await run();
    const call = await connect(running);
    running.database.slowDown(SLOW_MS);
    const slowStore = await running.metricsOf(call);
    running.database.slowDown(0);
    running.slowDownUpstream(SLOW_MS);
    const slowUpstream = await running.metricsOf(call);
    for (const upstream of ['up', undefined]) {
      expect(only(slowStore, 'GatewayMs', upstream)).toBeGreaterThanOrEqual(SLOW_MS - 1);
      expect(only(slowStore, 'UpstreamMs', upstream)).toBeLessThan(SLOW_MS - 1);
      expect(only(slowUpstream, 'GatewayMs', upstream)).toBeLessThan(SLOW_MS - 1);
      expect(only(slowUpstream, 'UpstreamMs', upstream)).toBeGreaterThanOrEqual(SLOW_MS - 1);
    }
    const { gateway, upstream } = latencyReferences(template);
    expect(shownAtMost(gateway, slowStore)).toBeGreaterThanOrEqual(SLOW_MS - 1);
    expect(shownAtMost(upstream, slowStore)).toBeLessThan(SLOW_MS - 1);
    expect(shownAtMost(gateway, slowUpstream)).toBeLessThan(SLOW_MS - 1);
    expect(shownAtMost(upstream, slowUpstream)).toBeGreaterThanOrEqual(SLOW_MS - 1);
  });

  test('count a cold start, and the requests to DynamoDB', async () => {
    const running = await run();
    const first = await running.metricsOf(() => openLegacySession(running.url), 2);
    expect(valuesOf(first, 'DynamodbRequests').length).toBeGreaterThan(0);
    await vi.waitFor(() => expect(valuesOf(storedSeries(running.lines()), 'ColdStarts')[0]).toBe(1));
  });

  test.for([
    ['a preflight', '/mcp', { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } }],
    ['the landing page', '/', { method: 'GET', headers: { accept: 'text/html' } }],
    ['a body that is no text', '/mcp', { method: 'POST', body: Buffer.from('ff', 'hex') }],
  ] as const)('count a cold start whose first request is %s, which leaves no line of its own', async (first) => {
    const [, path, request] = first;
    const running = await run();
    const coldStarts = () => valuesOf(storedSeries(running.lines()), 'ColdStarts');
    await (await fetch(new URL(path, running.url), request)).text();
    await vi.waitFor(() => expect(coldStarts()).toEqual([1]), { timeout: 20_000 });
    expect(metricLinesIn(running.lines())).toEqual(running.lines());
    await running.metricsOf(() => openLegacySession(running.url), 2);
    expect(coldStarts()).toEqual([1]);
  });

  test('come after the line of the action, and each is a line of its own', async () => {
    const running = await run();
    const call = await connect(running);
    const before = running.lines().length;
    await running.metricsOf(call);
    const kinds = running
      .lines()
      .slice(before)
      .map((line) => JSON.parse(line) as object)
      .filter((line) => !('ColdStarts' in line))
      .map((line) => ('_aws' in line ? 'metrics' : 'action'));
    expect(kinds).toEqual(['action', 'metrics']);
  });

  test('are not written by a function that has no name for them', async () => {
    const running = await run({});
    const { request } = await openLegacySession(running.url);
    for (let sent = 0; sent < 2; sent += 1) await request('tools/call', { name: 'up__tool', arguments: {} });
    await vi.waitFor(() => expect(running.lines().length).toBeGreaterThanOrEqual(4));
    expect(metricLinesIn(running.lines())).toEqual([]);
  });

  test('are not needed for an answer: what loads them may be missing, and the log says so', async () => {
    const running = await run();
    const { outputs } = running.bundle.metafile;
    const files = Object.keys(outputs).filter((file) => basename(file).startsWith('metric-lines-'));
    expect(files).not.toEqual([]);
    for (const file of files) await rm(join(dirname(running.bundle.file), basename(file)));
    const { request } = await openLegacySession(running.url);
    expect((await request('tools/call', { name: 'up__tool', arguments: {} })).messages[0].result).toBeDefined();
    await vi.waitFor(() => expect(running.lines().join('\n')).toContain('"code":"ERR_MODULE_NOT_FOUND"'));
  });
});
