/** What tracing costs, in words, tables and aims. */
import type { Aim } from './aim.ts';
import type { Section, Sheet } from './sheet.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import type { TracedStart } from './traced-start.ts';
import { PLACES, type Where } from './traced-stage.ts';
import type { Kind, SentTrace, TracedLatency, TracingFigures } from './tracing.ts';
import { formatRatios } from './turns.ts';

/** Of a call without a tracer: nothing, but for noise. */
const UNSAMPLED_TIMES = 1.02;
/** Of a cold start without one, likewise: fresh processes differ by more. */
const UNSAMPLED_START_TIMES = 1.03;

const TITLES: Readonly<Record<Where, string>> = { core: 'In the core', emulator: 'In the emulated function' };

export function tracingSection({ rounds, latency, sent, start }: TracingFigures): Section {
  return {
    heading: 'Tracing',
    words: [
      'The same small call without a tracer (the code of today in all else: it passes trace context on as the others ' +
        'do, so that what this costs is in every line), with one but not sampled, not sampled in a process that has sampled others ' +
        'before (what makes traces stays loaded in it), and sampled: then its documents are made and handed to the ' +
        'operating system before the answer ends. They go by UDP to a process that reads and drops them.',
      "The core is built by the function's own bundler, with stores in memory, and every call in it is of one trace. The " +
        'bundler has its part in this: in the place of the package by which the X-Ray SDK finds its current segment, and ' +
        'which hooks into every promise of a process for good, there is an own module.',
    ],
    sheets: [...PLACES.map((where) => latencySheet(where, rounds, latency)), sentSheet(sent), startSheet(start)],
  };
}

function latencySheet(where: Where, rounds: number, latency: readonly TracedLatency[]): Sheet {
  const processes =
    where === 'core'
      ? 'each with two new processes: one that never samples, and one that has'
      : 'in which the function without a tracer, one that never samples, and one that has took turns as well';
  return {
    title: TITLES[where],
    meaning:
      `Milliseconds, medians of ${rounds} rounds in which the kinds took turns, ${processes}. "Times" is by the first ` +
      'line, from least to most; "processor" is all that the process used in these turns, for each call.',
    header: ['client', 'callers', 'tracing', 'p50', 'added', 'times p50', 'processor', 'times processor', 'calls'],
    rows: latency
      .filter((figure) => figure.where === where)
      .map(({ era, callers, kind, p50, added, ratios, cpuMs, cpuRatios, samples }) => {
        const compared = kind !== 'no tracer';
        return [
          era,
          String(callers),
          kind,
          milliseconds(p50),
          compared ? milliseconds(added) : '',
          compared ? formatRatios(ratios) : '',
          milliseconds(cpuMs),
          compared ? formatRatios(cpuRatios) : '',
          String(samples),
        ];
      }),
    leftColumns: 3,
  };
}

function sentSheet(sent: readonly SentTrace[]): Sheet {
  return {
    title: 'What is sent',
    meaning: 'Of each sampled call, as the daemon receives it; of what is not sampled nothing is sent.',
    header: ['where', 'client', 'documents', 'bytes'],
    rows: sent.map(({ where, era, documents, bytes }) => [where, era, documents.toFixed(2), bytes.toFixed(0)]),
    leftColumns: 2,
  };
}

function startSheet({ samples, starts }: TracingFigures['start']): Sheet {
  return {
    title: 'Cold start',
    meaning:
      `Milliseconds, medians of ${samples} fresh processes each, which took turns: a modern call, era from DynamoDB. ` +
      'The first sampled call of an environment loads what makes traces. "Bytes" are what is read of the function, the ' +
      'AWS SDK left out.',
    header: [
      'tracing',
      'entry ready',
      'first answer, after the entry',
      'the same again',
      'since process start',
      'times',
      'bytes',
    ],
    rows: starts.map(({ kind, entry, answer, again, total, ratios, bytes }) => [
      kind,
      milliseconds(entry),
      milliseconds(answer),
      milliseconds(again),
      milliseconds(total),
      kind === 'no tracer' ? '' : formatRatios(ratios),
      String(bytes),
    ]),
  };
}

/** Of all eras, callers and rounds together: each by itself is noise of as much as is to be seen. */
export function tracingAims({ latency, start }: TracingFigures): Aim[] {
  const timesOf = (kind: Kind): number =>
    median(latency.filter((figure) => figure.where === 'core' && figure.kind === kind).flatMap(({ ratios }) => ratios));
  const startOf = (kind: TracedStart['kind']): number =>
    median(start.starts.filter((figure) => figure.kind === kind).flatMap(({ ratios }) => ratios));
  return [
    {
      what: 'a call that is not sampled, by one without a tracer: p50 in the core',
      measured: timesOf('not sampled'),
      atMost: UNSAMPLED_TIMES,
      unit: 'x',
    },
    {
      what: 'the same where others were sampled before',
      measured: timesOf('not sampled, others were'),
      atMost: UNSAMPLED_TIMES,
      unit: 'x',
    },
    {
      what: 'a cold start that is not sampled, by one without a tracer',
      measured: startOf('not sampled'),
      atMost: UNSAMPLED_START_TIMES,
      unit: 'x',
    },
  ];
}
