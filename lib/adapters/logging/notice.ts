import type { Notice } from '../../ports/action-log.ts';

/** A notice as it is written: `notice` is what tells it from an action and from a defect. */
export interface NoticeLine {
  readonly time: string;
  readonly requestId: string | null;
  readonly notice: Notice['kind'];
  readonly [detail: string]: string | readonly string[] | null;
}

/** Names and reasons come from upstreams; a longer one is cut, and so is a longer list of them. */
const MOST_CHARS = 128;
const MOST_NAMES = 20;

/** Whether the notice tells of something that somebody should look at. Lists change all the time. */
export function isTrouble({ kind }: Pick<Notice, 'kind'>): boolean {
  return kind !== 'list-changed' && kind !== 'breaker-closed';
}

export function describeNotice(requestId: string | null, { kind, ...details }: Notice): NoticeLine {
  const printed = Object.entries(details).map(([name, detail]) => [name, printableDetail(detail)] as const);
  return { time: new Date().toISOString(), requestId, notice: kind, ...Object.fromEntries(printed) };
}

function printableDetail(detail: string | readonly string[]): string | readonly string[] {
  return typeof detail === 'string' ? printable(detail) : detail.slice(0, MOST_NAMES).map(printable);
}

/** Nothing that moves a cursor or fills a disk reaches the log. */
function printable(text: string): string {
  return text.slice(0, MOST_CHARS).replace(/[^\x20-\x7e]/g, '?');
}

/** As one line for people. */
export function formatNotice({ time, requestId, notice, ...details }: NoticeLine, colour: boolean): string {
  const label = notice.padEnd(20);
  const columns = [
    time.slice(11, 23),
    colour ? `\u001B[33m${label}\u001B[0m` : label,
    Object.entries(details).flatMap(formatDetail).join(', '),
    ...(requestId === null ? [] : [`(request ${requestId})`]),
  ];
  return columns.join('  ');
}

/** Nothing, or one text. */
export function formatDetail([name, detail]: [string, NoticeLine[string]]): string[] {
  if (detail === null || detail === undefined) return [];
  if (typeof detail === 'string') return [`${name} ${detail}`];
  return detail.length === 0 ? [] : [`${name} ${detail.join(' ')}`];
}
