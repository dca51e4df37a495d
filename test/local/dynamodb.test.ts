import { once } from 'node:events';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { startDynamoDb, StateError, TABLE_NAME, type LocalDynamoDb } from '../../lib/local/dynamodb.ts';
import { send } from '../support/wire.ts';
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

  test('makes a folder that is for its owner alone, and leaves the mode of one that exists', async () => {
    const parent = await temporaryFolder();
    const made = join(parent, 'made');
    await start(made);
    expect((await stat(made)).mode & 0o777).toBe(0o700);
    const existing = await temporaryFolder();
    await chmod(existing, 0o750);
    await start(existing);
    expect((await stat(existing)).mode & 0o777).toBe(0o750);
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
    const { host, hostname, port, pathname } = new URL(dynamodb.endpoint);
    for (let client = 0; client < 10; client += 1) {
      const socket = connect(Number(port), hostname);
      socket.write(`POST ${pathname}/ HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 100\r\n\r\n{"half":`);
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    await storesOf(dynamodb).upstreamEras.write('a', ERAS, LATER);
    expect(await storesOf(dynamodb).upstreamEras.read('a')).toEqual(ERAS);
  });
});

describe('the door of the embedded DynamoDB', () => {
  const HEADERS = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'DynamoDB_20120810.ListTables',
    'x-amz-date': '20260101T000000Z',
    authorization: 'AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c',
  };

  test('is open to who knows the endpoint', async () => {
    const { endpoint } = await start();
    const { status, text } = await send('POST', endpoint, '{}', HEADERS);
    expect({ status, text }).toEqual({ status: 200, text: JSON.stringify({ TableNames: [TABLE_NAME] }) });
    expect((await send('POST', `${endpoint}/`, '{}', HEADERS)).status).toBe(200);
  });

  test.for(['http://localhost:3000', 'https://evil.example', 'null'])(
    'is closed to pages of the origin %s, and allows them nothing',
    async (origin) => {
      const { endpoint } = await start();
      const refused = await send('POST', endpoint, '{}', { ...HEADERS, origin });
      expect(refused.status).toBe(403);
      expect(refused.text).not.toContain(TABLE_NAME);
      const preflight = await send('OPTIONS', endpoint, '', { origin, 'access-control-request-method': 'POST' });
      expect(preflight.status).toBe(403);
      for (const { headers } of [refused, preflight]) {
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      }
    },
  );

  test.for(['evil.example', 'localhost', '127.0.0.1', '127.0.0.1:1'])('is closed to the Host %s', async (host) => {
    const { endpoint } = await start();
    expect((await send('POST', endpoint, '{}', { ...HEADERS, host })).status).toBe(403);
  });

  test('is closed to OPTIONS without an origin, and to who does not know its path', async () => {
    const { endpoint } = await start();
    expect((await send('OPTIONS', endpoint, '')).status).toBe(403);
    const { origin } = new URL(endpoint);
    const urls = [origin, `${origin}/other`, `${origin}/?${endpoint}`, `${endpoint}x`];
    const answers = await Promise.all(urls.map((url) => send('POST', url, '{}', HEADERS)));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
  });

  test('has another path at every start', async () => {
    const paths = [await start(), await start()].map(({ endpoint }) => new URL(endpoint).pathname);
    expect(paths[0]).toMatch(/^\/[\w-]{20,}$/);
    expect(paths[0]).not.toBe(paths[1]);
  });
});
