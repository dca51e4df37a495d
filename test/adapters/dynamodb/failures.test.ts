/** The stores over a database that fails, seen through real connections. */
import { createServer, type RequestListener } from 'node:http';
import { json } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createDynamoClient, type DynamoClient, type DynamoLimits } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import { type Stores, StoreError } from '../../../lib/ports/stores.ts';
import {
  callClaim,
  catalogKey,
  clientSession,
  freshKey,
  newHead,
  pinRecord,
  randomJson,
  sharedSession,
  subscription,
  upstreamSession,
} from '../../contract/samples.ts';
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

/** Stores whose next record with this sort key is written, and the answer lost. */
function losingAnswerTo(sortKey: string): Stores {
  const connect = createDynamoClient({ endpoint: proxy.endpoint });
  let lost = false;
  const client = async (): Promise<DynamoClient> => {
    const dynamo = await connect();
    return {
      ...dynamo,
      putItem: (input) => {
        if (!lost && input.Item?.['sk']?.S === sortKey) {
          lost = true;
          proxy.loseNextAnswer();
        }
        return dynamo.putItem(input);
      },
    };
  };
  return createDynamoStores({ client, tableName })(tally);
}

/** Stores whose next update that removes something is carried out, and the answer lost. */
function losingAnswerToRemoval(): Stores {
  const connect = createDynamoClient({ endpoint: proxy.endpoint });
  let lost = false;
  const client = async (): Promise<DynamoClient> => {
    const dynamo = await connect();
    return {
      ...dynamo,
      updateItem: (input) => {
        if (!lost && input.UpdateExpression?.includes('REMOVE')) {
          lost = true;
          proxy.loseNextAnswer();
        }
        return dynamo.updateItem(input);
      },
    };
  };
  return createDynamoStores({ client, tableName })(tally);
}

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

describe('an answer about lists, pins and shared sessions that is lost on the way', () => {
  const EXPIRY = 1_780_000_000_000;

  test('does not make a list lose against itself', async () => {
    const key = catalogKey({ audience: 'audience' });
    const head = newHead();
    const { catalog } = losingAnswerTo('head#tools#audience');
    expect(await catalog.write(key, head, '[1]', EXPIRY)).toBe(true);
    expect(proxy.received).toEqual(['PutItem', 'PutItem', 'PutItem']);
    expect(tally.requests).toBe(3);
    const [state] = await catalog.heads([key]);
    expect(state).toMatchObject({ head });
    expect(await catalog.texts([{ key, head: state!.head! }])).toEqual(['[1]']);
  });

  test('of a part does no harm', async () => {
    const key = catalogKey();
    proxy.loseNextAnswer();
    expect(await stores.catalog.write(key, newHead(), '[1]', EXPIRY)).toBe(true);
    const [state] = await stores.catalog.heads([key]);
    expect(await stores.catalog.texts([{ key, head: state!.head! }])).toEqual(['[1]']);
  });

  test('does not make a renewal look refused by itself', async () => {
    const key = catalogKey();
    await stores.catalog.write(key, newHead(), '[1]', EXPIRY);
    const { head } = (await stores.catalog.heads([key]))[0]!;
    proxy.loseNextAnswer();
    expect(await stores.catalog.renew(key, { ...head!, fetchedAt: head!.fetchedAt + 1 }, EXPIRY)).toBe(true);
    expect(proxy.received.slice(-2)).toEqual(['UpdateItem', 'UpdateItem']);
  });

  test('counts a change once more, and never loses one', async () => {
    const key = catalogKey();
    proxy.loseNextAnswer();
    expect(await stores.catalog.countChange(key.upstream, 'tools')).toBe(2);
    expect((await stores.catalog.heads([key]))[0]).toEqual({ head: undefined, changes: 2 });
  });

  test('does not make the last subscription that fits refused by itself', async () => {
    const session = freshKey();
    await stores.listening.tell(session, { tools: 0, prompts: 0, resources: 0 }, EXPIRY);
    proxy.loseNextAnswer();
    expect(await stores.listening.subscribe(session, subscription(), 1, EXPIRY)).toBe(true);
    expect(proxy.received.slice(-2)).toEqual(['UpdateItem', 'UpdateItem']);
    expect((await stores.listening.read(session)).subscriptions).toEqual([subscription()]);
  });

  test.each([undefined, 'replaced'])(
    'does not make a shared session that replaces %s lose against itself',
    async (replaces) => {
      const key = freshKey();
      const old = sharedSession({ session: upstreamSession({ generation: 'replaced' }) });
      if (replaces !== undefined) await stores.upstreamSessions.keep(key, old, undefined, 1);
      const shared = sharedSession();
      proxy.loseNextAnswer();
      expect(await stores.upstreamSessions.keep(key, shared, replaces, 1)).toEqual({ kind: 'kept' });
      expect(proxy.received.slice(-2)).toEqual(['PutItem', 'PutItem']);
      expect(await stores.upstreamSessions.read(key)).toEqual(shared);
    },
  );

  test('does not make pins lose against themselves, and leaves nothing of what they replaced', async () => {
    const upstream = freshKey();
    const [first, second] = [pinRecord({ text: randomJson(500_000) }), pinRecord({ text: randomJson(500_000) })];
    expect(await losingAnswerTo('pins').pins.write(upstream, first, undefined)).toBe(true);
    expect(await stores.pins.read(upstream)).toEqual(first);
    expect(await losingAnswerTo('pins').pins.write(upstream, second, first.version)).toBe(true);
    expect(await stores.pins.read(upstream)).toEqual(second);
    expect(proxy.received.filter((name) => name === 'DeleteItem')).toHaveLength(1);
  });

  test('leaves a session that was swept gone, though nobody learns what it was', async () => {
    const session = clientSession({ expiresAt: 5000 });
    await stores.clientSessions.create(session);
    proxy.loseNextAnswer();
    expect(await stores.clientSessions.terminateExpired(session.key, 5000)).toBeUndefined();
    expect(await stores.clientSessions.read(session.key)).toBeUndefined();
  });
});

