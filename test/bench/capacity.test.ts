/** What requests consume, as the bench's DynamoDB counts it; and the size of records. */
import {
  BatchGetItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { itemBytes } from './item-bytes.ts';
import { startProgram, type Program } from './programs/program.ts';

const TableName = 'sluice';

let dynamodb: Program;
let client: DynamoDBClient;

beforeAll(async () => {
  dynamodb = await startProgram(new URL('programs/dynamodb.ts', import.meta.url), {
    tableNames: [TableName],
    billed: true,
  });
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  client = new DynamoDBClient({ endpoint: dynamodb.origin, region: 'us-east-1', credentials });
});

afterAll(async () => {
  client.destroy();
  await dynamodb.close();
});

/** What `work` consumes: write units and read units. */
async function consumed(work: () => Promise<unknown>): Promise<readonly [number, number]> {
  const before = await dynamodb.counts();
  await work();
  const after = await dynamodb.counts();
  return [after['writeUnits']! - before['writeUnits']!, after['readUnits']! - before['readUnits']!];
}

const keyOf = (name: string) => ({ pk: { S: name }, sk: { S: name } });

function put(name: string, bytes: number, condition?: string) {
  const Item = { ...keyOf(name), text: { S: 'x'.repeat(bytes) } };
  const input = condition === undefined ? { TableName, Item } : { TableName, Item, ConditionExpression: condition };
  return client.send(new PutItemCommand(input));
}

describe('the capacity that requests consume', () => {
  test('a write consumes a unit for each KB', async () => {
    expect(await consumed(() => put('a', 100))).toEqual([1, 0]);
    expect(await consumed(() => put('b', 2000))).toEqual([2, 0]);
  });

  test('a consistent read of up to 4 KB consumes one unit, another half of it, found or not', async () => {
    const read = (name: string, ConsistentRead: boolean) => () =>
      client.send(new GetItemCommand({ TableName, Key: keyOf(name), ConsistentRead }));
    expect(await consumed(read('a', true))).toEqual([0, 1]);
    expect(await consumed(read('a', false))).toEqual([0, 0.5]);
    expect(await consumed(read('nobody', true))).toEqual([0, 1]);
  });

  test('a read of several records consumes what is found and what is not, each by itself', async () => {
    await put('large', 9000);
    const read = (ConsistentRead: boolean) => () => {
      const Keys = ['large', 'a', 'nobody', 'none'].map(keyOf);
      return client.send(new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys, ConsistentRead } } }));
    };
    expect(await consumed(read(true))).toEqual([0, 3 + 1 + 1 + 1]);
    expect(await consumed(read(false))).toEqual([0, 1.5 + 0.5 + 0.5 + 0.5]);
  });

  test('an operation that is not counted is not served, so that none is free', async () => {
    const scan = () => client.send(new ScanCommand({ TableName }));
    const [writes, reads] = await consumed(() => expect(scan()).rejects.toThrow('Scan'));
    expect([writes, reads]).toEqual([0, 0]);
  });

  test('a query that finds nothing is not free', async () => {
    const query = new QueryCommand({
      TableName,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: 'nobody' } },
    });
    expect(await consumed(() => client.send(query))).toEqual([0, 0.5]);
  });

  test('a refused write consumes as much as what is in place is large', async () => {
    const refused = async (name: string, condition: string) => {
      await expect(put(name, 10, condition)).rejects.toThrow('conditional request failed');
    };
    expect(await consumed(() => refused('b', 'attribute_not_exists(pk)'))).toEqual([2, 0]);
    expect(await consumed(() => refused('nobody', 'attribute_exists(pk)'))).toEqual([1, 0]);
  });
});

test('a record is as large as its names and what they hold', () => {
  expect(itemBytes({ pk: { S: 'abc' } })).toBe(2 + 3);
  expect(itemBytes({ n: { N: '-1200.5' } })).toBe(1 + 1 + 3 + 1);
  expect(itemBytes({ b: { B: Buffer.from('four').toString('base64') } })).toBe(1 + 4);
  expect(itemBytes({ m: { M: { a: { BOOL: true } } } })).toBe(1 + 3 + 1 + 1 + 1);
  expect(itemBytes({ s: { SS: ['é', 'b'] } })).toBe(1 + 2 + 1);
});
