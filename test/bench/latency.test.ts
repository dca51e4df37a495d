/** Multiples of the bare proxy, from sample rounds; and what becomes of noise. */
import { expect, test } from 'vitest';
import { aimSection } from './aim.ts';
import { latencyAims, latencySection, multiplesOfProxy, type LatencyFigures } from './latency.ts';

function figuresWith(timesProxy: readonly number[]): LatencyFigures {
  const core = { era: 'modern', route: 'core, memory', p50: 2, p99: 3, perSecond: 500, samples: 100 } as const;
  return { rounds: 3, loads: [{ tool: 'small', callers: 1, noise: 0.1, routes: [{ ...core, timesProxy }] }] };
}

test('what a route adds is a multiple of what the proxy adds, round by round', () => {
  expect(multiplesOfProxy([3, 4], { direct: [1, 1], proxy: [2, 3] })).toEqual([2, 1.5]);
});

test('a round in which noise had the proxy add nothing, or less, has no multiple', () => {
  expect(multiplesOfProxy([3, 4, 5], { direct: [1, 2, 2], proxy: [2, 2, 1] })).toEqual([2]);
});

test('how many rounds gave a multiple is in the table', () => {
  const [row] = latencySection(figuresWith([2])).sheets[0]!.rows;
  expect(row).toEqual([
    'modern',
    'core, memory',
    '2.00',
    '2.00',
    '2.0',
    '(2.0 to 2.0)',
    '3.00',
    '500',
    '100',
    '1 of 3',
  ]);
});

test.for([{ multiples: [] }, { multiples: [-3] }])('$multiples is no aim that is met', ({ multiples }) => {
  const { sheets } = aimSection(latencyAims(figuresWith(multiples)));
  expect(sheets[0]!.rows.map(([verdict]) => verdict)).toEqual(['MISSED']);
});
