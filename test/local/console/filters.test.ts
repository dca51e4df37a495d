import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  choicesOf,
  fromFragment,
  isAny,
  isShown,
  NO_FILTERS,
  toFragment,
  TROUBLE,
} from '../../../lib/local/console/page/filters.ts';
import { seeded } from '../../support/property.ts';
import { actionLine } from './lines.ts';

describe('the filters of the console', () => {
  test('show everything when nothing is asked for', () => {
    expect(isShown(actionLine(), NO_FILTERS)).toBe(true);
    expect(isAny(NO_FILTERS)).toBe(false);
  });

  test('show what has all that is asked for', () => {
    const filters = { ...NO_FILTERS, tool: 'echo', session: 'abc' };
    expect(isShown(actionLine({ tool: 'echo', session: 'abc' }), filters)).toBe(true);
    expect(isShown(actionLine({ tool: 'echo', session: null }), filters)).toBe(false);
    expect(isShown(actionLine({ tool: 'other', session: 'abc' }), filters)).toBe(false);
  });

  test('show every outcome but ok where trouble is asked for', () => {
    const filters = { ...NO_FILTERS, outcome: TROUBLE };
    expect(isShown(actionLine({ outcome: 'refused' }), filters)).toBe(true);
    expect(isShown(actionLine({ outcome: 'ok' }), filters)).toBe(false);
  });

  test('are the same after a way through the address', () => {
    const wanted = fc.option(fc.string({ unit: 'grapheme' }));
    const filters = fc.record({ tool: wanted, method: wanted, outcome: wanted, session: wanted, upstream: wanted });
    fc.assert(
      fc.property(filters, (given) => {
        const fragment = new URL(`http://localhost/#${toFragment(given)}`).hash;
        expect(fromFragment(fragment)).toEqual(given);
      }),
      seeded('filters in the address'),
    );
  });

  test('take what is strange in an address for nothing', () => {
    expect(fromFragment('#unknown=1&%E0%A4')).toEqual(NO_FILTERS);
  });

  test('offer what occurs and what is chosen, each once and in order', () => {
    const lines = [
      actionLine({ tool: 'b' }),
      actionLine({ tool: 'a' }),
      actionLine({ tool: null }),
      actionLine({ tool: 'b' }),
    ];
    expect(choicesOf(lines, { ...NO_FILTERS, tool: 'gone' }, 'tool')).toEqual(['a', 'b', 'gone']);
  });

  test('offer every outcome there is, whether it has occurred or not', () => {
    expect(choicesOf([], NO_FILTERS, 'outcome')).toContain('input-required');
    expect(choicesOf([], { ...NO_FILTERS, outcome: TROUBLE }, 'outcome')).not.toContain(TROUBLE);
  });
});
