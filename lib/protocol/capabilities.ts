/**
 * Capabilities and extensions pass by an allow-list in both directions: nobody is promised what the gateway cannot
 * carry. Tasks outlive a request and need routing of their own, and change notifications (`listChanged`, `subscribe`)
 * need a stream beside the calls; neither is carried, so neither is announced.
 */
import { isObject, isShallowObject, type JsonObject } from './message.ts';

/** Extensions that live in payloads and metadata only, which are relayed untouched. */
const CARRIED_EXTENSIONS = ['io.modelcontextprotocol/ui'];

const SERVER_CAPABILITIES = ['tools', 'prompts', 'resources', 'completions', 'logging'];
const CLIENT_CAPABILITIES = ['sampling', 'elicitation', 'roots'];

/** What an upstream that has not been heard from counts as having. */
export const ASSUMED_SERVER_CAPABILITIES: JsonObject = { tools: {}, prompts: {}, resources: {}, completions: {} };

/** What clients are told of an upstream's capabilities. */
export function announcedServerCapabilities(declared: JsonObject): JsonObject {
  const announced = SERVER_CAPABILITIES.filter((name) => isObject(declared[name])).map((name) => [name, {}]);
  return withExtensions(Object.fromEntries(announced), declared);
}

/** What several upstreams can do together; of an extension that several have, the first one's settings count. */
export function unionOfCapabilities(announced: readonly JsonObject[]): JsonObject {
  const extensions = Object.assign({}, ...announced.map((one) => one['extensions'] ?? {}).toReversed()) as JsonObject;
  const all = Object.assign({}, ...announced) as JsonObject;
  return Object.keys(extensions).length === 0 ? all : { ...all, extensions };
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
