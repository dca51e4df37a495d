/** What is in the table, as `docs/storage-schema.md` describes it. */
import { gunzipSync } from 'node:zlib';

import { type AttributeValue, DynamoDBClient, paginateScan, QueryCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { clientAddress } from '../../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import type { Stores } from '../../../lib/ports/stores.ts';
import {
  callClaim,
  catalogKey,
  clientSession,
  freshKey,
  newHead,
  pinRecord,
  randomJson,
  sharedSession,
  upstreamSession,
} from '../../contract/samples.ts';
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
  const items = await allItems();
  expect(items).toHaveLength(1);
  return items[0]!;
}

/** In the order of their keys. */
async function allItems(): Promise<Record<string, AttributeValue>[]> {
  const items: Record<string, AttributeValue>[] = [];
  for await (const page of paginateScan({ client: database }, { TableName: tableName })) {
    items.push(...(page.Items ?? []));
  }
  const keyOf = (item: Record<string, AttributeValue>) => `${item['pk']?.S} ${item['sk']?.S}`;
  return items.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

function plain(data: AttributeValue | undefined): string {
  return gunzipSync(data!.B!).toString();
}

test('a client session', async () => {
  const session = clientSession({ key: 'digest', logLevel: 'info', expiresAt: 1_780_003_600_001 });
  await stores.clientSessions.create(session);
  await stores.clientSessions.attach('digest', 'time', upstreamSession({ generation: 'g', id: 'i' }), undefined);
  await stores.clientSessions.attach('digest', 'none', upstreamSession({ generation: 'g', id: null }), undefined);
  await stores.clientSessions.setDoubt('digest', 'time', 'g', true);
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
            doubted: { BOOL: true },
          },
        },
        'upstream#none': {
          M: { generation: { S: 'g' }, protocolVersion: { S: '2025-06-18' }, attachedAt: { N: '1780000000001' } },
        },
      },
    },
    createdAt: { N: '1780000000000' },
    lastSeenAt: { N: '1780000000000' },
    expiryOf: { S: 'client-session' },
    expiresAt: { N: '1780003600001' },
    ttl: { N: '1780090001' },
  });
});

