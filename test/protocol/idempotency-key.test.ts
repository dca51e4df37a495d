import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KEY_IN_META, readIdempotencyKey } from '../../lib/protocol/idempotency-key.ts';
import { keyedParams } from '../../lib/protocol/keyed-params.ts';
import { seeded } from '../support/property.ts';
import { jsonText } from './arbitrary-json.ts';
import { requestOf, requestText } from './samples.ts';

const property = seeded('test/protocol/idempotency-key');

const callWith = (params?: object) => requestOf(requestText('tools/call', params));
const rawCall = (params: string) => requestOf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`);
const inHeader = (header: string) => readIdempotencyKey(callWith({ name: 'x' }), header);

const DIFFERENT = { kind: 'invalid', reason: 'The request names several idempotency keys that differ' };
const UNFIT = { kind: 'invalid', reason: 'An idempotency key is a string of 1 to 255 characters' };

describe('the key of a call', () => {
  test.each([undefined, {}, { name: 'x' }, { _meta: {} }, { _meta: null }, { arguments: { idempotencyKey: 'k' } }])(
    'is missing from %j',
    (params) => {
      expect(readIdempotencyKey(callWith(params), undefined)).toEqual({ kind: 'none' });
    },
  );

  test('is no id of the request', () => {
    const call = requestOf(requestText('tools/call', { name: 'x' }, 'an-id-that-clients-start-anew'));
    expect(readIdempotencyKey(call, undefined)).toEqual({ kind: 'none' });
  });

  test.each([
    ['the header', { name: 'x' }, 'k'],
    ['the metadata', { _meta: { [KEY_IN_META]: 'k' } }, undefined],
    ['the parameters', { idempotencyKey: 'k' }, undefined],
    ['all three places', { idempotencyKey: 'k', _meta: { [KEY_IN_META]: 'k' } }, '"k"'],
  ])('is read from %s', (_where, params, header) => {
    expect(readIdempotencyKey(callWith(params), header)).toEqual({ kind: 'key', key: 'k' });
  });

  test('is the last of two that the same member names', () => {
    expect(readIdempotencyKey(rawCall('{"idempotencyKey":"a","idempotencyKey":"b"}'), undefined)).toEqual({
      kind: 'key',
      key: 'b',
    });
  });

  test.each([
    [{ idempotencyKey: 'k' }, 'other'],
    [{ idempotencyKey: 'k', _meta: { [KEY_IN_META]: 'other' } }, undefined],
    [{ _meta: { [KEY_IN_META]: 'k' } }, 'K'],
    [{ idempotencyKey: 1 }, '1'],
    [{ idempotencyKey: 'k' }, '"k'],
  ])('is refused when places differ: %j and the header %j', (params, header) => {
    expect(readIdempotencyKey(callWith(params), header)).toEqual(DIFFERENT);
  });

  test.each(['', 'x'.repeat(256), 1, null, true, ['k'], { key: 'k' }])('is refused as %j', (key) => {
    expect(readIdempotencyKey(callWith({ idempotencyKey: key }), undefined)).toEqual(UNFIT);
    expect(readIdempotencyKey(callWith({ _meta: { [KEY_IN_META]: key } }), undefined)).toEqual(UNFIT);
  });

  test.each(['x', 'x'.repeat(255), '\ud800'.repeat(255), '\u0000', '名前', '__proto__'])('may be %j', (key) => {
    expect(readIdempotencyKey(callWith({ idempotencyKey: key }), undefined)).toEqual({ kind: 'key', key });
  });
});

describe('the header', () => {
  test.each([
    ['k', 'k'],
    ['  k ', 'k'],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"k"', 'k'],
    [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
    ['" k "', ' k '],
    ['a"b', 'a"b'],
  ])('%s names the key %s', (header, key) => {
    expect(inHeader(header)).toEqual({ kind: 'key', key });
  });

  test.each(['', '   ', '"', '""', '"a', '"a"b', '"a";p=1', String.raw`"a\n"`, '"caf\u00e9"', `"${'x'.repeat(256)}"`])(
    '%s names none, and is refused',
    (header) => {
      expect(inHeader(header)).toEqual(UNFIT);
    },
  );

  test('may be long and full of backslashes without taking time', () => {
    expect(inHeader(`"${'\\'.repeat(100_000)}`)).toEqual(UNFIT);
  });
});

