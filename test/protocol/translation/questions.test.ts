import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../lib/protocol/message.ts';
import {
  asksTheClient,
  listWords,
  missingCapabilityWords,
  readResultType,
} from '../../../lib/protocol/translation/questions.ts';
import { seeded } from '../../support/property.ts';
import { protocolObject, protocolValue } from './protocol-json.ts';

const property = seeded('test/protocol/translation/questions');

describe('the type of a modern result', () => {
  test.each([
    [{}, 'complete'],
    [{ resultType: 'complete' }, 'complete'],
    [{ resultType: 'input_required' }, 'input_required'],
    [{ resultType: 'task' }, 'unrecognized'],
    [{ resultType: 'Complete' }, 'unrecognized'],
    [{ resultType: null }, 'unrecognized'],
    [{ resultType: ['complete'] }, 'unrecognized'],
  ] as const)('of %j is %s', (result, type) => {
    expect(readResultType(result)).toBe(type);
  });
});

describe('what an upstream asks the client', () => {
  const asking = (inputRequests: unknown): JsonObject =>
    ({ resultType: 'input_required', inputRequests }) as JsonObject;

  test('is nothing in a complete result', () => {
    const inputRequests = { a: { method: 'roots/list' } };
    expect(asksTheClient({ inputRequests })).toBeUndefined();
    expect(asksTheClient({ resultType: 'complete', inputRequests })).toBeUndefined();
  });

  test.each([
    ['elicitation/create', 'elicitation'],
    ['sampling/createMessage', 'sampling'],
    ['roots/list', 'roots'],
    ['tasks/get', 'unknown'],
  ] as const)('by %s is %s', (method, kind) => {
    expect(asksTheClient(asking({ a: { method, params: {} } }))).toEqual([kind]);
  });

  test('is named once each', () => {
    const requests = { a: { method: 'roots/list' }, b: { method: 'elicitation/create' }, c: { method: 'roots/list' } };
    expect(asksTheClient(asking(requests))).toEqual(['roots', 'elicitation']);
  });

  test.each([[undefined], [null], [[]], ['x']])('is nothing when its questions are %j', (inputRequests) => {
    expect(asksTheClient(asking(inputRequests))).toEqual([]);
  });

  test.each([[null], [7], ['roots/list'], [[]], [{}], [{ method: null }]])(
    'is unknown when a question is %j',
    (question) => {
      expect(asksTheClient(asking({ a: question }))).toEqual(['unknown']);
    },
  );
});

describe('the capabilities that are missing', () => {
  const missing = (requiredCapabilities: unknown): string | undefined =>
    missingCapabilityWords({ code: -32021, message: 'm', data: { requiredCapabilities } as JsonObject });

  test.each([
    [{ elicitation: {} }, 'elicitation'],
    [{ elicitation: { url: {} } }, 'elicitation (url)'],
    [{ sampling: { tools: {} }, elicitation: { form: {}, url: {} } }, 'elicitation (form, url) and sampling (tools)'],
    [{ roots: {}, sampling: {}, elicitation: {} }, 'elicitation, sampling and roots'],
    [{ extensions: { 'com.example/x': {} } }, 'the extension com.example/x'],
  ])('of %j are said as: %s', (required, words) => {
    expect(missing(required)).toBe(words);
  });

  test('are said of no other error', () => {
    const data = { requiredCapabilities: { roots: {} } };
    expect(missingCapabilityWords({ code: -32020, message: 'm', data })).toBeUndefined();
  });

  test.each([
    [undefined],
    [null],
    [[]],
    ['roots'],
    [{}],
    [{ roots: true }],
    [{ constructor: {} }],
    [{ extensions: [] }],
  ])('are not named by %j', (required) => {
    expect(missing(required)).toBeUndefined();
  });

  test('are few words, however many extensions an upstream names', () => {
    const extensions = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`${at}${'x'.repeat(1000)}`, {}]));
    expect(missing({ extensions })?.length).toBeLessThan(500);
  });
});

describe('words', () => {
  test.each([
    [[], ''],
    [['a'], 'a'],
    [['a', 'b'], 'a and b'],
    [['a', 'b', 'c'], 'a, b and c'],
  ])('%j are listed as: %s', (words, listed) => {
    expect(listWords(words)).toBe(listed);
  });
});

test('any result and any data of an error can be asked', () => {
  fc.assert(
    fc.property(protocolObject, protocolValue, (result, data) => {
      expect(() => asksTheClient(JSON.parse(result) as JsonObject)).not.toThrow();
      expect(() => missingCapabilityWords({ code: -32021, message: 'm', data: JSON.parse(data) })).not.toThrow();
    }),
    property,
  );
});
