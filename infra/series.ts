/** The gateway's own metrics, as the function writes them: for a dashboard and for alarms. */
import { Duration } from 'aws-cdk-lib';
import { Metric, SearchExpression, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { MetricDimension, MetricName, MetricNamespace } from '../lib/adapters/lambda/names.ts';

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
