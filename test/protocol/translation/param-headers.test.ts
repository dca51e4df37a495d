import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../lib/protocol/message.ts';
import { decodeHeaderValue } from '../../../lib/protocol/modern/headers.ts';
import { paramHeadersOf } from '../../../lib/protocol/translation/param-headers.ts';
import { seeded } from '../../support/property.ts';
import { protocolObject, protocolValue } from './protocol-json.ts';

const property = seeded('test/protocol/translation/param-headers');

const HEADER = 'x-mcp-header';
const REGION = { type: 'string', [HEADER]: 'Region' };

/** A tool's input schema with these properties. */
const schemaOf = (properties: Record<string, Json>, rest: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...rest,
});

/** The header of a single annotated parameter `p` that has this value. */
const headerOf = (value: Json | undefined, type = 'string'): string | undefined =>
  paramHeadersOf(schemaOf({ p: { type, [HEADER]: 'P' } }), { p: value })?.['mcp-param-p'];

describe('the headers of a call', () => {
  test('mirror the annotated parameters and no others', () => {
    const schema = schemaOf({ region: REGION, query: { type: 'string' } });
    expect(paramHeadersOf(schema, { region: 'us-west1', query: 'SELECT 1' })).toEqual({
      'mcp-param-region': 'us-west1',
    });
  });

  test('are none for a tool without annotations', () => {
    expect(paramHeadersOf(schemaOf({ a: { type: 'string' } }), { a: 'x' })).toEqual({});
  });

  test.each([undefined, null, true, 'x', 7, {}])('are none for the input schema %j', (schema) => {
    expect(paramHeadersOf(schema, { region: 'x' })).toEqual({});
  });

  test('are read at the exact path of a nested property', () => {
    const schema = schemaOf({
      place: schemaOf({ at: schemaOf({ region: REGION }) }),
      region: { type: 'string' },
    });
    const args = { region: 'top', place: { region: 'middle', at: { region: 'deep' } } };
    expect(paramHeadersOf(schema, args)).toEqual({ 'mcp-param-region': 'deep' });
  });

  test.each([
    ['the arguments are missing', undefined],
    ['there are none', {}],
    ['the parameter is null', { place: { region: null } }],
    ['what holds the parameter is missing', { region: 'x' }],
    ['what holds the parameter is null', { place: null }],
    ['what holds the parameter is a string', { place: 'region' }],
    ['what holds the parameter is an array', { place: [{ region: 'x' }] }],
  ])('are omitted when %s', (_when, args) => {
    expect(paramHeadersOf(schemaOf({ place: schemaOf({ region: REGION }) }), args)).toEqual({});
  });

  test('of parameters that are there are sent without those that are not', () => {
    const schema = schemaOf({ a: { type: 'string', [HEADER]: 'A' }, b: { type: 'string', [HEADER]: 'B' } });
    expect(paramHeadersOf(schema, { b: 'x' })).toEqual({ 'mcp-param-b': 'x' });
  });

  test('read only what the arguments hold themselves', () => {
    const schema = schemaOf({ toString: { type: 'string', [HEADER]: 'A' }, constructor: schemaOf({ name: REGION }) });
    expect(paramHeadersOf(schema, {})).toEqual({});
  });

  test('may mirror a parameter that is called __proto__', () => {
    const schema = JSON.parse(`{"properties":{"__proto__":{"type":"string","${HEADER}":"__proto__"}}}`) as JsonObject;
    const headers = paramHeadersOf(schema, JSON.parse('{"__proto__":"x"}') as JsonObject);
    expect(headers).toEqual({ 'mcp-param-__proto__': 'x' });
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });
});

describe('the value of a header', () => {
  test.each([
    ['us-west1', 'us-west1'],
    ['a b\tc', 'a b\tc'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['', '=?base64??='],
  ])('of the text %j is %s', (value, header) => {
    expect(headerOf(value)).toBe(header);
  });

  test.each([
    [42, '42'],
    [-7, '-7'],
    [0, '0'],
    [-0, '0'],
    [9007199254740991, '9007199254740991'],
    [-9007199254740991, '-9007199254740991'],
  ])('of the integer %j is %s', (value, header) => {
    expect(headerOf(value, 'integer')).toBe(header);
  });

  test.each([
    [true, 'true'],
    [false, 'false'],
  ])('of the boolean %j is %s', (value, header) => {
    expect(headerOf(value, 'boolean')).toBe(header);
  });

  test.each([
    [42, 'string', '42'],
    ['42', 'integer', '42'],
    [1.5, 'integer', '1.5'],
    [true, 'string', 'true'],
  ])('of %j, which the type %s does not allow, mirrors it all the same', (value, type, header) => {
    expect(headerOf(value, type)).toBe(header);
  });

  test.each([
    [9007199254740992, 'integer'],
    [-9007199254740992, 'integer'],
    [1e300, 'integer'],
    [Number.POSITIVE_INFINITY, 'integer'],
    [{ a: 1 }, 'string'],
    [['x'], 'string'],
    [null, 'string'],
    [undefined, 'string'],
  ])('of %j does not exist', (value, type) => {
    expect(headerOf(value, type)).toBeUndefined();
  });

  test('is read as the text that it stands for, and has nothing that could end a header', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
        (text) => {
          const header = headerOf(text) ?? '';
          expect(header).toMatch(/^[\x20-\x7e\t]+$/);
          expect(header.trim()).toBe(header);
          expect(decodeHeaderValue(header)).toBe(text);
        },
      ),
      property,
    );
  });
});

