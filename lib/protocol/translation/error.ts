/** Errors of upstreams in the other era. Code and words change; `data` stays as it was written. */
import { elementTexts, memberText } from '../json-text.ts';
import { isObject, JSON_RPC, parseJson, type Json, type JsonObject, type JsonRpcError } from '../message.ts';
import { editIfObject, remove } from './edits.ts';
import { missingCapabilityWords } from './questions.ts';

/** Codes of earlier revisions, which modern implementations must not send (2026-07-28, basic, "Error Codes"). */
export const LEGACY_CODES = { resourceNotFound: -32002, urlElicitationRequired: -32042 } as const;

/** Reserved for the specification since 2026-07-28 (basic, "Error Codes"); free for anyone's use before. */
const RESERVED = { first: -32020, last: -32099 } as const;

/** An error without its data. */
export interface ErrorHead {
  readonly code: number;
  readonly message: string;
}

/** What a legacy upstream's error is to a modern client. */
export type ModernAnswer =
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
  /** The error asks for something that the modern era asks for by a result. */
  | { readonly kind: 'result'; readonly text: string };

/** Whether a read failed because there is no such resource, in either era's words (server/resources, "Error Handling"). */
export function isResourceNotFound(method: string, { code }: JsonRpcError): boolean {
  return method === 'resources/read' && (code === JSON_RPC.invalidParams || code === LEGACY_CODES.resourceNotFound);
}

/** A modern upstream's error as a legacy client gets it. `text` is the error as it was written. */
export function errorToLegacy(method: string, error: JsonRpcError, text: string): string {
  return withHead(text, error, errorHeadToLegacy(method, error));
}

export function errorHeadToLegacy(method: string, error: JsonRpcError): ErrorHead {
  const { code, message } = error;
  switch (code) {
    case JSON_RPC.invalidParams:
      // A read has one parameter, and the code stands for a URI that does not exist (2026-07-28, changelog, minor 6).
      return { code: isResourceNotFound(method, error) ? LEGACY_CODES.resourceNotFound : code, message };
    case JSON_RPC.missingClientCapability:
      return { code: JSON_RPC.invalidRequest, message: `${message}${missingWords(error)}` };
    // About headers and a revision that the gateway chose: neither the client's fault nor anything it could change.
    case JSON_RPC.headerMismatch:
    case JSON_RPC.unsupportedProtocolVersion:
      return { code: JSON_RPC.internalError, message };
    default:
      return { code, message };
  }
}

function missingWords(error: JsonRpcError): string {
  const words = missingCapabilityWords(error);
  return words === undefined ? '' : ` (this client does not offer ${words})`;
}

/**
 * A legacy upstream's error as a modern client gets it. `text` is the error as it was written, `clientCapabilities` what
 * the client declared with the request.
 */
export function errorToModern(
  method: string,
  error: JsonRpcError,
  text: string,
  clientCapabilities: JsonObject,
): ModernAnswer {
  if (error.code === LEGACY_CODES.urlElicitationRequired) {
    const answer = urlElicitation(method, text, clientCapabilities);
    if (answer !== undefined) return answer;
  }
  const head = errorHeadToModern(error);
  return { kind: 'error', code: head.code, text: withHead(text, error, head) };
}

export function errorHeadToModern({ code, message }: JsonRpcError): ErrorHead {
  // Whatever the method: no modern server may say it otherwise (2026-07-28, basic, "Error Codes").
  if (code === LEGACY_CODES.resourceNotFound) return { code: JSON_RPC.invalidParams, message };
  // What the specification reserved since would say something that the upstream did not mean.
  if (code <= RESERVED.first && code >= RESERVED.last) {
    return { code: JSON_RPC.internalError, message: `${message} (code ${code})` };
  }
  return { code, message };
}

function withHead(text: string, before: ErrorHead, { code, message }: ErrorHead): string {
  return editIfObject(text, {
    ...(code === before.code ? {} : { code: () => JSON.stringify(code) }),
    ...(message === before.message ? {} : { message: () => JSON.stringify(message) }),
  });
}

/** The methods whose results may ask for input (2026-07-28, basic/patterns/mrtr, "Supported Requests"). */
const MAY_ASK = ['tools/call', 'prompts/get', 'resources/read'];

/**
 * A URL that the client has to visit before the call can succeed: an error in 2025-11-25 (client/elicitation, "URL
 * Elicitation Required Error"), an `input_required` result in 2026-07-28 (basic/patterns/mrtr). There is no state to
 * keep: the client's retry is the same call again. Undefined where it cannot be said.
 */
function urlElicitation(method: string, text: string, clientCapabilities: JsonObject): ModernAnswer | undefined {
  const questions = MAY_ASK.includes(method) ? urlQuestions(text) : [];
  if (questions.length === 0) return undefined;
  if (!offersUrls(clientCapabilities))
    return { kind: 'error', code: JSON_RPC.missingClientCapability, text: URLS_NOT_OFFERED };
  const members = questions.map((question, index) => `"url-${index + 1}":${question}`);
  return { kind: 'result', text: `{"resultType":"input_required","inputRequests":{${members.join(',')}}}` };
}

/** An empty `elicitation` means forms only (2026-07-28, client/elicitation, "Capabilities"). */
function offersUrls({ elicitation }: JsonObject): boolean {
  return isObject(elicitation) && isObject(elicitation['url']);
}

const URLS_NOT_OFFERED = JSON.stringify({
  code: JSON_RPC.missingClientCapability,
  message: 'The upstream asks the user to visit a URL, which this client does not offer (elicitation, url)',
  data: { requiredCapabilities: { elicitation: { url: {} } } },
});

function urlQuestions(errorText: string): string[] {
  const data = memberText(errorText, 'data') ?? '';
  const list = data.startsWith('{') ? memberText(data, 'elicitations') : undefined;
  return list?.startsWith('[') === true ? elementTexts(list).filter(asksForUrl).map(urlQuestion) : [];
}

function asksForUrl(text: string): boolean {
  const asked: Json | undefined = parseJson(text);
  return (
    isObject(asked) &&
    asked['mode'] === 'url' &&
    typeof asked['message'] === 'string' &&
    typeof asked['url'] === 'string'
  );
}

/** The modern era has no `elicitationId` (2026-07-28, changelog, minor 11). */
function urlQuestion(text: string): string {
  return `{"method":"elicitation/create","params":${editIfObject(text, { elicitationId: remove })}}`;
}
