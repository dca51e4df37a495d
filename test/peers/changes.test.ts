/**
 * Through the local gateway, clients of the official SDKs are told of changes that servers of the official SDK announce,
 * whichever era each of the two speaks.
 */
import { InMemoryServerEventBus, McpServer } from '@modelcontextprotocol/server';
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveUpstream, type ServedUpstream } from '../../lib/local/demo/serve.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { connectV1, connectV2 } from '../support/sdk-clients.ts';

const URI = 'note://1';

const bus = new InMemoryServerEventBus();
/** Of the legacy upstream: one for each session. */
const servers = new Set<McpServer>();
let upstreams: readonly ServedUpstream[];
let gateway: TestGateway;

function createServer(): McpServer {
  const server = new McpServer(
    { name: 'notes', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true } } },
  );
  server.registerTool('a', { description: 'A' }, () => ({ content: [] }));
  server.registerResource('note', URI, { description: 'A note' }, () => ({ contents: [{ uri: URI, text: 'x' }] }));
  return server;
}

function createLegacyServer(): McpServer {
  const server = createServer();
  server.server.setRequestHandler('resources/subscribe', () => ({}));
  server.server.setRequestHandler('resources/unsubscribe', () => ({}));
  servers.add(server);
  Object.assign(server.server, { onclose: () => servers.delete(server) });
  return server;
}

beforeAll(async () => {
  upstreams = await Promise.all([
    serveUpstream(createServer, { bus, eras: ['modern'] }),
    serveUpstream(createLegacyServer, { eras: ['legacy'] }),
  ]);
  const [modern, legacy] = upstreams;
  gateway = await startTestGateway({
    upstreams: { modern: { url: modern!.url }, legacy: { url: legacy!.url } },
    servers: { default: { upstreams: ['modern'] }, legacy: { upstreams: ['legacy'] } },
    listen: { holdSeconds: 30 },
  });
});

afterAll(async () => {
  await gateway?.close();
  await Promise.all(upstreams?.map((upstream) => upstream.close()) ?? []);
});

/** What an upstream of each era does when something changes. */
const SAY = {
  default: {
    updated: () => bus.publish({ kind: 'resource_updated', uri: URI }),
    changed: () => bus.publish({ kind: 'tools_list_changed' }),
  },
  legacy: {
    updated: () => servers.forEach((server) => void server.server.sendResourceUpdated({ uri: URI })),
    changed: () => servers.forEach((server) => server.sendToolListChanged()),
  },
} as const;

/** Says it until somebody has heard: nobody can tell when the gateway has begun to listen. */
async function sayUntil(heard: Promise<unknown>, say: () => void): Promise<void> {
  say();
  const repeating = setInterval(say, 100);
  try {
    await heard;
  } finally {
    clearInterval(repeating);
  }
}

describe.each(['default', 'legacy'] as const)('of the upstream at the virtual server %s', (name) => {
  test('a client of SDK v1 hears on the stream that it holds', async () => {
    const updated = Promise.withResolvers<string>();
    const changed = Promise.withResolvers<void>();
    const { client, close } = await connectV1(gateway.url(name), {
      prepare: (one) => {
        one.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => updated.resolve(params.uri));
        one.setNotificationHandler(ToolListChangedNotificationSchema, () => changed.resolve());
      },
    });
    expect(client.getServerCapabilities()).toMatchObject({
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
    });
    await client.subscribeResource({ uri: URI });
    await sayUntil(updated.promise, SAY[name].updated);
    expect(await updated.promise).toBe(URI);
    await sayUntil(changed.promise, SAY[name].changed);
    await client.unsubscribeResource({ uri: URI });
    await close();
  });

  test('a legacy client of SDK v2 hears on the stream that it holds', async () => {
    const updated = Promise.withResolvers<string>();
    const { client, close } = await connectV2(gateway.url(name), 'legacy', {
      prepare: (one) => {
        one.setNotificationHandler('notifications/resources/updated', ({ params }) => updated.resolve(params.uri));
      },
    });
    await client.subscribeResource({ uri: URI });
    await sayUntil(updated.promise, SAY[name].updated);
    expect(await updated.promise).toBe(URI);
    await close();
  });

  test('a modern client of SDK v2 hears in its subscription', async () => {
    const updated = Promise.withResolvers<string>();
    const changed = Promise.withResolvers<void>();
    const { client, close } = await connectV2(gateway.url(name), 'modern', {
      prepare: (one) => {
        one.setNotificationHandler('notifications/resources/updated', ({ params }) => updated.resolve(params.uri));
        one.setNotificationHandler('notifications/tools/list_changed', () => changed.resolve());
      },
    });
    const filter = { toolsListChanged: true, resourceSubscriptions: [URI] };
    const subscription = await client.listen(filter);
    expect(subscription.honoredFilter).toEqual(filter);
    await sayUntil(updated.promise, SAY[name].updated);
    expect(await updated.promise).toBe(URI);
    await sayUntil(changed.promise, SAY[name].changed);
    await subscription.close();
    expect(await subscription.closed).toBe('local');
    await close();
  });
});
