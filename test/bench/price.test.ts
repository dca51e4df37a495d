/** Dollars from what is used. */
import { describe, expect, test } from 'vitest';
import { billOf, times, totalOf, type Usage } from './price.ts';

const NOTHING: Usage = {
  requests: 0,
  seconds: 0,
  writeUnits: 0,
  readUnits: 0,
  traces: 0,
  logBytes: 0,
  sentBytes: 0,
};

const MILLION = 1e6;

/** Of a million of what is used, with 512 MB. */
function dollarsOf(usage: Partial<Usage>): number {
  return totalOf(billOf(times({ ...NOTHING, ...usage }, MILLION), 512));
}

describe('a million', () => {
  test('requests cost twenty cents', () => expect(dollarsOf({ requests: 1 })).toBeCloseTo(0.2, 9));

  test('seconds of half a GB cost half of the price of a GB-second', () =>
    expect(dollarsOf({ seconds: 1 })).toBeCloseTo(13.33 / 2, 9));

  test('units, traces and bytes have their prices', () => {
    expect(dollarsOf({ writeUnits: 2 })).toBeCloseTo(1.25, 9);
    expect(dollarsOf({ readUnits: 0.5 })).toBeCloseTo(0.0625, 9);
    expect(dollarsOf({ traces: 0.05 })).toBeCloseTo(0.25, 9);
    expect(dollarsOf({ logBytes: 1000 })).toBeCloseTo(0.5, 9);
    expect(dollarsOf({ sentBytes: 1000 })).toBeCloseTo(0.09, 9);
  });

  test('calls of 50 ms of gateway and 500 ms of upstream cost $3.87, of which most is the wait', () => {
    const waited = dollarsOf({ seconds: 0.5 });
    const all = dollarsOf({ requests: 1, seconds: 0.55 });
    expect(all).toBeCloseTo(3.87, 2);
    expect(waited / (all - 0.2)).toBeCloseTo(0.91, 2);
  });
});
