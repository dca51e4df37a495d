import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LegacyVersion } from '../../../lib/protocol/era.ts';
import { memberText } from '../../../lib/protocol/json-text.ts';
import { isObject, type JsonObject } from '../../../lib/protocol/message.ts';
import { requestRule } from '../../../lib/protocol/methods.ts';
import { META } from '../../../lib/protocol/modern/envelope.ts';
import {
  resultToLegacy,
  resultToModern,
  type ToModern,
  type WrittenResult,
} from '../../../lib/protocol/translation/result.ts';
import { seeded } from '../../support/property.ts';
import { jsonText } from '../arbitrary-json.ts';
import { protocolObject } from './protocol-json.ts';

const property = seeded('test/protocol/translation/result');

const METHODS = ['tools/call', 'prompts/get', 'resources/read', 'completion/complete'];
const CACHEABLE = ['resources/read'];
const NOT_CACHEABLE = METHODS.filter((method) => !CACHEABLE.includes(method));

const SERVER = { name: 'upstream', version: '2' };

const written = (text: string): WrittenResult => ({ text, value: JSON.parse(text) as JsonObject });
const cacheableOf = (method: string): boolean => requestRule(method, 'modern')?.cacheable === true;

function toModern(method: string, text: string, options: Partial<ToModern> = {}): string {
  return resultToModern(method, written(text), { cacheable: cacheableOf(method), ...options });
}

function toLegacy(method: string, text: string, version: LegacyVersion = '2025-11-25'): string {
  return resultToLegacy(method, written(text), { cacheable: cacheableOf(method), version });
}

