/**
 * A copy of plain data that is frozen and has no prototypes, all the way down: `record[name]` is undefined for every
 * name that was not configured, `__proto__`, `constructor` and `toString` included, so that it may be asked for names
 * that come from a client. JSON loses this: a configuration that went through JSON is to be sealed again.
 */
export function seal<T>(value: T): T;
export function seal(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => seal(item)));
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) copy[key] = seal(item);
  return Object.freeze(copy);
}
