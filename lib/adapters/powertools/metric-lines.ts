/** Metrics as log lines in CloudWatch's embedded metric format, which CloudWatch Logs makes metrics of by itself. */
import { Metrics } from '@aws-lambda-powertools/metrics';
import type { MetricDimension, MetricNamespace } from '../lambda/names.ts';
import { observationsOf, type Observation } from './figures.ts';
import type { Logged } from './measured-log.ts';

const NAMESPACE: MetricNamespace = 'Sluice';

/** A metric has 100 values in a line at most, and Powertools writes by itself what reaches that. */
const MOST_OBSERVATIONS = 99;

/** One line for each upstream, and one for what is about none; more where there is more than a line can hold. */
export function metricLines(logged: readonly Logged[], isColdStart: boolean, service: string): readonly string[] {
  const byUpstream = Map.groupBy(observationsOf(logged, isColdStart), ({ upstream }) => upstream);
  return [...byUpstream].flatMap(([upstream, observations]) =>
    chunks(observations, MOST_OBSERVATIONS).map((chunk) => metricLine(service, upstream, chunk)),
  );
}

/** An instance for each line: nothing is left in it for the next invocation, or for Powertools to write. */
function metricLine(service: string, upstream: string | null, observations: readonly Observation[]): string {
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName: service });
  if (upstream !== null) {
    // By service alone, and by both.
    metrics.addDimensions({});
    metrics.addDimensions({ upstream } satisfies Partial<Record<MetricDimension, string>>);
  }
  for (const { name, unit, value } of observations.flatMap(({ figures }) => figures)) {
    metrics.addMetric(name, unit, value);
  }
  return JSON.stringify(metrics.serializeMetrics());
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
