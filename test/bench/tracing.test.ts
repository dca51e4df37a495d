/** What tracing costs, from small sample figures. */
import { expect, test } from 'vitest';
import { aimSection } from './aim.ts';
import { tracingAims, tracingSection } from './tracing-section.ts';
import { sendsAsItShould, tracedUsage, type Kind, type TracedLatency, type TracingFigures } from './tracing.ts';
import type { StartKind, TracedStart } from './traced-start.ts';

const RATIOS: Readonly<Record<Kind, readonly number[]>> = {
  'no tracer': [1, 1, 1],
  'not sampled': [0.9, 1.01, 1.2],
  'not sampled, others were': [1.3, 1.4, 1.5],
  sampled: [1.4, 1.5, 1.6],
};

function latencyOf(where: 'core' | 'emulator', kind: Kind): TracedLatency {
  const ratios = RATIOS[kind];
  const added = kind === 'sampled' ? 0.25 : 0.01;
  return { where, era: 'modern', callers: 1, kind, p50: 1, added, ratios, cpuMs: 1, cpuRatios: ratios, samples: 9 };
}

function startOf(kind: StartKind, answer: number): TracedStart {
  return { kind, entry: 40, answer, again: 3, total: 40 + answer, ratios: [answer / 80], bytes: 150_000 };
}

const figures: TracingFigures = {
  rounds: 3,
  latency: (['core', 'emulator'] as const).flatMap((where) =>
    (Object.keys(RATIOS) as Kind[]).map((kind) => latencyOf(where, kind)),
  ),
  sent: [{ where: 'core', era: 'modern', documents: 1, bytes: 1421 }],
  start: { samples: 1, starts: [startOf('no tracer', 80), startOf('not sampled', 80), startOf('sampled', 95)] },
};

test('what is not sampled is held against what has no tracer, by the median of all rounds', () => {
  expect(tracingAims(figures).map(({ measured }) => measured)).toEqual([1.01, 1.4, 1]);
});

test('a process that is slower once it has made a trace misses an aim', () => {
  const [first] = aimSection(tracingAims(figures)).sheets[0]!.rows;
  expect(first!.slice(0, 2)).toEqual(['MISSED', 'the same where others were sampled before']);
});

test.for([
  ['sampled', 0.95, false],
  ['sampled', 1, true],
  ['not sampled', 0.05, false],
  ['not sampled', 0.95, false],
  ['not sampled, others were', 1, false],
  ['not sampled', 0, true],
  ['no tracer', 0, true],
] as const)('of a call that is "%s", %d documents are as it should be: %s', ([kind, documents, isRight]) => {
  expect(sendsAsItShould(kind, documents)).toBe(isRight);
});

test('without any round no aim is met', () => {
  const aims = tracingAims({ ...figures, latency: [], start: { samples: 0, starts: [] } });
  expect(aimSection(aims).sheets[0]!.rows.map(([verdict]) => verdict)).toEqual(['MISSED', 'MISSED', 'MISSED']);
});

test('what is compared with itself has no figure beside it', () => {
  const [core] = tracingSection(figures).sheets;
  expect(core!.rows[0]).toEqual(['modern', '1', 'no tracer', '1.00', '', '', '1.00', '', '9']);
  expect(core!.rows[3]!.slice(4, 6)).toEqual(['0.25', '1.50 (1.40 to 1.60)']);
});

test('the first sampled call of an environment takes what loading takes, besides', () => {
  expect(tracedUsage(figures)).toEqual({ callMs: 0.25, firstMs: 14.75 });
});
