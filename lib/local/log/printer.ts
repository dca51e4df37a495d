import { formatAction } from '../../adapters/logging/action-line.ts';
import type { ActionLogFormat } from '../../adapters/logging/action-log.ts';
import { formatDefect } from '../../adapters/logging/defect.ts';
import type { LineWriter } from '../../adapters/logging/line-writer.ts';
import { formatNotice, isTrouble } from '../../adapters/logging/notice.ts';
import { readLogLine, type LogLine } from './line.ts';

export interface LogForm {
  readonly format: ActionLogFormat;
  /** For `pretty`: whether the reader understands terminal colours. */
  readonly colour: boolean;
}

/** Takes lines of the log in JSON and writes them as they are to be; what is no line of the log stays as it is. */
export function createLinePrinter({ format, colour }: LogForm, write: LineWriter): LineWriter {
  if (format === 'json') return write;
  return (text) => {
    const line = readLogLine(text);
    if (line === undefined) write(text);
    else if (format === 'pretty') write(prettyLine(line, colour));
    else if (isError(line)) write(text);
  };
}

function prettyLine(logLine: LogLine, colour: boolean): string {
  switch (logLine.kind) {
    case 'action':
      return formatAction({ ...logLine.line, time: Date.parse(logLine.line.time) }, colour);
    case 'notice':
      return formatNotice(logLine.line, colour);
    case 'defect':
      return formatDefect(logLine.line, colour);
  }
}

/** As the format `errors` has it. */
function isError(logLine: LogLine): boolean {
  switch (logLine.kind) {
    case 'action':
      return logLine.line.outcome === 'error';
    case 'notice':
      return isTrouble({ kind: logLine.line.notice });
    case 'defect':
      return true;
  }
}
