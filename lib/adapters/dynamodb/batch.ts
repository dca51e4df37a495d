/** Many records in few requests. */
import type { BatchGetItemCommandInput, BatchGetItemCommandOutput } from '@aws-sdk/client-dynamodb';

import { atMost } from './at-most.ts';
import { GarbledRecord, type Item } from './item.ts';
import { PARTITION_KEY, type RecordKey, SORT_KEY } from './table.ts';

/** As many as DynamoDB takes in one request. */
const KEYS_PER_REQUEST = 100;
const REQUESTS_AT_ONCE = 4;

/** How often in a row a request may bring nothing before the rest is given up, and what the pauses begin with. */
const MOST_IN_VAIN = 5;
const PAUSE_MS = 25;

/** DynamoDB had no capacity for the rest of a batch, again and again. */
class KeysUnprocessed extends Error {
  override readonly name = 'KeysUnprocessed';
}

type Send = (input: BatchGetItemCommandInput) => Promise<BatchGetItemCommandOutput>;

/** The records in the order of the keys, undefined for what is not there; consistent reads. A key may come twice. */
export async function getAll(
  keys: readonly RecordKey[],
  tableName: string,
  send: Send,
): Promise<readonly (Item | undefined)[]> {
  const distinct = [...new Map(keys.map((key) => [nameOf(key), key])).values()];
  const found = new Map<string, Item>();
  await atMost(REQUESTS_AT_ONCE, chunksOf(distinct), (chunk) => getChunk(chunk, tableName, send, found));
  return keys.map((key) => found.get(nameOf(key)));
}

/**
 * Asks until every key is answered for. DynamoDB leaves out what does not fit in 16 MB and what there is no capacity
 * for; those keys are asked for again, each time after a random pause that grows while nothing comes.
 */
async function getChunk(keys: Item[], tableName: string, send: Send, found: Map<string, Item>): Promise<void> {
  let rest = keys;
  let inVain = 0;
  for (;;) {
    const answer = await send({ RequestItems: { [tableName]: { Keys: rest, ConsistentRead: true } } });
    for (const item of answer.Responses?.[tableName] ?? []) found.set(nameOf(item), item);
    const unprocessed = answer.UnprocessedKeys?.[tableName]?.Keys ?? [];
    if (unprocessed.length === 0) return;
    inVain = unprocessed.length < rest.length ? 0 : inVain + 1;
    if (inVain === MOST_IN_VAIN) throw new KeysUnprocessed(`${unprocessed.length} keys were not processed`);
    rest = unprocessed;
    await pause(Math.random() * PAUSE_MS * 2 ** inVain);
  }
}

function chunksOf(keys: readonly RecordKey[]): RecordKey[][] {
  const count = Math.ceil(keys.length / KEYS_PER_REQUEST);
  return Array.from({ length: count }, (_, chunk) =>
    keys.slice(chunk * KEYS_PER_REQUEST, (chunk + 1) * KEYS_PER_REQUEST),
  );
}

function nameOf(item: Item | RecordKey): string {
  const partition = item[PARTITION_KEY]?.S;
  const sort = item[SORT_KEY]?.S;
  if (partition === undefined || sort === undefined) throw new GarbledRecord(PARTITION_KEY);
  return JSON.stringify([partition, sort]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
