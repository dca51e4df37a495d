import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editObject, elementTexts, memberText } from '../../lib/protocol/json-text.ts';
import { seeded } from '../support/property.ts';
import { arrayText, objectText, type ObjectText } from './arbitrary-json.ts';

const property = seeded('test/protocol/json-text', 500);

const keysOf = ({ members }: ObjectText): string[] => [...new Set(members.map(({ key }) => key))];

/** The members that a reader of the whole text ends up with. */
const lastMembers = ({ members }: ObjectText) =>
  members.filter(({ key }, index) => members.findLastIndex((other) => other.key === key) === index);

describe('memberText', () => {
  test('gives the exact text of the last member of a key', () => {
    fc.assert(
      fc.property(objectText, (object) => {
        for (const { key, value } of lastMembers(object)) expect(memberText(object.text, key)).toBe(value);
      }),
      property,
    );
  });

  test('means what JSON.parse means, and knows no other keys', () => {
    fc.assert(
      fc.property(objectText, fc.string(), ({ text }, other) => {
        const parsed = JSON.parse(text) as Record<string, unknown>;
        for (const key of [...Object.keys(parsed), other, '__proto__', 'toString']) {
          const found = memberText(text, key);
          expect(found !== undefined).toBe(Object.hasOwn(parsed, key));
          if (found !== undefined) expect(isDeepStrictEqual(JSON.parse(found), parsed[key])).toBe(true);
        }
      }),
      property,
    );
  });

  test('reads a key however it is escaped', () => {
    expect(memberText(String.raw`{"\u006e\u0061me":"a"}`, 'name')).toBe('"a"');
  });
});

describe('elementTexts', () => {
  test('gives the exact text of every element', () => {
    fc.assert(
      fc.property(arrayText, ({ text, elements }) => {
        expect(elementTexts(text)).toEqual(elements);
      }),
      property,
    );
  });

  test.each(['[]', ' [ \n ] '])('finds nothing in the empty array %j', (text) => {
    expect(elementTexts(text)).toEqual([]);
  });
});

describe('editObject', () => {
  test('leaves what a reader sees as it was when nothing is edited', () => {
    fc.assert(
      fc.property(objectText, ({ text }) => {
        expect(isDeepStrictEqual(JSON.parse(editObject(text, {})), JSON.parse(text))).toBe(true);
      }),
      property,
    );
  });

  test('keeps the exact bytes of keys and values that it does not edit, in their order', () => {
    fc.assert(
      fc.property(objectText, (object) => {
        const expected = lastMembers(object).map(({ keyText, value }) => `${keyText}:${value}`);
        expect(editObject(object.text, {})).toBe(`{${expected.join(',')}}`);
      }),
      property,
    );
  });

  test('replaces, in its place, the value of the key it is told to and no other', () => {
    fc.assert(
      fc.property(objectText, fc.nat(), (object, pick) => {
        const keys = keysOf(object);
        const edited = keys[pick % Math.max(1, keys.length)] ?? 'none';
        const expected = lastMembers(object).map(
          ({ key, keyText, value }) => `${keyText}:${key === edited ? '"new"' : value}`,
        );
        const edits = Object.fromEntries([[edited, () => '"new"']]);
        expect(editObject(object.text, edits)).toBe(`{${expected.join(',')}}`);
      }),
      property,
    );
  });

  test('gives an edit the text of the value that counts', () => {
    fc.assert(
      fc.property(objectText, (object) => {
        const seen: string[] = [];
        const edits = Object.fromEntries(keysOf(object).map((key) => [key, (text: string) => void seen.push(text)]));
        expect(editObject(object.text, edits)).toBe('{}');
        expect(seen).toEqual(lastMembers(object).map(({ value }) => value));
      }),
      property,
    );
  });

  test('appends an addition exactly where its key is missing', () => {
    fc.assert(
      fc.property(objectText, fc.oneof(fc.constantFrom('id', '__proto__', 'name'), fc.string()), (object, key) => {
        const before = JSON.parse(object.text) as object;
        const text = editObject(object.text, {}, Object.fromEntries([[key, '{"added":1}']]));
        const expected = Object.hasOwn(before, key)
          ? before
          : (JSON.parse(`{${JSON.stringify(key)}:{"added":1}}`) as object);
        const after = JSON.parse(text) as Record<string, unknown>;
        expect(Object.keys(after)).toHaveLength(new Set([...Object.keys(before), key]).size);
        expect(isDeepStrictEqual(after[key], (expected as Record<string, unknown>)[key])).toBe(true);
      }),
      property,
    );
  });

  test('leaves out the member whose edit says so, and the comma with it', () => {
    expect(editObject('{"a":1,"b":2,"c":3}', { b: () => undefined })).toBe('{"a":1,"c":3}');
  });

  test('does not add what an edit has just left out', () => {
    expect(editObject('{"a":1}', { a: () => undefined }, { a: '2' })).toBe('{}');
  });

  test('keeps only the last of several members of one key, so that no other parser reads another', () => {
    expect(editObject('{"name":"first","x":1,"name":"last"}', {})).toBe('{"x":1,"name":"last"}');
  });

  test('sees that an escaped key is the same key', () => {
    const text = String.raw`{"name":"first","\u006eame":"last"}`;
    expect(editObject(text, { name: (value) => value.toUpperCase() })).toBe(String.raw`{"\u006eame":"LAST"}`);
  });

  test.each(['12345678901234567890', '1.0', '1e400', '-0', '0.1000', '1E+2'])(
    'leaves the number %s as written',
    (text) => {
      expect(editObject(`{"id":1,"n":${text}}`, { id: () => '2' })).toBe(`{"id":2,"n":${text}}`);
    },
  );

  test('edits a member called __proto__ like any other', () => {
    const edits = Object.fromEntries([['__proto__', () => '"new"']]);
    expect(editObject('{"__proto__":{"polluted":true}}', edits)).toBe('{"__proto__":"new"}');
  });

  test('takes no edit for a key that only the prototype of the edits has', () => {
    expect(editObject('{"toString":1,"constructor":2}', {})).toBe('{"toString":1,"constructor":2}');
  });

  test('passes over a value nested a hundred thousand levels deep', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(editObject(`{"deep":${deep},"id":1}`, { id: () => '2' })).toBe(`{"deep":${deep},"id":2}`);
  });

  test('reads a string full of escaped quotes and backslashes once, however long it is', () => {
    const value = JSON.stringify(String.raw`\"`.repeat(500_000));
    expect(editObject(`{"a":${value},"b":1}`, { b: () => '2' })).toBe(`{"a":${value},"b":2}`);
  });
});