test('a client session that was touched lives a day longer for DynamoDB than for the gateway', async () => {
  await stores.clientSessions.create(clientSession({ key: 'digest' }));
  await stores.clientSessions.touch('digest', 1_780_000_000_500, 1_780_003_700_001);
  expect(await onlyItem()).toMatchObject({
    lastSeenAt: { N: '1780000000500' },
    expiryOf: { S: 'client-session' },
    expiresAt: { N: '1780003700001' },
    ttl: { N: '1780090101' },
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

test('what a client session is to be told', async () => {
  const one = { uri: 'note://1', upstream: 'notes', generation: 'g' };
  await stores.listening.subscribe('digest', one, 5, 1_780_000_000_000);
  await stores.listening.subscribe('digest', { ...one, uri: 'note://2', generation: null }, 5, 1_780_000_000_000);
  await stores.listening.noteUpdate('digest', 'notes', { uri: 'note://2', token: 't' });
  await stores.listening.tell('digest', { tools: 1, prompts: 0, resources: 2 }, 1_780_000_060_001);
  expect(await onlyItem()).toEqual({
    pk: { S: 'session#digest' },
    sk: { S: 'listening' },
    told: { S: '{"tools":1,"prompts":0,"resources":2}' },
    subscriptions: {
      M: {
        'uri#o6OvH4RRO9GNUFKXdtMS7yXOZQ2izSHUNlKFoyVuvjM': {
          M: { uri: { S: '"note://1"' }, upstream: { S: 'notes' }, generation: { S: 'g' } },
        },
        'uri#jjRzCi3Yz_UscBs2ad8KNcs1RDLQ2NzmCNpjFg2PgHM': {
          M: { uri: { S: '"note://2"' }, upstream: { S: 'notes' }, updated: { S: 't' } },
        },
      },
    },
    expiresAt: { N: '1780000060001' },
    ttl: { N: '1780000061' },
  });
});

test('a memory of eras', async () => {
  const eras = {
    versions: { modern: ['2026-07-28'], legacy: [] },
    transport: 'http',
    learnedAt: 1_780_000_000_000,
  } as const;
  await stores.upstreamEras.write('digest', eras, 1_780_000_060_000);
  expect(await onlyItem()).toEqual({
    pk: { S: 'upstream#digest' },
    sk: { S: 'eras' },
    versions: { S: '{"modern":["2026-07-28"],"legacy":[]}' },
    transport: { S: 'http' },
    learnedAt: { N: '1780000000000' },
    expiresAt: { N: '1780000060000' },
    ttl: { N: '1780000060' },
  });
});

test('a shared upstream session', async () => {
  const session = upstreamSession({ generation: 'g', id: 'i' });
  const shared = sharedSession({ session, expiresAt: 1_780_003_600_001 });
  await stores.upstreamSessions.keep('digest', shared, undefined, 1_780_000_000_000);
  expect(await onlyItem()).toEqual({
    pk: { S: 'upstream-session#digest' },
    sk: { S: 'session' },
    upstream: { S: 'time' },
    session: {
      M: {
        generation: { S: 'g' },
        id: { S: 'i' },
        protocolVersion: { S: '2025-06-18' },
        attachedAt: { N: '1780000000001' },
      },
    },
    expiryOf: { S: 'upstream-session' },
    expiresAt: { N: '1780003600001' },
    ttl: { N: '1780090001' },
  });
});

test('the index, which holds the keys of sessions and nothing else', async () => {
  await stores.clientSessions.create(clientSession({ key: 'digest', expiresAt: 1_780_003_600_001 }));
  await stores.upstreamEras.write('digest', { versions: {}, learnedAt: 1 }, 1_780_003_600_001);
  const { Items } = await database.send(
    new QueryCommand({
      TableName: tableName,
      IndexName: 'expiry',
      KeyConditionExpression: 'expiryOf = :kind',
      ExpressionAttributeValues: { ':kind': { S: 'client-session' } },
    }),
  );
  expect(Items).toEqual([
    {
      pk: { S: 'session#digest' },
      sk: { S: 'session' },
      expiryOf: { S: 'client-session' },
      expiresAt: { N: '1780003600001' },
    },
  ]);
});

const listKey = catalogKey({ upstream: 'digest', audience: 'audience' });

test('a list and how often it has changed', async () => {
  const head = newHead({ version: 'v', changes: 1, fetchedAt: 2, freshUntil: 3, wantedAt: 4, shared: false });
  await stores.catalog.write(listKey, head, '{"tools":[]}', 1_780_000_000_001);
  await stores.catalog.countChange('digest', 'tools');
  await stores.catalog.countChange('digest', 'prompts');
  await stores.catalog.countChange('digest', 'tools');
  const [changes, written, part, ...others] = await allItems();
  expect(changes).toEqual({
    pk: { S: 'catalog#digest' },
    sk: { S: 'changes' },
    tools: { N: '2' },
    prompts: { N: '1' },
  });
  expect(written).toEqual({
    pk: { S: 'catalog#digest' },
    sk: { S: 'head#tools#audience' },
    version: { S: 'v' },
    changes: { N: '1' },
    fetchedAt: { N: '2' },
    freshUntil: { N: '3' },
    wantedAt: { N: '4' },
    shared: { BOOL: false },
    asked: { S: '{"version":"2026-07-28","clientCapabilities":{"elicitation":{}}}' },
    bytes: { N: String(part!['data']!.B!.length) },
    partsExpireAt: { N: '1780086400001' },
    expiresAt: { N: '1780000000001' },
    ttl: { N: '1780000001' },
  });
  expect(part).toEqual({
    pk: { S: 'catalog#digest' },
    sk: { S: 'part#000#v' },
    data: { B: expect.any(Uint8Array) },
    expiresAt: { N: '1780086400001' },
    ttl: { N: '1780086401' },
  });
  expect(plain(part!['data'])).toBe('{"tools":[]}');
  expect(others).toEqual([]);
});

test('a renewed head lives longer for DynamoDB too, and its parts are left as they are', async () => {
  const head = { ...newHead({ version: 'v' }), bytes: 1 };
  await stores.catalog.write(listKey, head, '[]', 1_780_000_000_001);
  const [before, part] = await allItems();
  await stores.catalog.renew(listKey, { ...head, freshUntil: 9, wantedAt: 8 }, 1_780_000_060_000);
  expect(await allItems()).toEqual([
    {
      ...before,
      freshUntil: { N: '9' },
      wantedAt: { N: '8' },
      expiresAt: { N: '1780000060000' },
      ttl: { N: '1780000060' },
    },
    part,
  ]);
});

test('a long list is in parts of no more than 300,000 bytes, and those of the list it replaced are left', async () => {
  await stores.catalog.write(listKey, newHead({ version: 'v1', fetchedAt: 1 }), randomJson(2_000_000), 1000);
  await stores.catalog.write(listKey, newHead({ version: 'v2', fetchedAt: 2 }), '[]', 1000);
  const [head, ...parts] = await allItems();
  expect(head!['version']).toEqual({ S: 'v2' });
  const sizes = parts.map(({ data }) => data!.B!.length);
  expect(parts.map(({ sk }) => sk!.S)).toEqual([
    'part#000#v1',
    'part#000#v2',
    ...[1, 2, 3, 4, 5].map((part) => `part#00${part}#v1`),
  ]);
  expect(sizes.filter((_, index) => index !== 1 && index !== 6)).toEqual([300_000, 300_000, 300_000, 300_000, 300_000]);
  expect(sizes[6]).toBeLessThanOrEqual(300_000);
});

test('pins, of which those that are replaced or refused leave no parts behind', async () => {
  const first = pinRecord({ version: 'v1', text: randomJson(900_000) });
  const second = pinRecord({ version: 'v2', text: randomJson(600_000) });
  expect(await stores.pins.write('time', first, undefined)).toBe(true);
  expect(await stores.pins.write('time', second, undefined)).toBe(false);
  expect((await allItems()).map(({ sk }) => sk!.S)).toEqual(['part#001#v1', 'part#002#v1', 'pins']);
  expect(await stores.pins.write('time', second, 'v1')).toBe(true);
  const [part, pins, ...others] = await allItems();
  expect(part).toEqual({ pk: { S: 'pins#time' }, sk: { S: 'part#001#v2' }, data: { B: expect.any(Uint8Array) } });
  expect(pins).toEqual({
    pk: { S: 'pins#time' },
    sk: { S: 'pins' },
    version: { S: 'v2' },
    bytes: { N: String(300_000 + part!['data']!.B!.length) },
    data: { B: expect.any(Uint8Array) },
  });
  expect(plain({ B: Buffer.concat([pins!['data']!.B!, part!['data']!.B!]) }) === second.text).toBe(true);
  expect(others).toEqual([]);
});

test('a call with a key, in progress', async () => {
  const claim = callClaim({ owner: 'o', digest: 'd', deadlineAt: 1_780_000_060_000, expiresAt: 1_780_086_400_001 });
  await stores.idempotency.begin('digest', claim, 1_780_000_000_000);
  expect(await onlyItem()).toEqual({
    pk: { S: 'idempotency#digest' },
    sk: { S: 'call' },
    owner: { S: 'o' },
    digest: { S: 'd' },
    state: { S: 'in-progress' },
    deadlineAt: { N: '1780000060000' },
    expiresAt: { N: '1780086400001' },
    ttl: { N: '1780086401' },
  });
});

describe('a call with a key that has ended', () => {
  const ended = {
    pk: { S: 'idempotency#digest' },
    sk: { S: 'call' },
    owner: { S: 'o' },
    digest: { S: 'd' },
    expiresAt: { N: '1780000000001' },
    ttl: { N: '1780000001' },
  };

  beforeEach(async () => {
    await stores.idempotency.begin('digest', callClaim({ owner: 'o', digest: 'd' }), 1_780_000_000_000);
  });

  const complete = (text: string) => stores.idempotency.complete('digest', 'o', text, 1_780_000_000_001);

  test('is done, with a short text as JSON', async () => {
    await complete('{"a":"\ud800"}');
    expect(await onlyItem()).toEqual({ ...ended, state: { S: 'done' }, text: { S: '"{\\"a\\":\\"\\ud800\\"}"' } });
  });

  test.each([
    [4094, 'text'],
    [4095, 'data'],
  ])('keeps %i characters in %s', async (chars, attribute) => {
    await complete('x'.repeat(chars));
    expect(Object.keys(await onlyItem()).filter((name) => name === 'text' || name === 'data')).toEqual([attribute]);
  });

  test('is done, with a long text in gzip', async () => {
    const text = randomJson(300_000);
    await complete(text);
    const item = await onlyItem();
    expect(item).toEqual({ ...ended, state: { S: 'done' }, data: { B: expect.any(Uint8Array) } });
    expect(plain(item['data']) === JSON.stringify(text)).toBe(true);
  });

  test('is done, without a text that takes more than 350,000 bytes in gzip', async () => {
    await complete(randomJson(600_000));
    expect(await onlyItem()).toEqual({ ...ended, state: { S: 'done' } });
  });

  test('is unknown', async () => {
    await stores.idempotency.leaveUnknown('digest', 'o', 1_780_000_000_001);
    expect(await onlyItem()).toEqual({ ...ended, state: { S: 'unknown' } });
  });
});

test('a breaker, closed, open, and half-open', async () => {
  const count = () =>
    stores.breakers.countFailure('digest', 2, 1_780_000_010_000, 1_780_000_060_001, 1_780_000_000_000);
  const closed = {
    pk: { S: 'upstream#digest' },
    sk: { S: 'breaker' },
    failures: { N: '1' },
    expiresAt: { N: '1780000060001' },
    ttl: { N: '1780000061' },
  };
  await count();
  expect(await onlyItem()).toEqual(closed);
  await count();
  const open = { ...closed, failures: { N: '2' }, openUntil: { N: '1780000010000' } };
  expect(await onlyItem()).toEqual(open);
  await stores.breakers.beginTrial('digest', { token: 't', until: 1_780_000_020_000 }, 1_780_000_010_000);
  expect(await onlyItem()).toEqual({ ...open, trialToken: { S: 't' }, trialUntil: { N: '1780000020000' } });
  await stores.breakers.failTrial('digest', 't', 1_780_000_030_000, 1_780_000_090_000);
  expect(await onlyItem()).toEqual({
    ...open,
    openUntil: { N: '1780000030000' },
    expiresAt: { N: '1780000090000' },
    ttl: { N: '1780000090' },
  });
});

test('slots, of which those that have expired are removed when there is no room', async () => {
  const claim = (token: string, until: number, now: number) => stores.slots.claim('digest', token, 2, until, now);
  const slots = {
    pk: { S: 'upstream#digest' },
    sk: { S: 'slots' },
    leases: { M: { 'lease#a': { N: '1780000010000' } } },
    expiresAt: { N: '1780086410000' },
    ttl: { N: '1780086410' },
  };
  await claim('a', 1_780_000_010_000, 1_780_000_000_000);
  expect(await onlyItem()).toEqual(slots);
  await claim('b', 1_780_000_020_001, 1_780_000_010_000);
  const two = {
    ...slots,
    leases: { M: { 'lease#a': { N: '1780000010000' }, 'lease#b': { N: '1780000020001' } } },
    expiresAt: { N: '1780086420001' },
    ttl: { N: '1780086421' },
  };
  expect(await onlyItem()).toEqual(two);
  await claim('c', 1_780_000_020_001, 1_780_000_010_000);
  const leases = { 'lease#b': { N: '1780000020001' }, 'lease#c': { N: '1780000020001' } };
  expect(await onlyItem()).toEqual({ ...two, leases: { M: leases } });
  await stores.slots.release('digest', 'b');
  expect(await onlyItem()).toEqual({ ...two, leases: { M: { 'lease#c': { N: '1780000020001' } } } });
});
