/** Messages to start from, read as the gateway reads them. */
import type { Call } from '../../lib/protocol/call.ts';
import type { Era } from '../../lib/protocol/era.ts';
import { readTarget } from '../../lib/protocol/call.ts';
import { parseJson, readMessage } from '../../lib/protocol/message.ts';
import type { Message, NotificationMessage, RequestMessage, ResponseMessage } from '../../lib/protocol/message.ts';
import { requestRule } from '../../lib/protocol/methods.ts';

function messageOf(text: string): Message {
  const message = readMessage(parseJson(text) ?? null, text);
  if (message === undefined) throw new Error(`This is no message: ${text}`);
  return message;
}

export function requestOf(text: string): RequestMessage {
  const message = messageOf(text);
  if (message.kind !== 'request') throw new Error(`This is no request: ${text}`);
  return message;
}

export function notificationOf(text: string): NotificationMessage {
  const message = messageOf(text);
  if (message.kind !== 'notification') throw new Error(`This is no notification: ${text}`);
  return message;
}

export function responseOf(text: string): ResponseMessage {
  const message = messageOf(text);
  if (message.kind !== 'response') throw new Error(`This is no response: ${text}`);
  return message;
}

/** A call by the text of its request. */
export function callOf(text: string, era: Era = 'legacy'): Call {
  const request = requestOf(text);
  const rule = requestRule(request.method, era);
  if (rule === undefined) throw new Error(`${request.method} is no method of the ${era} era`);
  const target = rule.target === undefined ? undefined : readTarget(request.params, rule.target);
  return { era, request, rule, target };
}

/** The text of a request. */
export function requestText(method: string, params?: object, id: string | number = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}
