import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { serverTiming, timingOf } from '../../lib/delivery/timing.ts';
import { seeded } from '../support/property.ts';

const property = seeded('test/delivery/timing', 1000);

/** As a clock tells them: anything from nothing to a day. */
const duration = fc.double({ min: 0, max: 86_400_000, noNaN: true });

/** Whole microseconds. */
const micros = (ms: number): number => Math.round(ms * 1000);

test('the share of the gateway and that of the upstream add up to the total, to the microsecond', () => {
  fc.assert(
    fc.property(duration, duration, (total, waited) => {
      const { totalMs, gatewayMs, upstreamMs } = timingOf(total, waited);
      expect(micros(gatewayMs) + micros(upstreamMs)).toBe(micros(totalMs));
      expect(Math.min(gatewayMs, upstreamMs)).toBeGreaterThanOrEqual(0);
      expect(Math.abs(totalMs - total)).toBeLessThan(0.001);
      expect([totalMs, gatewayMs, upstreamMs].map((ms) => micros(ms) / 1000)).toEqual([totalMs, gatewayMs, upstreamMs]);
    }),
    property,
  );
});

test('what has been measured can be measured again', () => {
  fc.assert(
    fc.property(duration, duration, (total, waited) => {
      const timing = timingOf(total, waited);
      expect(timingOf(timing.totalMs, waited)).toEqual(timing);
    }),
    property,
  );
});

test('the header has two metrics in the form that browsers read', () => {
  expect(serverTiming(timingOf(57.934_4, 56.7))).toBe('gateway;dur=1.234, upstream;dur=56.7');
  fc.assert(
    fc.property(duration, duration, (total, waited) => {
      expect(serverTiming(timingOf(total, waited))).toMatch(
        /^gateway;dur=\d+(\.\d{1,3})?, upstream;dur=\d+(\.\d{1,3})?$/,
      );
    }),
    property,
  );
});
