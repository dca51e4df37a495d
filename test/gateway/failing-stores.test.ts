/** A database that fails or hangs: the client learns so much and no more, the operator the rest, and nothing is left. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { StoreError, type Stores } from '../../lib/ports/stores.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { initializeMessage, LEGS, type Harness } from '../support/gateway-harness.ts';
import type { WireResponse } from '../support/wire.ts';
import { openFaulty, openScripted } from './fixtures.ts';

const HOUR_MS = 60 * 60 * 1000;

/** Stands in front of the stores and makes one of their methods fail on command. */
function createTrouble() {
  let failing: string | undefined;
  let failure: Error = new StoreError('-', '-', undefined);
  const guard = <Store extends object>(name: string, store: Store): Store =>
    new Proxy(store, {
      get(target, method) {
        const operation = `${name}.${String(method)}`;
        const original = Reflect.get(target, method) as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => (operation === failing ? Promise.reject(failure) : original(...args));
      },
    });
  return {
    wrapStores: (stores: Stores): Stores => ({
      clientSessions: guard('clientSessions', stores.clientSessions),
      mailbox: guard('mailbox', stores.mailbox),
      upstreamEras: guard('upstreamEras', stores.upstreamEras),
      upstreamSessions: guard('upstreamSessions', stores.upstreamSessions),
      catalog: guard('catalog', stores.catalog),
      pins: guard('pins', stores.pins),
      idempotency: guard('idempotency', stores.idempotency),
      breakers: guard('breakers', stores.breakers),
      slots: guard('slots', stores.slots),
      streams: guard('streams', stores.streams),
      listening: guard('listening', stores.listening),
    }),
    /** `operation` is the store and its method. */
    fail(operation: string, error: Error = new StoreError(operation, 'TROUBLE in the table', new Error('SECRET'))) {
      failing = operation;
      failure = error;
    },
    end: () => void (failing = undefined),
  };
}

/** 503 in words that are the gateway's, and one defect for the operator. */
function expectUnavailable(gateway: Harness, { status, messages, text }: WireResponse, id?: unknown): void {
  expect(status).toBe(503);
  expect(messages).toEqual([
    {
      jsonrpc: '2.0',
      ...(id === undefined ? {} : { id }),
      error: { code: 1030, message: "The gateway's session store did not answer; try again" },
    },
  ]);
  expect(text).not.toMatch(/SECRET|TROUBLE|StoreError/);
  expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
}

