/** What a dashboard shows of stored metrics: its references, followed as CloudWatch follows them. */
import type { Template } from 'aws-cdk-lib/assertions';
import type { MetricName, MetricNamespace } from '../../lib/adapters/lambda/names.ts';
import type { StoredSeries } from '../support/embedded-metrics.ts';
import { resourceOf, textOf } from './kit.ts';

/** Of what the gateway writes itself. */
export const OWN_NAMESPACE: MetricNamespace = 'Sluice';

/** One line, or one search for lines, of a widget. */
export interface Reference {
  /** Of the widget. */
  readonly title: string;
  readonly namespace: string;
  readonly name: string;
  readonly statistic: string;
  /** With these values. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** A search also takes whatever value these have. */
  readonly searched: readonly string[];
}

export interface Widget {
  readonly title: string;
  readonly references: readonly Reference[];
}

interface Body {
  readonly widgets: readonly {
    readonly properties: {
      readonly title: string;
      readonly stat?: string;
      readonly metrics: readonly (readonly unknown[])[];
    };
  }[];
}

interface Options {
  readonly expression?: string;
  readonly stat?: string;
}

/** References to resources are the names of these, in braces. */
export function widgetsOf(template: Template): Widget[] {
  const { DashboardBody } = resourceOf(template, 'AWS::CloudWatch::Dashboard');
  const body = JSON.parse(textOf(DashboardBody)) as Body;
  return body.widgets.map(({ properties: { title, stat, metrics } }) => ({
    title,
    references: metrics.flatMap((entry) => readEntry(title, entry, stat ?? 'Average')),
  }));
}

/** Those to the metrics that the gateway writes itself. */
export function ownReferences(template: Template): Reference[] {
  return widgetsOf(template)
    .flatMap(({ references }) => references)
    .filter(({ namespace }) => namespace === OWN_NAMESPACE);
}

/** Which series hold the gateway's latency, and which the upstream's: by upstream, and of all calls together. */
export function latencyReferences(template: Template): {
  readonly gateway: Reference[];
  readonly upstream: Reference[];
} {
  const latencies = ownReferences(template).filter(({ statistic }) => /^p\d/.test(statistic));
  const of = (wanted: MetricName) => latencies.filter(({ name }) => name === wanted);
  return { gateway: of('GatewayMs'), upstream: of('UpstreamMs') };
}

/** What a reference finds. */
export function foundBy(reference: Reference, stored: readonly StoredSeries[]): StoredSeries[] {
  const { namespace, name, dimensions, searched } = reference;
  const names = [...Object.keys(dimensions), ...searched].toSorted();
  return stored.filter(
    (series) =>
      series.namespace === namespace &&
      series.name === name &&
      Object.keys(series.dimensions).toSorted().join() === names.join() &&
      Object.entries(dimensions).every(([key, value]) => series.dimensions[key] === value),
  );
}

/** The statistic of a reference, of these values. */
export function statisticOf({ statistic }: Pick<Reference, 'statistic'>, values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const percentile = /^p(\d+)$/.exec(statistic)?.[1];
  if (percentile !== undefined) return sorted[Math.ceil((Number(percentile) / 100) * sorted.length) - 1]!;
  switch (statistic) {
    case 'Sum':
      return values.reduce((sum, value) => sum + value, 0);
    case 'Maximum':
      return sorted.at(-1)!;
    case 'SampleCount':
      return values.length;
    default:
      throw new Error(`No such statistic here: ${statistic}`);
  }
}

/** Of an expression that is no search, what it is computed from follows as entries of its own. */
function readEntry(title: string, entry: readonly unknown[], usual: string): Reference[] {
  const options = entry.find((part): part is Options => typeof part === 'object' && part !== null) ?? {};
  if (options.expression !== undefined) return readSearch(title, options.expression);
  const [namespace, name, ...pairs] = entry.filter((part) => typeof part === 'string');
  if (namespace === undefined || name === undefined) throw new Error(`No metric: ${JSON.stringify(entry)}`);
  const dimensions = Object.fromEntries(
    pairs.flatMap((part, at): [string, string][] => (at % 2 === 0 ? [[part, pairs[at + 1]!]] : [])),
  );
  return [{ title, namespace, name, dimensions, searched: [], statistic: options.stat ?? usual }];
}

/** "CloudWatch search expression syntax" (Amazon CloudWatch User Guide), with terms that name a property only. */
function readSearch(title: string, expression: string): Reference[] {
  if (!expression.includes('SEARCH')) return [];
  const [, schema, terms, statistic] = /^SEARCH\('\{([^{}']+)\} ([^']+)', '([^']+)', \d+\)$/.exec(expression) ?? [];
  if (schema === undefined || terms === undefined || statistic === undefined) {
    throw new Error(`No search that is known here: ${expression}`);
  }
  const [namespace, ...names] = schema.split(',') as [string, ...string[]];
  const { MetricName: name, ...dimensions } = Object.fromEntries(
    [...terms.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]),
  );
  if (name === undefined) throw new Error(`A search for metrics of any name: ${expression}`);
  const searched = names.filter((key) => !Object.hasOwn(dimensions, key));
  return [{ title, namespace, name, dimensions, searched, statistic }];
}
