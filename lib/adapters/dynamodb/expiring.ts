/** Records that are swept once they have expired: the index of them, and their removal. */
import { GarbledRecord, type Item, numberValue, readNumber, readText, textValue } from './item.ts';
import type { Records } from './records.ts';
import { CONDITIONS, KEY_CONDITIONS } from './conditions.ts';
import { EXPIRY_INDEX, type ExpiringKind, idOfExpiring, PARTITION_KEY, type RecordKey } from './table.ts';

/** Ids of what expires at `from` or later and before `until`, the earliest first, no more than `limit`. */
export async function expiringKeys(
  records: Records,
  kind: ExpiringKind,
  from: number,
  until: number,
  limit: number,
): Promise<readonly string[]> {
  // DynamoDB refuses a question with nothing between its ends, and one for no records.
  if (from >= until || limit < 1) return [];
  const items = await records.query({
    text: KEY_CONDITIONS.expiresBetween,
    values: { ':kind': textValue(kind), ':from': numberValue(from), ':to': numberValue(until) },
    index: EXPIRY_INDEX,
    limit,
  });
  // The index includes both ends.
  return items.filter((item) => readNumber(item, 'expiresAt') < until).map((item) => idOf(kind, item));
}

/** Ids of what expires at `from` or later, the latest first, no more than `limit`. */
export async function lastExpiringKeys(
  records: Records,
  kind: ExpiringKind,
  from: number,
  limit: number,
): Promise<readonly string[]> {
  if (limit < 1) return [];
  const items = await records.query({
    text: KEY_CONDITIONS.expiresFrom,
    values: { ':kind': textValue(kind), ':from': numberValue(from) },
    index: EXPIRY_INDEX,
    order: 'descending',
    limit,
  });
  return items.map((item) => idOf(kind, item));
}

function idOf(kind: ExpiringKind, item: Item): string {
  const id = idOfExpiring(kind, readText(item, PARTITION_KEY));
  if (id === undefined) throw new GarbledRecord(PARTITION_KEY);
  return id;
}

/** The record, for the one who removed it; undefined when it is gone, or expires after `now`. */
export function removeExpired(records: Records, key: RecordKey, now: number): Promise<Item | undefined> {
  return records.remove(key, { text: CONDITIONS.stillExpired, values: { ':now': numberValue(now) } });
}