describe("a legacy upstream's result, for a modern client,", () => {
  test('is complete', () => {
    expect(toModern('prompts/get', '{"messages":[]}')).toBe('{"messages":[],"resultType":"complete"}');
  });

  test.each(['"input_required"', '"task"', '"complete"', 'null', '7', '{}'])(
    'is complete, although it has a field called resultType that is %s',
    (resultType) => {
      const sent = toModern('tools/call', `{"resultType":${resultType},"content":[]}`);
      expect(sent).toBe('{"resultType":"complete","content":[]}');
    },
  );

  test.each(CACHEABLE)('of %s is nobody else’s and stale at once', (method) => {
    expect(JSON.parse(toModern(method, '{}'))).toEqual({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
  });

  test.each(NOT_CACHEABLE)('of %s says nothing of caching', (method) => {
    const sent = JSON.parse(toModern(method, '{"content":[]}'));
    expect(sent).toEqual({ resultType: 'complete', content: [] });
  });

  test.each(NOT_CACHEABLE)('of %s keeps fields that are called like caching hints', (method) => {
    const sent = JSON.parse(toModern(method, '{"content":[],"ttlMs":"x","cacheScope":7}'));
    expect(sent).toMatchObject({ ttlMs: 'x', cacheScope: 7 });
  });

  test.each([
    ['0', '0'],
    ['5000', '5000'],
    ['1.0', '1.0'],
    ['-1', '0'],
    ['-1e400', '0'],
    ['1.5', '0'],
    ['1e400', '0'],
    ['"5"', '0'],
    ['null', '0'],
    ['[1]', '0'],
  ])('that says it is fresh for %s ms is sent with %s', (own, sent) => {
    expect(memberText(toModern('resources/read', `{"ttlMs":${own}}`), 'ttlMs')).toBe(sent);
  });

  test.each([
    ['"public"', '"public"'],
    ['"private"', '"private"'],
    ['"shared"', '"private"'],
    ['null', '"private"'],
    ['["public"]', '"private"'],
  ])('that says it is for %s is sent with %s', (own, sent) => {
    expect(memberText(toModern('resources/read', `{"cacheScope":${own}}`), 'cacheScope')).toBe(sent);
  });

  test('names the server', () => {
    expect(JSON.parse(toModern('tools/call', '{"content":[]}', { serverInfo: SERVER }))['_meta']).toEqual({
      [META.serverInfo]: SERVER,
    });
  });

  test('names the server beside the rest of _meta', () => {
    const sent = toModern('tools/call', '{"content":[],"_meta":{"a":1}}', { serverInfo: SERVER });
    expect(JSON.parse(sent)['_meta']).toEqual({ a: 1, [META.serverInfo]: SERVER });
  });

  test('keeps the name that the server gave itself', () => {
    const own = { name: 'own', version: '1' };
    const text = JSON.stringify({ content: [], _meta: { [META.serverInfo]: own } });
    expect(JSON.parse(toModern('tools/call', text, { serverInfo: SERVER }))['_meta']).toEqual({
      [META.serverInfo]: own,
    });
  });

  test('names no server that has no name and version', () => {
    expect(JSON.parse(toModern('tools/call', '{"content":[]}', { serverInfo: { name: 'x' } }))).not.toHaveProperty(
      '_meta',
    );
  });

  test('keeps a _meta that is no object', () => {
    expect(JSON.parse(toModern('tools/call', '{"content":[],"_meta":7}', { serverInfo: SERVER }))['_meta']).toBe(7);
  });

  test('of a tool has content, even if there is none', () => {
    const sent = JSON.parse(toModern('tools/call', '{"structuredContent":{"a":1}}'));
    expect(sent).toEqual({ structuredContent: { a: 1 }, content: [], resultType: 'complete' });
  });

  test('that is a task is not taken for a result without content', () => {
    expect(JSON.parse(toModern('tools/call', '{"task":{"taskId":"1"}}'))).not.toHaveProperty('content');
  });
});

describe("a modern upstream's result, for a legacy client,", () => {
  test('has no type', () => {
    expect(toLegacy('prompts/get', '{"resultType":"complete","messages":[]}')).toBe('{"messages":[]}');
  });

  test.each(CACHEABLE)('of %s has no caching hints', (method) => {
    expect(toLegacy(method, '{"ttlMs":1,"cacheScope":"public","x":1}')).toBe('{"x":1}');
  });

  test.each(NOT_CACHEABLE)('of %s keeps fields that are called like caching hints', (method) => {
    expect(toLegacy(method, '{"ttlMs":1,"cacheScope":"public"}')).toBe('{"ttlMs":1,"cacheScope":"public"}');
  });

  test('does not name the server in _meta', () => {
    const _meta = { [META.serverInfo]: SERVER, 'com.example/x': 1 };
    expect(JSON.parse(toLegacy('tools/call', JSON.stringify({ content: [], _meta })))).toEqual({
      content: [],
      _meta: { 'com.example/x': 1 },
    });
  });

  test('has no _meta when nothing is left of it', () => {
    const text = JSON.stringify({ content: [], _meta: { [META.serverInfo]: SERVER } });
    expect(toLegacy('tools/call', text)).toBe('{"content":[]}');
  });

  test.each(['[1, 2]', '"x"', '7', '1.0', 'true', 'null'])('wraps the structured content %s', (content) => {
    expect(toLegacy('tools/call', `{"content":[],"structuredContent":${content}}`)).toBe(
      `{"content":[],"structuredContent":{"result":${content}}}`,
    );
  });

  test('keeps structured content that is an object', () => {
    const text = '{"content":[],"structuredContent":{"result": [1.0]}}';
    expect(toLegacy('tools/call', text)).toBe(text);
  });

  test.each(['resources/read', 'prompts/get'])('of %s keeps what tools call structured content', (method) => {
    expect(toLegacy(method, '{"structuredContent":[1]}')).toBe('{"structuredContent":[1]}');
  });

  const link = { type: 'resource_link', uri: 'file:///a', name: 'a', description: 'd' };
  const asText = { ...link, type: 'text', text: 'a: file:///a' };

  test('shows a link to a client that knows no links as text', () => {
    const content = [link, { type: 'text', text: 't' }];
    expect(JSON.parse(toLegacy('tools/call', JSON.stringify({ content }), '2025-03-26'))['content']).toEqual([
      asText,
      content[1],
    ]);
    const messages = [{ role: 'user', content: link }];
    expect(JSON.parse(toLegacy('prompts/get', JSON.stringify({ messages }), '2025-03-26'))['messages']).toEqual([
      { role: 'user', content: asText },
    ]);
  });

  test.each(['2025-06-18', '2025-11-25'] as const)('keeps links for a client of %s', (version) => {
    const tool = JSON.stringify({ content: [link] });
    const prompt = JSON.stringify({ messages: [{ role: 'user', content: link }] });
    expect(toLegacy('tools/call', tool, version)).toBe(tool);
    expect(toLegacy('prompts/get', prompt, version)).toBe(prompt);
  });
});

describe('a translated result', () => {
  test('keeps every byte of what neither era knows', () => {
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), jsonText, jsonText, (method, first, second) => {
        const content = `[{"type": "text", "text": "t", "x": ${first}}]`;
        const text = `{"content": ${content}, "vendor/x": ${first}, "_meta": {"a": ${second}}}`;
        for (const sent of [toModern(method, text), toLegacy(method, text)]) {
          expect(memberText(sent, 'content')).toBe(content);
          expect(memberText(sent, 'vendor/x')).toBe(first.trim());
          expect(memberText(memberText(sent, '_meta') ?? '', 'a')).toBe(second.trim());
        }
      }),
      property,
    );
  });

  test('is what it was after both directions, but for what only one era has', () => {
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), protocolObject, (method, text) => {
        const value = JSON.parse(text) as Record<string, any>;
        const modern = { ...value, resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
        const there = toLegacy(method, JSON.stringify(modern));
        const back = JSON.parse(toModern(method, there)) as Record<string, unknown>;
        const expected = JSON.parse(JSON.stringify(modern)) as Record<string, unknown>;
        const { _meta: meta } = expected;
        if (isObject(meta) && Object.hasOwn(meta, META.serverInfo)) {
          const { [META.serverInfo]: _server, ...rest } = meta;
          if (Object.keys(rest).length === 0) delete expected['_meta'];
          else expected['_meta'] = rest;
        }
        if (method === 'tools/call') {
          const { structuredContent } = expected;
          if (structuredContent !== undefined && !isObject(structuredContent)) {
            expected['structuredContent'] = { result: structuredContent };
          }
          if (expected['content'] === undefined && expected['task'] === undefined) expected['content'] = [];
        }
        expect(back).toEqual(expected);
      }),
      property,
    );
  });

  test('is written for every result there can be', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...METHODS),
        protocolObject,
        fc.constantFrom('2025-03-26', '2025-11-25'),
        (method, text, version) => {
          const modern = JSON.parse(toModern(method, text, { serverInfo: SERVER })) as JsonObject;
          expect(modern['resultType']).toBe('complete');
          expect(Object.hasOwn(JSON.parse(toLegacy(method, text, version)) as object, 'resultType')).toBe(false);
        },
      ),
      property,
    );
  });
});
