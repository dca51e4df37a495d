/** Records that this version of the gateway did not write, or that somebody changed. */
import { gzipSync } from 'node:zlib';

import { type AttributeValue, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { clientAddress } from '../../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import {
  breakerKey,
  cancellationKey,
  catalogChangesKey,
  catalogHeadKey,
  catalogPartition,
  clientSessionKey,
  keyedCallKey,
  listeningKey,
  partKey,
  pinsKey,
  pinsPartition,
  type RecordKey,
  sharedUpstreamSessionKey,
  slotsKey,
  upstreamErasKey,
} from '../../../lib/adapters/dynamodb/table.ts';
import type { Stores } from '../../../lib/ports/stores.ts';
import { callClaim, catalogKey, freshKey, sharedSession, upstreamSession } from '../../contract/samples.ts';
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
    ['doubted', withAttached({ doubted: { S: 'true' } })],
    ['createdAt', undefined],
    ['lastSeenAt', { S: '2' }],
    ['expiresAt', undefined],
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

describe('garbled word of what a session is to be told', () => {
  const entry: Attributes = { uri: { S: '"note://1"' }, upstream: { S: 'notes' } };
  const listening: Attributes = {
    told: { S: '{"tools":1,"prompts":2,"resources":3}' },
    listener: { S: 'listener' },
    positions: { S: '[["notes","generation","event"]]' },
    subscriptions: { M: { 'uri#digest': { M: entry } } },
  };
  const withEntry = (changes: Attributes): AttributeValue => ({ M: { 'uri#digest': { M: { ...entry, ...changes } } } });

  test('is an exception: the same record is read when nothing is wrong with it', async () => {
    const key = freshKey();
    await put(listeningKey(key), listening, { told: undefined, unknown: { BOOL: true } });
    expect(await stores.listening.read(key)).toEqual({
      told: undefined,
      listener: 'listener',
      subscriptions: [{ uri: 'note://1', upstream: 'notes', generation: null }],
      updates: [],
      positions: { notes: { generation: 'generation', eventId: 'event' } },
    });
  });

  test.each<[attribute: string, changed: string, value: AttributeValue | undefined]>([
    ['told', 'told', { S: '[]' }],
    ['told', 'told', { S: '{"tools":1,"prompts":2}' }],
    ['told', 'told', { S: '{"tools":1,"prompts":2,"resources":"3"}' }],
    ['told', 'told', { S: secret }],
    ['told', 'told', { N: '1' }],
    ['listener', 'listener', { N: '1' }],
    ['positions', 'positions', { S: secret }],
    ['positions', 'positions', { S: '{}' }],
    ['positions', 'positions', { S: '["notes"]' }],
    ['positions', 'positions', { S: '[["notes","generation"]]' }],
    ['positions', 'positions', { S: '[["notes","generation",1]]' }],
    ['positions', 'positions', { NULL: true }],
    ['subscriptions', 'subscriptions', undefined],
    ['subscriptions', 'subscriptions', { S: secret }],
    ['subscriptions', 'subscriptions', { M: { 'uri#digest': { S: secret } } }],
    ['uri', 'subscriptions', withEntry({ uri: { S: secret } })],
    ['uri', 'subscriptions', withEntry({ uri: { S: '1' } })],
    ['upstream', 'subscriptions', withEntry({ upstream: { N: '1' } })],
    ['generation', 'subscriptions', withEntry({ generation: { NULL: true } })],
    ['updated', 'subscriptions', withEntry({ updated: { N: '1' } })],
  ])('with %s in %s as %j is a StoreError', async (attribute, changed, value) => {
    const key = freshKey();
    await put(listeningKey(key), listening, { [changed]: value });
    await expect(stores.listening.read(key)).rejects.toMatchObject({
      name: 'StoreError',
      message: `listening.read: attribute ${attribute} is missing or is not what it should be`,
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
    ['transport', { S: secret }],
    ['transport', { N: '1' }],
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

describe('a garbled shared upstream session', () => {
  const shared: Attributes = { upstream: { S: 'time' }, session: { M: attached }, expiresAt: { N: '3' } };

  test.each<[attribute: string, changed: string, value: AttributeValue | undefined]>([
    ['upstream', 'upstream', undefined],
    ['session', 'session', undefined],
    ['session', 'session', { S: secret }],
    ['generation', 'session', { M: { ...attached, generation: { N: '1' } } }],
    ['expiresAt', 'expiresAt', undefined],
  ])('with %s in %s as %j is a StoreError to its reader', async (attribute, changed, value) => {
    const key = freshKey();
    await put(sharedUpstreamSessionKey(key), shared, { [changed]: value });
    await expect(stores.upstreamSessions.read(key)).rejects.toMatchObject({
      name: 'StoreError',
      message: `upstreamSessions.read: attribute ${attribute} is missing or is not what it should be`,
    });
  });

  test('gives no way when it cannot be read', async () => {
    const key = freshKey();
    await put(sharedUpstreamSessionKey(key), shared, { session: { S: secret }, expiresAt: { N: '99' } });
    await expect(stores.upstreamSessions.keep(key, sharedSession(), undefined, 1)).rejects.toMatchObject({
      name: 'StoreError',
      operation: 'upstreamSessions.keep',
    });
  });
});

describe('a garbled list', () => {
  const packed = gzipSync('[1]');
  const head: Attributes = {
    version: { S: 'v' },
    changes: { N: '1' },
    fetchedAt: { N: '2' },
    freshUntil: { N: '3' },
    wantedAt: { N: '4' },
    shared: { BOOL: true },
    asked: { S: '{"version":"1","clientCapabilities":{}}' },
    bytes: { N: String(packed.length) },
  };

  test('is an exception: the same records are read when nothing is wrong with them', async () => {
    const key = catalogKey();
    await put(catalogHeadKey(key), head, { unknown: { BOOL: true } });
    await put(partKey(catalogPartition(key.upstream), 'v', 0), { data: { B: packed } }, {});
    const [state] = await stores.catalog.heads([key]);
    expect(await stores.catalog.texts([{ key, head: state!.head! }])).toEqual(['[1]']);
  });

  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['version', undefined],
    ['changes', { S: '1' }],
    ['fetchedAt', undefined],
    ['freshUntil', undefined],
    ['wantedAt', { S: secret }],
    ['shared', { S: 'true' }],
    ['asked', { S: '{}' }],
    ['asked', { S: '{"version":1,"clientCapabilities":{}}' }],
    ['asked', { S: '{"version":"1","clientCapabilities":[]}' }],
    ['asked', { S: secret }],
    ['bytes', undefined],
    ['bytes', { N: '0' }],
    ['bytes', { N: '-1' }],
    ['bytes', { N: '1.5' }],
    ['bytes', { N: '1e30' }],
  ])('with %s as %j is a StoreError', async (attribute, value) => {
    const key = catalogKey();
    await put(catalogHeadKey(key), head, { [attribute]: value });
    const message = `attribute ${attribute} is missing or is not what it should be`;
    await expect(stores.catalog.heads([key])).rejects.toMatchObject({
      name: 'StoreError',
      message: `catalog.heads: ${message}`,
    });
    await expect(stores.catalog.headsOf(key.upstream)).rejects.toMatchObject({
      name: 'StoreError',
      message: `catalog.headsOf: ${message}`,
    });
  });

  test.each(['head#tools', 'head#unknown#audience', 'head#'])('with the sort key %s is a StoreError', async (sk) => {
    const { upstream } = catalogKey();
    await put({ pk: { S: catalogPartition(upstream) }, sk: { S: sk } }, head, {});
    await expect(stores.catalog.headsOf(upstream)).rejects.toMatchObject({
      message: 'catalog.headsOf: attribute sk is missing or is not what it should be',
    });
  });

  test('with changes that were not counted is a StoreError', async () => {
    const key = catalogKey();
    await put(catalogChangesKey(key.upstream), { tools: { S: secret } }, {});
    await expect(stores.catalog.heads([key])).rejects.toMatchObject({
      message: 'catalog.heads: attribute tools is missing or is not what it should be',
    });
    await expect(stores.catalog.changesOf([key.upstream])).rejects.toMatchObject({
      message: 'catalog.changesOf: attribute tools is missing or is not what it should be',
    });
  });

  test('of which a part is gone has no text', async () => {
    const key = catalogKey();
    const long = { ...head, bytes: { N: '300001' } };
    await put(catalogHeadKey(key), long, {});
    await put(partKey(catalogPartition(key.upstream), 'v', 0), { data: { B: Buffer.alloc(300_000) } }, {});
    const [state] = await stores.catalog.heads([key]);
    expect(await stores.catalog.texts([{ key, head: state!.head! }])).toEqual([undefined]);
  });

  const ofZeros = gzipSync(Buffer.alloc(64 * 1024 * 1024 + 1));

  test.each<[what: string, data: AttributeValue | undefined, bytes: number]>([
    ['no data', undefined, packed.length],
    ['data of another kind', { S: secret }, packed.length],
    ['data that was never compressed', { B: Buffer.from(secret) }, secret.length],
    ['data that is cut off', { B: packed.subarray(0, -1) }, packed.length - 1],
    ['less data than it should', { B: packed.subarray(0, -1) }, packed.length],
    ['more data than it should', { B: Buffer.concat([packed, packed]) }, packed.length],
    ['data that would fill the memory', { B: ofZeros }, ofZeros.length],
  ])('whose part holds %s is a StoreError', async (_, data, bytes) => {
    const key = catalogKey();
    await put(catalogHeadKey(key), head, { bytes: { N: String(bytes) } });
    await put(partKey(catalogPartition(key.upstream), 'v', 0), {}, { data });
    const [state] = await stores.catalog.heads([key]);
    await expect(stores.catalog.texts([{ key, head: state!.head! }])).rejects.toMatchObject({
      name: 'StoreError',
      message: 'catalog.texts: attribute data is missing or is not what it should be',
    });
  });
});

describe('garbled pins', () => {
  const packed = gzipSync('[1]');
  const pins: Attributes = { version: { S: 'v' }, bytes: { N: String(packed.length) }, data: { B: packed } };

  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['version', undefined],
    ['bytes', { N: '1e30' }],
    ['bytes', { S: secret }],
    ['data', undefined],
    ['data', { B: Buffer.from(secret) }],
  ])('with %s as %j are a StoreError', async (attribute, value) => {
    const key = freshKey();
    await put(pinsKey(key), pins, { [attribute]: value });
    await expect(stores.pins.read(key)).rejects.toMatchObject({
      name: 'StoreError',
      message: `pins.read: attribute ${attribute} is missing or is not what it should be`,
    });
  });

  test('of which a part is gone are a StoreError, and a part that belongs to others is not taken for it', async () => {
    const key = freshKey();
    await put(pinsKey(key), pins, { bytes: { N: '300001' }, data: { B: Buffer.alloc(300_000) } });
    await put(partKey(pinsPartition(key), 'another', 1), { data: { B: Buffer.alloc(1) } }, {});
    await expect(stores.pins.read(key)).rejects.toMatchObject({
      message: 'pins.read: attribute data is missing or is not what it should be',
    });
  });
});

describe('a garbled call with a key', () => {
  const packed = gzipSync('"text"');
  const call: Attributes = {
    owner: { S: 'o' },
    digest: { S: 'd' },
    state: { S: 'in-progress' },
    deadlineAt: { N: '9' },
    expiresAt: { N: '99' },
  };
  const done = { state: { S: 'done' }, deadlineAt: undefined };

  test('is an exception: the same record is read when nothing is wrong with it', async () => {
    const key = freshKey();
    await put(keyedCallKey(key), call, { ...done, data: { B: packed }, unknown: { BOOL: true } });
    expect(await stores.idempotency.read(key, 1)).toEqual({
      owner: 'o',
      digest: 'd',
      state: { kind: 'done', text: 'text' },
    });
  });

  test.each<[attribute: string, what: string, changes: Record<string, AttributeValue | undefined>]>([
    ['owner', 'missing', { owner: undefined }],
    ['digest', 'a number', { digest: { N: '1' } }],
    ['state', 'missing', { state: undefined }],
    ['state', 'another word', { state: { S: secret } }],
    ['deadlineAt', 'missing', { deadlineAt: undefined }],
    ['deadlineAt', 'no number', { deadlineAt: { S: secret } }],
    ['expiresAt', 'missing', { expiresAt: undefined }],
    ['text', 'no JSON', { ...done, text: { S: secret } }],
    ['text', 'an object', { ...done, text: { S: '{}' } }],
    ['text', 'nothing', { ...done, text: { NULL: true } }],
    ['data', 'text', { ...done, data: { S: secret } }],
    ['data', 'not compressed', { ...done, data: { B: Buffer.from(secret) } }],
    ['data', 'cut off', { ...done, data: { B: packed.subarray(0, -1) } }],
    ['data', 'a list', { ...done, data: { B: gzipSync('[1]') } }],
    ['data', 'no JSON', { ...done, data: { B: gzipSync(secret) } }],
    ['data', 'more than fits in the memory', { ...done, data: { B: gzipSync(Buffer.alloc(64 * 1024 * 1024 + 1)) } }],
  ])('with %s (%s) is a StoreError to its reader and to whoever would begin', async (attribute, _, changes) => {
    const key = freshKey();
    await put(keyedCallKey(key), call, changes);
    const message = `attribute ${attribute} is missing or is not what it should be`;
    await expect(stores.idempotency.read(key, 1)).rejects.toMatchObject({
      name: 'StoreError',
      message: `idempotency.read: ${message}`,
    });
    await expect(stores.idempotency.begin(key, callClaim(), 1)).rejects.toMatchObject({
      name: 'StoreError',
      message: `idempotency.begin: ${message}`,
    });
  });

  test('is not overtaken', async () => {
    const key = freshKey();
    await put(keyedCallKey(key), call, { state: { S: secret } });
    await expect(stores.idempotency.overtake(key, 'o', callClaim(), 10)).rejects.toMatchObject({
      name: 'StoreError',
      operation: 'idempotency.overtake',
    });
  });

  test('is not begun anew after its expiry while it says that it is in progress and not until when', async () => {
    const key = freshKey();
    await put(keyedCallKey(key), call, { deadlineAt: undefined });
    await expect(stores.idempotency.begin(key, callClaim(), 100)).rejects.toMatchObject({ name: 'StoreError' });
  });
});

describe('a garbled breaker', () => {
  const breaker: Attributes = {
    failures: { N: '3' },
    openUntil: { N: '5' },
    trialToken: { S: 't' },
    trialUntil: { N: '9' },
    expiresAt: { N: '99' },
  };

  test('is an exception: the same record is read when nothing is wrong with it', async () => {
    const key = freshKey();
    await put(breakerKey(key), breaker, { unknown: { BOOL: true } });
    const state = { failures: 3, openUntil: 5, trial: { token: 't', until: 9 } };
    expect(await stores.breakers.read(key, 1)).toEqual(state);
  });

  test.each<[attribute: string, value: AttributeValue | undefined]>([
    ['failures', undefined],
    ['failures', { S: secret }],
    ['openUntil', { S: '5' }],
    ['trialToken', { N: '1' }],
    ['trialUntil', undefined],
    ['expiresAt', undefined],
  ])('with %s as %j is a StoreError', async (attribute, value) => {
    const key = freshKey();
    await put(breakerKey(key), breaker, { [attribute]: value });
    await expect(stores.breakers.read(key, 1)).rejects.toMatchObject({
      name: 'StoreError',
      message: `breakers.read: attribute ${attribute} is missing or is not what it should be`,
    });
  });

  test('counts no failure where there is no number', async () => {
    const key = freshKey();
    await put(breakerKey(key), breaker, { failures: { S: secret } });
    await expect(stores.breakers.countFailure(key, 3, 5, 99, 1)).rejects.toMatchObject({
      name: 'StoreError',
      message: 'breakers.countFailure: ValidationException',
    });
  });
});

describe('garbled slots', () => {
  test.each<[what: string, leases: AttributeValue | undefined]>([
    ['no leases', undefined],
    ['leases of another kind', { N: '1' }],
    ['a lease without an end', { M: { 'lease#a': { S: secret } } }],
    ['a lease that ends at no time', { M: { 'lease#a': { NULL: true } } }],
  ])('with %s are a StoreError when there is no room', async (_, leases) => {
    const key = freshKey();
    await put(slotsKey(key), { expiresAt: { N: '99' } }, { leases });
    await expect(stores.slots.claim(key, 'token', 1, 9, 1)).rejects.toMatchObject({
      name: 'StoreError',
      message: 'slots.claim: attribute leases is missing or is not what it should be',
    });
  });
});
