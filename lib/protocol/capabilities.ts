/**
 * Capabilities and extensions pass by an allow-list in both directions: nobody is promised what the gateway cannot
 * carry. Tasks outlive a request and need routing of their own; they are not carried, so they are not announced.
 */
import { isObject, isShallowObject, type JsonObject } from './message.ts';
import { ANNOUNCED_LISTS, type AnnouncedList } from './methods.ts';

/** Extensions that live in payloads and metadata only, which are relayed untouched. */
const CARRIED_EXTENSIONS = ['io.modelcontextprotocol/ui'];

const SERVER_CAPABILITIES = ['tools', 'prompts', 'resources', 'completions', 'logging'];
const CLIENT_CAPABILITIES = ['sampling', 'elicitation', 'roots'];

/** What an upstream that has not been heard from counts as having. */
export const ASSUMED_SERVER_CAPABILITIES: JsonObject = { tools: {}, prompts: {}, resources: {}, completions: {} };

/** What of a capability says that the server tells of changes. */
const CHANGES = ['listChanged', 'subscribe'];

/** What is of use of an upstream's capabilities. */
export function carriedServerCapabilities(declared: JsonObject): JsonObject {
  const carried = SERVER_CAPABILITIES.flatMap((name) => {
    const capability = declared[name];
    if (!isObject(capability)) return [];
    const parts = CHANGES.filter((part) => capability[part] === true).map((part) => [part, true]);
    return [[name, Object.fromEntries(parts)] as const];
  });
  return withExtensions(Object.fromEntries(carried), declared);
}

/** Whether an upstream tells of changes by itself: of a list, or of resources that somebody has subscribed to. */
export function tellsOf(carried: JsonObject, what: AnnouncedList | 'updates'): boolean {
  const capability = carried[what === 'updates' ? 'resources' : what];
  return isObject(capability) && capability[what === 'updates' ? 'subscribe' : 'listChanged'] === true;
}

/**
 * What clients are told that several upstreams can do together; of an extension that several have, the first one's
 * settings count. A client that can be told of changes is told of those of every list: the gateway itself compares the
 * lists of upstreams that announce nothing.
 */
export function announcedServerCapabilities(carried: readonly JsonObject[], canBeTold: boolean): JsonObject {
  const extensions = Object.assign({}, ...carried.map((one) => one['extensions'] ?? {}).toReversed()) as JsonObject;
  const all = SERVER_CAPABILITIES.filter((name) => carried.some((one) => one[name] !== undefined)).map((name) => {
    const listChanged = canBeTold && (ANNOUNCED_LISTS as readonly string[]).includes(name);
    const subscribe = canBeTold && name === 'resources' && carried.some((one) => tellsOf(one, 'updates'));
    return [name, { ...(listChanged ? { listChanged } : {}), ...(subscribe ? { subscribe } : {}) }] as const;
  });
  return { ...Object.fromEntries(all), ...(Object.keys(extensions).length === 0 ? {} : { extensions }) };
}

/** What upstreams are told of a client's capabilities; the details of each are the client's own. */
export function announcedClientCapabilities(declared: JsonObject): JsonObject {
  const announced = CLIENT_CAPABILITIES.filter((name) => isObject(declared[name])).map((name) => [
    name,
    declared[name],
  ]);
  return withExtensions(Object.fromEntries(announced), declared);
}

/** The parts of client capabilities that the specification names (2026-07-28, schema, "ClientCapabilities"). */
const CAPABILITY_PARTS: Readonly<Record<string, readonly string[]>> = {
  sampling: ['context', 'tools'],
  elicitation: ['form', 'url'],
};

/**
 * What upstreams are told of a client's capabilities when they are asked for lists: which the client has, and nothing of
 * its own, so that clients with the same ones share a list, and nobody can make up endlessly many.
 */
export function listedCapabilities(declared: JsonObject): JsonObject {
  const listed = CLIENT_CAPABILITIES.flatMap((name) => {
    const capability = declared[name];
    if (!isObject(capability)) return [];
    const parts = (CAPABILITY_PARTS[name] ?? []).filter((part) => isObject(capability[part]));
    return [[name, Object.fromEntries(parts.map((part) => [part, {}]))] as const];
  });
  return Object.fromEntries(listed);
}

function withExtensions(announced: JsonObject, declared: JsonObject): JsonObject {
  const { extensions } = declared;
  if (!isObject(extensions)) return announced;
  const carried = CARRIED_EXTENSIONS.filter((name) => isShallowObject(extensions[name])).map((name) => [
    name,
    extensions[name],
  ]);
  return carried.length === 0 ? announced : { ...announced, extensions: Object.fromEntries(carried) };
}