describe.each(LEGS)('$name', (leg) => {
  describe('a database that cannot', () => {
    test('create a session makes initialize fail, and leaves no upstream session', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, ...trouble });
      trouble.fail('clientSessions.create');
      const answer = await gateway.client.post(initializeMessage('2025-11-25'));
      expectUnavailable(gateway, answer, 'initialize');
      expect(answer.headers['mcp-session-id']).toBeUndefined();
      await gateway.settled();
      expect(upstream.sessions).toEqual([]);
      trouble.end();
      expect((await (await gateway.client.connect('2025-11-25')).call('up__ok')).result).toBeDefined();
    });

    test('read a session makes everything in it fail, and calls nobody', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, ...trouble });
      const peer = await gateway.client.connect('2025-11-25');
      const before = upstream.requests.length;
      trouble.fail('clientSessions.read');
      expectUnavailable(gateway, await peer.request('tools/call', { name: 'up__ok' }, { id: 1 }), 1);
      expectUnavailable(gateway, await peer.request('ping', {}, { id: 'p' }), 'p');
      expectUnavailable(gateway, await peer.notify('notifications/roots/list_changed'));
      expectUnavailable(gateway, await peer.terminate());
      expect(gateway.actions.slice(-4).map(({ outcome, errorKind }) => `${outcome} ${errorKind}`)).toEqual(
        Array(4).fill('error store-unavailable'),
      );
      expect(upstream.requests).toHaveLength(before);
      trouble.end();
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test('attach a session makes the call fail before it is sent, and closes what was opened', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, ...trouble });
      const peer = await gateway.client.connect('2025-11-25');
      upstream.forgetSessions();
      trouble.fail('clientSessions.attach');
      expectUnavailable(gateway, await peer.request('tools/call', { name: 'up__ok' }, { id: 1 }), 1);
      await gateway.settled();
      expect(upstream.sessions).toEqual([]);
      expect(upstream.calls('ok')).toHaveLength(1);
      trouble.end();
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.sessions).toHaveLength(1);
    });

    test('keep a log level says so', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, ...trouble });
      const peer = await gateway.client.connect('2025-11-25');
      trouble.fail('clientSessions.setLogLevel');
      expectUnavailable(gateway, await peer.request('logging/setLevel', { level: 'info' }, { id: 1 }), 1);
      expect(upstream.requests.map(({ method }) => method)).not.toContain('logging/setLevel');
    });

    test('end a session leaves it usable', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, ...trouble });
      const peer = await gateway.client.connect('2025-11-25');
      trouble.fail('clientSessions.terminate');
      expectUnavailable(gateway, await peer.terminate());
      trouble.end();
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect((await peer.terminate()).status).toBe(204);
      await gateway.settled();
      expect(upstream.sessions).toEqual([]);
    });

    test('move the end of a session does not touch the call', async () => {
      const trouble = createTrouble();
      const clock = createManualClock();
      const { gateway } = await openFaulty('legacy', { leg, clock, ...trouble });
      const peer = await gateway.client.connect('2025-11-25');
      clock.advance(2 * HOUR_MS);
      trouble.fail('clientSessions.touch');
      expect((await peer.call('up__ok')).result).toBeDefined();
      await gateway.settled();
      expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
    });

    test('take a cancellation says so, and the call goes on', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, ...trouble });
      const { entered, release } = upstream.gate('slow');
      const peer = await gateway.client.connect('2025-11-25');
      const held = peer.call('up__slow', {}, { id: 1 });
      await entered;
      trouble.fail('mailbox.leaveCancellation');
      expectUnavailable(gateway, await peer.notify('notifications/cancelled', { requestId: 1 }));
      release();
      expect((await held).result).toBeDefined();
    });

    test('be asked for cancellations does not touch the call, and is asked again', async () => {
      const trouble = createTrouble();
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock, ...trouble });
      const { entered } = upstream.gate('slow');
      const peer = await gateway.client.connect('2025-11-25');
      const held = peer.call('up__slow', {}, { id: 1 });
      await entered;
      trouble.fail('mailbox.peekCancellation');
      clock.advance(1000);
      await peer.notify('notifications/cancelled', { requestId: 1 });
      trouble.end();
      clock.advance(1000);
      expect((await held).error.code).toBe(1020);
    });

    test('tell an era does not touch the call: the upstream is asked instead', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('modern', { leg, ...trouble });
      const peer = await gateway.client.connect('2026-07-28');
      trouble.fail('upstreamEras.read');
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.requests.map(({ method }) => method)).toEqual(['server/discover', 'tools/call']);
      expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
    });

    test('keep an era does not touch the call', async () => {
      const trouble = createTrouble();
      const { gateway } = await openFaulty('modern', { leg, ...trouble });
      const peer = await gateway.client.connect('2026-07-28');
      trouble.fail('upstreamEras.write');
      expect((await peer.call('up__ok')).result).toBeDefined();
      await gateway.settled();
      expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
    });
  });

  describe.each(['2026-07-28', '2025-11-25'])('a database without its catalog, for a %s client', (revision) => {
    const listed = { tools: [{ name: 'up__a' }] };
    const openListing = async (...[options]: Parameters<typeof openScripted>) => {
      const opened = await openScripted({ leg, ...options });
      const lists: { tools: object[] } = { tools: [{ name: 'a' }] };
      opened.upstream.on('tools/list', ({ answer, modern }) =>
        answer({ ...lists, ...(modern ? { ttlMs: 60_000, cacheScope: 'public' } : {}) }),
      );
      return { ...opened, lists };
    };

    test('that tells nothing costs the upstream a request for each list, and the client nothing', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openListing(trouble);
      const peer = await gateway.client.connect(revision);
      await gateway.settled();
      trouble.fail('catalog.heads');
      for (const environment of gateway.environments) {
        const { status, messages } = await peer.through(environment).request('tools/list');
        expect([status, messages[0].result]).toMatchObject([200, listed]);
        expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
      }
      expect(upstream.of('tools/list')).toHaveLength(2);
      await gateway.settled();
    });

    test('that tells nothing still lets a client in', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openListing(trouble);
      upstream.hello = { instructions: 'Be kind.' };
      trouble.fail('catalog.heads');
      const peer = await gateway.client.connect(revision);
      const introduced = peer.initialized ?? (await peer.request('server/discover')).messages[0].result;
      expect(introduced.instructions).toBe('Be kind.');
      expect((await peer.call('up__a')).result).toBeDefined();
      await gateway.settled();
      expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
    });

    test('that loses the texts of lists has them asked for again', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openListing(trouble);
      const [first, second] = gateway.environments;
      const peer = await first!.connect(revision);
      await peer.request('tools/list');
      await gateway.settled();
      trouble.fail('catalog.texts');
      // This environment has never seen the text.
      const { status, messages } = await peer.through(second!).request('tools/list');
      expect([status, messages[0].result]).toMatchObject([200, listed]);
      expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
      expect(upstream.of('tools/list')).toHaveLength(2);
      await gateway.settled();
    });

    test('that cannot say what a list was before gives the list that it is', async () => {
      const trouble = createTrouble();
      const clock = createManualClock();
      const { gateway, lists } = await openListing({ ...trouble, clock });
      const [first, second] = gateway.environments;
      const peer = await first!.connect(revision);
      await peer.request('tools/list');
      await gateway.settled();
      clock.advance(60_000);
      lists.tools = [{ name: 'b' }];
      trouble.fail('catalog.texts');
      const { status, messages } = await peer.through(second!).request('tools/list');
      expect([status, messages[0].result]).toMatchObject([200, { tools: [{ name: 'up__b' }] }]);
      await gateway.settled();
      expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
    });

    test.each(['catalog.write', 'catalog.renew', 'catalog.countChange'])(
      'that fails later, in %s, does no harm to an answer',
      async (operation) => {
        const trouble = createTrouble();
        const clock = createManualClock();
        const { gateway, upstream } = await openListing({ ...trouble, clock });
        upstream.onCall(({ say, answer }) => {
          say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
          answer({ content: [] });
        });
        const peer = await gateway.client.connect(revision);
        if (operation === 'catalog.renew') await peer.request('tools/list');
        await gateway.settled();
        clock.advance(60_000);
        trouble.fail(operation);
        const { status, messages } = await peer.request('tools/list');
        expect([status, messages[0].result]).toMatchObject([200, listed]);
        expect((await peer.call('up__x')).result).toMatchObject({ content: [] });
        await gateway.settled();
        expect(gateway.takeDefects()).toEqual([expect.any(StoreError)]);
        trouble.end();
        for (const environment of gateway.environments) {
          const again = await peer.through(environment).request('tools/list');
          expect(again.messages[0].result).toMatchObject(listed);
        }
      },
    );
  });

  describe('a database that cannot, for calls that share an upstream session,', () => {
    const shared = { era: 'legacy', isolation: 'shared' };

    test('tell of the session makes the call fail before it is sent', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, upstream: shared, ...trouble });
      const peer = await gateway.client.connect('2026-07-28');
      trouble.fail('upstreamSessions.read');
      expectUnavailable(gateway, await peer.request('tools/call', { name: 'up__ok' }, { id: 1 }), 1);
      expect(upstream.requests).toEqual([]);
      trouble.end();
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test('keep the session makes the call fail before it is sent, and closes what was opened', async () => {
      const trouble = createTrouble();
      const { gateway, upstream } = await openFaulty('legacy', { leg, upstream: shared, ...trouble });
      const peer = await gateway.client.connect('2026-07-28');
      trouble.fail('upstreamSessions.keep');
      expectUnavailable(gateway, await peer.request('tools/call', { name: 'up__ok' }, { id: 1 }), 1);
      await gateway.settled();
      expect(upstream.calls('ok')).toEqual([]);
      expect(upstream.sessions).toEqual([]);
      trouble.end();
      for (const environment of gateway.environments) {
        expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
      }
      expect(upstream.sessions).toHaveLength(1);
    });
  });

  describe.each(['2026-07-28', '2025-11-25'])('a database without its pins, for a %s client', (revision) => {
    test.each(['pins.read', 'pins.write'])(
      'lets no tool be seen or called that nobody has judged: %s',
      async (operation) => {
        const trouble = createTrouble();
        const { gateway, upstream } = await openFaulty('both', { leg, upstream: { pin: true }, ...trouble });
        const peer = await gateway.client.connect(revision);
        trouble.fail(operation);
        expectUnavailable(gateway, await peer.request('tools/list', {}, { id: 1 }), 1);
        expectUnavailable(gateway, await peer.request('tools/call', { name: 'up__ok' }, { id: 2 }), 2);
        expect(upstream.calls('ok')).toEqual([]);
        trouble.end();
        expect((await peer.call('up__ok')).result).toBeDefined();
      },
    );
  });

  test('a failure in a batch is told to each of its requests', async () => {
    const trouble = createTrouble();
    const { gateway, upstream } = await openFaulty('legacy', { leg, ...trouble });
    const peer = await gateway.client.connect('2025-03-26');
    upstream.forgetSessions();
    trouble.fail('clientSessions.attach');
    const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'up__ok' } });
    const batch = [call(1), call(2), { jsonrpc: '2.0', id: 3, method: 'ping' }];
    const { status, messages } = await gateway.client.post(batch, peer.headers);
    expect(status).toBe(200);
    expect(new Map(messages.map(({ id, error }) => [id, error?.code]))).toEqual(
      new Map([
        [1, 1030],
        [2, 1030],
        [3, undefined],
      ]),
    );
    await gateway.settled();
    expect(gateway.takeDefects()).toHaveLength(2);
    expect(upstream.sessions).toEqual([]);
  });

  test.each([
    [
      'clientSessions.read',
      (peer: { request: (method: string) => Promise<WireResponse> }) => peer.request('tools/list'),
    ],
    ['clientSessions.terminate', (peer: { terminate: () => Promise<WireResponse> }) => peer.terminate()],
  ] as const)('a defect in %s is a 500 that says nothing', async (operation, send) => {
    const trouble = createTrouble();
    const { gateway } = await openFaulty('legacy', { leg, ...trouble });
    const peer = await gateway.client.connect('2025-11-25');
    trouble.fail(operation, new TypeError('SECRET: cannot read properties of undefined'));
    const { status, messages, text } = await send(peer);
    expect(status).toBe(500);
    expect(messages[0].error).toEqual({ code: -32603, message: 'The gateway failed unexpectedly' });
    expect(text).not.toMatch(/SECRET|TypeError/);
    expect(gateway.takeDefects()).toEqual([expect.any(TypeError)]);
    for (const line of gateway.lines) expect(line).not.toContain('SECRET');
    trouble.end();
    expect((await peer.request('ping')).status).toBe(200);
  });

  test('a defect is written for the operator with the request it belongs to, without its message', async () => {
    const trouble = createTrouble();
    const { gateway } = await openFaulty('legacy', { leg, ...trouble });
    const peer = await gateway.client.connect('2025-11-25');
    trouble.fail('clientSessions.read');
    await peer.request('ping');
    gateway.takeDefects();
    const defect = gateway.lines.flatMap((line): unknown[] =>
      line.startsWith('{"time"') && line.includes('"defect"') ? [JSON.parse(line)] : [],
    );
    expect(defect).toHaveLength(1);
    expect(defect[0]).toMatchObject({ defect: 'StoreError', requestId: gateway.actions.at(-1)?.requestId });
    expect(JSON.stringify(defect)).not.toMatch(/SECRET|TROUBLE/);
  });

  describe.each(['never answers', 'closes every connection'])('a database that %s', (behaviour) => {
    test('makes sessions fail within its own limits, and touches nothing else', async () => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        if (behaviour === 'closes every connection') socket.destroy();
        else socket.resume();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(async () => {
        for (const socket of sockets) socket.destroy();
        server.close();
        await once(server, 'close');
      });
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const limits = { connectMs: 100, silenceMs: 150, totalMs: 300, attempts: 2 };
      const client = createDynamoClient({ endpoint, limits });
      const broken = createDynamoStores({ client, tableName: 'none' });
      const sound = createMemoryStores();
      let isBroken = false;
      const { gateway, upstream } = await openFaulty('both', {
        leg,
        openStores: (tally) => (isBroken ? broken(tally) : sound(tally)),
        upstream: { era: 'auto' },
      });
      const legacy = await gateway.client.connect('2025-11-25');
      const modern = await gateway.client.connect('2026-07-28');
      for (const environment of gateway.environments) await modern.through(environment).call('up__ok');
      await gateway.settled();
      isBroken = true;
      const before = upstream.requests.length;
      const began = performance.now();
      expectUnavailable(gateway, await legacy.request('tools/call', { name: 'up__ok' }, { id: 1 }), 1);
      expect(performance.now() - began).toBeLessThan(3000);
      expect(upstream.requests).toHaveLength(before);
      // A modern call keeps nothing, and so needs nothing that is kept.
      expect((await modern.call('up__ok')).result).toBeDefined();
      isBroken = false;
      expect((await legacy.call('up__ok')).result).toBeDefined();
      await gateway.settled();
    });
  });
});
