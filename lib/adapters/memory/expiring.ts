interface Expiring {
  readonly expiresAt: number;
}

/** Keys of what expires at `from` or later and before `until`, the earliest first, no more than `limit`. */
export function expiringIn(records: ReadonlyMap<string, Expiring>, from: number, until: number, limit: number) {
  return [...records]
    .filter(([, { expiresAt }]) => expiresAt >= from && expiresAt < until)
    .toSorted(([, one], [, other]) => one.expiresAt - other.expiresAt)
    .slice(0, limit)
    .map(([key]) => key);
}

/** Keys of what expires at `from` or later, the latest first, no more than `limit`. */
export function lastExpiringIn(records: ReadonlyMap<string, Expiring>, from: number, limit: number) {
  return [...records]
    .filter(([, { expiresAt }]) => expiresAt >= from)
    .toSorted(([, one], [, other]) => other.expiresAt - one.expiresAt)
    .slice(0, limit)
    .map(([key]) => key);
}

/** Removes what has expired by `now` and returns it. */
export function takeExpired<T extends Expiring>(records: Map<string, T>, key: string, now: number): T | undefined {
  const record = records.get(key);
  if (record === undefined || record.expiresAt > now) return undefined;
  records.delete(key);
  return record;
}
