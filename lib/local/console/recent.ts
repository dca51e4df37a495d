/** What has happened last, as the console shows it: no more than a page can hold, and nothing that the log does not know. */
import type { DefectLine } from '../../adapters/logging/defect.ts';
import { formatDetail, isTrouble, type NoticeLine as LoggedNotice } from '../../adapters/logging/notice.ts';
import type { LogLine } from '../log/line.ts';
import type { ActionLine, NoticeLine } from './feed.ts';

const MOST_ACTIONS = 500;
const MOST_NOTICES = 200;
const MOST_NOTICE_CHARS = 500;

export class Recent {
  readonly #actions: ActionLine[] = [];
  readonly #notices: NoticeLine[] = [];

  /** The oldest first. */
  get actions(): readonly ActionLine[] {
    return this.#actions;
  }

  get notices(): readonly NoticeLine[] {
    return this.#notices;
  }

  addAction(action: ActionLine): void {
    addTo(this.#actions, action, MOST_ACTIONS);
  }

  addNotice(notice: NoticeLine): void {
    addTo(this.#notices, notice, MOST_NOTICES);
  }

  /** The trace of a request that is shown; undefined for a request that is not. */
  traceOf(requestId: string): string | undefined {
    return this.#actions.findLast((action) => action.requestId === requestId)?.traceId ?? undefined;
  }
}

function addTo<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.shift();
}

/** Of a notice or a defect. */
export function toNotice(logLine: Exclude<LogLine, { readonly kind: 'action' }>): NoticeLine {
  const { time, requestId } = logLine.line;
  const about = { time: Date.parse(time), requestId };
  return logLine.kind === 'defect'
    ? { ...about, isTrouble: true, text: cut(wordsOfDefect(logLine.line)) }
    : { ...about, isTrouble: isTrouble({ kind: logLine.line.notice }), text: cut(wordsOfNotice(logLine.line)) };
}

/** Of a line of the platform's own log. */
export function platformNotice(time: number, line: string): NoticeLine {
  return { time, requestId: null, isTrouble: true, text: cut(line) };
}

function wordsOfNotice({ time: _time, requestId: _requestId, notice, ...details }: LoggedNotice): string {
  return `${notice.replaceAll('-', ' ')}: ${Object.entries(details).flatMap(formatDetail).join(', ')}`;
}

function wordsOfDefect({ defect, code, frames: [innermost], cause }: DefectLine): string {
  const words = ['defect:', defect, code, innermost].filter((word) => word != null).join(' ');
  return cause === null ? words : `${words}, because of ${cause.defect}${cause.code === null ? '' : ` ${cause.code}`}`;
}

function cut(text: string): string {
  return text.length > MOST_NOTICE_CHARS ? `${text.slice(0, MOST_NOTICE_CHARS - 3)}...` : text;
}
