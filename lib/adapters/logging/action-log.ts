import type { Action, ActionLog } from '../../ports/action-log.ts';
import { formatAction } from './action-line.ts';
import { describeDefect, formatDefect } from './defect.ts';
import type { LineWriter } from './line-writer.ts';
import { describeNotice, formatNotice, isTrouble } from './notice.ts';

/**
 * `errors` is `json` for defects, for notices of trouble and for the actions that ended in an error, and nothing for the
 * others.
 */
export type ActionLogFormat = 'json' | 'pretty' | 'errors';

export interface ActionLogOptions {
  readonly format: ActionLogFormat;
  /** Called with one line, without its line break; must have written it when it returns. */
  readonly write: LineWriter;
  /** For `pretty`: whether the reader understands terminal colours. */
  readonly colour?: boolean;
}

export function createActionLog({ format, write, colour = false }: ActionLogOptions): ActionLog {
  const pretty = format === 'pretty';
  return {
    notice(requestId, notice) {
      if (format === 'errors' && !isTrouble(notice)) return;
      const line = describeNotice(requestId, notice);
      write(pretty ? formatNotice(line, colour) : JSON.stringify(line));
    },
    write(action: Action) {
      if (format === 'errors' && action.outcome !== 'error') return;
      write(pretty ? formatAction(action, colour) : jsonLine(action));
    },
    defect(requestId, error) {
      const line = describeDefect(requestId, error);
      write(pretty ? formatDefect(line, colour) : JSON.stringify(line));
    },
  };
}

function jsonLine(action: Action): string {
  return JSON.stringify({ ...action, time: new Date(action.time).toISOString() });
}

/** The format that a variable asks for; `json` when it asks for none, or for one that does not exist. */
export function actionLogFormat(value: string | undefined): ActionLogFormat {
  return value === 'pretty' || value === 'errors' ? value : 'json';
}
