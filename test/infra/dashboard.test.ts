import { describe, expect, it } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { measure } from '../../lib/adapters/powertools/measured-log.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { ActionRecorder, type ActionEnd, type UpstreamShare } from '../../lib/delivery/action.ts';
import type { Notice } from '../../lib/ports.ts';
import { storedSeries, type StoredSeries } from '../support/embedded-metrics.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryTransport } from '../support/memory-transport.ts';
import { foundBy, latencyReferences, ownReferences, statisticOf, widgetsOf } from './dashboard-series.ts';
import { resourceOf, resourcesOf, synthesize } from './kit.ts';

/** CloudWatch, "Metrics Insights quotas" and "CloudWatch service quotas". */
const MOST_METRICS_OF_WIDGET = 500;
const MOST_METRICS_OF_DASHBOARD = 2500;

const DASHBOARD = 'AWS::CloudWatch::Dashboard';
const least = synthesize();

const OK: ActionEnd = { outcome: 'ok', errorKind: null, status: 200 };

interface Recorded {
  readonly upstream: string;
  /** Of the gateway itself, in milliseconds. */
  readonly ownMs: number;
  /** Of the upstream. */
  readonly waitedMs: number;
  readonly end?: ActionEnd;
  readonly attempts?: number;
}

/** What CloudWatch has of these calls and notices, recorded as the gateway records them. */
async function recorded(calls: readonly Recorded[], notices: readonly Notice[] = []): Promise<StoredSeries[]> {
  const clock = createManualClock(1_800_000_000_000);
  const lines: string[] = [];
  const nothing = { write: () => undefined, notice: () => undefined, defect: () => undefined };
  const { actionLog, publish } = measure(nothing, 'Sluice', (line) => void lines.push(line));
  const ports = {
    clock,
    ids: cryptoIds,
    openStores: createMemoryStores(),
    transport: createMemoryTransport(() => ({ failure: 'unreachable', sent: false })),
    executeOnce,
    tracer: noopTracer,
    actionLog,
  };
  const invocation = {
    requestId: 'r',
    traceId: undefined,
    environment: 'e',
    cold: true,
    arrivedAt: 0,
    endsAt: Infinity,
  };
  const subject = {
    era: null,
    caller: null,
    session: null,
    server: null,
    method: 'tools/call',
    tool: null,
    bytesIn: 0,
  };
  for (const { upstream, ownMs, waitedMs, end = OK, attempts = 1 } of calls) {
    const recorder = new ActionRecorder(ports, invocation, subject, { requests: 1 }, clock.now(), clock.elapsed());
    clock.advance(ownMs + waitedMs);
    recorder.finish(end, { upstream, waitedMs, requests: 1, attempts } satisfies UpstreamShare);
  }
  for (const notice of notices) actionLog.notice('r', notice);
  await publish('r');
  return storedSeries(lines);
}

const failed = (errorKind: string | null, outcome: ActionEnd['outcome'] = 'error'): ActionEnd => ({
  outcome,
  errorKind,
  status: 200,
});

describe('every metric of the gateway on the dashboard', () => {
  it('is one that the gateway writes, with the dimensions that it writes', async () => {
    const call = { upstream: 'time', ownMs: 1, waitedMs: 1 };
    const ends = [
      OK,
      { ...OK, replayed: true as const },
      failed(null, 'tool-error'),
      failed('cancelled', 'cancelled'),
      ...['internal', 'upstream-timeout', 'outcome-unknown', 'still-running'].map((kind) => failed(kind)),
    ];
    const stored = await recorded(
      ends.map((end) => ({ ...call, end, attempts: 2 })),
      [
        { kind: 'breaker-opened', upstream: 'time' },
        { kind: 'tool-held', upstream: 'time', tool: 'convert' },
      ],
    );
    const references = ownReferences(least);
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((reference) => foundBy(reference, stored).length !== 1)).toEqual([]);
    const shown = new Set(references.map(({ name }) => name));
    const written = new Set(stored.map(({ name }) => name));
    expect([...shown].toSorted()).toEqual([...written].toSorted());
  });

  it('is told by service alone, or by service and upstream', () => {
    for (const { dimensions, searched } of ownReferences(least)) {
      expect(dimensions).toEqual({ service: 'Sluice' });
      expect([[], ['upstream']]).toContainEqual(searched);
    }
  });

  it('is that of its own stack', () => {
    const values = ownReferences(synthesize({}, 'Other')).map(({ dimensions }) => dimensions['service']);
    expect(new Set(values)).toEqual(new Set(['Other']));
  });
});

