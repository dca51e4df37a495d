/** A trace for a terminal: what it consists of as a tree, and when each part of it was. */
import type { Trace, TraceSpan } from '../console/feed.ts';
import { waterfallOf, type WaterfallRow, type WaterfallTotals } from '../console/waterfall.ts';
import { printable } from './text.ts';

export interface Paper {
  /** Lines are no wider, unless they would have no room for anything. */
  readonly columns: number;
  readonly hasColour: boolean;
}

/** Gateway and upstream differ in their characters, so that they differ without colours too. */
const MARKS = { gateway: '#', upstream: '=' } as const;
const COLOURS = { gateway: 36, upstream: 33 } as const;
/** Ends the bar of what is under way. */
const ONWARDS = '>';

const MOST_NAME_CHARS = 40;
const MOST_DETAIL_CHARS = 40;
const LEAST_BAR_CHARS = 10;

export function drawWaterfall(trace: Trace, { columns, hasColour }: Paper): string[] {
  const { rows, lengthMs, totals } = waterfallOf(trace);
  const lines = rows.map((row) => ({
    row,
    name: nameOf(row),
    time: msOf(row.durationMs),
    details: detailsOf(row.span),
  }));
  const widthOf = (texts: readonly string[]) => Math.max(...texts.map(({ length }) => length));
  const nameWidth = widthOf(lines.map(({ name }) => name));
  const timeWidth = widthOf(lines.map(({ time }) => time));
  const detailWidth = widthOf(lines.map(({ details }) => details));
  const barWidth = Math.max(LEAST_BAR_CHARS, columns - nameWidth - timeWidth - detailWidth - 6);
  return [
    `trace ${printable(trace.traceId)}`,
    '',
    ...lines.map(({ row, name, time, details }) => {
      const bar = barOf(row, lengthMs, barWidth, hasColour);
      return `${name.padEnd(nameWidth)}  ${bar}  ${time.padStart(timeWidth)}  ${details}`.trimEnd();
    }),
    '',
    describeTotals(totals, hasColour),
  ];
}

function nameOf({ depth, span }: WaterfallRow): string {
  return printable(`${'  '.repeat(Math.min(depth, MOST_NAME_CHARS / 4))}${span.name}`, MOST_NAME_CHARS);
}

function msOf(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

/** What matters of what is known: how it ended, and which attempt it was. */
function detailsOf({ annotations, status, endedAt }: TraceSpan): string {
  const { outcome, error_kind: errorKind, attempt } = annotations;
  const words = [
    outcome ?? (status === 'ok' ? undefined : status),
    errorKind,
    attempt === undefined ? undefined : `attempt ${attempt}`,
    endedAt === null ? 'under way' : undefined,
  ].flatMap((word) => (word === undefined ? [] : [String(word)]));
  return printable(words.join(', '), MOST_DETAIL_CHARS);
}

function barOf(
  { kind, offsetMs, durationMs, isUnderWay }: WaterfallRow,
  lengthMs: number,
  width: number,
  hasColour: boolean,
): string {
  const scale = lengthMs === 0 ? 0 : width / lengthMs;
  const from = Math.min(width - 1, Math.floor(offsetMs * scale));
  const to = Math.min(width, Math.round((offsetMs + durationMs) * scale));
  const length = Math.max(1, to - from);
  const bar = isUnderWay ? MARKS[kind].repeat(length - 1) + ONWARDS : MARKS[kind].repeat(length);
  return ' '.repeat(from) + paint(bar, kind, hasColour) + ' '.repeat(width - from - length);
}

function describeTotals({ totalMs, gatewayMs, upstreamMs }: WaterfallTotals, hasColour: boolean): string {
  const gateway = paint(MARKS.gateway, 'gateway', hasColour);
  const upstream = paint(MARKS.upstream, 'upstream', hasColour);
  return `total ${msOf(totalMs)}: gateway ${msOf(gatewayMs)} (${gateway}), upstream ${msOf(upstreamMs)} (${upstream})`;
}

function paint(text: string, kind: TraceSpan['kind'], hasColour: boolean): string {
  return hasColour ? `\u001B[${COLOURS[kind]}m${text}\u001B[0m` : text;
}
