/** Metrics as CloudWatch makes them of log lines in its embedded metric format. */
import { expect } from 'vitest';

/** All values of one metric. */
export interface StoredSeries {
  readonly namespace: string;
  readonly name: string;
  readonly unit: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

interface EmbeddedLine {
  readonly _aws?: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [key: string]: unknown;
}

/** The lines that are metrics. */
export function metricLinesIn(lines: readonly string[]): string[] {
  return lines.filter((line) => '_aws' in (JSON.parse(line) as EmbeddedLine));
}

/** What CloudWatch has after these lines. Fails on what it would not take. */
export function storedSeries(lines: readonly string[]): StoredSeries[] {
  const stored = new Map<string, StoredSeries>();
  for (const series of metricLinesIn(lines).flatMap(seriesOfLine)) {
    const { namespace, name, unit, dimensions } = series;
    const key = JSON.stringify([namespace, name, unit, dimensions]);
    stored.set(key, { ...series, values: [...(stored.get(key)?.values ?? []), ...series.values] });
  }
  return [...stored.values()];
}

/** The series of a metric: of the whole service, or of one upstream. */
export function valuesOf(series: readonly StoredSeries[], name: string, upstream?: string): readonly number[] {
  const found = series.find((one) => one.name === name && one.dimensions['upstream'] === upstream);
  return found?.values ?? [];
}

/** "Specification: Embedded metric format" (Amazon CloudWatch User Guide). */
function seriesOfLine(text: string): StoredSeries[] {
  const line = JSON.parse(text) as EmbeddedLine;
  const { Timestamp, CloudWatchMetrics } = line._aws!;
  expect(Math.abs(Date.now() - Timestamp)).toBeLessThan(3_600_000);
  return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) => {
    expect(Metrics.length).toBeLessThanOrEqual(100);
    return Dimensions.flatMap((names) =>
      Metrics.map(({ Name, Unit }) => {
        const values = [line[Name]].flat();
        expect(values.length).toBeGreaterThan(0);
        expect(values.length).toBeLessThanOrEqual(100);
        for (const value of values) expect(value).toEqual(expect.any(Number));
        const dimensions = names.map((name) => [name, line[name]] as const);
        for (const [, value] of dimensions) expect(value).toEqual(expect.stringMatching(/^[ -~]+$/));
        return {
          namespace: Namespace,
          name: Name,
          unit: Unit,
          dimensions: Object.fromEntries(dimensions) as Record<string, string>,
          values: values as number[],
        };
      }),
    );
  });
}
