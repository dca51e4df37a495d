import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHeaderValue, encodeHeaderValue, paramHeaders } from '../../../lib/protocol/modern/headers.ts';
import { seeded } from '../../support/property.ts';

const property = seeded('test/protocol/modern/headers', 500);

/** Every text that UTF-8 can carry. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('=?base64?', '?=', '=', '?', ' ', '\t', 'a', 'é') }),
);

/** The encoding examples of the specification (2026-07-28, basic/transports/streamable-http, "Value Encoding"). */
const EXAMPLES = [
  ['us-west1', 'us-west1'],
  ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
  [' padded ', '=?base64?IHBhZGRlZCA=?='],
  ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
  ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
] as const;

test.each(EXAMPLES)('%j is encoded as %s', (value, header) => {
  expect(encodeHeaderValue(value)).toBe(header);
});

test.each(EXAMPLES)('%j is decoded from %s', (value, header) => {
  expect(decodeHeaderValue(header)).toBe(value);
});

test('every text comes back as it was', () => {
  fc.assert(
    fc.property(text, (value) => {
      expect(decodeHeaderValue(encodeHeaderValue(value))).toBe(value);
    }),
    property,
  );
});

test('every encoded value is one that a header can carry without losing anything', () => {
  fc.assert(
    fc.property(text, (value) => {
      const header = encodeHeaderValue(value);
      expect(header).toMatch(/^[\x20-\x7e\t]*$/);
      expect(header.trim()).toBe(header);
    }),
    property,
  );
});

test('a value is encoded whenever it begins and ends like an encoded one, even where the two marks overlap', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        text.map((inner) => `=?base64?${inner}?=`),
        fc.constant('=?base64?='),
      ),
      (value) => {
        expect(encodeHeaderValue(value)).not.toBe(value);
      },
    ),
    property,
  );
});

describe('decodeHeaderValue', () => {
  test.each(['', 'a b\tc', '~!@#$%^&*()', '=?BASE64?QQ==?=', '=?base64?QQ==', 'QQ==?=', 'x=?base64?QQ==?='])(
    'takes %j as it is',
    (value) => {
      expect(decodeHeaderValue(value)).toBe(value);
    },
  );

  test('decodes the empty text', () => {
    expect(decodeHeaderValue('=?base64??=')).toBe('');
  });

  test.each([
    ['no padding', 'QQ'],
    ['half the padding', 'QQ='],
    ['padding that is too long', 'QUI=='],
    ['padding alone', '===='],
    ['padding in the middle', 'QQ==QUJD'],
    ['one character', 'Q'],
    ['a space', 'QU I='],
    ['a space at the end', 'QQ== '],
    ['the alphabet of URLs', '_-8='],
    ['characters of no alphabet', 'Q*=='],
    ['bytes that are no UTF-8', '//79'],
    ['a surrogate in UTF-8', '7aCA'],
    ['an overlong encoding', 'wK8='],
  ])('takes Base64 with %s for malformed', (_what, encoded) => {
    expect(decodeHeaderValue(`=?base64?${encoded}?=`)).toBeUndefined();
  });

  test('takes any character that a field value must not hold for malformed', () => {
    const codes = [
      ...Array.from({ length: 0x20 }, (_, code) => code).filter((code) => code !== 0x09),
      0x7f,
      0x80,
      0xe9,
      0xff,
    ];
    for (const code of [...codes, 0x4e16]) expect(decodeHeaderValue(`a${String.fromCharCode(code)}b`)).toBeUndefined();
  });

  test('decodes control characters that were encoded', () => {
    expect(decodeHeaderValue(`=?base64?${btoa('\0\x1b[2J\r\n')}?=`)).toBe('\0\x1b[2J\r\n');
  });
});

test('paramHeaders picks the headers that mirror parameters, as they are', () => {
  const headers = {
    'mcp-param-region': 'us-west1',
    'mcp-param-text': '=?base64?QQ==?=',
    'mcp-name': 'a',
    'x-mcp-param-a': 'b',
    authorization: 'secret',
  };
  expect(paramHeaders(headers)).toEqual({ 'mcp-param-region': 'us-west1', 'mcp-param-text': '=?base64?QQ==?=' });
});
