/** JSON-RPC 2.0 messages, as MCP narrows them: ids are strings or integers, never null (2026-07-28, basic). */
import { memberText } from './json-text.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export interface RequestMessage {
  readonly kind: 'request';
  /** The id as its sender wrote it: JSON text, so that 1.0 and large integers come back unchanged. */
  readonly idText: string;
  readonly method: string;
  readonly params: JsonObject | undefined;
  /** The whole message as its sender wrote it. */
  readonly text: string;
}

export interface NotificationMessage {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: JsonObject | undefined;
  readonly text: string;
}

export interface ResponseMessage {
  readonly kind: 'response';
  /**
   * The id as JSON text, not always as its sender wrote it: it is only compared, and finding it in a large response
   * would take long. Undefined on an error response whose sender could not tell which request it was.
   */
  readonly idText: string | undefined;
  readonly body: { readonly result: JsonObject } | { readonly error: JsonRpcError };
  readonly text: string;
}

export interface JsonRpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: Json | undefined;
}

export type Message = RequestMessage | NotificationMessage | ResponseMessage;

/** JSON-RPC's own codes and those of MCP 2026-07-28 (basic, "Error codes"). */
export const JSON_RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  headerMismatch: -32020,
  missingClientCapability: -32021,
  unsupportedProtocolVersion: -32022,
} as const;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Settings and introductions nest a few levels; one that nests deeper could exhaust the stack when it is written. */
const MAX_SHALLOW_LEVELS = 32;

/** Data of an error may nest as deep as anyone could want, short of what exhausts the stack. */
const MAX_DATA_LEVELS = 1000;

/** An object that is safe to write as text again. */
export function isShallowObject(value: Json | undefined): value is JsonObject {
  return isObject(value) && !isDeeperThan(value, MAX_SHALLOW_LEVELS);
}

function isDeeperThan(value: Json | undefined, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1));
}

/** Parses text; undefined when it is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/**
 * Reads one message. `value` is `text` parsed. Undefined when it is not a message: a wrong `jsonrpc`, an id that is
 * neither string nor integer, `params` that is not an object, a response with both or neither of result and error.
 */
export function readMessage(value: Json, text: string): Message | undefined {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return undefined;
  return typeof value['method'] === 'string' ? readCall(value, value['method'], text) : readResponse(value, text);
}

function readCall(value: JsonObject, method: string, text: string): Message | undefined {
  const params = value['params'];
  if (params !== undefined && !isObject(params)) return undefined;
  if (!Object.hasOwn(value, 'id')) return { kind: 'notification', method, params, text };
  const idText = readIdText(value, text);
  return idText === undefined ? undefined : { kind: 'request', idText, method, params, text };
}

function readResponse(value: JsonObject, text: string): ResponseMessage | undefined {
  const { id, result, error } = value;
  const idText = isId(id) ? JSON.stringify(id) : undefined;
  if (isObject(result) && error === undefined) {
    return idText === undefined ? undefined : { kind: 'response', idText, body: { result }, text };
  }
  if (result !== undefined || !isObject(error)) return undefined;
  // JSON-RPC 2.0 writes null where MCP leaves the id out.
  if (idText === undefined && id != null) return undefined;
  const { code, message, data } = error;
  if (!Number.isInteger(code) || typeof message !== 'string') return undefined;
  return { kind: 'response', idText, body: { error: { code: code as number, message, data } }, text };
}

function readIdText(value: JsonObject, text: string): string | undefined {
  return isId(value['id']) ? memberText(text, 'id') : undefined;
}

function isId(id: Json | undefined): id is string | number {
  return typeof id === 'string' || Number.isInteger(id);
}

const DECIDING_KEYS = ['jsonrpc', 'id', 'method', 'params'];
const DECIDING_PARAMS = ['name', 'uri', 'ref', '_meta'];

/**
 * Whether a key reads like one that decides, in other letters: `Name` beside `name`. Some parsers do not tell them apart
 * and would decide by the wrong one, past every check that was made here.
 */
export function hasLookalike(value: Json | undefined): boolean {
  if (!isObject(value)) return false;
  const { params } = value;
  return holdsLookalike(value, DECIDING_KEYS) || (isObject(params) && holdsLookalike(params, DECIDING_PARAMS));
}

/** Most keys fold to themselves, and need not be folded to know that. */
const FOLDED_ASCII = /^[\x00-\x40\x5b-\x7f]*$/;

/** Compatibility forms are folded too: a Kelvin sign reads like a k, and a long s like an s. */
function holdsLookalike(object: JsonObject, deciding: readonly string[]): boolean {
  return Object.keys(object).some((key) => {
    if (FOLDED_ASCII.test(key)) return false;
    const folded = key.normalize('NFKC').toLowerCase();
    return folded !== key && deciding.includes(folded);
  });
}

/** True when both texts write the same id: `"a"` and `"\u0061"`, or `1` and `1.0`. */
export function sameId(left: string | undefined, right: string): boolean {
  return left !== undefined && (left === right || parseJson(left) === parseJson(right));
}

export function resultText(idText: string, result: object): string {
  return `{"jsonrpc":"2.0","id":${idText},"result":${JSON.stringify(result)}}`;
}

/**
 * An error response; without an id when the request's could not be read (2026-07-28, basic, "Error responses"), and
 * without data that nest too deep to be written.
 */
export function errorText(idText: string | undefined, { code, message, data }: JsonRpcError): string {
  const id = idText === undefined ? '' : `"id":${idText},`;
  const error = isDeeperThan(data, MAX_DATA_LEVELS) ? { code, message } : { code, message, data };
  return `{"jsonrpc":"2.0",${id}"error":${JSON.stringify(error)}}`;
}

export function requestText(id: string, method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

export function notificationText(method: string, params?: object): string {
  return JSON.stringify(params === undefined ? { jsonrpc: '2.0', method } : { jsonrpc: '2.0', method, params });
}
