/** What is left behind of a call so that another environment can go on with it when this one has to end. */
import type { HandedOver } from '../protocol/call.ts';
import { progressTokenText } from '../protocol/call.ts';
import { isObject, parseJson } from '../protocol/message.ts';
import { wantsTiming } from '../protocol/timing.ts';
import { handOverPosition, type StreamPosition } from '../upstream/fault.ts';
import type { Errand } from './errand.ts';
import type { CallEvent, CallFailure } from './upstream-call.ts';

export interface Continuation {
  /** Name of the upstream, as configured. */
  readonly upstream: string;
  readonly position: StreamPosition;
  /** JSON text of the client's id. */
  readonly idText: string;
  readonly method: string;
  /** As the client knows it. */
  readonly tool: string;
  /** JSON text of the client's progress token; left out when it asked for no progress. */
  readonly progressToken?: string | undefined;
  /** Left out when the client did not ask where the time went. */
  readonly timing?: boolean | undefined;
  /** When the call reached the gateway, milliseconds since the epoch: its limits go on from there. */
  readonly arrivedAt: number;
}

/** Undefined when the call has come to its end. */
export function handOverOf(event: CallEvent | CallFailure, errand: Errand): HandedOver | undefined {
  const { visit, call, upstream, tally } = errand;
  const position = event.kind === 'end' ? handOverPosition(event.end, tally) : undefined;
  if (position === undefined || call.target === undefined) return undefined;
  return handedOver({
    upstream: upstream.name,
    position,
    idText: call.request.idText,
    method: call.request.method,
    tool: call.target.name,
    progressToken: progressTokenText(call.request),
    timing: wantsTiming(call.request) || undefined,
    arrivedAt: visit.invocation.arrivedAt,
  });
}

export function handedOver(continuation: Continuation): HandedOver {
  return { kind: 'handed-over', continuation: JSON.stringify(continuation) };
}

/** Undefined for what this version of the gateway did not write. */
export function readContinuation(text: string): Continuation | undefined {
  const value = parseJson(text);
  const position = isObject(value) ? value['position'] : undefined;
  const session = isObject(position) ? position['session'] : undefined;
  if (!isObject(value) || !isObject(position) || !isObject(session)) return undefined;
  const { upstream, idText, method, tool, progressToken, arrivedAt } = value;
  const { requestId, eventId, retryMs = 0 } = position;
  const { generation, id, protocolVersion, attachedAt } = session;
  const words = [upstream, idText, method, tool, requestId, eventId, generation, protocolVersion, progressToken ?? ''];
  const isWhole =
    words.every((word) => typeof word === 'string') &&
    [arrivedAt, attachedAt, retryMs].every((time) => typeof time === 'number') &&
    (id === null || typeof id === 'string');
  return isWhole ? (value as unknown as Continuation) : undefined;
}
