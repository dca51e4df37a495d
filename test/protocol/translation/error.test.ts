import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memberText } from '../../../lib/protocol/json-text.ts';
import { parseJson, type JsonObject, type JsonRpcError } from '../../../lib/protocol/message.ts';
import {
  errorHeadToLegacy,
  errorHeadToModern,
  errorToLegacy,
  errorToModern,
  isResourceNotFound,
  type ModernAnswer,
} from '../../../lib/protocol/translation/error.ts';
import { seeded } from '../../support/property.ts';
import { jsonText } from '../arbitrary-json.ts';
import { protocolValue } from './protocol-json.ts';

const property = seeded('test/protocol/translation/error');

const METHODS = ['tools/call', 'prompts/get', 'resources/read', 'tools/list', 'completion/complete'];

const errorOf = (text: string): JsonRpcError => JSON.parse(text) as JsonRpcError;
const legacy = (method: string, text: string): string => errorToLegacy(method, errorOf(text), text);
const modern = (method: string, text: string, capabilities: JsonObject = {}): ModernAnswer =>
  errorToModern(method, errorOf(text), text, capabilities);
const codes = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, at) => from - at);

describe('a resource that does not exist', () => {
  const data = '{"uri": "file:///a",  "size": 1.0}';

  test('is -32002 to a legacy client, with its data', () => {
    expect(legacy('resources/read', `{"code":-32602,"message":"Resource not found","data":${data}}`)).toBe(
      `{"code":-32002,"message":"Resource not found","data":${data}}`,
    );
  });

  test('is -32602 to a modern client, with its data', () => {
    expect(modern('resources/read', `{"code":-32002,"message":"Resource not found","data":${data}}`)).toEqual({
      kind: 'error',
      code: -32602,
      text: `{"code":-32602,"message":"Resource not found","data":${data}}`,
    });
  });

  test('is -32602 to a modern client, whatever it asked for', () => {
    for (const method of METHODS) expect(modern(method, '{"code":-32002,"message":"m"}').text).toContain('-32602');
  });

  test('is known by either code, of reads only', () => {
    for (const code of [-32002, -32602]) {
      expect(METHODS.filter((method) => isResourceNotFound(method, { code, message: '' }))).toEqual(['resources/read']);
    }
    expect(isResourceNotFound('resources/read', { code: -32603, message: '' })).toBe(false);
  });
});

describe("a modern upstream's error, for a legacy client,", () => {
  test.each(METHODS.filter((method) => method !== 'resources/read'))(
    'says of %s that the parameters are wrong',
    (method) => {
      const text = '{"code":-32602,"message":"Unknown: x"}';
      expect(legacy(method, text)).toBe(text);
    },
  );

  test.each([-32020, -32022])('is internal when its code %i is about what the gateway wrote', (code) => {
    expect(legacy('tools/call', `{"code":${code},"message":"m","data": {"a":1.0} }`)).toBe(
      '{"code":-32603,"message":"m","data":{"a":1.0}}',
    );
  });

  test('says which capability the client lacks', () => {
    const data = '{"requiredCapabilities": {"elicitation": {"url": {}}}}';
    expect(legacy('tools/call', `{"code":-32021,"message":"Missing","data":${data}}`)).toBe(
      `{"code":-32600,"message":"Missing (this client does not offer elicitation (url))","data":${data}}`,
    );
  });

  test('is an invalid request when it does not say which capability', () => {
    expect(legacy('tools/call', '{"code":-32021,"message":"Missing"}')).toBe('{"code":-32600,"message":"Missing"}');
  });

  test('never has a code that is modern', () => {
    for (const method of METHODS) {
      for (const code of codes(-32020, -32022)) {
        expect(errorHeadToLegacy(method, { code, message: 'm' }).code).not.toBe(code);
      }
    }
  });

  test.each([-32700, -32600, -32601, -32603, -32000, -32001, -32019, -32023, -1, 0, 1005])('keeps %i', (code) => {
    const text = `{ "code": ${code}, "message": "m" }`;
    expect(JSON.parse(legacy('resources/read', text))).toEqual({ code, message: 'm' });
  });
});