describe('the latencies on the dashboard', () => {
  const { gateway, upstream } = latencyReferences(least);

  /** The values that the dashboard shows for these references, all series together. */
  const shown = (references: typeof gateway, stored: readonly StoredSeries[]) =>
    references.flatMap((reference) => foundBy(reference, stored).map(({ values }) => statisticOf(reference, values)));

  it('are there for the gateway and for the upstream in the same way', () => {
    const forms = ({ statistic, searched }: (typeof gateway)[number]) => ({ statistic, searched });
    expect(gateway.map(forms)).toEqual(upstream.map(forms));
    expect(gateway.map(forms)).toEqual(expect.arrayContaining([{ statistic: 'p99', searched: ['upstream'] }]));
  });

  it('tell a slow gateway from a slow upstream', async () => {
    const slowGateway = await recorded([{ upstream: 'time', ownMs: 202, waitedMs: 5 }]);
    expect(shown(gateway, slowGateway)).toEqual([202, 202, 202, 202]);
    expect(shown(upstream, slowGateway)).toEqual([5, 5, 5, 5]);
    const slowUpstream = await recorded([{ upstream: 'time', ownMs: 2, waitedMs: 205 }]);
    expect(shown(gateway, slowUpstream)).toEqual([2, 2, 2, 2]);
    expect(shown(upstream, slowUpstream)).toEqual([205, 205, 205, 205]);
  });

  it('name the upstream that is slow', async () => {
    const stored = await recorded([
      { upstream: 'time', ownMs: 1, waitedMs: 5 },
      { upstream: 'word', ownMs: 1, waitedMs: 205 },
    ]);
    const byUpstream = upstream.filter(({ searched, statistic }) => searched.length > 0 && statistic === 'p99');
    const slow = byUpstream.flatMap((reference) =>
      foundBy(reference, stored).filter(({ values }) => statisticOf(reference, values) > 200),
    );
    expect(slow.map(({ dimensions }) => dimensions['upstream'])).toEqual(['word']);
  });
});

describe('a dashboard of a hundred upstreams', () => {
  const names = Array.from({ length: 100 }, (_, index) => `upstream-${index}`);
  const crowd = synthesize({
    upstreams: Object.fromEntries(names.map((name) => [name, { url: `https://${name}.example/mcp` }])),
    servers: { default: { upstreams: names } },
  });

  it('is the same as that of one', () => {
    expect(resourceOf(crowd, DASHBOARD)).toEqual(resourceOf(least, DASHBOARD));
  });

  it('shows no more metrics than CloudWatch lets a widget and a dashboard have', () => {
    const counts = widgetsOf(crowd).map(({ references }) =>
      references.reduce((sum, { searched }) => sum + (searched.length > 0 ? names.length : 1), 0),
    );
    expect(Math.max(...counts)).toBeLessThanOrEqual(MOST_METRICS_OF_WIDGET);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(MOST_METRICS_OF_DASHBOARD);
  });
});

describe('the dashboard', () => {
  const titles = widgetsOf(least).map(({ title }) => title);

  it('has the time by upstream, errors by layer, idempotency and what costs', () => {
    expect(titles).toEqual(
      expect.arrayContaining([
        'Gateway latency by upstream (ms)',
        'Upstream latency by upstream (ms)',
        'Errors by layer',
        'Idempotency',
        'GB-seconds',
        'DynamoDB',
        'Log lines (bytes)',
      ]),
    );
  });

  it('has its name and its region, as dashboards of all regions share their names', () => {
    const { DashboardName } = resourceOf(least, DASHBOARD);
    expect(DashboardName).toEqual({ 'Fn::Join': ['', ['Sluice-', { Ref: 'AWS::Region' }]] });
  });

  it('is left out with the metrics and the alarms where nothing is monitored', () => {
    const off = synthesize({ deployment: { monitoring: false } });
    expect([DASHBOARD, 'AWS::CloudWatch::Alarm'].map((type) => resourcesOf(off, type).size)).toEqual([0, 0]);
    for (const [, { Environment }] of resourcesOf(off, 'AWS::Lambda::Function')) {
      expect(JSON.stringify(Environment)).not.toContain('SLUICE_SERVICE');
    }
  });
});
