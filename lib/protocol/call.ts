/**
 * The neutral call: one request of a client, whatever its era, and how it is written for an upstream and back. Messages
 * are edited as text (`json-text.ts`): what is not named here passes untouched.
 */
import { announcedClientCapabilities } from './capabilities.ts';
import type { Era, LegacyVersion } from './era.ts';
import { KEY_IN_META, KEY_IN_PARAMS } from './idempotency-key.ts';
import { editObject, memberText, type MemberEdit } from './json-text.ts';
import { isObject, isShallowObject, parseJson } from './message.ts';
import type { Json, JsonObject, NotificationMessage, RequestMessage, ResponseMessage } from './message.ts';
import type { MethodRule, TargetField } from './methods.ts';
import { META } from './modern/envelope.ts';
import { isShown, toUpstreamName } from './names.ts';
import { TIMING_IN_META } from './timing.ts';
import type { TraceContext } from './trace-context.ts';
import { editIfObject, remove } from './translation/edits.ts';
import { errorToLegacy, errorToModern } from './translation/error.ts';
import { requestToLegacy, requestToModern, type ModernSelf, type RelayEdits } from './translation/request.ts';
import { resultToLegacy, resultToModern } from './translation/result.ts';

export interface Call {
  readonly era: Era;
  readonly request: RequestMessage;
  readonly rule: MethodRule;
  /** What the call is for; undefined for methods that name nothing, and for calls that fail to. */
  readonly target: Target | undefined;
}

export interface Target {
  readonly what: 'tool' | 'prompt' | 'resource';
  /** As the client knows it. */
  readonly name: string;
}

/** One upstream as one virtual server shows it. */
export interface View {
  readonly prefix: string;
  /** Patterns over client names of tools; undefined shows all. */
  readonly tools: readonly string[] | undefined;
}

/** What comes back for a call. Exactly one that is final, or handed over, ends it. */
export type Reply =
  /** A notification or a server's question, ready for the client. */
  | { readonly kind: 'interim'; readonly text: string }
  /** The response, ready for the client, and the HTTP status it would like. */
  | { readonly kind: 'final'; readonly text: string; readonly status: number }
  | HandedOver;

/** In place of the response: the call goes on, and whoever the client asks for the rest needs this to take it over. */
export interface HandedOver {
  readonly kind: 'handed-over';
  readonly continuation: string;
}

/** Undefined when the parameters do not say what the method is for. */
export function readTarget(params: JsonObject | undefined, field: TargetField): Target | undefined {
  if (field === 'reference') return readReference(params?.['ref']);
  return named(field, params?.[field === 'resource' ? 'uri' : 'name']);
}

function readReference(reference: Json | undefined): Target | undefined {
  if (!isObject(reference)) return undefined;
  if (reference['type'] === 'ref/prompt') return named('prompt', reference['name']);
  return reference['type'] === 'ref/resource' ? named('resource', reference['uri']) : undefined;
}

function named(what: Target['what'], name: Json | undefined): Target | undefined {
  return typeof name === 'string' ? { what, name } : undefined;
}

/** The target's name as the upstream knows it; undefined when the view does not show it. */
export function upstreamTargetName(target: Target, view: View): string | undefined {
  if (target.what === 'resource') return target.name;
  if (target.what === 'tool' && !isShown(view.tools, target.name)) return undefined;
  return toUpstreamName(view.prefix, target.name);
}

/** JSON text of the client's progress token; undefined when it asked for no progress. */
export function progressTokenText(request: RequestMessage): string | undefined {
  const meta = request.params?.['_meta'];
  if (!isObject(meta) || !Object.hasOwn(meta, 'progressToken')) return undefined;
  return memberText(memberText(memberText(request.text, 'params') ?? '{}', '_meta') ?? '{}', 'progressToken');
}

/**
 * The request as a modern upstream gets it, under the gateway's own id and with what it says of its trace; `self` is the
 * client where it is a legacy one.
 */
export function callToModern(
  call: Call,
  id: string,
  targetName: string | undefined,
  self: ModernSelf | undefined,
  context: TraceContext,
): string {
  const edits = relayEdits(call, id, targetName, context);
  return self === undefined ? withEdits(call, edits) : requestToModern(call.request, self, edits);
}

/** The request as a legacy upstream gets it, likewise. */
export function callToLegacy(call: Call, id: string, targetName: string | undefined, context: TraceContext): string {
  const edits = relayEdits(call, id, targetName, context);
  return call.era === 'legacy' ? withEdits(call, edits) : requestToLegacy(call.request, edits);
}

function withEdits({ request }: Call, { message, params, meta, newMeta }: RelayEdits): string {
  const ofParams = { ...params, _meta: (text: string) => editIfObject(text, meta, newMeta) };
  const saysMore = Object.keys(newMeta).length > 0;
  const metaIfNone: Record<string, string> = saysMore ? { _meta: editObject('{}', {}, newMeta) } : {};
  return editObject(
    request.text,
    { ...message, params: (text) => editObject(text, ofParams, metaIfNone) },
    saysMore ? { params: editObject('{}', {}, metaIfNone) } : {},
  );
}

