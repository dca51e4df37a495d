import { describe, expect, test } from 'vitest';
import { metricLines } from '../../../lib/adapters/powertools/metric-lines.ts';
import { actionOf } from '../../support/action.ts';
import { storedSeries, valuesOf } from '../../support/embedded-metrics.ts';

const linesOf = (...actions: ReturnType<typeof actionOf>[]) => metricLines(actions, false, 'Sluice');

describe('metrics as log lines', () => {
  test('are told by service, and by service and upstream', () => {
    const dimensions = storedSeries(linesOf(actionOf())).map((series) => [series.name, series.dimensions]);
    expect(dimensions).toEqual([
      ['GatewayMs', { service: 'Sluice' }],
      ['UpstreamMs', { service: 'Sluice' }],
      ['GatewayMs', { service: 'Sluice', upstream: 'time' }],
      ['UpstreamMs', { service: 'Sluice', upstream: 'time' }],
    ]);
  });

  test('of what concerns no upstream are told by service alone', () => {
    const series = storedSeries(linesOf(actionOf({ upstream: null, upstreamRequests: 0 })));
    expect(series.map(({ dimensions }) => dimensions)).toEqual([{ service: 'Sluice' }]);
  });

  test('are one line for each upstream', () => {
    const lines = linesOf(actionOf(), actionOf({ upstream: 'word', gatewayMs: 3 }), actionOf({ gatewayMs: 4 }));
    expect(lines).toHaveLength(2);
    const series = storedSeries(lines);
    expect(valuesOf(series, 'GatewayMs', 'time')).toEqual([2.5, 4]);
    expect(valuesOf(series, 'GatewayMs', 'word')).toEqual([3]);
    expect(valuesOf(series, 'GatewayMs')).toEqual([2.5, 4, 3]);
  });

  test('hold every value of an invocation of many messages', () => {
    const actions = Array.from({ length: 250 }, (_, index) => actionOf({ gatewayMs: index }));
    const lines = linesOf(...actions);
    expect(valuesOf(storedSeries(lines), 'GatewayMs', 'time')).toEqual(actions.map(({ gatewayMs }) => gatewayMs));
  });

  test('of one invocation hold nothing of another', () => {
    linesOf(actionOf({ upstream: 'word', gatewayMs: 99 }));
    expect(linesOf(actionOf())[0]).not.toMatch(/99|word/);
  });

  test('take 307 bytes for a call, besides a longer name or number', () => {
    expect(linesOf(actionOf({ upstream: 'search', gatewayMs: 2.123, upstreamMs: 50.003 })).join('')).toHaveLength(307);
  });
});
