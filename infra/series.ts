/** What both a dashboard and alarms look at: the gateway's own metrics, as the function writes them, and the table's. */
import { Duration } from 'aws-cdk-lib';
import { Metric, SearchExpression, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { MetricDimension, MetricName, MetricNamespace } from '../lib/adapters/lambda/names.ts';
import { EXPIRY_INDEX } from '../lib/adapters/dynamodb/table.ts';

const NAMESPACE: MetricNamespace = 'Sluice';
const SERVICE: MetricDimension = 'service';
const UPSTREAM: MetricDimension = 'upstream';

/** Of every point. */
export const PERIOD = Duration.minutes(5);

/** As CloudWatch writes them: `Sum`, `Maximum`, `SampleCount`, `p99`. */
type Statistic = string;

/** Of one gateway: `service` tells it from others in the same account. */
export class Series {
  readonly #service: string;

  constructor(service: string) {
    this.#service = service;
  }

  /** Of the whole gateway. */
  of(metricName: MetricName, statistic: Statistic, label?: string): IMetric {
    return new Metric({
      namespace: NAMESPACE,
      metricName,
      dimensionsMap: { [SERVICE]: this.#service },
      statistic,
      period: PERIOD,
      ...(label !== undefined && { label }),
    });
  }

  /**
   * One for each upstream that there is data of, whatever the configuration was when it was written. A search, so that the
   * template does not grow with the upstreams; it finds 500 at most.
   */
  byUpstream(metricName: MetricName, statistic: Statistic): IMetric {
    const schema = [NAMESPACE, SERVICE, UPSTREAM].join(',');
    const terms = `MetricName="${metricName}" ${SERVICE}="${this.#service}"`;
    return new SearchExpression({
      expression: `SEARCH('{${schema}} ${terms}', '${statistic}', ${PERIOD.toSeconds()})`,
      label: `\${PROP('Dim.${UPSTREAM}')} ${statistic}`,
      period: PERIOD,
    });
  }
}

/** Requests that DynamoDB refuses for being too many. The index counts for itself, and one that is behind refuses writes of the table. */
export function throttlesOf(
  table: Table,
): Readonly<Record<'reads' | 'writes' | 'indexReads' | 'indexWrites', IMetric>> {
  const metric = (metricName: string, label: string, ofIndex = {}): IMetric =>
    table.metric(metricName, { statistic: 'Sum', period: PERIOD, label, ...ofIndex });
  const ofIndex = { dimensionsMap: { TableName: table.tableName, GlobalSecondaryIndexName: EXPIRY_INDEX } };
  return {
    reads: metric('ReadThrottleEvents', 'reads'),
    writes: metric('WriteThrottleEvents', 'writes'),
    indexReads: metric('ReadThrottleEvents', 'reads of the index', ofIndex),
    indexWrites: metric('WriteThrottleEvents', 'writes to the index', ofIndex),
  };
}
