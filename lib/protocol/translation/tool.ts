/**
 * Tool definitions in the other era. Of the items that lists hold, only tools differ: prompts,
 * resources and resource templates have one schema in both eras.
 */
import { editObject, type MemberEdit } from '../json-text.ts';
import { isObject, parseJson, type Json, type JsonObject } from '../message.ts';
import { editIfObject, remove } from './edits.ts';
import { paramHeadersOf } from './param-headers.ts';

/**
 * A legacy upstream's tool as a modern client gets it. The modern era has no `execution` (2026-07-28, changelog, 6).
 * Undefined for a tool that only runs as a task (2025-11-25, basic/utilities/tasks, "Tool-Level Negotiation"): no call
 * of this era can reach it.
 */
export function toolToModern(toolText: string): string | undefined {
  const tool = parseJson(toolText);
  if (!isObject(tool) || !Object.hasOwn(tool, 'execution')) return toolText;
  return onlyRunsAsTask(tool) ? undefined : editObject(toolText, { execution: remove });
}

function onlyRunsAsTask({ execution }: JsonObject): boolean {
  return isObject(execution) && execution['taskSupport'] === 'required';
}

/**
 * A modern upstream's tool as a legacy client gets it. Undefined for one whose `x-mcp-header` annotations are invalid:
 * over HTTP such a tool must not be listed (2026-07-28, server/tools, "x-mcp-header"), and the gateway is who reads the
 * annotations on this client's behalf.
 */
export function toolToLegacy(toolText: string): string | undefined {
  const tool = parseJson(toolText);
  if (!isObject(tool)) return toolText;
  const { inputSchema, outputSchema } = tool;
  if (paramHeadersOf(inputSchema, undefined) === undefined) return undefined;
  return editObject(toolText, {
    // Unknown to the modern era; to the legacy one it would mean something.
    execution: remove,
    inputSchema: (text) => propertiesToLegacy(text, inputSchema),
    outputSchema: (text) => outputSchemaToLegacy(text, outputSchema),
  });
}

/** 2025-11-25 allows only objects as schemas of properties (schema, "Tool"), where 2026-07-28 allows all of JSON Schema. */
function propertiesToLegacy(text: string, schema: Json | undefined): string {
  const properties = isObject(schema) ? schema['properties'] : undefined;
  if (!isObject(properties)) return text;
  const booleans = Object.entries(properties).filter(([, property]) => typeof property === 'boolean');
  if (booleans.length === 0) return text;
  const edits = booleans.map(([key, allowed]): [string, MemberEdit] => [
    key,
    () => (allowed === true ? '{}' : '{"not":{}}'),
  ]);
  return editObject(text, { properties: (of) => editObject(of, Object.fromEntries(edits)) });
}

/**
 * A legacy output schema is one of an object (2025-11-25, schema, "Tool"). One of anything else is wrapped as
 * `wrapValue` of `result.ts` wraps the results. A schema that allows objects among other values cannot be: its results are wrapped or
 * not, each by what it is, and without a schema the client accepts either.
 */
function outputSchemaToLegacy(text: string, schema: Json | undefined): string | undefined {
  if (!isObject(schema)) return undefined;
  const { type } = schema;
  if (type === 'object') return propertiesToLegacy(text, schema);
  // References would point elsewhere once the schema is part of another.
  return neverAllowsObjects(type) && !REFERENCE.test(text) ? wrapSchema(text, schema['$schema']) : undefined;
}

const OTHER_TYPES: readonly unknown[] = ['array', 'string', 'number', 'integer', 'boolean', 'null'];

const REFERENCE = /"\$(?:ref|dynamicRef|recursiveRef)"/;

function neverAllowsObjects(type: Json | undefined): boolean {
  if (!Array.isArray(type)) return OTHER_TYPES.includes(type);
  return type.length > 0 && type.every((one) => OTHER_TYPES.includes(one));
}

function wrapSchema(text: string, dialect: Json | undefined): string {
  const schema = typeof dialect === 'string' ? `"$schema":${JSON.stringify(dialect)},` : '';
  const inner = editIfObject(text, { $schema: remove });
  return `{${schema}"type":"object","properties":{"result":${inner}},"required":["result"]}`;
}
