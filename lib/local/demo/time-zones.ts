/**
 * Wall clocks of IANA time zones, from the rules that ship with Node (`Intl`). Instants are milliseconds since the epoch.
 */

/** The name is not one `Intl` knows. */
export interface UnknownTimeZone {
  readonly kind: 'unknown-time-zone';
  readonly timeZone: string;
}

/** The text is not a time in one of the accepted forms, or names a day or hour that does not exist. */
export interface UnreadableTime {
  readonly kind: 'unreadable-time';
  readonly text: string;
}

export interface TimeZone {
  /** As the caller wrote it. */
  readonly name: string;
  /** Minutes to add to UTC to get this zone's wall clock at the instant. */
  readonly offsetMinutes: (instant: number) => number;
}

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Formatters are slow to build and hold some 20 KB each, so a few are kept, the oldest making room. */
const FORMATTERS_KEPT = 64;
const formatters = new Map<string, Intl.DateTimeFormat>();

export function findTimeZone(name: string): TimeZone | UnknownTimeZone {
  const formatter = formatterFor(name);
  if (formatter === undefined) return { kind: 'unknown-time-zone', timeZone: name };
  return { name, offsetMinutes: (instant) => offsetMinutes(formatter, instant) };
}

export function isTimeZone(found: TimeZone | UnknownTimeZone): found is TimeZone {
  return 'offsetMinutes' in found;
}

/** RFC 3339 with whole seconds and the zone's offset at that instant; `Z` when the offset is zero. */
export function formatRfc3339(instant: number, zone: TimeZone): string {
  const offset = zone.offsetMinutes(instant);
  const local = new Date(instant + offset * MINUTE).toISOString().slice(0, 19);
  return local + formatOffset(offset);
}

/** `+05:30`, or `Z` for zero. */
export function formatOffset(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'Z';
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** True while the zone's clock is ahead of the smaller of its January and July offsets of that year. */
export function isDaylightSaving(instant: number, zone: TimeZone): boolean {
  const year = new Date(instant).getUTCFullYear();
  const standard = Math.min(zone.offsetMinutes(Date.UTC(year, 0, 1)), zone.offsetMinutes(Date.UTC(year, 6, 1)));
  return zone.offsetMinutes(instant) > standard;
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?)?$/i;

/**
 * Reads `2026-03-29T02:30:00+02:00`, `2026-03-29T02:30:00`, `2026-03-29 02:30`, or `2026-03-29`. An offset in the text
 * decides the instant; without one the text is the wall clock of `zone`. A wall clock that daylight saving skips is
 * moved forward by the skipped time; one that happens twice is its first occurrence (as RFC 5545, 3.3.5, reads both).
 */
export function parseTime(text: string, zone: TimeZone): number | UnreadableTime {
  const match = TIME.exec(text.trim());
  const wallClock = match === null ? undefined : wallClockOf(match);
  if (match === null || wallClock === undefined) return { kind: 'unreadable-time', text };
  const offset = match[8];
  if (offset === undefined) return instantOf(wallClock, zone);
  const minutes = parseOffset(offset);
  return minutes === undefined ? { kind: 'unreadable-time', text } : wallClock - minutes * MINUTE;
}

/** The wall clock as if it were UTC; undefined when there is no such day or hour. */
function wallClockOf(match: RegExpExecArray): number | undefined {
  const part = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (year === 0 || hour > 23 || minute > 59 || second > 59) return undefined;
  const milliseconds = Math.floor(Number(`0.${match[7] ?? '0'}`) * 1000);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.setUTCHours(hour, minute, second, milliseconds);
}

function parseOffset(text: string): number | undefined {
  if (text.toUpperCase() === 'Z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/**
 * A zone's offset changes at most once around any wall clock, so the offsets a day before and after are the only two
 * candidates. Where the clock jumped back both fit, and the earlier offset gives the first occurrence; where it jumped
 * forward neither fits, and the earlier offset lands the skipped time behind the gap.
 */
function instantOf(wallClock: number, zone: TimeZone): number {
  const before = zone.offsetMinutes(wallClock - DAY);
  const after = zone.offsetMinutes(wallClock + DAY);
  const fits = (offset: number): boolean => zone.offsetMinutes(wallClock - offset * MINUTE) === offset;
  const offset = !fits(before) && fits(after) ? after : before;
  return wallClock - offset * MINUTE;
}

function formatterFor(name: string): Intl.DateTimeFormat | undefined {
  const key = name.toLowerCase();
  const kept = formatters.get(key);
  if (kept !== undefined) return kept;
  const formatter = buildFormatter(name);
  if (formatter === undefined) return undefined;
  const oldest = formatters.size < FORMATTERS_KEPT ? undefined : formatters.keys().next().value;
  if (oldest !== undefined) formatters.delete(oldest);
  formatters.set(key, formatter);
  return formatter;
}

function buildFormatter(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** RFC 3339 offsets have no seconds, which local mean times before about 1900 do have: rounded to the minute. */
function offsetMinutes(formatter: Intl.DateTimeFormat, instant: number): number {
  const whole = Math.floor(instant / 1000) * 1000;
  const parts = new Map(formatter.formatToParts(whole).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
  const year = parts.get('era') === 'BC' ? 1 - part('year') : part('year');
  const local = new Date(0);
  local.setUTCFullYear(year, part('month') - 1, part('day'));
  local.setUTCHours(part('hour'), part('minute'), part('second'));
  return Math.round((local.getTime() - whole) / MINUTE);
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
