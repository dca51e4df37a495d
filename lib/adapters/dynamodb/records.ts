import { type StoreTally, StoreError } from '../../ports/stores.ts';
import { getAll } from './batch.ts';
import type { DynamoClient } from './client.ts';
import { counted } from './counted.ts';
import { attributesOf, type Expression } from './expression.ts';
import { GarbledRecord, type Item, numberValue, readNumber } from './item.ts';
import { PARTITION_KEY, type RecordKey, SORT_KEY } from './table.ts';

export type { Expression } from './expression.ts';

export type Written = { readonly kind: 'written' } | Refused;

/** As `Written`; `item` is the record as it is now. */
export type Updated = { readonly kind: 'written'; readonly item: Item } | Refused;

/** The condition did not hold. `found` gives the record that is in place, undefined when there is none. */
interface Refused {
  readonly kind: 'refused';
  readonly found: () => Promise<Item | undefined>;
}

/** The table, for one HTTP request: every request sent to it is counted on that request's tally. */
export interface Records {
  get(key: RecordKey, consistency: 'consistent' | 'eventual'): Promise<Item | undefined>;
  /** In the order of the keys, undefined for what is not there; consistent reads. */
  batchGet(keys: readonly RecordKey[]): Promise<readonly (Item | undefined)[]>;
  /** In the order that is asked for; a consistent read, except of an index. */
  query(question: Question): Promise<readonly Item[]>;
  put(item: Item & RecordKey, condition?: Expression): Promise<Written>;
  update(key: RecordKey, update: Expression, condition?: Expression): Promise<Written>;
  /** As `update`, for whoever needs to know what became of the record. */
  updateAndGet(key: RecordKey, update: Expression, condition?: Expression): Promise<Updated>;
  /** Adds 1 to a number that is 0 while it is absent; the number after it. */
  increment(key: RecordKey, attribute: string): Promise<number>;
  /** The record that was removed; undefined for everyone but the one who removed it, and if the condition refused. */
  remove(key: RecordKey, condition?: Expression): Promise<Item | undefined>;
}

/** One of `KEY_CONDITIONS`, for the table itself or for an index of it. */
export interface Question extends Expression {
  readonly index?: string;
  /** Of the sort key; ascending when left out. */
  readonly order?: 'ascending' | 'descending';
  /** The most records that are wanted; all of them when left out. */
  readonly limit?: number;
}

/** Runs one method of a store and turns whatever is thrown in it into a `StoreError`. */
export async function storeOperation<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new StoreError(operation, troubleOf(cause), cause);
  }
}

/** What went wrong, in words of ours: the text of other errors may quote a record. */
function troubleOf(cause: unknown): string {
  if (cause instanceof GarbledRecord) return cause.message;
  if (!(cause instanceof Error)) return 'unknown trouble';
  return 'code' in cause && typeof cause.code === 'string' ? `${cause.name} ${cause.code}` : cause.name;
}

export function openRecords(client: () => Promise<DynamoClient>, tableName: string, tally: StoreTally): Records {
  const table = { TableName: tableName };

  const get: Records['get'] = async (key, consistency) => {
    const dynamo = await client();
    const input = { ...table, Key: key, ConsistentRead: consistency === 'consistent' };
    return (await counted(tally, dynamo.getItem(input))).Item;
  };

  /** Sends a conditional write; a condition that does not hold is one of its two results and no failure. */
  const write = async <T extends object>(
    key: RecordKey,
    send: (dynamo: DynamoClient) => Promise<T>,
  ): Promise<{ readonly kind: 'written'; readonly answer: T } | Refused> => {
    const dynamo = await client();
    try {
      return { kind: 'written', answer: await counted(tally, send(dynamo)) };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { Item: inPlace } = error;
      // The exception carries it, except on emulators that do not know ReturnValuesOnConditionCheckFailure.
      return { kind: 'refused', found: async () => inPlace ?? (await get(key, 'consistent')) };
    }
  };

  const updateInput = (key: RecordKey, update: Expression, condition: Expression | undefined) => ({
    ...table,
    Key: key,
    UpdateExpression: update.text,
    ...conditional(condition),
    ...attributesOf(update, condition),
  });

  const query: Records['query'] = async ({ index, order = 'ascending', limit = Infinity, ...condition }) => {
    const dynamo = await client();
    const input = {
      ...table,
      ...(index === undefined ? { ConsistentRead: true } : { IndexName: index }),
      KeyConditionExpression: condition.text,
      ...(order === 'descending' && { ScanIndexForward: false }),
      ...attributesOf(condition),
    };
    const found: Item[] = [];
    let next: Item | undefined;
    do {
      const page = await counted(
        tally,
        dynamo.query({
          ...input,
          ...(limit !== Infinity && { Limit: limit - found.length }),
          ...(next !== undefined && { ExclusiveStartKey: next }),
        }),
      );
      found.push(...(page.Items ?? []));
      next = page.LastEvaluatedKey;
    } while (next !== undefined && found.length < limit);
    return found;
  };

  return {
    get,
    query,
    batchGet: async (keys) => {
      const dynamo = await client();
      return getAll(keys, tableName, (input) => counted(tally, dynamo.batchGetItem(input)));
    },
    put: (item, condition) =>
      write(keyOf(item), (dynamo) =>
        dynamo.putItem({ ...table, Item: item, ...conditional(condition), ...attributesOf(condition) }),
      ),
    update: (key, update, condition) => write(key, (dynamo) => dynamo.updateItem(updateInput(key, update, condition))),
    updateAndGet: async (key, update, condition) => {
      const written = await write(key, (dynamo) =>
        dynamo.updateItem({ ...updateInput(key, update, condition), ReturnValues: 'ALL_NEW' }),
      );
      return written.kind === 'refused' ? written : { kind: 'written', item: written.answer.Attributes ?? {} };
    },
    increment: async (key, attribute) => {
      const dynamo = await client();
      const update: Expression = {
        text: 'ADD #attribute :one',
        names: { '#attribute': attribute },
        values: { ':one': numberValue(1) },
      };
      const input = { ...table, Key: key, UpdateExpression: update.text, ...attributesOf(update) };
      const { Attributes = {} } = await counted(tally, dynamo.updateItem({ ...input, ReturnValues: 'UPDATED_NEW' }));
      return readNumber(Attributes, attribute);
    },
    remove: async (key, condition) => {
      const dynamo = await client();
      const input = { ...table, Key: key, ...conditional(condition), ...attributesOf(condition) };
      try {
        return (await counted(tally, dynamo.deleteItem({ ...input, ReturnValues: 'ALL_OLD' }))).Attributes;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        return undefined;
      }
    },
  };
}

function keyOf(item: RecordKey): RecordKey {
  return { [PARTITION_KEY]: item[PARTITION_KEY], [SORT_KEY]: item[SORT_KEY] };
}

function conditional(condition: Expression | undefined) {
  if (condition === undefined) return {};
  return { ConditionExpression: condition.text, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;
}

function isRefusal(error: unknown): error is Error & { readonly Item?: Item } {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}
