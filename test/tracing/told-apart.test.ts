/**
 * The gateway's own slowness and an upstream's are told apart alike wherever somebody looks: in the trace, the metrics, the
 * action log, the answer itself, and on the dashboard of the stack.
 */
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { waterfallOf } from '../../lib/local/console/waterfall.ts';
import { startDynamoDb, type LocalDynamoDb } from '../../lib/local/dynamodb.ts';
import { foundBy, latencyReferences, statisticOf } from '../infra/dashboard-series.ts';
import { synthesize } from '../infra/kit.ts';
import { startDynamodbProxy, type DynamodbProxy } from '../support/dynamodb-proxy.ts';
import { metricLinesIn, storedSeries, valuesOf, type StoredSeries } from '../support/embedded-metrics.ts';
import type { TraceSpan } from '../../lib/local/console/feed.ts';
import { newTraceId, openWorld, post, SERVICE, type World } from './world.ts';

const SLOW_MS = 200;

/** What either of the two did, in milliseconds, according to one place. */
interface Shares {
  readonly gatewayMs: number;
  readonly upstreamMs: number;
}

let database: LocalDynamoDb;
let proxy: DynamodbProxy;
let world: World;
let session: Record<string, string>;
const agent = new Agent({ keepAlive: true });
const dashboard = latencyReferences(synthesize({}, SERVICE));

beforeAll(async () => {
  database = await startDynamoDb();
  proxy = await startDynamodbProxy(database.endpoint);
  world = await openWorld({ era: 'legacy' }, { affinity: true, dynamodbEndpoint: proxy.endpoint });
  const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'apart', version: '1.0.0' } };
  const initialize = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: hello });
  const { headers } = await post(agent, world.gateway.url(), initialize, {});
  session = { 'mcp-session-id': String(headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' };
  await measuredAfter(0);
  // Opens the upstream session, and loads what calls need.
  await seenEverywhere(0);
});

afterAll(async () => {
  agent.destroy();
  await world.close();
  await proxy.close();
  await database.close();
});

interface Seen {
  readonly by: ReadonlyMap<string, Shares>;
  readonly spans: readonly TraceSpan[];
}

/** One call, for which the upstream takes so long, by the word of each place. */
async function seenEverywhere(upstreamMs: number): Promise<Seen> {
  const traceId = newTraceId();
  const before = world.gateway.logLines().length;
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'up__work',
      arguments: { call: randomUUID(), ms: upstreamMs, as: 'json' },
      _meta: { 'io.sluice/timing': true },
    },
  });
  const headers = { ...session, 'x-amzn-trace-id': `Root=${traceId}` };
  const answer = await post(agent, world.gateway.url(), body, headers);
  const spans = await world.traceWith(traceId, (known) =>
    known.some(({ name, endedAt }) => name === 'gateway' && endedAt !== null),
  );
  const stored = await measuredAfter(before);
  const action = world.gateway.actions().find((line) => line.traceId === traceId)!;
  const by = new Map<string, Shares>([
    ['trace', waterfallOf({ spans }).totals],
    ['annotations', annotatedIn(spans)],
    ['action log', action],
    ['_meta', JSON.parse(answer.text).result._meta['io.sluice/timing']],
    ['Server-Timing', readServerTiming(String(answer.headers['server-timing']))],
    ['metrics', { gatewayMs: onlyValue(stored, 'GatewayMs'), upstreamMs: onlyValue(stored, 'UpstreamMs') }],
    ['dashboard', { gatewayMs: shown(dashboard.gateway, stored), upstreamMs: shown(dashboard.upstream, stored) }],
  ]);
  return { by, spans };
}

/** What is measured by the lines after so many, once there is something: it is written after the answer. */
async function measuredAfter(count: number): Promise<readonly StoredSeries[]> {
  const lines = (): string[] => world.gateway.logLines().slice(count);
  await vi.waitFor(() => expect(metricLinesIn(lines())).not.toEqual([]), { timeout: 10_000 });
  return storedSeries(lines());
}

function annotatedIn(spans: readonly TraceSpan[]): Shares {
  const { annotations } = spans.find(({ name }) => name === 'tools/call')!;
  return { gatewayMs: Number(annotations['gateway_ms']), upstreamMs: Number(annotations['upstream_ms']) };
}

function readServerTiming(header: string): Shares {
  const [gatewayMs, upstreamMs] = [...header.matchAll(/dur=([\d.]+)/g)].map(([, ms]) => Number(ms));
  return { gatewayMs: gatewayMs!, upstreamMs: upstreamMs! };
}

function onlyValue(stored: readonly StoredSeries[], name: string): number {
  const [value, ...others] = valuesOf(stored, name, 'up');
  if (value === undefined || others.length > 0) throw new Error(`${name} has ${others.length + 1} values`);
  return value;
}

/** The least of what the dashboard would show of these series. */
function shown(references: typeof dashboard.gateway, stored: readonly StoredSeries[]): number {
  return Math.min(
    ...references.flatMap((reference) =>
      foundBy(reference, stored).map(({ values }) => statisticOf(reference, values)),
    ),
  );
}

const PLACES = ['trace', 'annotations', 'action log', '_meta', 'Server-Timing', 'metrics', 'dashboard'];

describe('a session store that takes 200 ms longer', () => {
  let seen: Seen;

  beforeAll(async () => {
    proxy.slowDown(SLOW_MS);
    seen = await seenEverywhere(0);
    proxy.slowDown(0);
  });

  test.each(PLACES)('is the gateway’s own time by the word of the %s', (place) => {
    const { gatewayMs, upstreamMs } = seen.by.get(place)!;
    expect(gatewayMs).toBeGreaterThanOrEqual(SLOW_MS - 1);
    expect(upstreamMs).toBeLessThan(SLOW_MS / 2);
  });

  test('is seen in the stage that waited for it', () => {
    const { startedAt, endedAt } = seen.spans.find(({ name }) => name === 'session')!;
    expect(endedAt! - startedAt).toBeGreaterThanOrEqual(SLOW_MS - 1);
  });
});

describe('an upstream that takes 200 ms longer', () => {
  let seen: Seen;

  beforeAll(async () => {
    seen = await seenEverywhere(SLOW_MS);
  });

  test.each(PLACES)('is the upstream’s time by the word of the %s', (place) => {
    const { gatewayMs, upstreamMs } = seen.by.get(place)!;
    expect(upstreamMs).toBeGreaterThanOrEqual(SLOW_MS - 1);
    expect(gatewayMs).toBeLessThan(SLOW_MS / 2);
  });
});