/** An idempotency key is for the gateway. */
const WITHOUT_KEY: Readonly<Record<string, MemberEdit>> = { [KEY_IN_PARAMS]: remove };

/** Progress is reported under the upstream request's id, so that no two calls can share a token. */
function relayEdits(call: Call, upstreamId: string, targetName: string | undefined, context: TraceContext): RelayEdits {
  const id = JSON.stringify(upstreamId);
  const newMeta = textsOf(context);
  return {
    message: { id: () => id },
    params: { ...targetEdits(call, targetName), ...(call.rule.target === 'tool' ? WITHOUT_KEY : {}) },
    meta: {
      progressToken: () => id,
      [META.clientCapabilities]: announcedInMeta,
      [KEY_IN_META]: remove,
      [TIMING_IN_META]: remove,
      traceparent: () => newMeta['traceparent'],
      tracestate: () => newMeta['tracestate'],
      baggage: () => newMeta['baggage'],
    },
    newMeta,
  };
}

function textsOf(context: TraceContext): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(context).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** Without depth in a modern request, whose envelope was checked; in a legacy one the key means nothing. */
function announcedInMeta(text: string): string | undefined {
  const declared = parseJson(text);
  if (!isObject(declared)) return text;
  return isShallowObject(declared) ? JSON.stringify(announcedClientCapabilities(declared)) : undefined;
}

function targetEdits(call: Call, targetName: string | undefined): Record<string, MemberEdit> {
  if (targetName === undefined) return {};
  const nameText = JSON.stringify(targetName);
  switch (call.rule.target) {
    case 'tool':
    case 'prompt':
      return { name: () => nameText };
    case 'reference':
      // Of a reference only a prompt's name is prefixed; a resource's `uri` is its own.
      return { ref: (ref) => (call.target?.what === 'prompt' ? editObject(ref, { name: () => nameText }) : ref) };
    default:
      return {};
  }
}

/** How a client reads a response. */
export interface Reading {
  /** Era in which the upstream answered. */
  readonly upstreamEra: Era;
  /** Of a legacy client: the revision of its session. */
  readonly version: LegacyVersion;
  /** Of a modern client: what it declared with the request. */
  readonly clientCapabilities: JsonObject;
  /** Named in results that would otherwise name nobody. */
  readonly serverInfo: JsonObject;
}

/**
 * The upstream's final response as the client gets it. An upstream that could not read the id leaves it out; the client
 * still learns which call failed.
 */
export function responseToClient(call: Call, response: ResponseMessage, reading: Reading): string {
  const { idText } = call.request;
  const { body, text } = response;
  const id = { id: () => idText };
  const translated = call.era !== reading.upstreamEra;
  if ('result' in body) {
    const toResult = translated ? translatedResult(call, body.result, reading) : typedResult(call, body.result);
    return editObject(text, { ...id, result: toResult }, { id: idText });
  }
  if (!translated) return editObject(text, id, { id: idText });
  const { method } = call.request;
  if (call.era === 'legacy') {
    return editObject(text, { ...id, error: (error) => errorToLegacy(method, body.error, error) }, { id: idText });
  }
  const written = memberText(text, 'error') ?? '{}';
  const answer = errorToModern(method, body.error, written, reading.clientCapabilities);
  const toError: MemberEdit = () => (answer.kind === 'error' ? answer.text : undefined);
  return editObject(text, { ...id, error: toError }, { id: idText, [answer.kind]: answer.text });
}

/** A modern result without a type means "complete" to its reader (2026-07-28, basic, "ResultType"): say so. */
function typedResult({ era }: Call, result: JsonObject): MemberEdit {
  const untyped = era === 'modern' && !Object.hasOwn(result, 'resultType');
  return (text) => (untyped ? editObject(text, {}, { resultType: '"complete"' }) : text);
}

function translatedResult({ era, request, rule }: Call, value: JsonObject, reading: Reading): MemberEdit {
  const { method } = request;
  const { cacheable } = rule;
  const { version, serverInfo } = reading;
  return era === 'modern'
    ? (text) => resultToModern(method, { text, value }, { cacheable, serverInfo })
    : (text) => resultToLegacy(method, { text, value }, { cacheable, version });
}

/**
 * A progress notification as the client gets it, under the client's own token. Undefined when it is not about this
 * call, or the client asked for no progress.
 */
export function progressToClient(
  notification: NotificationMessage,
  upstreamId: string,
  clientToken: string | undefined,
): string | undefined {
  if (clientToken === undefined || notification.params?.['progressToken'] !== upstreamId) return undefined;
  return editObject(notification.text, {
    params: (params) => editObject(params, { progressToken: () => clientToken }),
  });
}
