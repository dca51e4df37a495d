import { type StoreTally, StoreError } from '../../ports.ts';
import type { DynamoClient } from './client.ts';
import { GarbledRecord, type Item } from './item.ts';
import { NAMES, PARTITION_KEY, type RecordKey, SORT_KEY } from './table.ts';

/** A condition of `CONDITIONS`, or an update, with what it needs from its operation. */
export interface Expression {
  readonly text: string;
  readonly values?: Item;
  /** Names that are not among `NAMES`. */
  readonly names?: Readonly<Record<string, string>>;
}

export type Written =
  | { readonly kind: 'written' }
  /** The condition did not hold. `found` gives the record that is in place, undefined when there is none. */
  | { readonly kind: 'refused'; readonly found: () => Promise<Item | undefined> };

/** The table, for one HTTP request: every request sent to it is counted on that request's tally. */
export interface Records {
  get(key: RecordKey, consistency: 'consistent' | 'eventual'): Promise<Item | undefined>;
  put(item: Item & RecordKey, condition?: Expression): Promise<Written>;
  update(key: RecordKey, update: Expression, condition: Expression): Promise<Written>;
  /** The record that was removed; undefined for everyone but the one who removed it. */
  remove(key: RecordKey): Promise<Item | undefined>;
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
  const write = async (key: RecordKey, send: (dynamo: DynamoClient) => Promise<Answered>): Promise<Written> => {
    const dynamo = await client();
    try {
      await counted(tally, send(dynamo));
      return { kind: 'written' };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { Item: inPlace } = error;
      // The exception carries it, except on emulators that do not know ReturnValuesOnConditionCheckFailure.
      return { kind: 'refused', found: async () => inPlace ?? (await get(key, 'consistent')) };
    }
  };

  return {
    get,
    put: (item, condition) =>
      write(keyOf(item), (dynamo) => dynamo.putItem({ ...table, Item: item, ...conditional(condition) })),
    update: (key, update, condition) =>
      write(key, (dynamo) =>
        dynamo.updateItem({
          ...table,
          Key: key,
          UpdateExpression: update.text,
          ...conditional(condition, update),
        }),
      ),
    remove: async (key) => {
      const dynamo = await client();
      const input = { ...table, Key: key, ReturnValues: 'ALL_OLD' } as const;
      return (await counted(tally, dynamo.deleteItem(input))).Attributes;
    },
  };
}

function keyOf(item: RecordKey): RecordKey {
  return { [PARTITION_KEY]: item[PARTITION_KEY], [SORT_KEY]: item[SORT_KEY] };
}

/** The fields of a write with a condition. DynamoDB refuses names and values that no expression of the write uses. */
function conditional(condition: Expression | undefined, update?: Expression) {
  if (condition === undefined) return {};
  const text = `${condition.text} ${update?.text ?? ''}`;
  const names = { ...NAMES, ...update?.names, ...condition.names };
  const values = { ...update?.values, ...condition.values };
  return {
    ConditionExpression: condition.text,
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    ExpressionAttributeNames: Object.fromEntries(Object.entries(names).filter(([name]) => uses(text, name))),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  } as const;
}

function uses(text: string, name: string): boolean {
  return text.match(/#\w+/g)?.includes(name) ?? false;
}

/** What every answer and every exception of the SDK carries. */
interface Answered {
  readonly $metadata?: { readonly attempts?: number | undefined };
}

/** Counts a request when it is sent, and the SDK's own repetitions of it once they are known. */
async function counted<T extends Answered>(tally: StoreTally, request: Promise<T>): Promise<T> {
  tally.requests += 1;
  try {
    const answer = await request;
    tally.requests += repetitions(answer);
    return answer;
  } catch (error) {
    tally.requests += repetitions(error as Answered | undefined);
    throw error;
  }
}

function repetitions(answered: Answered | undefined): number {
  return (answered?.$metadata?.attempts ?? 1) - 1;
}

function isRefusal(error: unknown): error is Error & { readonly Item?: Item } {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}
