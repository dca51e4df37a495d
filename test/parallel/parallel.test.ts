/**
 * Calls of one client, in one session, run beside each other: in cold and in warm environments, and in one process. The
 * upstream's tool `together` answers only once six calls are inside it, and `held` only when the test lets it.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Action } from '../../lib/ports/action-log.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { systemClock } from '../../lib/adapters/node/clock.ts';
import { secretlessTransport } from '../support/http-transport.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { createNodeServer } from '../../lib/adapters/node/server.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { createGateway } from '../../lib/gateway.ts';
import { PEERS, type ConnectedPeer, type Peer } from '../peers/clients.ts';
import { startFaultyUpstream, type FaultyUpstream } from '../support/faulty-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const TOGETHER = 6;

/** Calls that waited for each other in vain would be cut by it. */
const LIMIT = { timeout: 10_000 };

let upstream: FaultyUpstream;

beforeAll(async () => {
  upstream = await startFaultyUpstream({ era: 'both' });
});

beforeEach(() => {
  upstream.barrier('together', TOGETHER);
});

afterAll(async () => {
  await upstream?.stop();
});

function configFile(): object {
  return { upstreams: { up: { url: upstream.url } }, servers: { default: { upstreams: ['up'] } } };
}

async function call(peer: Peer, tool: string, number: number): Promise<string> {
  const { content } = await peer.callTool({ name: `up__${tool}`, arguments: { number } });
  return content[0]?.type === 'text' ? content[0].text : '';
}

async function expectAllTogether(peer: Peer): Promise<void> {
  const numbers = Array.from({ length: TOGETHER }, (_, index) => index);
  const answers = await Promise.all(numbers.map((number) => call(peer, 'together', number)));
  expect(answers).toEqual(numbers.map((number) => JSON.stringify({ number })));
}

async function expectOthersWhileHeld(peer: Peer): Promise<void> {
  const gate = upstream.gate('held');
  const order: string[] = [];
  const held = call(peer, 'held', 1).then((answer) => order.push(answer));
  await gate.entered;
  for (const number of [2, 3, 4]) order.push(await call(peer, 'ok', number));
  gate.release();
  await held;
  expect(order).toEqual([2, 3, 4, 1].map((number) => JSON.stringify({ number })));
}

interface Ran {
  readonly tool: string | null;
  readonly environment: string;
  readonly cold: boolean;
}

function together(actions: readonly Ran[]): Ran[] {
  return actions.filter(({ tool }) => tool === 'up__together');
}

function environmentsOf(actions: readonly Ran[]): Set<string> {
  return new Set(actions.map(({ environment }) => environment));
}

describe.each(Object.entries(PEERS))('%s, in environments of the local gateway', (_, connect) => {
  let gateway: TestGateway;
  let client: ConnectedPeer;

  beforeAll(async () => {
    gateway = await startTestGateway(configFile());
    client = await connect(gateway.url());
  });

  afterAll(async () => {
    await client?.close();
    await gateway?.close();
  });

  /** An environment that has just answered is not free at once, and another would be started in its place. */
  async function allIdle(): Promise<void> {
    await vi.waitFor(() => {
      expect(gateway.emulator.environments.filter(({ state }) => state !== 'idle')).toEqual([]);
    }, 5000);
  }

  test('six calls that wait for each other are all answered, in cold and in warm environments', LIMIT, async () => {
    await expectAllTogether(client.peer);
    const first = together(gateway.actions());
    expect(environmentsOf(first).size).toBe(TOGETHER);
    // Connecting has taken up to three environments.
    expect(first.filter(({ cold }) => cold).length).toBeGreaterThanOrEqual(TOGETHER - 3);

    await allIdle();
    await expectAllTogether(client.peer);
    const second = together(gateway.actions()).slice(first.length);
    expect(environmentsOf(second).size).toBe(TOGETHER);
    expect(second.filter(({ cold }) => cold)).toEqual([]);
    expect(gateway.reports).toEqual([]);
  });

  test('a fast call completes while a slow one is held', LIMIT, async () => {
    await expectOthersWhileHeld(client.peer);
  });
});

describe.each(Object.entries(PEERS))('%s, in one process', (_, connect) => {
  const actions: Action[] = [];
  const defects: unknown[] = [];
  let server: Server;
  let client: ConnectedPeer;

  beforeAll(async () => {
    server = serveCore({ actions, defects });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = await connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  });

  afterAll(async () => {
    await client?.close();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });

  test('six calls that wait for each other are all answered', LIMIT, async () => {
    await expectAllTogether(client.peer);
    expect(together(actions)).toHaveLength(TOGETHER);
    expect(environmentsOf(together(actions)).size).toBe(1);
    expect(defects).toEqual([]);
  });

  test('a fast call completes while a slow one is held', LIMIT, async () => {
    await expectOthersWhileHeld(client.peer);
  });
});

/** The core behind a plain Node HTTP server. */
function serveCore({ actions, defects }: { readonly actions: Action[]; readonly defects: unknown[] }): Server {
  const resolved = resolveConfig(configFile(), UNSAID.local);
  if (!resolved.ok) throw new Error('The configuration is wrong');
  const gateway = createGateway(resolved.config, {
    clock: systemClock,
    ids: cryptoIds,
    openStores: createMemoryStores(),
    transport: secretlessTransport(),
    executeOnce,
    tracer: noopTracer,
    actionLog: {
      write: (action) => void actions.push(action),
      notice: () => undefined,
      defect: (_, error) => void defects.push(error),
    },
  });
  return createNodeServer(gateway, {
    allowedHosts: ['127.0.0.1'],
    requestBytes: resolved.config.limits.requestBytes,
    onError: (error) => void defects.push(error),
  });
}
