/** What is in the table, as `docs/storage-schema.md` describes it. */
import { type AttributeValue, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { clientAddress } from '../../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import type { Stores } from '../../../lib/ports.ts';
import { clientSession, freshKey, upstreamSession } from '../../contract/samples.ts';
import { type RunningDynalite, startDynalite } from '../../support/dynalite.ts';

let dynalite: RunningDynalite;
let database: DynamoDBClient;
let tableName: string;
let stores: Stores;

beforeAll(async () => {
  dynalite = await startDynalite();
});
afterAll(() => dynalite.close());

beforeEach(async () => {
  const { endpoint } = dynalite;
  tableName = `sluice-${freshKey()}`;
  await createTable({ endpoint, tableName });
  database = new DynamoDBClient(clientAddress({ endpoint }));
  stores = createDynamoStores({ client: createDynamoClient({ endpoint }), tableName })({ requests: 0 });
});
afterEach(() => database.destroy());

async function onlyItem(): Promise<Record<string, AttributeValue>> {
  const { Items } = await database.send(new ScanCommand({ TableName: tableName }));
  expect(Items).toHaveLength(1);
  return Items![0]!;
}

test('a client session', async () => {
  const session = clientSession({ key: 'digest', logLevel: 'info', expiresAt: 1_780_003_600_001 });
  await stores.clientSessions.create(session);
  await stores.clientSessions.attach('digest', 'time', upstreamSession({ generation: 'g', id: 'i' }), undefined);
  await stores.clientSessions.attach('digest', 'none', upstreamSession({ generation: 'g', id: null }), undefined);
  expect(await onlyItem()).toEqual({
    pk: { S: 'session#digest' },
    sk: { S: 'session' },
    creation: { S: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    server: { S: 'default' },
    caller: { S: 'caller' },
    protocolVersion: { S: '2025-11-25' },
    clientInfo: { S: '{"name":"client","version":"1.0.0"}' },
    clientCapabilities: { S: '{"roots":{"listChanged":true}}' },
    logLevel: { S: 'info' },
    upstreamSessions: {
      M: {
        'upstream#time': {
          M: {
            generation: { S: 'g' },
            id: { S: 'i' },
            protocolVersion: { S: '2025-06-18' },
            attachedAt: { N: '1780000000001' },
          },
        },
        'upstream#none': {
          M: { generation: { S: 'g' }, protocolVersion: { S: '2025-06-18' }, attachedAt: { N: '1780000000001' } },
        },
      },
    },
    createdAt: { N: '1780000000000' },
    lastSeenAt: { N: '1780000000000' },
    expiresAt: { N: '1780003600001' },
    ttl: { N: '1780003601' },
  });
});

test('a client session that was touched lives as long for DynamoDB as for the gateway', async () => {
  await stores.clientSessions.create(clientSession({ key: 'digest' }));
  await stores.clientSessions.touch('digest', 1_780_000_000_500, 1_780_003_700_001);
  expect(await onlyItem()).toMatchObject({
    lastSeenAt: { N: '1780000000500' },
    expiresAt: { N: '1780003700001' },
    ttl: { N: '1780003701' },
  });
});

test('a cancellation', async () => {
  await stores.mailbox.leaveCancellation(
    'digest',
    'call',
    { reason: 'why', leftAt: 1_780_000_000_000 },
    1_780_000_060_000,
  );
  expect(await onlyItem()).toEqual({
    pk: { S: 'session#digest' },
    sk: { S: 'cancellation#call' },
    reason: { S: '"why"' },
    leftAt: { N: '1780000000000' },
    expiresAt: { N: '1780000060000' },
    ttl: { N: '1780000060' },
  });
});

test('a memory of eras', async () => {
  const eras = { versions: { modern: ['2026-07-28'], legacy: [] }, learnedAt: 1_780_000_000_000 };
  await stores.upstreamEras.write('digest', eras, 1_780_000_060_000);
  expect(await onlyItem()).toEqual({
    pk: { S: 'upstream#digest' },
    sk: { S: 'eras' },
    versions: { S: '{"modern":["2026-07-28"],"legacy":[]}' },
    learnedAt: { N: '1780000000000' },
    expiresAt: { N: '1780000060000' },
    ttl: { N: '1780000060' },
  });
});
