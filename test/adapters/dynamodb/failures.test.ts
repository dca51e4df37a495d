/** The stores over a database that fails, seen through real connections. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createDynamoClient, type DynamoLimits } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import { type Stores, StoreError } from '../../../lib/ports.ts';
import { clientSession, freshKey, upstreamSession } from '../../contract/samples.ts';
import { type RunningDynalite, startDynalite } from '../../support/dynalite.ts';
import { type DynamodbProxy, startDynamodbProxy } from '../../support/dynamodb-proxy.ts';

const tableName = 'sluice-failures';

let dynalite: RunningDynalite;
let proxy: DynamodbProxy;
let tally: { requests: number };
let stores: Stores;

beforeAll(async () => {
  dynalite = await startDynalite();
  await createTable({ endpoint: dynalite.endpoint, tableName });
});
afterAll(() => dynalite.close());

beforeEach(async () => {
  proxy = await startDynamodbProxy(dynalite.endpoint);
  tally = { requests: 0 };
  stores = createDynamoStores({ client: createDynamoClient({ endpoint: proxy.endpoint }), tableName })(tally);
});
afterEach(() => proxy.close());

async function failureOf(work: Promise<unknown>): Promise<StoreError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error as StoreError;
}

describe('an answer that is lost on the way', () => {
  test('does not make a creation look refused by itself', async () => {
    const session = clientSession();
    proxy.loseNextAnswer();
    expect(await stores.clientSessions.create(session)).toBe(true);
    expect(proxy.received).toEqual(['PutItem', 'PutItem']);
    expect(tally.requests).toBe(2);
    expect(await stores.clientSessions.read(session.key)).toEqual(session);
  });

  test('does not make an attachment lose against itself', async () => {
    const session = clientSession();
    const attachment = upstreamSession();
    await stores.clientSessions.create(session);
    proxy.loseNextAnswer();
    expect(await stores.clientSessions.attach(session.key, 'time', attachment, undefined)).toEqual({
      kind: 'attached',
    });
    expect(proxy.received).toEqual(['PutItem', 'UpdateItem', 'UpdateItem']);
    expect(tally.requests).toBe(3);
  });

  test('does not make a replacement lose against itself', async () => {
    const dead = upstreamSession();
    const session = clientSession({ upstreamSessions: { time: dead } });
    await stores.clientSessions.create(session);
    proxy.loseNextAnswer();
    const outcome = await stores.clientSessions.attach(session.key, 'time', upstreamSession(), dead.generation);
    expect(outcome).toEqual({ kind: 'attached' });
  });

  test('does not make a touched session look gone', async () => {
    const session = clientSession();
    await stores.clientSessions.create(session);
    proxy.loseNextAnswer();
    expect(await stores.clientSessions.touch(session.key, 1, session.expiresAt + 1)).toBe(true);
  });
});

describe('trouble in the database', () => {
  test('that passes is passed over, and every attempt is counted', async () => {
    proxy.refuseNext(400, 'ProvisionedThroughputExceededException');
    expect(await stores.clientSessions.read(freshKey())).toBeUndefined();
    expect(proxy.received).toEqual(['GetItem', 'GetItem']);
    expect(tally.requests).toBe(2);
  });

  test('that stays is a StoreError that names the operation and quotes nothing', async () => {
    const session = clientSession({ caller: 'a private name' });
    proxy.refuseNext(400, 'ValidationException');
    const error = await failureOf(stores.clientSessions.create(session));
    expect(error).toMatchObject({
      name: 'StoreError',
      operation: 'clientSessions.create',
      message: 'clientSessions.create: ValidationException',
      cause: { name: 'ValidationException' },
    });
    expect(tally.requests).toBe(1);
  });

  test('such as a missing table is a StoreError', async () => {
    const client = createDynamoClient({ endpoint: dynalite.endpoint });
    const { mailbox } = createDynamoStores({ client, tableName: 'another' })(tally);
    const error = await failureOf(mailbox.peekCancellation('session', 'call'));
    expect(error.message).toBe('mailbox.peekCancellation: ResourceNotFoundException');
  });

  test('such as a key longer than DynamoDB takes is a StoreError', async () => {
    const error = await failureOf(stores.upstreamEras.read('x'.repeat(3000)));
    expect(error.message).toBe('upstreamEras.read: ValidationException');
  });

  test('such as a number that is none is a StoreError', async () => {
    const error = await failureOf(stores.clientSessions.create(clientSession({ lastSeenAt: Number.NaN })));
    expect(error.message).toBe('clientSessions.create: ValidationException');
  });

  test('such as an SDK that cannot be set up is a StoreError', async () => {
    const client = createDynamoClient({ endpoint: 'no address' });
    const { clientSessions } = createDynamoStores({ client, tableName })(tally);
    const error = await failureOf(clientSessions.terminate('key'));
    expect(error.message).toBe('clientSessions.terminate: TypeError ERR_INVALID_URL');
    expect(tally.requests).toBe(0);
  });
});

describe('a database that does not answer', () => {
  const limits: DynamoLimits = { connectMs: 1000, silenceMs: 60, totalMs: 5000, attempts: 2 };

  async function against(listener: RequestListener, changes: Partial<DynamoLimits> = {}): Promise<StoreError> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = createDynamoClient({ endpoint, limits: { ...limits, ...changes } });
    const { clientSessions } = createDynamoStores({ client, tableName })(tally);
    try {
      return await failureOf(clientSessions.read('key'));
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    }
  }

  test('because nobody listens is a StoreError after every attempt', async () => {
    const { endpoint } = proxy;
    await proxy.close();
    const client = createDynamoClient({ endpoint, limits });
    const { clientSessions } = createDynamoStores({ client, tableName })(tally);
    const error = await failureOf(clientSessions.read('key'));
    expect(error.message).toContain('ECONNREFUSED');
    expect(tally.requests).toBe(limits.attempts);
  });

  test('because it is silent is a StoreError after every attempt', async () => {
    const error = await against(() => {});
    expect(error.message).toContain('TimeoutError');
    expect(tally.requests).toBe(limits.attempts);
  });

  test('because its answer stops in the middle is a StoreError', async () => {
    const error = await against((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"Item":');
    });
    expect(error.operation).toBe('clientSessions.read');
  });

  test('because its answer trickles for ever is a StoreError once the total is over', async () => {
    const error = await against(
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000000' });
        const trickle = setInterval(() => response.write(' '), 10);
        response.on('close', () => clearInterval(trickle));
      },
      { totalMs: 200 },
    );
    expect(error.operation).toBe('clientSessions.read');
  });

  test('because it answers something else is a StoreError', async () => {
    const error = await against((_, response) => void response.writeHead(200).end('<html>welcome</html>'));
    expect(error.message).toMatch(/^clientSessions\.read: \w+/);
    expect(error.message).not.toContain('welcome');
  });
});
