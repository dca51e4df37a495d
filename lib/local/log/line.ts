/** Lines of the log in JSON, as `createActionLog` writes them, read again. */
import type { DefectLine } from '../../adapters/logging/defect.ts';
import type { NoticeLine } from '../../adapters/logging/notice.ts';
import { isObject, parseJson } from '../../protocol/message.ts';
import type { ActionLine } from '../console/feed.ts';

export type LogLine =
  | { readonly kind: 'action'; readonly line: ActionLine }
  | { readonly kind: 'notice'; readonly line: NoticeLine }
  | { readonly kind: 'defect'; readonly line: DefectLine };

/** Undefined for what is no line of the log: others may write to the same descriptor. */
export function readLogLine(text: string): LogLine | undefined {
  const line = parseJson(text);
  if (!isObject(line) || typeof line['time'] !== 'string') return undefined;
  if (typeof line['defect'] === 'string') return { kind: 'defect', line: line as unknown as DefectLine };
  if (typeof line['notice'] === 'string') return { kind: 'notice', line: line as unknown as NoticeLine };
  if (typeof line['outcome'] === 'string') return { kind: 'action', line: line as unknown as ActionLine };
  return undefined;
}
