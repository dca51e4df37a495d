import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OWN_NAMESPACE, ownReferences } from './dashboard-series.ts';
import { resourceOf, resourcesOf, synthesize, type Properties } from './kit.ts';

const ALARM = 'AWS::CloudWatch::Alarm';
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:on-call';

const least = synthesize();
const alarms = resourcesOf(least, ALARM);

const alarmOf = (name: string, template = least): Properties => resourceOf(template, ALARM, `MonitoringAlarms${name}`);

/** The first values that raise an alarm, as far as it says so itself. */
const raisedAt = ({ Threshold, EvaluationPeriods, ComparisonOperator, Statistic, Period }: Properties) => ({
  Threshold,
  EvaluationPeriods,
  ComparisonOperator,
  Statistic,
  Period,
});

interface MetricQuery {
  readonly Id: string;
  readonly Expression?: string;
  readonly MetricStat?: { readonly Metric: object };
}

/** Of an alarm over an expression, which comes first. */
const metricsOf = ({ Metrics }: Properties) => Metrics as readonly MetricQuery[];

const FROM_ONE_ON = {
  Threshold: 1,
  EvaluationPeriods: 1,
  ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  Statistic: 'Sum',
  Period: 300,
};

describe('the alarms', () => {
  it('are few', () => {
    const names = [...alarms.keys()].map((id) => id.replace(/^MonitoringAlarms|[0-9A-F]{8}$/g, ''));
    expect(names.toSorted()).toEqual([
      'BreakerStaysOpen',
      'FunctionErrors',
      'GatewayErrors',
      'HousekeepingFails',
      'NearTimeout',
      'TableThrottles',
      'Throttles',
      'ToolsHeld',
      'UnknownOutcomes',
    ]);
  });

  it('say each in two sentences or more what has happened and what to do', () => {
    for (const [, { AlarmDescription }] of alarms) {
      expect(AlarmDescription).toMatch(/^[A-Z].+\. [A-Z].+\.$/);
      expect(String(AlarmDescription).length).toBeLessThanOrEqual(1024);
    }
  });

  it('do not go off where nothing is written', () => {
    for (const [, { TreatMissingData }] of alarms) expect(TreatMissingData).toBe('notBreaching');
  });

  it('are over metrics of the gateway that the dashboard shows', () => {
    const shown: readonly string[] = ownReferences(least).map(({ name }) => name);
    const own = [...alarms.values()].filter(({ Namespace }) => Namespace === OWN_NAMESPACE);
    expect(own).toHaveLength(3);
    for (const { MetricName, Dimensions } of own) {
      expect(shown).toContain(MetricName);
      expect(Dimensions).toEqual([{ Name: 'service', Value: 'Sluice' }]);
    }
  });

  it('GatewayErrors goes off with the first error or defect, and what is both is not counted twice', () => {
    const alarm = alarmOf('GatewayErrors');
    expect(alarm).toMatchObject({ Threshold: 1, EvaluationPeriods: 1 });
    const [expression, ...watched] = metricsOf(alarm);
    expect(expression).toMatchObject({ Expression: 'MAX([FILL(errors, 0), FILL(defects, 0)])', ReturnData: true });
    const Dimensions = [{ Name: 'service', Value: 'Sluice' }];
    expect(watched.map(({ MetricStat }) => MetricStat)).toEqual([
      { Metric: { Namespace: 'Sluice', MetricName: 'GatewayErrors', Dimensions }, Period: 300, Stat: 'Sum' },
      { Metric: { Namespace: 'Sluice', MetricName: 'Defects', Dimensions }, Period: 300, Stat: 'Sum' },
    ]);
  });

  it.each(['UnknownOutcomes', 'ToolsHeld', 'FunctionErrors', 'Throttles'])('%s goes off with the first one', (name) => {
    expect(raisedAt(alarmOf(name))).toEqual(FROM_ONE_ON);
  });

  it('go off for a breaker that is open in each of three periods of five minutes', () => {
    expect(raisedAt(alarmOf('BreakerStaysOpen'))).toEqual({
      ...FROM_ONE_ON,
      EvaluationPeriods: 3,
      Statistic: 'Maximum',
    });
  });

  it('go off for housekeeping that has failed for a quarter of an hour', () => {
    expect(raisedAt(alarmOf('HousekeepingFails'))).toEqual({ ...FROM_ONE_ON, EvaluationPeriods: 3 });
  });

  it('go off for an invocation that went on when all that is done after an answer had to be over', () => {
    const time = { url: 'https://time.example/mcp', timeoutMs: 120_000 };
    expect(alarmOf('NearTimeout')).toMatchObject({ Threshold: 59_950, MetricName: 'Duration', Statistic: 'Maximum' });
    expect(alarmOf('NearTimeout', synthesize({ upstreams: { time } }))).toMatchObject({ Threshold: 124_950 });
  });

  it('go off for reads and writes that DynamoDB refuses, of this table or its index, whichever has data', () => {
    const [expression, ...watched] = metricsOf(alarmOf('TableThrottles'));
    const table = { Name: 'TableName', Value: { Ref: expect.stringMatching(/^StateTable/) } };
    const index = { Name: 'GlobalSecondaryIndexName', Value: 'expiry' };
    expect(watched.map(({ MetricStat }) => MetricStat?.Metric)).toEqual(
      [[table], [index, table]].flatMap((Dimensions) =>
        ['ReadThrottleEvents', 'WriteThrottleEvents'].map((MetricName) => ({
          Namespace: 'AWS/DynamoDB',
          MetricName,
          Dimensions,
        })),
      ),
    );
    expect(expression?.Expression).toBe(watched.map(({ Id }) => `FILL(${Id}, 0)`).join(' + '));
  });

  it('look at as many metrics as docs/operations.md says that they cost', () => {
    const counts = [...alarms.values()].map((alarm) => ('Metrics' in alarm ? metricsOf(alarm).length - 1 : 1));
    const sum = counts.reduce((all, count) => all + count, 0);
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const said = /^\| the alarms +\| (\d+) metrics in (\d+) alarms /m.exec(page);
    expect(said?.slice(1).map(Number)).toEqual([sum, alarms.size]);
  });

  it('are without housekeeping where there is none', () => {
    const ids = [...resourcesOf(synthesize({ refresh: 'off' }), ALARM).keys()];
    expect(ids.filter((id) => id.includes('Housekeeping'))).toEqual([]);
    expect(ids).toHaveLength(8);
  });

  it('tell nobody when nothing is said', () => {
    for (const [, properties] of alarms) expect(properties).not.toHaveProperty('AlarmActions');
  });

  it('tell the topic that the configuration names', () => {
    const told = resourcesOf(synthesize({ deployment: { alarmTopicArn: TOPIC } }), ALARM);
    expect(told.size).toBe(9);
    for (const [, { AlarmActions }] of told) expect(AlarmActions).toEqual([TOPIC]);
  });
});
