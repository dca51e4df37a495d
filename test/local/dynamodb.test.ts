import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { startDynamoDb, StateError, TABLE_NAME, type LocalDynamoDb } from '../../lib/local/dynamodb.ts';
import { cleanUpAfterTest, temporaryFolder } from './kit.ts';

async function start(directory?: string): Promise<LocalDynamoDb> {
  const dynamodb = await startDynamoDb(directory);
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= dynamodb.close());
  cleanUpAfterTest(close);
  return { ...dynamodb, close };
}

function storesOf({ endpoint }: LocalDynamoDb) {
  return createDynamoStores({ client: createDynamoClient({ endpoint }), tableName: TABLE_NAME })({ requests: 0 });
}

const ERAS = { versions: { modern: ['2026-07-28'] }, learnedAt: 1 };
const LATER = Date.now() + 3_600_000;

describe('the embedded DynamoDB', () => {
  test('has the table that the stores use', async () => {
    const { upstreamEras } = storesOf(await start());
    await upstreamEras.write('a', ERAS, LATER);
    expect(await upstreamEras.read('a')).toEqual(ERAS);
  });

  test('begins empty every time in memory', async () => {
    await storesOf(await start()).upstreamEras.write('a', ERAS, LATER);
    expect(await storesOf(await start()).upstreamEras.read('a')).toBeUndefined();
  });

  test('keeps what a folder holds', async () => {
    const directory = join(await temporaryFolder(), 'not', 'yet', 'there');
    const first = await start(directory);
    await storesOf(first).upstreamEras.write('a', ERAS, LATER);
    await first.close();
    expect(await storesOf(await start(directory)).upstreamEras.read('a')).toEqual(ERAS);
  });

  test('says so when another one has the folder open', async () => {
    const directory = await temporaryFolder();
    await start(directory);
    await expect(startDynamoDb(directory)).rejects.toThrow(/state folder .* cannot be used: .*another gateway/);
  });

  test('says so when the folder is none', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(startDynamoDb(file)).rejects.toThrow(/state folder .* cannot be used: EEXIST/);
  });

  test('says so when the folder cannot be made, where Node would try for ever', async () => {
    const start = startDynamoDb('/proc/sluice/state');
    await expect(start).rejects.toThrow(StateError);
    await expect(start).rejects.toThrow(/state folder .* cannot be used: .*\/proc\/sluice.* --state/);
  });

  test('survives a client that goes away in the middle of a request, as a killed environment does', async () => {
    const dynamodb = await start();
    const { hostname, port } = new URL(dynamodb.endpoint);
    for (let client = 0; client < 10; client += 1) {
      const socket = connect(Number(port), hostname);
      socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"half":');
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    await storesOf(dynamodb).upstreamEras.write('a', ERAS, LATER);
    expect(await storesOf(dynamodb).upstreamEras.read('a')).toEqual(ERAS);
  });
});
