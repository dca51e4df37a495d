/**
 * Classifies what came in, once, at the door: the era decides how everything after it reads (2026-07-28,
 * basic/versioning, "Backward Compatibility with Initialization-Based Versions").
 */
import type { Failure } from '../errors.ts';
import { isLegacyVersion, isModernVersion, MODERN_VERSIONS } from '../protocol/era.ts';
import type { HttpHeaders, HttpRequest } from '../protocol/http.ts';
import { elementTexts } from '../protocol/json-text.ts';
import { hasLookalike, parseJson, readMessage } from '../protocol/message.ts';
import type { Json, Message, RequestMessage } from '../protocol/message.ts';
import { hasEnvelope, readEnvelope, type Envelope } from '../protocol/modern/envelope.ts';

/** A batch may hold this many messages, served in parallel. */
const MAX_BATCH = 20;

const LOOKALIKE: Failure = {
  kind: 'invalid-request',
  reason: 'A key differs from one that decides in its letters only',
};

export type Incoming =
  | { readonly kind: 'modern'; readonly request: RequestMessage; readonly envelope: Envelope }
  /** The modern era has no notifications from clients over HTTP; one is accepted and means nothing. */
  | { readonly kind: 'modern-notification'; readonly method: string }
  | { readonly kind: 'initialize'; readonly request: RequestMessage }
  | { readonly kind: 'legacy'; readonly messages: readonly Message[]; readonly batch: boolean }
  | { readonly kind: 'refused'; readonly failure: Failure; readonly request: RequestMessage | undefined };

export function classify(request: HttpRequest): Incoming {
  const value = parseJson(request.body);
  if (value === undefined) return refused({ kind: 'parse-error' });
  if (Array.isArray(value)) return classifyBatch(value, request);
  if (hasLookalike(value)) return refused(LOOKALIKE);
  const message = readMessage(value, request.body);
  if (message === undefined) return refused({ kind: 'invalid-request', reason: 'The body is not a JSON-RPC message' });
  return isModern(message, request) ? classifyModern(message, request) : classifyLegacy(message, request);
}

function classifyBatch(values: readonly Json[], request: HttpRequest): Incoming {
  if (values.length === 0 || values.length > MAX_BATCH) {
    return refused({ kind: 'invalid-request', reason: `A batch holds 1 to ${MAX_BATCH} messages` });
  }
  if (values.some(hasLookalike)) return refused(LOOKALIKE);
  const messages = elementTexts(request.body).map((text) => readMessage(parseJson(text) ?? null, text));
  if (!messages.every((message) => message !== undefined)) {
    return refused({ kind: 'invalid-request', reason: 'The batch holds something that is no JSON-RPC message' });
  }
  if (messages.some((message) => message.kind === 'request' && message.method === 'initialize')) {
    return refused({ kind: 'invalid-request', reason: 'initialize cannot be part of a batch' });
  }
  const failure = unservedVersion(request.headers);
  return failure === undefined ? { kind: 'legacy', messages, batch: true } : refused(failure);
}

function isModern(message: Message, request: HttpRequest): boolean {
  if (isModernVersion(request.headers['mcp-protocol-version'])) return true;
  return message.kind === 'request' && (hasEnvelope(message.params) || message.method === 'server/discover');
}

function classifyModern(message: Message, request: HttpRequest): Incoming {
  switch (message.kind) {
    case 'response':
      return refused({ kind: 'invalid-request', reason: 'Responses are not sent in this revision' });
    case 'notification':
      return { kind: 'modern-notification', method: message.method };
    case 'request':
      return classifyModernRequest(message, request);
  }
}

function classifyModernRequest(message: RequestMessage, request: HttpRequest): Incoming {
  const outcome = readEnvelope(message, request.headers);
  switch (outcome.kind) {
    case 'valid':
      return { kind: 'modern', request: message, envelope: outcome.envelope };
    case 'invalid':
      return refused({ kind: 'invalid-envelope', reason: outcome.reason }, message);
    case 'mismatch':
      return refused({ kind: 'header-mismatch', reason: outcome.reason }, message);
    case 'unsupported':
      return refused(
        { kind: 'unsupported-version', requested: outcome.requested, supported: MODERN_VERSIONS },
        message,
      );
  }
}

function classifyLegacy(message: Message, request: HttpRequest): Incoming {
  if (message.kind === 'request' && message.method === 'initialize') return { kind: 'initialize', request: message };
  const failure = unservedVersion(request.headers);
  return failure === undefined
    ? { kind: 'legacy', messages: [message], batch: false }
    : refused(failure, message.kind === 'request' ? message : undefined);
}

/** What is wrong with the version that a message of a session names; it may name none (2025-11-25, basic/transports). */
export function unservedVersion(headers: HttpHeaders): Failure | undefined {
  const version = headers['mcp-protocol-version'];
  return version === undefined || isLegacyVersion(version)
    ? undefined
    : { kind: 'invalid-request', reason: 'MCP-Protocol-Version names a revision that is not served' };
}

function refused(failure: Failure, request?: RequestMessage): Incoming {
  return { kind: 'refused', failure, request };
}
