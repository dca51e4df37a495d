import { Duration, Stack } from 'aws-cdk-lib';
import {
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  MathExpression,
  Metric,
  type IMetric,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Monitored } from './monitored.ts';
import { PERIOD, throttlesOf, type Series } from './series.ts';

/** Of the 24 columns of a dashboard. */
const THIRD = 8;
const HALF = 12;

/** What is drawn at first. */
const INTERVAL = Duration.hours(3);

/** Where the time goes, where the errors come from, what idempotency does, and what it all costs. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, series: Series, monitored: Monitored) {
    super(scope, id);
    const { stackName, region } = Stack.of(this);
    new CloudWatchDashboard(this, 'Dashboard', {
      // Dashboards of all regions of an account share their names.
      dashboardName: `${stackName}-${region}`,
      defaultInterval: INTERVAL,
      widgets: [
        timeByUpstream(series),
        timeOfAll(series, monitored),
        errors(series),
        protection(series),
        platform(monitored),
        cost(series, monitored),
      ],
    });
  }
}

/** A slow gateway rises on the left, a slow upstream on the right, both on the same scale of milliseconds. */
function timeByUpstream(series: Series): GraphWidget[] {
  const times = (name: 'GatewayMs' | 'UpstreamMs') => [series.byUpstream(name, 'p50'), series.byUpstream(name, 'p99')];
  return [
    graph('Gateway latency by upstream (ms)', HALF, times('GatewayMs')),
    graph('Upstream latency by upstream (ms)', HALF, times('UpstreamMs')),
  ];
}

function timeOfAll(series: Series, { gateway }: Monitored): GraphWidget[] {
  return [
    graph('Gateway against upstream, all calls (ms)', THIRD, [
      series.of('GatewayMs', 'p50', 'gateway p50'),
      series.of('GatewayMs', 'p99', 'gateway p99'),
      series.of('UpstreamMs', 'p50', 'upstream p50'),
      series.of('UpstreamMs', 'p99', 'upstream p99'),
    ]),
    graph('Calls by upstream', THIRD, [series.byUpstream('GatewayMs', 'SampleCount')]),
    graph('Cold starts', THIRD, [
      series.of('ColdStarts', 'Sum', 'cold starts'),
      gateway.function.metricInvocations({ period: PERIOD, label: 'invocations' }),
    ]),
  ];
}

function errors(series: Series): GraphWidget[] {
  return [
    graph('Errors by layer', THIRD, [
      series.of('GatewayErrors', 'Sum', 'gateway'),
      series.of('UpstreamErrors', 'Sum', 'upstream'),
      series.of('ToolErrors', 'Sum', 'tool'),
      series.of('ClientErrors', 'Sum', 'client'),
      series.of('Cancelled', 'Sum', 'cancelled'),
      series.of('Defects', 'Sum', 'defects'),
    ]),
    graph('Upstream errors by upstream', THIRD, [series.byUpstream('UpstreamErrors', 'Sum')]),
    graph('Timeouts by upstream', THIRD, [series.byUpstream('Timeouts', 'Sum')]),
  ];
}

function protection(series: Series): GraphWidget[] {
  return [
    graph('Idempotency', THIRD, [
      series.of('Replays', 'Sum', 'replayed'),
      series.of('Retries', 'Sum', 'sent again'),
      series.of('UnknownOutcomes', 'Sum', 'outcome unknown'),
    ]),
    graph('Breakers that are open', THIRD, [
      series.byUpstream('BreakerOpen', 'Maximum'),
      series.of('BreakerOpen', 'Maximum', 'any'),
    ]),
    graph('Tools held back', THIRD, [series.of('ToolsHeld', 'Sum', 'all'), series.byUpstream('ToolsHeld', 'Sum')]),
  ];
}

function platform({ gateway, housekeeper, table, timeoutSeconds }: Monitored): GraphWidget[] {
  return [
    graph(`Duration, of at most ${timeoutSeconds} s (ms)`, THIRD, [
      gateway.function.metricDuration({ statistic: 'p50', period: PERIOD, label: 'gateway p50' }),
      gateway.function.metricDuration({ statistic: 'Maximum', period: PERIOD, label: 'gateway maximum' }),
      ...(housekeeper === undefined
        ? []
        : [
            housekeeper.function.metricDuration({
              statistic: 'Maximum',
              period: PERIOD,
              label: 'housekeeping maximum',
            }),
          ]),
    ]),
    graph('Failed and refused invocations', THIRD, [
      gateway.function.metricErrors(sum('gateway errors')),
      gateway.function.metricThrottles(sum('gateway throttles')),
      ...(housekeeper === undefined ? [] : [housekeeper.function.metricErrors(sum('housekeeping errors'))]),
    ]),
    graph('Table throttles', THIRD, Object.values(throttlesOf(table))),
  ];
}

function cost(series: Series, { gateway, table, memoryMb }: Monitored): GraphWidget[] {
  const { logGroup } = gateway;
  return [
    graph('GB-seconds', THIRD, [
      new MathExpression({
        expression: `duration / 1000 * ${memoryMb} / 1024`,
        usingMetrics: { duration: gateway.function.metricDuration(sum('duration')) },
        label: 'GB-seconds',
        period: PERIOD,
      }),
    ]),
    graph('DynamoDB', THIRD, [
      series.of('DynamodbRequests', 'Sum', 'requests of calls'),
      table.metricConsumedReadCapacityUnits(sum('read units')),
      table.metricConsumedWriteCapacityUnits(sum('write units')),
    ]),
    graph('Log lines (bytes)', THIRD, [
      new Metric({
        namespace: 'AWS/Logs',
        metricName: 'IncomingBytes',
        dimensionsMap: { LogGroupName: logGroup.logGroupName },
        ...sum('gateway'),
      }),
    ]),
  ];
}

function sum(label: string) {
  return { statistic: 'Sum', period: PERIOD, label };
}

function graph(title: string, width: number, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, width, left, leftYAxis: { min: 0 } });
}
