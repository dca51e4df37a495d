import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalText } from '../../lib/protocol/canonical.ts';
import { elementTexts } from '../../lib/protocol/json-text.ts';
import { seeded } from '../support/property.ts';
import { arrayText, jsonText, objectText } from './arbitrary-json.ts';

const property = seeded('test/protocol/canonical');

const written = (key: string, value: string): string => `${JSON.stringify(key)}:${value}`;

describe('texts that mean the same', () => {
  test.each([
    ['{"b":1,"a":2}', '{ "a" : 2 , "b" : 1 }', '{"a":2,"b":1}'],
    ['[1, [ ], { }]', '\n[1,[],{}]\t', '[1,[],{}]'],
    [String.raw`"\u0041\/"`, '"A/"', '"A/"'],
    [String.raw`{"\u0061":1}`, '{"a":1}', '{"a":1}'],
    ['{"a":1,"a":2}', '{"a":2}', '{"a":2}'],
    [String.raw`"\ud800"`, '"\ud800"', String.raw`"\ud800"`],
    ['{"__proto__":1}', String.raw`{"\u005f_proto__" :1}`, '{"__proto__":1}'],
    [' null ', 'null', 'null'],
  ])('are written in one way: %s and %s', (one, other, expected) => {
    expect([canonicalText(one), canonicalText(other)]).toEqual([expected, expected]);
  });

  test('may have their members in any order', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), jsonText), { selector: ([key]) => key }),
        (members) => {
          const inOrder = members.map(([key, value]) => written(key, value)).join(',');
          const reversed = members
            .toReversed()
            .map(([key, value]) => written(key, value))
            .join(' , ');
          expect(canonicalText(`{${inOrder}}`)).toBe(canonicalText(`{ ${reversed} }`));
        },
      ),
      property,
    );
  });

  test('have the value that JSON.parse sees, and are their own canonical text', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const canonical = canonicalText(text) ?? '';
        expect(JSON.parse(canonical)).toEqual(JSON.parse(text));
        expect(canonicalText(canonical)).toBe(canonical);
      }),
      property,
    );
  });
});

describe('texts that mean something else', () => {
  test.each([
    ['9007199254740992', '9007199254740993'],
    ['1e400', '2e400'],
    ['0.1', '0.10000000000000000001'],
    ['0', '-0'],
    ['1', '"1"'],
    ['null', '"null"'],
    ['[1,2]', '[2,1]'],
    ['[12]', '[1,2]'],
    ['[[1],2]', '[[1,2]]'],
    ['{"a":{"b":1}}', '{"a":{},"b":1}'],
    ['{"a":null}', '{}'],
    ['[]', '{}'],
    [String.raw`"\ud800"`, String.raw`"\ud801"`],
    [String.raw`"\ud800"`, '"\ufffd"'],
    ['"a"', '"A"'],
    ['{"a":"b"}', String.raw`{"a\":\"b":""}`],
  ])('are written differently: %s and %s', (one, other) => {
    expect(canonicalText(one)).not.toBe(canonicalText(other));
  });

  test('are those with one value exchanged for another', () => {
    fc.assert(
      fc.property(objectText, arrayText, jsonText, jsonText, ({ members }, { elements }, one, other) => {
        fc.pre(canonicalText(one) !== canonicalText(other));
        const rest = members.filter(({ key }) => key !== 'changed').map(({ keyText, value }) => `${keyText}:${value},`);
        const around = (value: string): string =>
          `{${rest.join('')}"changed":[${[...elements, value, ...elements].join(',')}]}`;
        expect(canonicalText(around(one))).not.toBe(canonicalText(around(other)));
      }),
      property,
    );
  });

  test('are those with one element more, and those with one member less', () => {
    fc.assert(
      fc.property(arrayText, objectText, jsonText, ({ text, elements }, { members }, extra) => {
        expect(canonicalText(`[${[...elements, extra].join(',')}]`)).not.toBe(canonicalText(text));
        const all = new Map(members.map(({ key, keyText, value }) => [key, `${keyText}:${value}`]));
        fc.pre(all.size > 0);
        const fewer = [...all.values()].slice(1);
        expect(canonicalText(`{${fewer.join(',')}}`)).not.toBe(canonicalText(`{${[...all.values()].join(',')}}`));
      }),
      property,
    );
  });
});

describe('a text of a hostile client', () => {
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

  test('is not compared when it nests deeper than 100 levels', () => {
    expect(canonicalText(nested(100))).toBe(nested(100));
    expect(canonicalText(nested(101))).toBeUndefined();
    expect(canonicalText(`{"a":${nested(99)}}`)).toBe(`{"a":${nested(99)}}`);
    expect(canonicalText(`{"a":${nested(100)}}`)).toBeUndefined();
  });

  test.each([
    ['arrays', nested(3_000_000)],
    ['objects', `${'{"a":'.repeat(1_000_000)}1${'}'.repeat(1_000_000)}`],
    ['an array that a later member of its name hides', `{"a":${nested(1_000_000)},"a":1}`],
  ])('does not exhaust the stack with %s nested a million times', (_what, text) => {
    expect(canonicalText(text)).toBeUndefined();
  });

  test('may have millions of values', () => {
    const text = `[${Array.from({ length: 1_000_000 }, (_, index) => index % 10).join(',')}]`;
    expect(canonicalText(text)).toBe(text);
    expect(elementTexts(canonicalText(`[${'{},'.repeat(500_000)}{}]`) ?? '[]')).toHaveLength(500_001);
  });
});
