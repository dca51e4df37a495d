import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childEnvironment } from '../../lib/local/stdio/environment.ts';
import { createLineReader } from '../../lib/local/stdio/lines.ts';
import { Places } from '../../lib/local/stdio/places.ts';
import { seeded } from '../support/property.ts';

function read(chunks: readonly Buffer[], maxBytes: number) {
  const lines: string[] = [];
  const tooLong: string[] = [];
  const reader = createLineReader(maxBytes, {
    onLine: (line) => lines.push(line.toString('latin1')),
    onOverflow: (start) => tooLong.push(start.toString('latin1')),
  });
  for (const chunk of chunks) reader.feed(chunk);
  return { lines, tooLong, rest: reader.rest().toString('latin1') };
}

/** The text in pieces that begin where `cuts` say. */
function cutAt(text: string, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return places.slice(1).map((end, index) => Buffer.from(text.slice(places[index], end), 'latin1'));
}

describe('a line reader', () => {
  test('finds the same lines wherever the pieces of the stream end', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\n', '\r', '\u00e9'), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (text, cuts) => {
        const expected = text.split('\n');
        expect(read(cutAt(text, cuts), 1000)).toEqual({
          lines: expected.slice(0, -1),
          tooLong: [],
          rest: expected.at(-1),
        });
      }),
      seeded('line reader'),
    );
  });

  test('gives the beginning of a line that is too long, once, and goes on with the next', () => {
    const chunks = ['ab\nabc', 'defg', 'hij', 'k\nxy\n', 'z'].map((text) => Buffer.from(text));
    expect(read(chunks, 5)).toEqual({ lines: ['ab', 'xy'], tooLong: ['abcde'], rest: 'z' });
  });

  test('holds a line of exactly the limit', () => {
    expect(read([Buffer.from('abcde\n')], 5)).toEqual({ lines: ['abcde'], tooLong: [], rest: '' });
  });
});

describe('the environment of a child', () => {
  test('is a safe few variables of this process and those configured', () => {
    const inherited = { PATH: '/bin', HOME: '/home/me', AWS_SECRET_ACCESS_KEY: 'secret', USER: '() { :; }' };
    expect(childEnvironment({ HOME: '/elsewhere', TOKEN: 'given' }, inherited)).toEqual({
      PATH: '/bin',
      HOME: '/elsewhere',
      TOKEN: 'given',
    });
  });
});

describe('places', () => {
  test('go to who waits longest', async () => {
    const places = new Places(1);
    expect(await places.take(10_000)).toBe(true);
    const order: string[] = [];
    const first = places.take(10_000).then(() => order.push('first'));
    const second = places.take(10_000).then(() => order.push('second'));
    places.free();
    await first;
    places.free();
    await second;
    expect(order).toEqual(['first', 'second']);
    expect(places.areTaken).toBe(true);
  });

  test('are not lost to who has given up', async () => {
    const places = new Places(1);
    await places.take(10_000);
    expect(await places.take(1)).toBe(false);
    places.free();
    expect(places.areTaken).toBe(false);
  });
});
