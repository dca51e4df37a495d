/** Lines of the log in JSON, as `createActionLog` writes them, read again. */
import type { DefectLine } from '../../adapters/logging/defect.ts';
import type { NoticeLine } from '../../adapters/logging/notice.ts';
import { isObject, parseJson, type JsonObject } from '../../protocol/message.ts';
import type { ActionLine } from '../console/feed.ts';

export type LogLine =
  | { readonly kind: 'action'; readonly line: ActionLine }
  | { readonly kind: 'notice'; readonly line: NoticeLine }
  | { readonly kind: 'defect'; readonly line: DefectLine };

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const isFlag: Check = (value) => typeof value === 'boolean';
const isTime: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

const ACTION: Readonly<Record<keyof ActionLine, Check>> = {
  time: isTime,
  requestId: isText,
  traceId: orNull(isText),
  environment: isText,
  cold: isFlag,
  era: orNull(isText),
  caller: orNull(isText),
  session: orNull(isText),
  server: orNull(isText),
  upstream: orNull(isText),
  method: orNull(isText),
  tool: orNull(isText),
  outcome: isText,
  errorKind: orNull(isText),
  status: isNumber,
  bytesIn: isNumber,
  bytesOut: isNumber,
  totalMs: isNumber,
  gatewayMs: isNumber,
  upstreamMs: isNumber,
  upstreamRequests: isNumber,
  dynamodbRequests: isNumber,
  attempt: isNumber,
  replayed: isFlag,
};

const EXCEPTION = { defect: isText, code: orNull(isText), frames: isTexts };
const DEFECT: Readonly<Record<keyof DefectLine, Check>> = {
  time: isTime,
  requestId: isText,
  ...EXCEPTION,
  // Nobody looks at what is behind the cause.
  cause: orNull((value) => isObject(value) && has(value, EXCEPTION)),
};

const NOTICE = { time: isTime, requestId: orNull(isText), notice: isText };
const isDetail: Check = orNull((value) => isText(value) || isTexts(value));

/** Undefined for what is no line of the log: others may write to the same descriptor, and what looks like one is none. */
export function readLogLine(text: string): LogLine | undefined {
  const line = parseJson(text);
  if (!isObject(line)) return undefined;
  if (has(line, DEFECT)) return { kind: 'defect', line: line as unknown as DefectLine };
  if (has(line, NOTICE) && Object.values(line).every(isDetail)) {
    return { kind: 'notice', line: line as unknown as NoticeLine };
  }
  if (has(line, ACTION)) return { kind: 'action', line: fieldsOf(line) as unknown as ActionLine };
  return undefined;
}

/** An action goes on to the page: no more of it than a line of the log has. */
function fieldsOf(line: JsonObject): object {
  return Object.fromEntries(Object.keys(ACTION).map((name) => [name, line[name]]));
}

function has(line: JsonObject, checks: Readonly<Record<string, Check>>): boolean {
  return Object.entries(checks).every(([name, check]) => check(line[name]));
}
