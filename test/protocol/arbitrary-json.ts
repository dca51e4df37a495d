/** JSON as other programs may write it: any white space, any escapes, numbers that no double holds, keys twice. */
import * as fc from 'fast-check';

export interface ObjectText {
  readonly text: string;
  /** In the order of the text, duplicates included. */
  readonly members: readonly { readonly key: string; readonly keyText: string; readonly value: string }[];
}

export interface ArrayText {
  readonly text: string;
  readonly elements: readonly string[];
}

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 });

/** What stands between the quotes: every escape there is, and whatever could be taken for structure. */
const character = fc.oneof(
  fc.constantFrom(
    '\\"',
    '\\\\',
    '\\/',
    '\\b',
    '\\f',
    '\\n',
    '\\r',
    '\\t',
    '\\u0041',
    '\\u005c',
    '\\ud83d\\ude00',
    '\\ud800',
  ),
  fc.constantFrom('{', '}', '[', ']', ',', ':', ' ', "'", '/', '\u2028', '\u007f', 'é', '世', '😀'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map((text) => JSON.stringify(text).slice(1, -1)),
);

const stringText = fc.array(character, { maxLength: 8 }).map((characters) => `"${characters.join('')}"`);

const numberText = fc.oneof(
  fc.constantFrom('0', '-0', '1.0', '1e400', '-1E+5', '12345678901234567890', '0.10', '2e-7', '9007199254740993'),
  fc.integer().map(String),
);

/**
 * Few, so that the same one comes twice, and escaped or not. Never a lone backslash: once V8 has read an object with
 * that key, it may take an escaped key of the next one for it (Node issue 63785).
 */
const keyText = fc
  .oneof(
    fc.constantFrom(
      '"id"',
      '"i\\u0064"',
      '"name"',
      '"__proto__"',
      '"\\u005f_proto__"',
      '"constructor"',
      '"_meta"',
      '""',
    ),
    stringText,
  )
  .filter((text) => JSON.parse(text) !== '\\');

const { value, object, array } = fc.letrec<{ value: string; object: ObjectText; array: ArrayText }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false'),
    stringText,
    numberText,
    tie('object').map(({ text }) => text),
    tie('array').map(({ text }) => text),
  ),
  object: fc.array(fc.tuple(space, keyText, space, space, tie('value'), space), { maxLength: 5 }).chain((members) =>
    space.map((empty) => ({
      text: `{${members.length === 0 ? empty : members.map(([a, key, b, c, of, d]) => a + key + b + ':' + c + of + d).join(',')}}`,
      members: members.map(([, key, , , of]) => ({ key: JSON.parse(key) as string, keyText: key, value: of })),
    })),
  ),
  array: fc.array(fc.tuple(space, tie('value'), space), { maxLength: 5 }).chain((elements) =>
    space.map((empty) => ({
      text: `[${elements.length === 0 ? empty : elements.map((parts) => parts.join('')).join(',')}]`,
      elements: elements.map(([, of]) => of),
    })),
  ),
}));

const around = <T extends { readonly text: string }>(inner: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.tuple(space, inner, space).map(([before, of, after]) => ({ ...of, text: before + of.text + after }));

/** The text of any JSON value, white space around it included. */
export const jsonText = fc.tuple(space, value, space).map((parts) => parts.join(''));
export const objectText = around(object);
export const arrayText = around(array);
