import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memberText } from '../../../lib/protocol/json-text.ts';
import { parseJson } from '../../../lib/protocol/message.ts';
import { wrapValue } from '../../../lib/protocol/translation/result.ts';
import { toolToLegacy, toolToModern } from '../../../lib/protocol/translation/tool.ts';
import { seeded } from '../../support/property.ts';
import { jsonText } from '../arbitrary-json.ts';
import { protocolValue } from './protocol-json.ts';

const property = seeded('test/protocol/translation/tool');

const OBJECT = { type: 'object' };

const legacyOf = (tool: object): any => JSON.parse(toolToLegacy(JSON.stringify(tool)) ?? 'null');
const outputSchemaOf = (outputSchema: unknown): any =>
  legacyOf({ name: 't', inputSchema: OBJECT, outputSchema })['outputSchema'];

describe("a legacy upstream's tool, for a modern client,", () => {
  test('is what it was', () => {
    const text = '{ "name": "t", "inputSchema": {"type":"object"}, "x": 1.0 }';
    expect(toolToModern(text)).toBe(text);
  });

  test.each([{}, { taskSupport: 'optional' }, { taskSupport: 'forbidden' }, null, 'x'])(
    'says nothing of its execution: %j',
    (execution) => {
      expect(toolToModern(JSON.stringify({ name: 't', execution, x: 1 }))).toBe('{"name":"t","x":1}');
    },
  );

  test('is not shown when it only runs as a task', () => {
    expect(toolToModern(JSON.stringify({ name: 't', execution: { taskSupport: 'required' } }))).toBeUndefined();
  });
});

describe("a modern upstream's tool, for a legacy client,", () => {
  test('is what it was', () => {
    const text = '{"name":"t","inputSchema":{"type": "object", "properties": {"a": {"type": "string"}}},"x":1.0}';
    expect(toolToLegacy(text)).toBe(text);
  });

  test('does not mean tasks by a field that its own era does not know', () => {
    expect(legacyOf({ name: 't', inputSchema: OBJECT, execution: { taskSupport: 'required' } })).toEqual({
      name: 't',
      inputSchema: OBJECT,
    });
  });

  test('is not shown when its headers are invalid', () => {
    const properties = { a: { type: 'number', 'x-mcp-header': 'A' } };
    expect(toolToLegacy(JSON.stringify({ name: 't', inputSchema: { type: 'object', properties } }))).toBeUndefined();
  });

  test('keeps valid headers', () => {
    const inputSchema = { type: 'object', properties: { a: { type: 'string', 'x-mcp-header': 'A' } } };
    expect(legacyOf({ name: 't', inputSchema })).toEqual({ name: 't', inputSchema });
  });

  test('has objects for schemas of properties', () => {
    const schema = { type: 'object', properties: { any: true, none: false, ['__proto__']: true, a: OBJECT } };
    const text = JSON.stringify({ name: 't', inputSchema: schema, outputSchema: schema });
    const properties = '{"any":{},"none":{"not":{}},"__proto__":{},"a":{"type":"object"}}';
    const written = `{"type":"object","properties":${properties}}`;
    expect(toolToLegacy(text)).toBe(`{"name":"t","inputSchema":${written},"outputSchema":${written}}`);
  });

  test('keeps booleans that are no schemas of properties', () => {
    const inputSchema = { type: 'object', additionalProperties: false, properties: { a: { default: true } } };
    expect(legacyOf({ name: 't', inputSchema })).toEqual({ name: 't', inputSchema });
  });

  test.each([['array'], ['string'], ['number'], ['integer'], ['boolean'], ['null'], [['string', 'null']]])(
    'wraps an output schema of type %j',
    (type) => {
      expect(outputSchemaOf({ type, items: OBJECT })).toEqual({
        type: 'object',
        properties: { result: { type, items: OBJECT } },
        required: ['result'],
      });
    },
  );

  test('says the dialect of an output schema where it counts', () => {
    const $schema = 'http://json-schema.org/draft-07/schema#';
    expect(outputSchemaOf({ $schema, type: 'array' })).toEqual({
      $schema,
      type: 'object',
      properties: { result: { type: 'array' } },
      required: ['result'],
    });
  });

  test.each([
    ['allows objects among others', { type: ['object', 'array'] }],
    ['does not say a type', { anyOf: [OBJECT, { type: 'array' }] }],
    ['says a type that does not exist', { type: 'list' }],
    ['says no type at all', { type: [] }],
    ['refers into itself', { type: 'array', items: { $ref: '#/$defs/a' }, $defs: { a: OBJECT } }],
    ['is no object', [OBJECT]],
    ['is a boolean', true],
    ['is null', null],
  ])('has no output schema when that one %s', (_what, outputSchema) => {
    expect(legacyOf({ name: 't', inputSchema: OBJECT, outputSchema })).toEqual({ name: 't', inputSchema: OBJECT });
  });

  test('keeps an output schema of objects that refers into itself', () => {
    const outputSchema = { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: OBJECT } };
    expect(outputSchemaOf(outputSchema)).toEqual(outputSchema);
  });

  test('is written however deep its schemas nest', () => {
    const deep = `${'{"type":"object","properties":{"a":'.repeat(5000)}true${'}}'.repeat(5000)}`;
    const text = `{"name":"t","inputSchema":${deep},"outputSchema":${deep}}`;
    expect(toolToLegacy(text)).toBe(text);
  });
});

test('a value that is wrapped keeps its bytes', () => {
  expect(wrapValue('[1.0,  12345678901234567890]')).toBe('{"result":[1.0,  12345678901234567890]}');
});

describe('any tool', () => {
  test('keeps every byte of what neither era knows', () => {
    fc.assert(
      fc.property(jsonText, (value) => {
        const text = `{"name":"t","inputSchema":{"type":"object","default":${value}},"vendor/x": ${value} ,"_meta":{"a":${value}}}`;
        for (const sent of [toolToModern(text), toolToLegacy(text)]) {
          expect(memberText(sent ?? '{}', 'vendor/x')).toBe(value.trim());
          expect(memberText(memberText(sent ?? '{}', 'inputSchema') ?? '{}', 'default')).toBe(value.trim());
          expect(memberText(memberText(sent ?? '{}', '_meta') ?? '{}', 'a')).toBe(value.trim());
        }
      }),
      property,
    );
  });

  test('is JSON again, or not shown', () => {
    fc.assert(
      fc.property(protocolValue, protocolValue, protocolValue, (any, inputSchema, outputSchema) => {
        const tool = `{"name":"t","inputSchema":${inputSchema},"outputSchema":${outputSchema}}`;
        for (const text of [any, tool]) {
          for (const sent of [toolToModern(text), toolToLegacy(text)]) {
            if (sent !== undefined) expect(parseJson(sent)).toBeDefined();
          }
        }
      }),
      property,
    );
  });
});
