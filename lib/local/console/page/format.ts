/** Figures as words. */

/** Milliseconds, with as many digits as one can use; the unit is said beside it. */
export function milliseconds(value: number): string {
  if (value < 10) return value.toFixed(2);
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** A span of time from `ms` milliseconds on: `0 s`, `59 s`, `12 min`, `5 h`, `3 d`; never below zero. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `3 min ago`. */
export function ago(time: number, now: number): string {
  return `${span(now - time)} ago`;
}

/** `in 3 min`, or `over` when that has passed. */
export function until(time: number, now: number): string {
  return time <= now ? 'over' : `in ${span(time - now)}`;
}

/** The time of day in the browser's zone: `09:05:03.123`. */
export function timeOfDay(time: number): string {
  const date = new Date(time);
  const two = (part: number) => String(part).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `1 call`, `2 calls`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `100+` when there are others that are not shown. */
export function countOfShown(count: number, hasMore: boolean): string {
  return hasMore ? `${count}+` : String(count);
}