describe('an answer about a call with a key that is lost on the way', () => {
  const NOW = 1_780_000_000_000;
  const EXPIRY = NOW + 86_400_000;

  const begun = async () => {
    const key = freshKey();
    const claim = callClaim();
    await stores.idempotency.begin(key, claim, NOW);
    return { key, claim };
  };

  test('does not keep it from having begun', async () => {
    const key = freshKey();
    const claim = callClaim();
    proxy.loseNextAnswer();
    expect(await stores.idempotency.begin(key, claim, NOW)).toEqual({ kind: 'begun' });
    expect(proxy.received).toEqual(['PutItem', 'PutItem']);
    expect(tally.requests).toBe(2);
    expect(await stores.idempotency.read(key, NOW)).toMatchObject({ owner: claim.owner });
  });

  test('does not keep it from having overtaken another', async () => {
    const { key, claim } = await begun();
    const next = callClaim();
    proxy.loseNextAnswer();
    expect(await stores.idempotency.overtake(key, claim.owner, next, claim.deadlineAt)).toBe(true);
    expect(await stores.idempotency.read(key, NOW)).toMatchObject({ owner: next.owner });
  });

  test('does not keep it from being done', async () => {
    const { key, claim } = await begun();
    proxy.loseNextAnswer();
    expect(await stores.idempotency.complete(key, claim.owner, 'text', EXPIRY)).toBe(true);
    expect(proxy.received.slice(1)).toEqual(['UpdateItem', 'UpdateItem']);
    expect((await stores.idempotency.read(key, NOW))?.state).toEqual({ kind: 'done', text: 'text' });
  });

  test('does not keep it from being unknown', async () => {
    const { key, claim } = await begun();
    proxy.loseNextAnswer();
    expect(await stores.idempotency.leaveUnknown(key, claim.owner, EXPIRY)).toBe(true);
    expect((await stores.idempotency.read(key, NOW))?.state).toEqual({ kind: 'unknown' });
  });

  test('does not keep it from being released', async () => {
    const { key, claim } = await begun();
    proxy.loseNextAnswer();
    expect(await stores.idempotency.release(key, claim.owner)).toBe(true);
    expect(proxy.received.slice(1)).toEqual(['DeleteItem', 'DeleteItem', 'GetItem']);
    expect(await stores.idempotency.read(key, NOW)).toBeUndefined();
  });
});

