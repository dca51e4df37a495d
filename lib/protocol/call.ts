/**
 * The neutral call: one request of a client, whatever its era, and how it is written for an upstream and back. Messages
 * are edited as text (`json-text.ts`): what is not named here passes untouched.
 */
import { announcedClientCapabilities } from './capabilities.ts';
import type { Era } from './era.ts';
import { editObject, elementTexts, memberText, type MemberEdit } from './json-text.ts';
import { isObject, isShallowObject, parseJson } from './message.ts';
import type { Json, JsonObject, NotificationMessage, RequestMessage, ResponseMessage } from './message.ts';
import type { ListMember, MethodRule, TargetField } from './methods.ts';
import { META } from './modern/envelope.ts';
import { isShown, toClientName, toUpstreamName } from './names.ts';

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

/** What comes back for a call. Exactly one final reply ends it. */
export type Reply =
  /** A notification or a server's question, ready for the client. */
  | { readonly kind: 'interim'; readonly text: string }
  /** The response, ready for the client, and the HTTP status it would like. */
  | { readonly kind: 'final'; readonly text: string; readonly status: number };

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

/** The request as an upstream of the same era gets it, under the gateway's own id. */
export function callToUpstream(call: Call, upstreamId: string, targetName: string | undefined): string {
  const id = JSON.stringify(upstreamId);
  return editObject(call.request.text, {
    id: () => id,
    params: (params) =>
      editObject(params, { ...targetEdits(call, targetName), _meta: (meta) => metaToUpstream(meta, id) }),
  });
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

/** Progress is reported under the upstream request's id, so that no two calls can share a token. */
function metaToUpstream(metaText: string, idText: string): string {
  if (!isObject(parseJson(metaText))) return metaText;
  return editObject(metaText, {
    progressToken: () => idText,
    [META.clientCapabilities]: (text) => {
      const declared = parseJson(text);
      if (!isObject(declared)) return text;
      // Without depth in a modern request, whose envelope was checked; in a legacy one the key means nothing.
      return isShallowObject(declared) ? JSON.stringify(announcedClientCapabilities(declared)) : undefined;
    },
  });
}

/** The upstream's final response as the client gets it. */
export function responseToClient(call: Call, response: ResponseMessage, view: View): string {
  const { list } = call.rule;
  const { body } = response;
  const untyped = call.era === 'modern' && 'result' in body && !Object.hasOwn(body.result, 'resultType');
  const edits: Record<string, MemberEdit> = {
    id: () => call.request.idText,
    result: (result) => resultToClient(result, untyped, list, view),
  };
  // An upstream that could not read the id leaves it out; the client still learns which call failed.
  return editObject(response.text, edits, { id: call.request.idText });
}

function resultToClient(text: string, untyped: boolean, list: ListMember | undefined, view: View): string {
  const edits: Record<string, MemberEdit> =
    list === 'tools' || list === 'prompts' ? { [list]: (items) => listToClient(items, list, view) } : {};
  // A modern result without a type means "complete" to its reader (2026-07-28, basic, "ResultType"): say so.
  const additions: Record<string, string> = untyped ? { resultType: '"complete"' } : {};
  return Object.keys(edits).length === 0 && !untyped ? text : editObject(text, edits, additions);
}

function listToClient(itemsText: string, list: 'tools' | 'prompts', view: View): string {
  const patterns = list === 'tools' ? view.tools : undefined;
  if (view.prefix === '' && patterns === undefined) return itemsText;
  if (!Array.isArray(parseJson(itemsText))) return itemsText;
  const items = elementTexts(itemsText).flatMap((item) => itemToClient(item, view.prefix, patterns));
  return `[${items.join(',')}]`;
}

function itemToClient(itemText: string, prefix: string, patterns: readonly string[] | undefined): string[] {
  const item = parseJson(itemText);
  if (!isObject(item) || typeof item['name'] !== 'string') return [];
  const name = toClientName(prefix, item['name']);
  return isShown(patterns, name) ? [editObject(itemText, { name: () => JSON.stringify(name) })] : [];
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
