/** Records that this version of the gateway did not write, or that somebody changed. */
import { type AttributeValue, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { clientAddress } from '../../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import {
  cancellationKey,
  clientSessionKey,
  type RecordKey,
  upstreamErasKey,
} from '../../../lib/adapters/dynamodb/table.ts';
import type { Stores } from '../../../lib/ports.ts';
import { freshKey, upstreamSession } from '../../contract/samples.ts';
import { type RunningDynalite, startDynalite } from '../../support/dynalite.ts';

type Attributes = Record<string, AttributeValue>;

const tableName = 'sluice-garbled';
const secret = 'never shown';

let dynalite: RunningDynalite;
let database: DynamoDBClient;
let stores: Stores;

beforeAll(async () => {
  dynalite = await startDynalite();
  const { endpoint } = dynalite;
  await createTable({ endpoint, tableName });
  database = new DynamoDBClient(clientAddress({ endpoint }));
  stores = createDynamoStores({ client: createDynamoClient({ endpoint }), tableName })({ requests: 0 });
});
afterAll(async () => {
  database.destroy();
  await dynalite.close();
});

/** Puts `attributes` with some of them replaced, or left out where the replacement is undefined. */
async function put(
  key: RecordKey,
  attributes: Attributes,
  changes: Record<string, AttributeValue | undefined>,
): Promise<void> {
  const item = { ...attributes, ...changes };
  for (const name of Object.keys(item)) if (item[name] === undefined) delete item[name];
  await database.send(new PutItemCommand({ TableName: tableName, Item: { ...(item as Attributes), ...key } }));
}

const attached: Attributes = {
  generation: { S: 'generation' },
  id: { S: 'id' },
  protocolVersion: { S: '2025-11-25' },
  attachedAt: { N: '1' },
};

const session: Attributes = {
  server: { S: 'default' },
  caller: { S: 'caller' },
  protocolVersion: { S: '2025-11-25' },
  clientInfo: { S: '{}' },
  clientCapabilities: { S: '{}' },
  logLevel: { S: 'info' },
  upstreamSessions: { M: { 'upstream#time': { M: attached } } },
  createdAt: { N: '1' },
  lastSeenAt: { N: '2' },
  expiresAt: { N: '3' },
};

const withAttached = (changes: Attributes): AttributeValue => ({
  M: { 'upstream#time': { M: { ...attached, ...changes } } },
});

describe('a garbled client session', () => {
  test('is an exception: the same record is read when nothing is wrong with it', async () => {
    const key = freshKey();
    await put(clientSessionKey(key), session, { logLevel: undefined, unknown: { BOOL: true } });
    expect(await stores.clientSessions.read(key)).toMatchObject({ key, logLevel: undefined, expiresAt: 3 });
  });

  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['server', undefined],
    ['caller', { N: '1' }],
    ['protocolVersion', { NULL: true }],
    ['clientInfo', undefined],
    ['clientInfo', { S: `{"${secret}` }],
    ['clientInfo', { S: '[]' }],
    ['clientCapabilities', { S: 'null' }],
    ['clientCapabilities', { S: `"${secret}"` }],
    ['clientCapabilities', { M: {} }],
    ['logLevel', { N: '1' }],
    ['upstreamSessions', undefined],
    ['upstreamSessions', { S: secret }],
    ['upstreamSessions', { M: { time: { M: attached } } }],
    ['upstreamSessions', { M: { 'upstream#time': { S: secret } } }],
    ['generation', withAttached({ generation: { N: '1' } })],
    ['id', withAttached({ id: { NULL: true } })],
    ['attachedAt', withAttached({ attachedAt: { S: secret } })],
    ['createdAt', undefined],
    ['lastSeenAt', { S: '2' }],
    ['expiresAt', { NULL: true }],
  ])('with %s as %j is a StoreError to its reader and to its terminator', async (attribute, value) => {
    const key = freshKey();
    const changed = session[attribute] === undefined ? 'upstreamSessions' : attribute;
    await put(clientSessionKey(key), session, { [changed]: value });
    const message = `attribute ${attribute} is missing or is not what it should be`;
    await expect(stores.clientSessions.read(key)).rejects.toMatchObject({
      name: 'StoreError',
      operation: 'clientSessions.read',
      message: `clientSessions.read: ${message}`,
    });
    await expect(stores.clientSessions.terminate(key)).rejects.toMatchObject({
      name: 'StoreError',
      message: `clientSessions.terminate: ${message}`,
    });
  });

  test('takes no attachment when what is attached cannot be read', async () => {
    const key = freshKey();
    await put(clientSessionKey(key), session, { upstreamSessions: withAttached({ attachedAt: { S: secret } }) });
    await expect(stores.clientSessions.attach(key, 'time', upstreamSession(), undefined)).rejects.toMatchObject({
      name: 'StoreError',
      operation: 'clientSessions.attach',
    });
  });

  test('takes no attachment when it has no place for one', async () => {
    const key = freshKey();
    await put(clientSessionKey(key), session, { upstreamSessions: { S: secret } });
    await expect(stores.clientSessions.attach(key, 'time', upstreamSession(), undefined)).rejects.toMatchObject({
      name: 'StoreError',
      operation: 'clientSessions.attach',
    });
  });
});

describe('a garbled cancellation', () => {
  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['reason', { S: secret }],
    ['reason', { S: '{}' }],
    ['reason', { NULL: true }],
    ['leftAt', undefined],
    ['leftAt', { S: secret }],
  ])('with %s as %j is a StoreError', async (attribute, value) => {
    const key = freshKey();
    await put(cancellationKey(key, 'call'), { reason: { S: '"why"' }, leftAt: { N: '1' } }, { [attribute]: value });
    await expect(stores.mailbox.peekCancellation(key, 'call')).rejects.toMatchObject({
      name: 'StoreError',
      message: `mailbox.peekCancellation: attribute ${attribute} is missing or is not what it should be`,
    });
  });
});

describe('a garbled memory of eras', () => {
  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['versions', undefined],
    ['versions', { S: '[]' }],
    ['versions', { S: '{"modern":true}' }],
    ['versions', { S: '{"legacy":["2025-11-25",1]}' }],
    ['versions', { S: '{"legacy":null}' }],
    ['learnedAt', undefined],
  ])('with %s as %j is a StoreError', async (attribute, value) => {
    const key = freshKey();
    await put(upstreamErasKey(key), { versions: { S: '{}' }, learnedAt: { N: '1' } }, { [attribute]: value });
    await expect(stores.upstreamEras.read(key)).rejects.toMatchObject({
      name: 'StoreError',
      message: `upstreamEras.read: attribute ${attribute} is missing or is not what it should be`,
    });
  });
});