describe('an answer about a breaker or a slot that is lost on the way', () => {
  const NOW = 1_780_000_000_000;
  const OPEN_UNTIL = NOW + 10_000;
  const EXPIRY = NOW + 600_000;

  test('counts a failure once more, and never loses one', async () => {
    const upstream = freshKey();
    proxy.loseNextAnswer();
    expect(await stores.breakers.countFailure(upstream, 5, OPEN_UNTIL, EXPIRY, NOW)).toMatchObject({ failures: 2 });
  });

  test('does not make a trial lose against itself', async () => {
    const upstream = freshKey();
    await stores.breakers.countFailure(upstream, 1, OPEN_UNTIL, EXPIRY, NOW);
    const trial = { token: 'token', until: OPEN_UNTIL + 1000 };
    proxy.loseNextAnswer();
    expect(await stores.breakers.beginTrial(upstream, trial, OPEN_UNTIL)).toBe(true);
    expect(await stores.breakers.read(upstream, NOW)).toMatchObject({ trial });
  });

  test.each(['failTrial', 'giveUpTrial', 'passTrial'] as const)(
    'does not keep %s from having ended it',
    async (method) => {
      const upstream = freshKey();
      await stores.breakers.countFailure(upstream, 1, OPEN_UNTIL, EXPIRY, NOW);
      await stores.breakers.beginTrial(upstream, { token: 'token', until: OPEN_UNTIL + 1000 }, OPEN_UNTIL);
      proxy.loseNextAnswer();
      await stores.breakers[method](upstream, 'token', OPEN_UNTIL + 1000, EXPIRY);
      expect((await stores.breakers.read(upstream, NOW))?.trial).toBeUndefined();
    },
  );

  test('does not make a claim take two slots, or be refused by itself', async () => {
    const upstream = freshKey();
    await stores.slots.claim(upstream, 'old', 1, NOW + 1, NOW);
    await stores.slots.release(upstream, 'old');
    proxy.loseNextAnswer();
    expect(await stores.slots.claim(upstream, 'token', 1, OPEN_UNTIL, NOW)).toEqual({ kind: 'claimed' });
    expect(proxy.received.slice(-2)).toEqual(['UpdateItem', 'UpdateItem']);
    await stores.slots.release(upstream, 'token');
    expect(await stores.slots.claim(upstream, 'next', 1, OPEN_UNTIL, NOW)).toEqual({ kind: 'claimed' });
  });

  test('does not make a claim that removes what has expired be refused by itself', async () => {
    const upstream = freshKey();
    await stores.slots.claim(upstream, 'old', 1, NOW + 1, NOW);
    const claiming = losingAnswerToRemoval().slots.claim(upstream, 'token', 1, OPEN_UNTIL, NOW + 1);
    expect(await claiming).toEqual({ kind: 'claimed' });
    const full = { kind: 'full', freeAt: OPEN_UNTIL };
    expect(await stores.slots.claim(upstream, 'next', 1, OPEN_UNTIL + 1, NOW + 1)).toEqual(full);
  });

  test('does not make the first claim on an upstream be refused by itself', async () => {
    const upstream = freshKey();
    expect(await losingAnswerTo('slots').slots.claim(upstream, 'token', 1, OPEN_UNTIL, NOW)).toEqual({
      kind: 'claimed',
    });
    expect(proxy.received).toEqual(['UpdateItem', 'GetItem', 'PutItem', 'PutItem']);
  });
});

describe('a record that is never the same', () => {
  test('is given up, so that beginning a call does not go on for ever', async () => {
    const server = createServer((request, response) => {
      const reading = String(request.headers['x-amz-target']).endsWith('GetItem');
      response.writeHead(reading ? 200 : 400, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(reading ? '{}' : '{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}');
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { idempotency } = createDynamoStores({ client: createDynamoClient({ endpoint }), tableName })(tally);
    const error = await failureOf(idempotency.begin('key', callClaim(), 1));
    expect(error.message).toBe('idempotency.begin: NeverSettled');
    expect(tally.requests).toBe(10);
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
  });
});

describe('a list that cannot be written', () => {
  test('because of one of its parts has no head, and nothing is sent any more', async () => {
    const key = catalogKey();
    proxy.refuseNext(400, 'ValidationException');
    const error = await failureOf(stores.catalog.write(key, newHead(), randomJson(4_000_000), 1));
    expect(error.message).toBe('catalog.write: ValidationException');
    const sent = proxy.received.length;
    expect((await stores.catalog.heads([key]))[0]).toEqual({ head: undefined, changes: 0 });
    expect(proxy.received.slice(sent)).toEqual(['BatchGetItem']);
  });

  test('because it is too long is a StoreError, before anything is sent', async () => {
    const text = 'x'.repeat(64 * 1024 * 1024 + 1);
    const error = await failureOf(stores.catalog.write(catalogKey(), newHead(), text, 1));
    expect(error.message).toBe('catalog.write: TextTooLong');
    expect(proxy.received).toEqual([]);
  });
});

describe('a batch that is not processed', () => {
  type Batch = { readonly RequestItems: Record<string, { readonly Keys: { readonly sk: { readonly S: string } }[] }> };

  /** Stores on a database that answers for the first `processed` keys of a batch, and finds nothing. */
  async function answering(processed: number): Promise<{ stores: Stores; close: () => Promise<void> }> {
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        const keys = (body as Batch).RequestItems[tableName]!.Keys;
        const rest = keys.slice(processed);
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
        const UnprocessedKeys = rest.length === 0 ? {} : { [tableName]: { Keys: rest, ConsistentRead: true } };
        response.end(JSON.stringify({ Responses: { [tableName]: [] }, UnprocessedKeys }));
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      stores: createDynamoStores({ client: createDynamoClient({ endpoint }), tableName })(tally),
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  }

  test('at all is a StoreError after a few requests, each of them counted', async () => {
    const database = await answering(0);
    const error = await failureOf(database.stores.catalog.heads([catalogKey()]));
    expect(error.message).toBe('catalog.heads: KeysUnprocessed');
    expect(tally.requests).toBe(5);
    await database.close();
  });

  test('at once is asked for until it is, as long as something comes', async () => {
    const database = await answering(1);
    const keys = Array.from({ length: 6 }, () => catalogKey());
    expect(await database.stores.catalog.heads(keys)).toEqual(keys.map(() => ({ head: undefined, changes: 0 })));
    expect(tally.requests).toBe(12);
    await database.close();
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
