import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  errorText,
  isObject,
  isShallowObject,
  notificationText,
  parseJson,
  readMessage,
  requestText,
  resultText,
  sameId,
  type Json,
} from '../../lib/protocol/message.ts';
import { seeded } from '../support/property.ts';
import { jsonText } from './arbitrary-json.ts';

const property = seeded('test/protocol/message');

const read = (text: string) => readMessage(parseJson(text) ?? null, text);

describe('readMessage', () => {
  test('reads a request with its id as written, its parameters and its text', () => {
    const text = '{"jsonrpc": "2.0", "id": 1.0, "method": "tools/list", "params": {"cursor": "a"}}';
    expect(read(text)).toEqual({ kind: 'request', idText: '1.0', method: 'tools/list', params: { cursor: 'a' }, text });
  });

  test.each(['"a"', '""', String.raw`"\u0061"`, '0', '-1', '1.0', '1e2', '12345678901234567890'])(
    'keeps the id %s of a request as it is written',
    (idText) => {
      expect(read(`{"jsonrpc":"2.0","id":${idText},"method":"ping"}`)).toMatchObject({ kind: 'request', idText });
    },
  );

  test('reads a request without parameters', () => {
    expect(read('{"jsonrpc":"2.0","id":1,"method":"ping"}')).toMatchObject({ kind: 'request', params: undefined });
  });

  test('takes what has a method and no id for a notification', () => {
    const text = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
    const params = undefined;
    expect(read(text)).toEqual({ kind: 'notification', method: 'notifications/initialized', params, text });
  });

  test('reads a result with the id of what it answers', () => {
    const text = '{"jsonrpc":"2.0","id":"a","result":{"x":1}}';
    expect(read(text)).toEqual({ kind: 'response', idText: '"a"', body: { result: { x: 1 } }, text });
  });

  test('reads an error with its code, message and data', () => {
    const error = { code: -32601, message: 'no', data: { of: 'any kind' } };
    const text = JSON.stringify({ jsonrpc: '2.0', id: 1, error });
    expect(read(text)).toEqual({ kind: 'response', idText: '1', body: { error }, text });
  });

  test('reads an error with an empty message, which says little but is one', () => {
    expect(read('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}')).toMatchObject({ kind: 'response' });
  });

  test.each(['', '"id":null,'])('reads an error whose sender could not tell the request, with %j for its id', (id) => {
    const text = `{"jsonrpc":"2.0",${id}"error":{"code":-32700,"message":"what?"}}`;
    expect(read(text)).toMatchObject({ kind: 'response', idText: undefined });
  });

  test('takes the last of two ids, as JSON.parse does', () => {
    expect(read('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}')).toMatchObject({ idText: '2' });
  });

  test.each([
    ['a number', '1'],
    ['a string', '"ping"'],
    ['null', 'null'],
    ['an array', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'],
    ['an empty object', '{}'],
    ['no jsonrpc', '{"id":1,"method":"ping"}'],
    ['another jsonrpc', '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    ['a jsonrpc that is a number', '{"jsonrpc":2.0,"id":1,"method":"ping"}'],
    ['a jsonrpc of the prototype alone', '{"__proto__":{"jsonrpc":"2.0"},"id":1,"method":"ping"}'],
    ['a request with a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ['a request with a fraction for an id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}'],
    ['a request with an id beyond every number', '{"jsonrpc":"2.0","id":1e400,"method":"ping"}'],
    ['a request with a boolean for an id', '{"jsonrpc":"2.0","id":true,"method":"ping"}'],
    ['a request with an object for an id', '{"jsonrpc":"2.0","id":{},"method":"ping"}'],
    ['a request with an array for an id', '{"jsonrpc":"2.0","id":[1],"method":"ping"}'],
    ['parameters in an array', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'],
    ['parameters that are null', '{"jsonrpc":"2.0","id":1,"method":"ping","params":null}'],
    ['parameters that are a string', '{"jsonrpc":"2.0","method":"notifications/x","params":"a"}'],
    ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":1}'],
    ['neither method nor answer', '{"jsonrpc":"2.0","id":1}'],
    ['a result without an id', '{"jsonrpc":"2.0","result":{}}'],
    ['a result with a null id', '{"jsonrpc":"2.0","id":null,"result":{}}'],
    ['a result with a fraction for an id', '{"jsonrpc":"2.0","id":1.5,"result":{}}'],
    ['a result that is a string', '{"jsonrpc":"2.0","id":1,"result":"done"}'],
    ['a result that is null', '{"jsonrpc":"2.0","id":1,"result":null}'],
    ['a result in an array', '{"jsonrpc":"2.0","id":1,"result":[]}'],
    ['both a result and an error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"no"}}'],
    ['a null error beside a result', '{"jsonrpc":"2.0","id":1,"result":{},"error":null}'],
    ['an error that is a string', '{"jsonrpc":"2.0","id":1,"error":"no"}'],
    ['an error without a code', '{"jsonrpc":"2.0","id":1,"error":{"message":"no"}}'],
    ['an error whose code is a string', '{"jsonrpc":"2.0","id":1,"error":{"code":"-32601","message":"no"}}'],
    ['an error whose code is a fraction', '{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"no"}}'],
    ['an error without a message', '{"jsonrpc":"2.0","id":1,"error":{"code":1}}'],
    ['an error whose message is null', '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":null}}'],
    ['an error with a boolean for an id', '{"jsonrpc":"2.0","id":true,"error":{"code":1,"message":"no"}}'],
    ['an error with a fraction for an id', '{"jsonrpc":"2.0","id":1.5,"error":{"code":1,"message":"no"}}'],
  ])('does not take %s for a message', (_what, text) => {
    expect(read(text)).toBeUndefined();
  });

  test('never throws, whatever JSON it is given', () => {
    fc.assert(
      fc.property(jsonText, jsonText, jsonText, jsonText, (id, params, result, error) => {
        const text = `{"jsonrpc":"2.0","id":${id},"method":"x","params":${params}}`;
        const answer = `{"jsonrpc":"2.0","id":${id},"result":${result},"error":${error}}`;
        expect([undefined, 'request']).toContain(read(text)?.kind);
        expect([undefined, 'response']).toContain(read(answer)?.kind);
      }),
      property,
    );
  });
});

describe('parseJson', () => {
  test('means what JSON.parse means', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
      property,
    );
  });

  test.each(['', '{', '{"a":1}}', "{'a':1}", 'undefined', '[1,]', '"\n"', '\ufeff{}'])(
    'knows that %j is no JSON',
    (text) => {
      expect(parseJson(text)).toBeUndefined();
    },
  );
});

describe('isObject', () => {
  test.each([null, undefined, 1, 'a', true, [], [{}]])('is false for %j', (value) => {
    expect(isObject(value)).toBe(false);
  });

  test('is true for an object, even an empty one', () => {
    expect(isObject({})).toBe(true);
  });
});

describe('isShallowObject', () => {
  /** An object within which `levels` further levels nest. */
  const nested = (levels: number): Json => {
    let value: Json = {};
    for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { in: value };
    return { in: value };
  };

  test('is true as deep as settings go', () => {
    expect(isShallowObject(nested(30))).toBe(true);
  });

  test('is false for what could exhaust the stack when it is written, however deep that is', () => {
    expect([isShallowObject(nested(33)), isShallowObject(nested(200_000))]).toEqual([false, false]);
  });

  test.each([undefined, null, [], 'a'])('is false for %j', (value) => {
    expect(isShallowObject(value)).toBe(false);
  });
});

describe('sameId', () => {
  test.each([
    ['"a"', '"a"'],
    ['"a"', String.raw`"\u0061"`],
    ['1', '1.0'],
    ['100', '1e2'],
  ])('holds %s and %s for the same', (left, right) => {
    expect(sameId(left, right)).toBe(true);
  });

  test.each([
    ['1', '"1"'],
    ['"a"', '"A"'],
    ['1', '2'],
    [undefined, '1'],
  ])('tells %s from %s', (left, right) => {
    expect(sameId(left, right)).toBe(false);
  });
});

describe('the texts that the gateway writes itself', () => {
  test('answer under the id as it was written', () => {
    expect(resultText('1.0', { ok: true })).toBe('{"jsonrpc":"2.0","id":1.0,"result":{"ok":true}}');
  });

  test('leave the id of an error out when it is not known', () => {
    const text = errorText(undefined, { code: -32700, message: 'what?' });
    expect(text).toBe('{"jsonrpc":"2.0","error":{"code":-32700,"message":"what?"}}');
  });

  test('leave out data of an error that nest too deep to be written, and no others', () => {
    const nested = (levels: number): Json => parseJson('['.repeat(levels) + ']'.repeat(levels)) ?? null;
    const error = { code: 1, message: 'm', data: nested(500) };
    expect(parseJson(errorText('1', error))).toEqual({ jsonrpc: '2.0', id: 1, error });
    expect(errorText('1', { ...error, data: nested(100_000) })).toBe(
      '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}',
    );
  });

  test('leave out the parameters of a notification that has none', () => {
    expect(notificationText('notifications/initialized')).toBe(
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    );
  });

  test('are messages that read as what was written', () => {
    const error = { code: 1001, message: 'm', data: { a: [1] } };
    expect(read(requestText('an id', 'ping', { a: 1 }))).toMatchObject({
      kind: 'request',
      idText: '"an id"',
      params: { a: 1 },
    });
    expect(read(notificationText('notifications/x', { a: 1 }))).toMatchObject({
      kind: 'notification',
      params: { a: 1 },
    });
    expect(read(errorText('"a"', error))).toMatchObject({ kind: 'response', idText: '"a"', body: { error } });
    expect(read(resultText('7', { a: 1 }))).toMatchObject({
      kind: 'response',
      idText: '7',
      body: { result: { a: 1 } },
    });
  });
});
