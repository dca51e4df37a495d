import type { McpServer } from '@modelcontextprotocol/server';
import { findTimeZone, formatOffset, formatRfc3339, isDaylightSaving, isTimeZone } from './time-zones.ts';

interface City {
  readonly city: string;
  readonly timeZone: string;
}

const WORLD: readonly City[] = [
  { city: 'Honolulu', timeZone: 'Pacific/Honolulu' },
  { city: 'Los Angeles', timeZone: 'America/Los_Angeles' },
  { city: 'Chicago', timeZone: 'America/Chicago' },
  { city: 'New York', timeZone: 'America/New_York' },
  { city: 'São Paulo', timeZone: 'America/Sao_Paulo' },
  { city: 'London', timeZone: 'Europe/London' },
  { city: 'Berlin', timeZone: 'Europe/Berlin' },
  { city: 'Lagos', timeZone: 'Africa/Lagos' },
  { city: 'Dubai', timeZone: 'Asia/Dubai' },
  { city: 'Kolkata', timeZone: 'Asia/Kolkata' },
  { city: 'Singapore', timeZone: 'Asia/Singapore' },
  { city: 'Tokyo', timeZone: 'Asia/Tokyo' },
  { city: 'Sydney', timeZone: 'Australia/Sydney' },
  { city: 'Auckland', timeZone: 'Pacific/Auckland' },
];

const FORMATS = {
  input_formats: [
    '2026-03-29T14:30:00Z',
    '2026-03-29T14:30:00+02:00',
    '2026-03-29T14:30:00',
    '2026-03-29 14:30',
    '2026-03-29',
  ],
  output_formats: { rfc3339: '2026-03-29T14:30:00+02:00', utc: '2026-03-29T12:30:00Z' },
};

const MONDAY_TO_FRIDAY = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'];

const BUSINESS_HOURS = {
  regions: {
    north_america: { standard_hours: '09:00-17:00', lunch_break: '12:00-13:00', working_days: MONDAY_TO_FRIDAY },
    europe: { standard_hours: '09:00-17:30', lunch_break: '12:30-13:30', working_days: MONDAY_TO_FRIDAY },
    asia_pacific: { standard_hours: '09:00-18:00', lunch_break: '12:00-13:00', working_days: MONDAY_TO_FRIDAY },
    middle_east: {
      standard_hours: '09:00-18:00',
      lunch_break: '13:00-14:00',
      working_days: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday'],
    },
  },
};

/** Content that depends on the clock must not be cached. */
const NEVER_CACHED = { ttlMs: 0, cacheScope: 'public' } as const;
const LASTING = { ttlMs: 60_000, cacheScope: 'public' } as const;

export function registerResources(server: McpServer): void {
  const json = (
    uri: string,
    name: string,
    description: string,
    cacheHint: { ttlMs: number; cacheScope: 'public' },
    read: () => unknown,
  ): void => {
    const mimeType = 'application/json';
    server.registerResource(name, uri, { description, mimeType, cacheHint }, () => ({
      contents: [{ uri, mimeType, text: JSON.stringify(read(), null, 2) }],
    }));
  };
  json('timezone://info', 'Time zones', 'Offsets and daylight saving of major time zones', NEVER_CACHED, () => ({
    timezones: describeZones(Date.now()),
  }));
  json('time://current/world', 'World clock', 'The current time in major cities', NEVER_CACHED, () =>
    worldClock(Date.now()),
  );
  json(
    'time://formats',
    'Time formats',
    'The forms of a time that convert_time reads and writes',
    LASTING,
    () => FORMATS,
  );
  json('time://business-hours', 'Business hours', 'Usual working hours by region', LASTING, () => BUSINESS_HOURS);
}

function describeZones(instant: number): unknown[] {
  return WORLD.flatMap(({ city, timeZone }) => {
    const zone = findTimeZone(timeZone);
    if (!isTimeZone(zone)) return [];
    const offset = formatOffset(zone.offsetMinutes(instant));
    return [{ id: timeZone, offset, dst: isDaylightSaving(instant, zone), major_cities: [city] }];
  });
}

function worldClock(instant: number): unknown {
  const times: Record<string, string> = {};
  for (const { city, timeZone } of WORLD) {
    const zone = findTimeZone(timeZone);
    if (isTimeZone(zone)) times[city] = formatRfc3339(instant, zone);
  }
  return { last_updated: new Date(instant).toISOString(), times };
}
