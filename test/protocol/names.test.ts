import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isShown, toClientName, toUpstreamName } from '../../lib/protocol/names.ts';
import { seeded } from '../support/property.ts';

const property = seeded('test/protocol/names', 500);

const prefix = fc.stringMatching(/^[A-Za-z0-9-]{0,20}$/);

describe('a name behind a prefix', () => {
  test('comes back as it was, whatever the upstream calls its tools', () => {
    fc.assert(
      fc.property(prefix, fc.string({ unit: 'binary' }), (prefix, name) => {
        expect(toUpstreamName(prefix, toClientName(prefix, name))).toBe(name);
      }),
      property,
    );
  });

  test('is written with two underscores', () => {
    expect(toClientName('time', 'now')).toBe('time__now');
  });

  test('is the name itself when the prefix is empty', () => {
    expect([toClientName('', 'a__b'), toUpstreamName('', 'a__b')]).toEqual(['a__b', 'a__b']);
  });

  test('belongs to one prefix at most', () => {
    fc.assert(
      fc.property(prefix, prefix, fc.string(), (one, other, name) => {
        fc.pre(one !== other && one !== '' && other !== '');
        expect(toUpstreamName(other, toClientName(one, name))).toBeUndefined();
      }),
      property,
    );
  });

  test.each(['now', 'time', 'time_now', 'Time__now', ' time__now', 'xtime__now', ''])(
    'is not %j when the prefix is time',
    (name) => {
      expect(toUpstreamName('time', name)).toBeUndefined();
    },
  );

  test('may hold the separator itself', () => {
    expect(toUpstreamName('time', 'time____x__y')).toBe('__x__y');
  });
});

describe('isShown', () => {
  test('shows everything when there are no patterns', () => {
    expect(isShown(undefined, 'anything')).toBe(true);
  });

  test('shows nothing when the list of patterns is empty', () => {
    expect(isShown([], 'anything')).toBe(false);
  });

  test('shows what one of several patterns matches', () => {
    expect(['a', 'b', 'c'].map((name) => isShown(['a', 'b*'], name))).toEqual([true, true, false]);
  });

  test('agrees with a regular expression on every pattern and name', () => {
    const unit = fc.constantFrom('a', 'b', '.', '\n');
    const pattern = fc.string({ unit: fc.oneof(unit, fc.constant('*')), maxLength: 6 });
    fc.assert(
      fc.property(pattern, fc.string({ unit, maxLength: 8 }), (pattern, name) => {
        const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
        expect(isShown([pattern], name)).toBe(new RegExp(`^${source}$`, 's').test(name));
      }),
      { ...property, numRuns: 5000 },
    );
  });

  test.each([
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['*a*a*', 'a'],
  ])('does not let %s match %s by counting a character twice', (pattern, name) => {
    expect(isShown([pattern], name)).toBe(false);
  });

  test('takes the characters of regular expressions literally', () => {
    expect(['a.c', 'abc'].map((name) => isShown(['a.c'], name))).toEqual([true, false]);
  });

  test('takes no time for names that would make a backtracking matcher take forever', () => {
    const hostile = 'a'.repeat(200_000);
    expect(isShown(['*a*a*a*a*a*a*a*a*a*a*b'], hostile)).toBe(false);
    expect(isShown(['*a*a*a*a*a*a*a*a*b*a'], hostile)).toBe(false);
    expect(isShown(['**********a**********'], hostile)).toBe(true);
  });
});
