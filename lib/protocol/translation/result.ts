/**
 * Results of relayed requests in the other era; lists are the gateway's own answers. What neither era's schema changes
 * passes untouched.
 */
import type { LegacyVersion } from '../era.ts';
import { editObject } from '../json-text.ts';
import { isObject, parseJson, type JsonObject } from '../message.ts';
import { META } from '../modern/envelope.ts';
import { blockToOldest, messageToOldest } from './content.ts';
import { editElements, editIfObject, editUnlessEmptied, remove, type MemberEdits } from './edits.ts';
import { isImplementation } from './request.ts';

/** A result as its sender wrote it, and the same parsed. */
export interface WrittenResult {
  readonly text: string;
  readonly value: JsonObject;
}

export interface ToModern {
  /** Whether results of the method carry caching hints (2026-07-28, server/utilities/caching, "Cacheable Results"). */
  readonly cacheable: boolean;
  /** Put into `_meta` where nobody is named: servers SHOULD name themselves (2026-07-28, basic, "Per-response protocol fields"). */
  readonly serverInfo?: JsonObject;
}

export interface ToLegacy {
  readonly cacheable: boolean;
  /** The revision of the client session. */
  readonly version: LegacyVersion;
}

/** The first revision with resource links (2025-06-18, changelog, 7) is the second one that the gateway serves. */
const WITHOUT_RESOURCE_LINKS: LegacyVersion = '2025-03-26';

/** A legacy upstream's result as a modern client gets it. */
export function resultToModern(method: string, { text, value }: WrittenResult, options: ToModern): string {
  const { edits, additions } = options.cacheable ? CACHING : UNCHANGED;
  const named = serverName(options.serverInfo);
  return editIfObject(
    text,
    {
      ...edits,
      ...named.edits,
      // A legacy result is final, and a field of that name is unknown to its era. Left alone, it would decide how the
      // client reads the result: "input_required" as a question, most other values as an invalid result
      // (2026-07-28, basic, "ResultType").
      resultType: () => '"complete"',
    },
    {
      ...(lacksContent(method, value) ? { content: '[]' } : {}),
      resultType: '"complete"',
      ...additions,
      ...named.additions,
    },
  );
}

interface Changes {
  readonly edits: MemberEdits;
  readonly additions: Readonly<Record<string, string>>;
}

const UNCHANGED: Changes = { edits: {}, additions: {} };

/**
 * A result that does not say, in valid words, how fresh it is and for whom, is stale at once and its caller's alone
 * (2026-07-28, server/utilities/caching, "Cacheable Model"). A negative `ttlMs` means 0 to its reader, too
 * ("Time-to-Live (TTL) Field").
 */
const CACHING: Changes = {
  edits: {
    ttlMs: (text) => (isTtl(parseJson(text)) ? text : '0'),
    cacheScope: (text) => (isCacheScope(parseJson(text)) ? text : '"private"'),
  },
  additions: { ttlMs: '0', cacheScope: '"private"' },
};

function isTtl(ttlMs: unknown): boolean {
  return Number.isInteger(ttlMs) && (ttlMs as number) >= 0;
}

function isCacheScope(scope: unknown): boolean {
  return scope === 'public' || scope === 'private';
}

function serverName(serverInfo: JsonObject | undefined): Changes {
  if (!isImplementation(serverInfo)) return UNCHANGED;
  const named = { [META.serverInfo]: JSON.stringify(serverInfo) };
  return {
    edits: { _meta: (meta) => editIfObject(meta, {}, named) },
    additions: { _meta: editObject('{}', {}, named) },
  };
}

/**
 * Both eras require `content` (schema, "CallToolResult"), but readers of the legacy one are used to its absence and those
 * of the modern one are not. A result with a `task` is no tool's result (2025-11-25, basic/utilities/tasks).
 */
function lacksContent(method: string, value: JsonObject): boolean {
  return method === 'tools/call' && !Object.hasOwn(value, 'content') && !Object.hasOwn(value, 'task');
}

/**
 * A modern upstream's final result as a legacy client gets it: without what only the modern era knows, and without what
 * the client's schemas refuse.
 */
export function resultToLegacy(
  method: string,
  { text, value }: WrittenResult,
  { cacheable, version }: ToLegacy,
): string {
  return editIfObject(text, {
    resultType: remove,
    ...(cacheable ? { ttlMs: remove, cacheScope: remove } : {}),
    _meta: (meta) => editUnlessEmptied(meta, { [META.serverInfo]: remove }),
    ...payloadToLegacy(method, value, version),
  });
}

function payloadToLegacy(method: string, value: JsonObject, version: LegacyVersion): MemberEdits {
  const oldest = version === WITHOUT_RESOURCE_LINKS;
  switch (method) {
    case 'tools/call':
      return {
        // Any JSON value in the modern era, an object in the legacy one (schema, "CallToolResult").
        ...(isObject(value['structuredContent']) ? {} : { structuredContent: wrapValue }),
        ...(oldest ? { content: (content) => editElements(content, blockToOldest) } : {}),
      };
    case 'prompts/get':
      return oldest ? { messages: (messages) => editElements(messages, messageToOldest) } : {};
    default:
      return {};
  }
}

/** A structured result that is no object, as the legacy era takes it: the form that the official SDKs give it there. */
export function wrapValue(valueText: string): string {
  return `{"result":${valueText}}`;
}
