import { describe, expect, it } from 'vitest';
import { readJson } from '../../lib/config/json.ts';

const repeatedIn = (text: string) => {
  const reading = readJson(text);
  return reading.ok ? reading.repeated : reading.problems;
};

describe('reading JSON', () => {
  it('gives the value', () => {
    const value = { a: [1, -0.5e3, true, false, null, 'x\u2028"\\\n'], '': {}, b: [] };
    expect(readJson(JSON.stringify(value, null, 2))).toEqual({ ok: true, value, repeated: [] });
  });

  it('skips a byte order mark', () => {
    expect(readJson('\uFEFF{"a": 1}')).toEqual({ ok: true, value: { a: 1 }, repeated: [] });
  });

  it('gives a key called __proto__ as a key like any other', () => {
    const reading = readJson('{"__proto__": 1}');
    expect(reading.ok && Object.keys(reading.value as object)).toEqual(['__proto__']);
  });

  it('survives any depth of nesting', () => {
    expect(readJson('['.repeat(200_000)).ok).toBe(false);
    expect(readJson('[{"a":'.repeat(100_000)).ok).toBe(false);
  });

  it.each([
    ['', 1, 1, 'a value', 'the end of the file'],
    [' \n ', 2, 2, 'a value', 'the end of the file'],
    ['{', 1, 2, 'a key in quotation marks or "}"', 'the end of the file'],
    ['{a: 1}', 1, 2, 'a key in quotation marks or "}"', '"a"'],
    ["{'a': 1}", 1, 2, 'a key in quotation marks or "}"', '"\'"'],
    ['{"a": 1,}', 1, 9, 'a key in quotation marks', '"}"'],
    ['{"a" 1}', 1, 6, '":"', '"1"'],
    ['{"a": }', 1, 7, 'a value', '"}"'],
    ['{"a": 1 "b": 2}', 1, 9, '"," or "}"', '"\\""'],
    ['{"a": 1]', 1, 8, '"," or "}"', '"]"'],
    ['[', 1, 2, 'a value or "]"', 'the end of the file'],
    ['[1,]', 1, 4, 'a value', '"]"'],
    ['[1}', 1, 3, '"," or "]"', '"}"'],
    ['[1 // one\n]', 1, 4, '"," or "]"', '"/"'],
    ['// one\n[]', 1, 1, 'a value', '"/"'],
    ['[01]', 1, 3, '"," or "]"', '"1"'],
    ['[.5]', 1, 2, 'a value or "]"', '"."'],
    ['[+1]', 1, 2, 'a value or "]"', '"+"'],
    ['[NaN]', 1, 2, 'a value or "]"', '"N"'],
    ['[nul]', 1, 2, 'a value or "]"', '"n"'],
    ['[1.]', 1, 3, '"," or "]"', '"."'],
    ['{}\r\n{}', 2, 1, 'nothing more', '"{"'],
    [']', 1, 1, 'a value', '"]"'],
    ['["a\nb"]', 1, 4, 'a quotation mark at the end of the text, on the same line', '"\\n"'],
    ['["a', 1, 4, 'a quotation mark at the end of the text, on the same line', 'the end of the file'],
    ['["\\q"]', 1, 4, 'one of " \\ / b f n r t, or u and four digits, after a backslash', '"q"'],
    ['["\\u12"]', 1, 4, 'one of " \\ / b f n r t, or u and four digits, after a backslash', '"u"'],
    ['\u{1F600}', 1, 1, 'a value', '"\u{1F600}"'],
    ['\u202E', 1, 1, 'a value', '"\\u{202e}"'],
  ])('reports what is wrong with %j', (text, line, column, expected, found) => {
    expect(readJson(text)).toEqual({
      ok: false,
      problems: [{ path: `line ${line}, column ${column}`, expected, found }],
    });
  });

  it('counts lines that end in any of the usual ways', () => {
    expect(repeatedIn('[\n1,\r\n2,\r3,\n  x]')).toMatchObject([{ path: 'line 5, column 3' }]);
  });

  it('reports each key that comes again in its object', () => {
    expect(repeatedIn('{"a": 1, "b": {"a": 2},\n"a": 3, "\\u0061": 4}')).toEqual([
      { path: 'line 2, column 1', expected: 'each key once in an object', found: '"a" again' },
      { path: 'line 2, column 9', expected: 'each key once in an object', found: '"a" again' },
    ]);
  });

  it('reports repeated keys before a syntax error too', () => {
    expect(repeatedIn('{"a": 1, "a": 2')).toMatchObject([{ found: '"a" again' }, { found: 'the end of the file' }]);
  });
});
