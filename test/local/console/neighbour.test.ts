import { describe, expect, test } from 'vitest';
import { neighbourOf } from '../../../lib/local/console/page/neighbour.ts';
import { actionLine } from './lines.ts';

const ROWS = Array.from({ length: 25 }, (_, index) => ({ number: 1, key: `${index}`, line: actionLine() }));

function lead(focused: string | undefined, key: string, isFirst = false): string | undefined {
  return neighbourOf(ROWS, focused, isFirst, key)?.key;
}

describe('keys in the list of actions', () => {
  test('lead one row on, and not beyond the ends', () => {
    expect([lead('3', 'ArrowDown'), lead('3', 'j'), lead('3', 'ArrowUp'), lead('3', 'k')]).toEqual([
      '4',
      '4',
      '2',
      '2',
    ]);
    expect([lead('24', 'j'), lead('0', 'k')]).toEqual(['24', '0']);
  });

  test('select where the focus is when nothing is selected yet', () => {
    expect([lead('3', 'ArrowDown', true), lead('3', 'k', true)]).toEqual(['3', '3']);
  });

  test('lead ten rows on, and to the ends', () => {
    expect([lead('3', 'PageDown'), lead('13', 'PageUp'), lead('20', 'PageDown')]).toEqual(['13', '3', '24']);
    expect([lead('3', 'Home'), lead('3', 'End')]).toEqual(['0', '24']);
  });

  test('lead nowhere when they mean something else, or when there are no rows', () => {
    expect(lead('3', 'x')).toBeUndefined();
    expect(neighbourOf([], undefined, false, 'j')).toBeUndefined();
  });
});
