/** Streams in the table: as `docs/storage-schema.md` describes them, garbled, and over answers that are lost. */
import { gunzipSync, gzipSync } from 'node:zlib';

import { type AttributeValue, DynamoDBClient, paginateQuery, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { clientAddress } from '../../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import { type RecordKey, streamBatchKey, streamHeadKey } from '../../../lib/adapters/dynamodb/table.ts';
import type { StreamStore } from '../../../lib/ports/streams.ts';
import { freshKey, randomJson } from '../../contract/samples.ts';
import { type RunningDynalite, startDynalite } from '../../support/dynalite.ts';
import { type DynamodbProxy, startDynamodbProxy } from '../../support/dynamodb-proxy.ts';

type Attributes = Record<string, AttributeValue>;

const tableName = 'sluice-streams';
const NOW = 1_780_000_000_000;
const LATER = NOW + 600_001;
const HEAD = { holder: 'me', heldUntil: NOW + 1, requests: ['"a"', '2'], continuation: undefined };
const secret = 'never shown';

let dynalite: RunningDynalite;
let proxy: DynamodbProxy;
let database: DynamoDBClient;
let streams: StreamStore;

beforeAll(async () => {
  dynalite = await startDynalite();
  proxy = await startDynamodbProxy(dynalite.endpoint);
  await createTable({ endpoint: dynalite.endpoint, tableName });
  database = new DynamoDBClient(clientAddress({ endpoint: dynalite.endpoint }));
  ({ streams } = createDynamoStores({ client: createDynamoClient({ endpoint: proxy.endpoint }), tableName })({
    requests: 0,
  }));
});
afterAll(async () => {
  database.destroy();
  await proxy.close();
  await dynalite.close();
});

async function itemsOf(key: string): Promise<Attributes[]> {
  const items: Attributes[] = [];
  const question = {
    TableName: tableName,
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': { S: `stream#${key}` } },
  };
  for await (const page of paginateQuery({ client: database }, question)) items.push(...(page.Items ?? []));
  return items;
}

describe('in the table', () => {
  test('a stream, its events and what goes on with it', async () => {
    const key = freshKey();
    await streams.begin(key, HEAD, LATER);
    await streams.append(key, { last: 12, events: ['{}', '[1]'], answered: [1], cut: false }, LATER);
    await streams.handOver(key, 'me', 'what goes on', LATER + 1000);
    const [events, head, ...others] = await itemsOf(key);
    expect(head).toEqual({
      pk: { S: `stream#${key}` },
      sk: { S: 'head' },
      holder: { S: 'me' },
      heldUntil: { N: '1780000000001' },
      requests: { S: '["\\"a\\"","2"]' },
      continuation: { S: 'what goes on' },
      expiresAt: { N: '1780000601001' },
      ttl: { N: '1780000602' },
    });
    const { data, ...plain } = events!;
    expect(plain).toEqual({
      pk: { S: `stream#${key}` },
      sk: { S: 'events#000000012' },
      answered: { S: '[1]' },
      cut: { BOOL: false },
      bytes: { N: String(data!.B!.length) },
      expiresAt: { N: '1780000600001' },
      ttl: { N: '1780000601' },
    });
    expect(gunzipSync(data!.B!).toString()).toBe('["{}","[1]"]');
    expect(others).toEqual([]);
  });

  test('a stream that was taken over', async () => {
    const key = freshKey();
    await streams.begin(key, HEAD, LATER);
    await streams.handOver(key, 'me', 'what goes on', LATER);
    await streams.takeOver(key, 'me', { holder: 'you', heldUntil: NOW + 2 }, LATER + 1000);
    expect(await itemsOf(key)).toEqual([
      {
        pk: { S: `stream#${key}` },
        sk: { S: 'head' },
        holder: { S: 'you' },
        heldUntil: { N: '1780000000002' },
        requests: { S: '["\\"a\\"","2"]' },
        expiresAt: { N: '1780000601001' },
        ttl: { N: '1780000602' },
      },
    ]);
  });

  test('events that are too much for one record are in parts, which are not read before they are needed', async () => {
    const key = freshKey();
    await streams.begin(key, HEAD, LATER);
    await streams.append(key, { last: 1, events: [randomJson(1_000_000)], answered: [], cut: false }, LATER);
    const items = await itemsOf(key);
    expect(items.map(({ sk }) => sk!.S)).toEqual(['events#000000001', 'head', 'part#001#1', 'part#002#1']);
    for (const { expiresAt } of items) expect(expiresAt).toEqual({ N: String(LATER) });
    const sent = proxy.received.length;
    await streams.read(key, 2, NOW);
    expect(proxy.received.slice(sent)).toEqual(['Query']);
    await streams.read(key, 1, NOW);
    expect(proxy.received.slice(sent)).toEqual(['Query', 'Query', 'BatchGetItem']);
  });
});

describe('an answer that is lost on the way', () => {
  test('does not make a take-over lose against itself', async () => {
    const key = freshKey();
    await streams.begin(key, HEAD, LATER);
    await streams.handOver(key, 'me', 'what goes on', LATER);
    proxy.loseNextAnswer();
    expect(await streams.takeOver(key, 'me', { holder: 'you', heldUntil: NOW }, LATER)).toBe(true);
    expect(proxy.received.slice(-2)).toEqual(['UpdateItem', 'UpdateItem']);
  });

  test('does not make a hand-over look refused, and writes no event twice', async () => {
    const key = freshKey();
    proxy.loseNextAnswer();
    await streams.begin(key, HEAD, LATER);
    proxy.loseNextAnswer();
    await streams.append(key, { last: 1, events: ['{}'], answered: [], cut: false }, LATER);
    proxy.loseNextAnswer();
    expect(await streams.handOver(key, 'me', 'what goes on', LATER)).toBe(true);
    expect(await streams.read(key, 0, NOW)).toEqual({
      head: { ...HEAD, continuation: 'what goes on' },
      batches: [{ last: 1, events: ['{}'], answered: [], cut: false }],
    });
  });
});

describe('garbled', () => {
  const packed = gzipSync('["{}"]');
  const expiry: Attributes = { expiresAt: { N: String(LATER) } };
  const head: Attributes = {
    holder: { S: 'me' },
    heldUntil: { N: '1' },
    requests: { S: '["1"]' },
    continuation: { S: 'c' },
    ...expiry,
  };
  const events: Attributes = {
    answered: { S: '[0]' },
    cut: { BOOL: false },
    bytes: { N: String(packed.length) },
    data: { B: packed },
    ...expiry,
  };

  async function put(key: RecordKey, item: Attributes, changes: Record<string, AttributeValue | undefined> = {}) {
    const changed = Object.entries({ ...item, ...changes }).filter(([, value]) => value !== undefined);
    const attributes = Object.fromEntries(changed) as Attributes;
    await database.send(new PutItemCommand({ TableName: tableName, Item: { ...attributes, ...key } }));
  }

  const garbledBy = (attribute: string) => ({
    name: 'StoreError',
    operation: 'streams.read',
    message: `streams.read: attribute ${attribute} is missing or is not what it should be`,
  });

  test('is an exception: the same records are read when nothing is wrong with them', async () => {
    const key = freshKey();
    await put(streamHeadKey(key), head, { unknown: { BOOL: true } });
    await put(streamBatchKey(key, 1), events);
    expect(await streams.read(key, 0, NOW)).toEqual({
      head: { holder: 'me', heldUntil: 1, requests: ['1'], continuation: 'c' },
      batches: [{ last: 1, events: ['{}'], answered: [0], cut: false }],
    });
  });

  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['holder', undefined],
    ['heldUntil', { S: secret }],
    ['requests', undefined],
    ['requests', { S: '{}' }],
    ['requests', { S: '[1]' }],
    ['requests', { S: secret }],
    ['continuation', { N: '1' }],
    ['expiresAt', undefined],
  ])('a head with %s as %j is a StoreError', async (attribute, value) => {
    const key = freshKey();
    await put(streamHeadKey(key), head, { [attribute]: value });
    await expect(streams.read(key, 0, NOW)).rejects.toMatchObject(garbledBy(attribute));
  });

  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['answered', undefined],
    ['answered', { S: '["1"]' }],
    ['answered', { S: '{}' }],
    ['cut', { S: secret }],
    ['bytes', { N: '1e30' }],
    ['bytes', undefined],
    ['data', undefined],
    ['data', { B: Buffer.from(secret) }],
    ['expiresAt', undefined],
  ])('events with %s as %j are a StoreError', async (attribute, value) => {
    const key = freshKey();
    await put(streamHeadKey(key), head);
    await put(streamBatchKey(key, 1), events, { [attribute]: value });
    await expect(streams.read(key, 0, NOW)).rejects.toMatchObject(garbledBy(attribute));
  });

  test.each(['{}', '[1]', '["{}",null]', secret])('events that hold %s are a StoreError', async (text) => {
    const key = freshKey();
    const data = gzipSync(text);
    await put(streamHeadKey(key), head);
    await put(streamBatchKey(key, 1), events, { data: { B: data }, bytes: { N: String(data.length) } });
    await expect(streams.read(key, 0, NOW)).rejects.toMatchObject(garbledBy('data'));
  });

  test.each(['events#', 'events#1.5', 'events#one', 'eventsA'])('the sort key %s is a StoreError', async (sk) => {
    const key = freshKey();
    await put(streamHeadKey(key), head);
    await put({ ...streamHeadKey(key), sk: { S: sk } }, events);
    const read = streams.read(key, 0, NOW);
    if (sk === 'events#') expect((await read)?.batches).toEqual([]);
    else await expect(read).rejects.toMatchObject(garbledBy('sk'));
  });

  test('events of which a part is gone are as good as gone', async () => {
    const key = freshKey();
    await put(streamHeadKey(key), head);
    await put(streamBatchKey(key, 1), events, { bytes: { N: '300001' }, data: { B: Buffer.alloc(300_000) } });
    expect((await streams.read(key, 0, NOW))?.batches).toEqual([]);
  });
});
