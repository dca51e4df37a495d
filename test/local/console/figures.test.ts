import { describe, expect, test } from 'vitest';
import { ago, milliseconds, size, span, until } from '../../../lib/local/console/page/format.ts';
import { readJson } from '../../../lib/local/console/page/feed-text.ts';
import { median, roundUp, scaleFor, ticksFor } from '../../../lib/local/console/page/scale.ts';

describe('figures of the console', () => {
  test('have as many digits as one can use', () => {
    expect([0.034, 9.99, 12.34, 345.6].map(milliseconds)).toEqual(['0.03', '9.99', '12.3', '346']);
    expect([999, 12_431, 3_000_000].map(size)).toEqual(['999 B', '12.4 kB', '3.0 MB']);
  });

  test('tell ages in the unit that fits, and none below zero', () => {
    expect([-5000, 59_000, 600_000, 7_200_000 * 2, 86_400_000 * 3].map(span)).toEqual([
      '0 s',
      '59 s',
      '10 min',
      '4 h',
      '3 d',
    ]);
    expect([ago(1000, 4000), until(4000, 1000), until(1000, 1000)]).toEqual(['3 s ago', 'in 3 s', 'over']);
  });

  test('have a median that is one of them, or none', () => {
    expect([median([3, 1, 2]), median([1, 2, 3, 4]), median([])]).toEqual([2, 2, null]);
  });

  test('are drawn to a scale that slow ones do not stretch', () => {
    expect(scaleFor([1, 2, 3, 4, 9000])).toBe(10);
    expect([scaleFor([]), scaleFor([0, 0])]).toEqual([1, 1]);
    expect([0.2, 1, 3, 5, 60, 1000].map(roundUp)).toEqual([1, 1, 5, 5, 100, 1000]);
  });

  test('have ticks in round steps, from zero to their length', () => {
    expect(ticksFor(65.9)).toEqual({ step: 20, ticks: [0, 20, 40, 60] });
    expect(ticksFor(0)).toEqual({ step: 1, ticks: [0] });
    for (const length of [0.001, 0.7, 6, 13, 999, 120_000]) {
      const { ticks } = ticksFor(length);
      expect(ticks.length, `${length}`).toBeGreaterThanOrEqual(3);
      expect(ticks.length, `${length}`).toBeLessThanOrEqual(7);
      expect(ticks.at(-1), `${length}`).toBeLessThanOrEqual(length);
    }
  });
});

describe('text that the console is sent', () => {
  test('has its invisible characters written out, but for line breaks', () => {
    expect(readJson(JSON.stringify({ text: 'a\u202Eb\u0000c\nd' }))).toEqual({ text: 'a\\u{202e}b\\u{0}c\nd' });
  });
});
