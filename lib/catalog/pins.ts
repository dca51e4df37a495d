/**
 * Pinned tool definitions: what a tool was when it was first seen, or when an operator last accepted it. A definition is
 * what a model or a person decides by; a tool that says something else than its pin is held back until it is accepted.
 * One upstream may describe a tool differently to different revisions, so each revision has pins of its own.
 */
import { memberText } from '../protocol/json-text.ts';
import { isObject, parseJson, type Json, type JsonObject } from '../protocol/message.ts';

/** Definitions by tool, by revision of the protocol. */
export type Pins = ReadonlyMap<string, ReadonlyMap<string, string>>;

export interface ToolDefinition {
  /** As the upstream knows it. */
  readonly name: string;
  /** Canonical JSON text of what is pinned: equal definitions are equal texts, however they were written. */
  readonly definition: string;
}

/** What a model or a person decides by. */
const DEFINING = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations', '_meta'] as const;

/** Fields that older revisions do not have, and the first one that has them (2025-06-18, changelog). */
const SINCE: Readonly<Partial<Record<(typeof DEFINING)[number], string>>> = {
  title: '2025-06-18',
  outputSchema: '2025-06-18',
  _meta: '2025-06-18',
};

/** A definition nested deeper than this is pinned as it was written. */
const MAX_LEVELS = 200;

/** Undefined for an item without a name. */
export function readDefinition(itemText: string): ToolDefinition | undefined {
  const item = parseJson(itemText);
  if (!isObject(item) || typeof item['name'] !== 'string') return undefined;
  const told: JsonObject = { ...item, _meta: interfaceOf(item['_meta']) };
  const defining = Object.fromEntries(DEFINING.flatMap((key) => (told[key] === undefined ? [] : [[key, told[key]]])));
  return { name: item['name'], definition: canonical(defining, MAX_LEVELS) ?? itemText };
}

/** Of a tool's metadata, what names its user interface: a person sees that instead of the result. */
function interfaceOf(meta: Json | undefined): JsonObject | undefined {
  if (!isObject(meta)) return undefined;
  const own = Object.entries(meta).filter(([key]) => /^(?:ui(?:\/|$)|io\.modelcontextprotocol\/ui)/.test(key));
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

/** Undefined when the value nests too deep. Keys are sorted, and written once. */
function canonical(value: Json | undefined, levels: number): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  if (levels === 0) return undefined;
  const isArray = Array.isArray(value);
  const parts: string[] = [];
  for (const key of isArray ? value.keys() : Object.keys(value).toSorted()) {
    const text = canonical((value as JsonObject)[key], levels - 1);
    if (text === undefined) return undefined;
    parts.push(isArray ? text : `${JSON.stringify(key)}:${text}`);
  }
  return isArray ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

export interface Judgement {
  /** Names of tools whose definition is not the accepted one. */
  readonly held: ReadonlySet<string>;
  /** Tools to be pinned: seen for the first time, or for the first time in this revision and no different. */
  readonly unpinned: readonly ToolDefinition[];
}

export function judge(pins: Pins, revision: string, tools: readonly ToolDefinition[]): Judgement {
  const isHeld = (tool: ToolDefinition): boolean => rejectedFor(pins, revision, tool) !== undefined;
  return {
    held: new Set(tools.filter(isHeld).map(({ name }) => name)),
    unpinned: tools.filter((tool) => pins.get(revision)?.has(tool.name) !== true && !isHeld(tool)),
  };
}

/**
 * The accepted definition that this one is not; undefined when it may be trusted. What is new to a revision is compared
 * with the others, so that a change is no news only because nobody spoke that revision before.
 */
export function rejectedFor(pins: Pins, revision: string, { name, definition }: ToolDefinition): string | undefined {
  const own = pins.get(revision)?.get(name);
  if (own !== undefined) return own === definition ? undefined : own;
  const others = [...pins].flatMap(([of, tools]) => {
    const other = tools.get(name);
    return other === undefined ? [] : [{ revision: of, definition: other }];
  });
  const isKnown = others.some((other) => agree(other, { revision, definition }));
  return isKnown ? undefined : others[0]?.definition;
}

interface RevisedDefinition {
  readonly revision: string;
  readonly definition: string;
}

/** Whether two definitions are the same in all that both revisions can say. Revisions are dates: later ones are greater. */
function agree(left: RevisedDefinition, right: RevisedDefinition): boolean {
  if (left.definition === right.definition) return true;
  const older = left.revision < right.revision ? left.revision : right.revision;
  return DEFINING.filter((key) => (SINCE[key] ?? '') <= older).every(
    (key) => memberText(left.definition, key) === memberText(right.definition, key),
  );
}

/** The pins with these definitions in place of what was there. */
export function pinned(pins: Pins, revision: string, tools: readonly ToolDefinition[]): Pins {
  const ofRevision = new Map(pins.get(revision));
  for (const { name, definition } of tools) ofRevision.set(name, definition);
  return new Map(pins).set(revision, ofRevision);
}

/** Undefined when the text is not one that `writePins` wrote. */
export function readPins(text: string): Pins | undefined {
  const value = parseJson(text);
  if (!isPairs(value)) return undefined;
  const pins = new Map<string, ReadonlyMap<string, string>>();
  for (const [revision, tools] of value) {
    if (!isPairs(tools) || !tools.every(isDefined)) return undefined;
    pins.set(revision, new Map(tools));
  }
  return pins;
}

type Pair<Value> = readonly [string, Value];

function isPairs(value: Json | undefined): value is readonly Pair<Json>[] {
  return (
    Array.isArray(value) &&
    value.every((pair: Json) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string')
  );
}

function isDefined(pair: Pair<Json>): pair is Pair<string> {
  return typeof pair[1] === 'string';
}

export function writePins(pins: Pins): string {
  return JSON.stringify([...pins].map(([revision, tools]) => [revision, [...tools]]));
}
