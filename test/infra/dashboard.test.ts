import { describe, expect, it } from 'vitest';
import { measure } from '../../lib/adapters/powertools/measured-log.ts';
import type { Action, Notice } from '../../lib/ports/action-log.ts';
import { actionOf } from '../support/action.ts';
import { storedSeries, type StoredSeries } from '../support/embedded-metrics.ts';
import { foundBy, latencyReferences, ownReferences, statisticOf, widgetsOf } from './dashboard-series.ts';
import { resourceOf, resourcesOf, synthesize } from './kit.ts';

/** CloudWatch, "Metrics Insights quotas" and "CloudWatch service quotas". */
const MOST_METRICS_OF_WIDGET = 500;
const MOST_METRICS_OF_DASHBOARD = 2500;

const DASHBOARD = 'AWS::CloudWatch::Dashboard';
const least = synthesize();

/** What CloudWatch has after an invocation in which all of this was logged. */
async function stored(...logged: readonly (Action | Notice | Error)[]): Promise<StoredSeries[]> {
  const lines: string[] = [];
  const unread = { write: () => undefined, notice: () => undefined, defect: () => undefined };
  const { actionLog, publish } = measure(unread, 'Sluice', (line) => void lines.push(line));
  for (const one of logged) {
    if (one instanceof Error) actionLog.defect('request-1', one);
    else if ('kind' in one) actionLog.notice('request-1', one);
    else actionLog.write(one);
  }
  await publish(
    'request-1',
    logged.some((one) => 'cold' in one && one.cold),
  );
  return storedSeries(lines);
}

describe('every metric of the gateway on the dashboard', () => {
  it('is one that the gateway writes, with the dimensions that it writes', async () => {
    const errorKinds = ['internal', 'upstream-timeout', 'outcome-unknown', 'still-running'];
    const written = await stored(
      actionOf({ cold: true, dynamodbRequests: 1, attempt: 2, replayed: true }),
      actionOf({ outcome: 'tool-error' }),
      actionOf({ outcome: 'cancelled', errorKind: 'cancelled' }),
      ...errorKinds.map((errorKind) => actionOf({ outcome: 'error', errorKind })),
      { kind: 'breaker-opened', upstream: 'time' },
      { kind: 'outcome-unknown', upstream: 'time' },
      new Error('unexpected'),
      { kind: 'tool-held', upstream: 'time', tool: 'convert' },
    );
    const references = ownReferences(least);
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((reference) => foundBy(reference, written).length !== 1)).toEqual([]);
    const shown = new Set(references.map(({ name }) => name));
    const names = new Set(written.map(({ name }) => name));
    expect([...shown].toSorted()).toEqual([...names].toSorted());
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

  /** What the dashboard shows for these references, all series together. */
  const shown = (references: typeof gateway, series: readonly StoredSeries[]) =>
    references.flatMap((reference) => foundBy(reference, series).map(({ values }) => statisticOf(reference, values)));

  it('are there for the gateway and for the upstream in the same way', () => {
    const forms = ({ statistic, searched }: (typeof gateway)[number]) => ({ statistic, searched });
    expect(gateway.map(forms)).toEqual(upstream.map(forms));
    expect(gateway.map(forms)).toEqual(expect.arrayContaining([{ statistic: 'p99', searched: ['upstream'] }]));
  });

  it('tell a slow gateway from a slow upstream', async () => {
    const slowGateway = await stored(actionOf({ gatewayMs: 202, upstreamMs: 5 }));
    expect(shown(gateway, slowGateway)).toEqual([202, 202, 202, 202]);
    expect(shown(upstream, slowGateway)).toEqual([5, 5, 5, 5]);
    const slowUpstream = await stored(actionOf({ gatewayMs: 2, upstreamMs: 205 }));
    expect(shown(gateway, slowUpstream)).toEqual([2, 2, 2, 2]);
    expect(shown(upstream, slowUpstream)).toEqual([205, 205, 205, 205]);
  });

  it('name the upstream that is slow', async () => {
    const series = await stored(actionOf({ upstreamMs: 5 }), actionOf({ upstream: 'word', upstreamMs: 205 }));
    const byUpstream = upstream.filter(({ searched, statistic }) => searched.length > 0 && statistic === 'p99');
    const slow = byUpstream.flatMap((reference) =>
      foundBy(reference, series).filter(({ values }) => statisticOf(reference, values) > 200),
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
  it('shows what DynamoDB refuses of the table and of its index', () => {
    const table = { TableName: expect.stringMatching(/StateTable/) };
    const ofIndex = { ...table, GlobalSecondaryIndexName: 'expiry' };
    const shown = widgetsOf(least).find(({ title }) => title === 'Table throttles');
    expect(shown?.references.map(({ name, dimensions }) => [name, dimensions])).toEqual([
      ['ReadThrottleEvents', table],
      ['WriteThrottleEvents', table],
      ['ReadThrottleEvents', ofIndex],
      ['WriteThrottleEvents', ofIndex],
    ]);
  });

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
