import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  judge,
  pinned,
  readDefinition,
  readPins,
  writePins,
  type Pins,
  type ToolDefinition,
} from '../../lib/catalog/pins.ts';
import { seeded } from '../support/property.ts';

const property = seeded('test/catalog/pins');

const SCHEMA = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'number' } } };
const TOOL = { name: 'pay', description: 'Pays', inputSchema: SCHEMA };

function definitionOf(item: unknown): string | undefined {
  return readDefinition(JSON.stringify(item))?.definition;
}

function toolOf(name: string, description: string): ToolDefinition {
  return readDefinition(JSON.stringify({ name, description }))!;
}

/** The same value with the keys of every object the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, own]) => [key, reversed(own)]),
  );
}

describe('a definition', () => {
  test('is the same whatever the order of its keys, and however it is spaced', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.integer({ min: 0, max: 4 }), (inputSchema, spaces) => {
        const one = { name: 'x', inputSchema };
        const other = JSON.stringify(reversed(one), null, spaces);
        expect(readDefinition(other)?.definition).toBe(definitionOf(one));
      }),
      property,
    );
  });

  test('is another for any other value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const isSame = isDeepStrictEqual(asJson(one), asJson(other));
        const definitions = [one, other].map((inputSchema) =>
          definitionOf({ name: 'x', inputSchema: { value: inputSchema } }),
        );
        expect(definitions[0] === definitions[1]).toBe(isSame);
      }),
      property,
    );
  });

  test.each([
    ['title', { title: 'x' }],
    ['description', { description: 'x' }],
    ['inputSchema', { inputSchema: { ...SCHEMA, required: ['a'] } }],
    ['outputSchema', { outputSchema: {} }],
    ['annotations', { annotations: {} }],
  ])('is another with another %s', (_member, changed) => {
    expect(definitionOf({ ...TOOL, ...changed })).not.toBe(definitionOf(TOOL));
  });

  test('is the same with another order of what counts for nothing: icons, metadata, unknown members', () => {
    expect(definitionOf({ icons: [], ...TOOL, _meta: { build: 1 }, 'x-new': true })).toBe(definitionOf(TOOL));
  });

  test('is another with another user interface', () => {
    const shown = (resourceUri: string) => definitionOf({ ...TOOL, _meta: { build: 1, ui: { resourceUri } } });
    expect(shown('ui://pay')).not.toBe(definitionOf(TOOL));
    expect(shown('ui://pay')).not.toBe(shown('ui://steal'));
  });

  test('is another when the items of an array change places', () => {
    const withRequired = (required: string[]) => definitionOf({ ...TOOL, inputSchema: { ...SCHEMA, required } });
    expect(withRequired(['a', 'b'])).not.toBe(withRequired(['b', 'a']));
  });

  test('counts a key that is written twice as it is read: the last time', () => {
    const twice = '{"name":"pay","description":"Steals","inputSchema":{},"description":"Pays"}';
    expect(readDefinition(twice)?.definition).toBe(definitionOf({ name: 'pay', description: 'Pays', inputSchema: {} }));
  });

  test('that nests too deep is what was written', () => {
    const deep = `{"name":"x","inputSchema":${'{"a":'.repeat(300)}1${'}'.repeat(300)}}`;
    expect(readDefinition(deep)).toEqual({ name: 'x', definition: deep });
  });

  test('tells keys that look like those of every object from none', () => {
    const odd = readDefinition('{"name":"x","inputSchema":{"__proto__":{"a":1}}}');
    expect(odd?.definition).not.toBe(definitionOf({ name: 'x', inputSchema: {} }));
  });

  test.each(['7', '{}', '{"name":7}', '[]', '{', 'null'])('is not to be had of %s', (text) => {
    expect(readDefinition(text)).toBeUndefined();
  });
});

/** As it is read again after it was written. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('pins', () => {
  const pins: Pins = pinned(new Map(), 'r1', [toolOf('a', 'A'), toolOf('b', 'B')]);

  test('hold a tool that says something else than its pin, and no other', () => {
    const { held, unpinned } = judge(pins, 'r1', [toolOf('a', 'A'), toolOf('b', 'other'), toolOf('c', 'C')]);
    expect([...held]).toEqual(['b']);
    expect(unpinned.map(({ name }) => name)).toEqual(['c']);
  });

  test('are taken over in place of what was there, and leave the old ones as they were', () => {
    const accepted = pinned(pins, 'r1', [toolOf('b', 'other')]);
    expect([...judge(accepted, 'r1', [toolOf('a', 'A'), toolOf('b', 'other')]).held]).toEqual([]);
    expect([...judge(accepted, 'r1', [toolOf('b', 'B')]).held]).toEqual(['b']);
    expect([...judge(pins, 'r1', [toolOf('b', 'B')]).held]).toEqual([]);
  });

  test('of one revision do not replace those of another', () => {
    const more = pinned(pins, 'r2', [toolOf('a', 'A in r2')]);
    expect([...judge(more, 'r1', [toolOf('a', 'A')]).held]).toEqual([]);
    expect([...judge(more, 'r2', [toolOf('a', 'A in r2')]).held]).toEqual([]);
    expect([...judge(more, 'r1', [toolOf('a', 'A in r2')]).held]).toEqual(['a']);
  });

  test('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string(), fc.string())), (entries) => {
        const written = entries.reduce<Pins>(
          (all, [revision, name, definition]) => pinned(all, revision, [{ name, definition }]),
          new Map(),
        );
        expect(readPins(writePins(written))).toEqual(written);
      }),
      property,
    );
  });

  test.each(['', '{', '{}', '7', 'null', '"x"', '[1]', '[["r",1]]', '[["r",[["t",1]]]]'])(
    'that are written as %j cannot be read',
    (text) => {
      expect(readPins(text)).toBeUndefined();
    },
  );
});
