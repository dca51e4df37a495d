/** The records that the parts of a text are kept in. */
import { atMost } from './at-most.ts';
import { GarbledRecord, type Item, readBytes } from './item.ts';
import type { Records } from './records.ts';
import { partKey, type RecordKey } from './table.ts';
import { isPackedSize, partCount, unpackText } from './text-parts.ts';

/** How many parts are written or removed at a time. */
const PARTS_AT_ONCE = 8;

interface KeptText {
  readonly version: string;
  readonly bytes: number;
}

/** Keys of all parts of a text, in order. */
export function partKeys(partition: string, { version, bytes }: KeptText): readonly RecordKey[] {
  if (!isPackedSize(bytes)) throw new GarbledRecord('bytes');
  return Array.from({ length: partCount(bytes) }, (_, part) => partKey(partition, version, part));
}

/** Writes parts that nobody knows of yet; `more` is what their records have besides. */
export async function putParts(
  records: Records,
  keys: readonly RecordKey[],
  parts: readonly Uint8Array[],
  more: Item = {},
): Promise<void> {
  await atMost(PARTS_AT_ONCE, keys, (key, part) => records.put({ ...key, data: { B: parts[part]! }, ...more }));
}

export async function removeParts(records: Records, keys: readonly RecordKey[]): Promise<void> {
  await atMost(PARTS_AT_ONCE, keys, (key) => records.remove(key));
}

/** The text that is kept in these records; undefined when one of them is gone. */
export async function textOf(items: readonly (Item | undefined)[], bytes: number): Promise<string | undefined> {
  const found = items.filter((item) => item !== undefined);
  if (found.length < items.length) return undefined;
  return unpackText(
    found.map((item) => readBytes(item, 'data')),
    bytes,
  );
}
