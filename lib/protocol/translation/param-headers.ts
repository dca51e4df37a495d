/**
 * `Mcp-Param-*` for clients that do not send them: a modern upstream may demand that arguments of a tool are mirrored in
 * headers (2026-07-28, basic/transports/streamable-http, "Custom Headers from Tool Parameters"; server/tools,
 * "x-mcp-header").
 */
import { isObject, type Json, type JsonObject } from '../message.ts';
import { encodeHeaderValue } from '../modern/headers.ts';

const ANNOTATION = 'x-mcp-header';

/** `1*tchar` (RFC 9110, 5.6.2): neither empty, nor with any control character. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** "Parameters with type `number` are not permitted." */
const ANNOTATED_TYPES: readonly unknown[] = ['integer', 'string', 'boolean'];

/** Keywords whose value is a schema, or an array of them, to which no chain of `properties` leads. */
const BRANCHES = [
  'items',
  'prefixItems',
  'additionalItems',
  'unevaluatedItems',
  'contains',
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'contentSchema',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
];

/** Keywords whose value names such schemas. */
const NAMED_BRANCHES = ['patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions'];

/** More schemas than any tool needs; whoever sends more is not read to the end (2026-07-28, basic, "Composition-Keyword Resource Use"). */
const MAX_SCHEMAS = 20_000;

/** A schema within the input schema. */
interface Place {
  readonly schema: Json | undefined;
  /** Whether a chain of `properties` leads to it, the only way an annotation may be reached. */
  readonly reachable: boolean;
  readonly isRoot: boolean;
  /** What the arguments hold at the same path; undefined when they hold nothing there. */
  readonly value: Json | undefined;
}

/**
 * The headers that mirror the arguments, by lower-case name, ready to be sent; none for a tool without annotations.
 * Undefined when the annotations break a rule: the definition as a whole is then invalid, and a client over HTTP must
 * not list the tool.
 */
export function paramHeadersOf(
  inputSchema: Json | undefined,
  args: JsonObject | undefined,
): Record<string, string> | undefined {
  const names = new Set<string>();
  const headers: [string, string][] = [];
  // A list of places to go, rather than recursion: a schema may nest deeper than the stack.
  const places: Place[] = [{ schema: inputSchema, reachable: true, isRoot: true, value: args }];
  for (let seen = 1; ; seen += 1) {
    const place = places.pop();
    if (place === undefined) return Object.fromEntries(headers);
    if (seen > MAX_SCHEMAS) return undefined;
    const { schema, value } = place;
    if (!isObject(schema)) continue;
    if (Object.hasOwn(schema, ANNOTATION)) {
      const name = annotatedName(schema, place);
      if (name === undefined || names.has(name)) return undefined;
      names.add(name);
      const text = headerText(value);
      if (text !== undefined) headers.push([`mcp-param-${name}`, encodeParam(text)]);
    }
    addProperties(places, place, schema);
    addBranches(places, schema);
  }
}

/** In lower case, in which names must be unique; undefined when the annotation is invalid. */
function annotatedName(schema: JsonObject, { reachable, isRoot }: Place): string | undefined {
  const name = schema[ANNOTATION];
  const isValid =
    reachable && !isRoot && typeof name === 'string' && TOKEN.test(name) && ANNOTATED_TYPES.includes(schema['type']);
  return isValid ? name.toLowerCase() : undefined;
}

function addProperties(places: Place[], { reachable, value }: Place, { properties }: JsonObject): void {
  if (!isObject(properties)) return;
  for (const [key, schema] of Object.entries(properties)) {
    const held = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    places.push({ schema, reachable, isRoot: false, value: held });
  }
}

function addBranches(places: Place[], schema: JsonObject): void {
  const add = (branch: Json | undefined): void => {
    places.push({ schema: branch, reachable: false, isRoot: false, value: undefined });
  };
  for (const keyword of BRANCHES) {
    const branch = schema[keyword];
    if (Array.isArray(branch)) branch.forEach(add);
    else if (branch !== undefined) add(branch);
  }
  for (const keyword of NAMED_BRANCHES) {
    const branches = schema[keyword];
    if (isObject(branches)) Object.values(branches).forEach(add);
  }
}

/**
 * The text that stands for a value ("Value Encoding"). Undefined for one that is not mirrored: null, nothing, and what
 * has no such text: an object, an array, an integer that other programs may read as another one. Whether a value is of
 * the type that the schema asks for is the upstream's to say.
 */
function headerText(value: Json | undefined): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return String(value);
    case 'number':
      return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))
        ? String(value)
        : undefined;
    default:
      return undefined;
  }
}

/** An empty value is encoded too: on the way, a header with nothing in it may be taken for none. */
function encodeParam(text: string): string {
  return text === '' ? '=?base64??=' : encodeHeaderValue(text);
}