describe('what calls under one key have in common', () => {
  const asked = (params: string) => keyedParams(rawCall(params), 'modern')?.asked;
  const step = (params: string) => keyedParams(rawCall(params), 'modern')?.step;

  test('is everything that they ask for, in whatever order it is written', () => {
    expect(asked('{"name":"x","arguments":{"b":1,"a":[2]}}')).toBe(
      asked('{ "arguments": {"a": [2], "b": 1}, "name": "x" }'),
    );
  });

  test.each([
    '{"name":"x","arguments":{"n":9007199254740992}}',
    '{"name":"x","arguments":{}}',
    '{"name":"x"}',
    '{"name":"y","arguments":{"n":9007199254740993}}',
    '{"name":"x","arguments":{"n":9007199254740993},"task":{}}',
  ])('is not that of %s', (other) => {
    expect(asked(other)).not.toBe(asked('{"name":"x","arguments":{"n":9007199254740993}}'));
  });

  test('is not in the metadata, nor in the key itself', () => {
    const plain = asked('{"name":"x","arguments":{"idempotencyKey":"a","_meta":1}}');
    expect(
      asked(
        '{"name":"x","idempotencyKey":"k","_meta":{"progressToken":7},"arguments":{"idempotencyKey":"a","_meta":1}}',
      ),
    ).toBe(plain);
    expect(asked('{"name":"x","arguments":{"idempotencyKey":"b","_meta":1}}')).not.toBe(plain);
  });

  test('is the same for the steps of a call, which are told apart', () => {
    const first = '{"name":"x","arguments":{}}';
    const second = '{"name":"x","arguments":{},"requestState":"s","inputResponses":{"q":{"action":"accept"}}}';
    expect(asked(second)).toBe(asked(first));
    expect(step(second)).not.toBe(step(first));
    expect(step('{"inputResponses":{"q": {"action":"accept"}}, "requestState":"s"}')).toBe(step(second));
    expect(step('{"requestState":"t","inputResponses":{"q":{"action":"accept"}}}')).not.toBe(step(second));
    expect(step('{"requestState":"s","inputResponses":{"q":{"action":"decline"}}}')).not.toBe(step(second));
  });

  test('tells the state of a step from its answers', () => {
    expect(step('{"requestState":"a"}')).not.toBe(step('{"inputResponses":"a"}'));
  });

  test('is found in a request without parameters', () => {
    expect(keyedParams(callWith(), 'modern')).toEqual({ step: '["null","null"]', asked: '{}' });
  });

  test('is never that of a call with other arguments', () => {
    fc.assert(
      fc.property(jsonText, jsonText, (one, other) => {
        const same = asked(`{"name":"x","arguments":${one}}`) === asked(`{"arguments":${other},"name":"x"}`);
        expect(same).toBe(asked(`{"a":${one}}`) === asked(`{"a":${other}}`));
        if (same) expect(JSON.parse(one)).toEqual(JSON.parse(other));
      }),
      property,
    );
  });

  const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

  test.each(['arguments', 'requestState', 'inputResponses'])('cannot be said when %s nests too deep', (member) => {
    expect(keyedParams(rawCall(`{"${member}":${DEEP}}`), 'modern')).toBeUndefined();
  });

  test('can be said however deep the metadata nests', () => {
    expect(asked(`{"name":"x","_meta":{"a":${DEEP}}}`)).toBe('{"name":"x"}');
  });
});