describe("a legacy upstream's error, for a modern client,", () => {
  test('has no code that is reserved for the specification, and still says which one it was', () => {
    for (const code of codes(-32020, -32099)) {
      expect(errorHeadToModern({ code, message: 'm' })).toEqual({ code: -32603, message: `m (code ${code})` });
    }
  });

  test.each([-32700, -32600, -32601, -32602, -32603, -32000, -32001, -32003, -32019, -32100, -1, 0, 1005])(
    'keeps %i',
    (code) => {
      for (const method of METHODS) {
        expect(modern(method, `{"code":${code},"message":"m","data":[1.0]}`)).toEqual({
          kind: 'error',
          code,
          text: `{"code":${code},"message":"m","data":[1.0]}`,
        });
      }
    },
  );
});

describe('a URL that a legacy upstream wants the user to visit', () => {
  const visit = { mode: 'url', elicitationId: 'e1', url: 'https://example.com/?a=1', message: 'Sign in', x: 1 };
  const required = (elicitations: unknown): string =>
    JSON.stringify({ code: -32042, message: 'More is needed', data: { elicitations } });
  const CAN_VISIT = { elicitation: { url: {} } };

  test.each(['tools/call', 'prompts/get', 'resources/read'])('is a question in the answer to %s', (method) => {
    const answer = modern(method, required([visit, { ...visit, url: 'https://example.com/b' }]), CAN_VISIT);
    expect(answer.kind).toBe('result');
    const { elicitationId: _id, ...params } = visit;
    expect(JSON.parse(answer.text)).toEqual({
      resultType: 'input_required',
      inputRequests: {
        'url-1': { method: 'elicitation/create', params },
        'url-2': { method: 'elicitation/create', params: { ...params, url: 'https://example.com/b' } },
      },
    });
  });

  test.each([[{}], [{ elicitation: {} }], [{ elicitation: { form: {} } }], [{ elicitation: { url: null } }]])(
    'is a missing capability of a client with %j',
    (capabilities) => {
      const answer = modern('tools/call', required([visit]), capabilities);
      expect(answer).toMatchObject({ kind: 'error', code: -32021 });
      expect(JSON.parse(answer.text)).toMatchObject({
        code: -32021,
        data: { requiredCapabilities: { elicitation: { url: {} } } },
      });
    },
  );

  test.each(['tools/list', 'completion/complete'])('is an internal error to %s, which cannot ask', (method) => {
    expect(modern(method, required([visit]), CAN_VISIT)).toMatchObject({ kind: 'error', code: -32603 });
    expect(JSON.parse(modern(method, required([visit]), CAN_VISIT).text)).toMatchObject({
      code: -32603,
      message: 'More is needed (code -32042)',
      data: { elicitations: [visit] },
    });
  });

  test.each([
    ['no list', undefined],
    ['no list', { 0: visit }],
    ['an empty list', []],
    ['a form', [{ ...visit, mode: 'form' }]],
    ['no URL', [{ ...visit, url: 1 }]],
    ['no message', [{ ...visit, message: null }]],
    ['no object', [null, 'x', [visit]]],
  ])('is an internal error when there is %s: %j', (_what, elicitations) => {
    const answer = modern('tools/call', required(elicitations), CAN_VISIT);
    expect(answer.kind).toBe('error');
    expect(JSON.parse(answer.text)).toHaveProperty('code', -32603);
  });
});

describe('any error', () => {
  const anyCode = fc.oneof(fc.integer({ min: -32800, max: -31900 }), fc.integer());

  test('keeps every byte of its data, and what neither era knows', () => {
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), anyCode, jsonText, (method, code, value) => {
        const text = `{"code":${code},"message":"m","data":${value},"vendor/x": ${value}}`;
        for (const sent of [legacy(method, text), modern(method, text).text]) {
          expect(memberText(sent, 'data')).toBe(value.trim());
          expect(memberText(sent, 'vendor/x')).toBe(value.trim());
        }
      }),
      property,
    );
  });

  test('is written, whatever its data', () => {
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), anyCode, protocolValue, (method, anyCodeOf, data) => {
        for (const code of [anyCodeOf, -32042, -32021]) {
          const text = `{"code":${code},"message":"m","data":${data}}`;
          expect(parseJson(legacy(method, text))).toBeTypeOf('object');
          expect(parseJson(modern(method, text, { elicitation: { url: {} } }).text)).toBeTypeOf('object');
        }
      }),
      property,
    );
  });

  test('of a resource comes back as it was from the other era', () => {
    const text = '{"code":-32602,"message":"Resource not found","data":{"uri":"file:///a"}}';
    expect(modern('resources/read', legacy('resources/read', text)).text).toBe(text);
  });
});
