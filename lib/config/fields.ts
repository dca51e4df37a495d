/** Looking into a file of unknown shape: what is not there, or is something else, is read as nothing. */
export type Fields = Readonly<Record<string, unknown>>;

const NOTHING: Fields = {};

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : NOTHING;
}

export function entriesOf(value: unknown): [string, unknown][] {
  return Object.entries(fieldsOf(value));
}

export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
