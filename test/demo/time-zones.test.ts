import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TimeZone } from '../../lib/local/demo/time-zones.ts';
import {
  findTimeZone,
  formatOffset,
  formatRfc3339,
  isDaylightSaving,
  isTimeZone,
  parseTime,
} from '../../lib/local/demo/time-zones.ts';

function zone(name: string): TimeZone {
  const found = findTimeZone(name);
  if (!isTimeZone(found)) throw new Error(`Unknown zone ${name}`);
  return found;
}

/** What `text` is in UTC when read as a time of `timeZone`. */
function inUtc(text: string, timeZone: string): string {
  const instant = parseTime(text, zone(timeZone));
  if (typeof instant !== 'number') return instant.kind;
  return formatRfc3339(instant, zone('UTC'));
}

describe('reading a time', () => {
  test('an offset in the text wins over the time zone', () => {
    expect(inUtc('2026-07-01T12:00:00+05:30', 'America/New_York')).toBe('2026-07-01T06:30:00Z');
    expect(inUtc('2026-07-01T12:00:00z', 'America/New_York')).toBe('2026-07-01T12:00:00Z');
  });

  test('a text without an offset is the wall clock of the time zone, summer and winter', () => {
    expect(inUtc('2026-07-01 12:00:00', 'America/New_York')).toBe('2026-07-01T16:00:00Z');
    expect(inUtc('2026-01-01T12:00', 'America/New_York')).toBe('2026-01-01T17:00:00Z');
    expect(inUtc('2026-01-01', 'Asia/Kathmandu')).toBe('2025-12-31T18:15:00Z');
  });

  test('a wall clock that daylight saving skips moves forward by the skipped time', () => {
    expect(inUtc('2026-03-29 01:59:59', 'Europe/Berlin')).toBe('2026-03-29T00:59:59Z');
    expect(inUtc('2026-03-29 02:30:00', 'Europe/Berlin')).toBe('2026-03-29T01:30:00Z');
    expect(inUtc('2026-03-29 03:00:00', 'Europe/Berlin')).toBe('2026-03-29T01:00:00Z');
    expect(inUtc('2026-10-04 02:15:00', 'Australia/Lord_Howe')).toBe('2026-10-03T15:45:00Z');
  });

  test('a wall clock that happens twice is its first occurrence', () => {
    expect(inUtc('2026-10-25 02:30:00', 'Europe/Berlin')).toBe('2026-10-25T00:30:00Z');
    expect(inUtc('2026-11-01 01:30:00', 'America/New_York')).toBe('2026-11-01T05:30:00Z');
    expect(inUtc('2026-10-25 03:00:00', 'Europe/Berlin')).toBe('2026-10-25T02:00:00Z');
  });

  test('a day that a time zone left out is passed over', () => {
    expect(inUtc('2011-12-30 12:00:00', 'Pacific/Apia')).toBe('2011-12-30T22:00:00Z');
  });

  test.each(['', 'noon', '2026-02-30', '2026-01-01 24:00', '2026-01-01T10:60', '0000-01-01', '2026-01-01T10:00+24:00'])(
    'refuses %j',
    (text) => {
      expect(inUtc(text, 'UTC')).toBe('unreadable-time');
    },
  );

  test('reads back the wall clock it wrote, in every time zone', () => {
    const seed = Date.now();
    fc.assert(
      fc.property(
        fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
        fc.integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(2100, 0, 1) / 1000 }),
        (name, second) => {
          const wallClock = formatRfc3339(second * 1000, zone(name)).slice(0, 19);
          const read = parseTime(wallClock, zone(name));
          expect(read).toBeTypeOf('number');
          expect(formatRfc3339(Number(read), zone(name)).slice(0, 19)).toBe(wallClock);
        },
      ),
      { seed, numRuns: 2000 },
    );
  });
});

test('an unknown time zone is said to be unknown', () => {
  expect(findTimeZone('Mars/Olympus')).toEqual({ kind: 'unknown-time-zone', timeZone: 'Mars/Olympus' });
  expect(findTimeZone('')).toEqual({ kind: 'unknown-time-zone', timeZone: '' });
});

test('an offset is written as RFC 3339 has it', () => {
  expect([0, 330, -210, 60].map(formatOffset)).toEqual(['Z', '+05:30', '-03:30', '+01:00']);
});

test('daylight saving is told from standard time on both hemispheres', () => {
  const july = Date.UTC(2026, 6, 1);
  expect(isDaylightSaving(july, zone('Europe/London'))).toBe(true);
  expect(isDaylightSaving(july, zone('Australia/Sydney'))).toBe(false);
  expect(isDaylightSaving(july, zone('Asia/Tokyo'))).toBe(false);
});