describe('a definition is invalid', () => {
  test.each([
    ['is empty', ''],
    ['has a space', 'My Region'],
    ['has a colon', 'Region:'],
    ['ends a line', 'Region\r\nX-Evil'],
    ['has a control character', 'Region\u0000'],
    ['is not ASCII', 'Région'],
    ['is a number', 7],
    ['is null', null],
    ['is a list', ['Region']],
  ])('when the name of a header %s', (_what, name) => {
    expect(paramHeadersOf(schemaOf({ p: { type: 'string', [HEADER]: name } }), {})).toBeUndefined();
  });

  test.each(['number', 'object', 'array', 'null', 'text', ['string'], ['string', 'null'], null, undefined])(
    'when an annotated parameter has the type %j',
    (type) => {
      expect(paramHeadersOf(schemaOf({ p: { type, [HEADER]: 'P' } }), {})).toBeUndefined();
    },
  );

  test.each([
    ['Region', 'Region'],
    ['Region', 'REGION'],
  ])('when two headers are called %s and %s', (first, second) => {
    const schema = schemaOf({
      a: { type: 'string', [HEADER]: first },
      b: schemaOf({ c: { type: 'string', [HEADER]: second } }),
    });
    expect(paramHeadersOf(schema, {})).toBeUndefined();
  });

  test('when its root is annotated', () => {
    expect(paramHeadersOf({ type: 'string', [HEADER]: 'Root' }, {})).toBeUndefined();
  });

  test.each([
    'items',
    'additionalItems',
    'unevaluatedItems',
    'contains',
    'additionalProperties',
    'unevaluatedProperties',
    'propertyNames',
    'contentSchema',
    'not',
    'if',
    'then',
    'else',
  ])('when an annotation is under %s', (keyword) => {
    expect(paramHeadersOf(schemaOf({ a: { type: 'array', [keyword]: REGION } }), {})).toBeUndefined();
    expect(paramHeadersOf(schemaOf({}, { [keyword]: schemaOf({ region: REGION }) }), {})).toBeUndefined();
  });

  test.each(['items', 'prefixItems', 'oneOf', 'anyOf', 'allOf'])(
    'when an annotation is in the list of %s',
    (keyword) => {
      expect(paramHeadersOf(schemaOf({}, { [keyword]: [{}, schemaOf({ region: REGION })] }), {})).toBeUndefined();
    },
  );

  test.each(['patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions'])(
    'when an annotation is among %s',
    (keyword) => {
      expect(paramHeadersOf(schemaOf({}, { [keyword]: { a: {}, b: REGION } }), {})).toBeUndefined();
    },
  );

  test('as a whole, whatever the call needs of it', () => {
    const schema = schemaOf({ region: REGION, bad: { type: 'number', [HEADER]: 'Bad' } });
    expect(paramHeadersOf(schema, { region: 'x' })).toBeUndefined();
  });
});

describe('what is no annotation', () => {
  test.each([
    ['a parameter of that name', schemaOf({ [HEADER]: { type: 'string' } })],
    ['a definition of that name', schemaOf({}, { $defs: { [HEADER]: { type: 'number' } } })],
    ['a default', schemaOf({ a: { type: 'object', default: { [HEADER]: '' } } })],
    ['a constant', schemaOf({ a: { const: { [HEADER]: '' } } })],
    ['one of several values', schemaOf({ a: { enum: [{ [HEADER]: '' }] } })],
    ['an example', schemaOf({ a: { examples: [{ [HEADER]: '' }] } })],
  ])('is %s', (_what, schema) => {
    expect(paramHeadersOf(schema, { [HEADER]: 'x', a: { [HEADER]: 'x' } })).toEqual({});
  });

  test('is one that a schema inherits', () => {
    const schema = JSON.parse(`{"properties":{"a":{"__proto__":{"${HEADER}":"","type":"number"}}}}`) as JsonObject;
    expect(paramHeadersOf(schema, { a: 1 })).toEqual({});
  });
});

describe('a hostile schema', () => {
  test.each(['properties', 'items', 'anyOf'])('may nest %s deeper than any stack', (keyword) => {
    const [open, close] = keyword === 'properties' ? ['{"properties":{"a":', '}}'] : [`{"${keyword}":[`, ']}'];
    const schema = JSON.parse(`${open.repeat(15_000)}{}${close.repeat(15_000)}`) as JsonObject;
    expect(paramHeadersOf(schema, {})).toEqual({});
  });

  test('is not read to the end when it holds more schemas than any tool needs', () => {
    let read = 0;
    const many = Array.from({ length: 100_000 }, (_, at) => ({
      get type(): string {
        read += 1;
        return 'string';
      },
      [HEADER]: `H${at}`,
    }));
    expect(paramHeadersOf(schemaOf(Object.fromEntries(many.entries())), {})).toBeUndefined();
    expect(read).toBeGreaterThan(1000);
    expect(read).toBeLessThanOrEqual(20_000);
    expect(paramHeadersOf({ anyOf: Array.from({ length: 100_000 }, () => ({})) }, {})).toBeUndefined();
  });

  test('of any other kind has headers or none, and nothing but headers', () => {
    fc.assert(
      fc.property(protocolValue, protocolObject, (schema, args) => {
        const given = JSON.parse(args) as JsonObject;
        for (const inputSchema of [JSON.parse(schema) as Json, schemaOf({ a: JSON.parse(schema) as Json })]) {
          for (const [name, value] of Object.entries(paramHeadersOf(inputSchema, given) ?? {})) {
            expect(name).toMatch(/^mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+$/);
            expect(decodeHeaderValue(value)).toBeTypeOf('string');
          }
        }
      }),
      property,
    );
  });
});
