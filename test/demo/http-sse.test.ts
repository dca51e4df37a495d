import { Client as ClientV2, SSEClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { McpServer } from '@modelcontextprotocol/server';
import { expect, onTestFinished, test } from 'vitest';
import { fastTime } from '../../lib/local/demo/fast-time.ts';
import { serveUpstream, type ServedUpstream } from '../../lib/local/demo/serve.ts';

const INFO = { name: 'test-client', version: '1.0.0' };

async function serve(createServer = fastTime): Promise<ServedUpstream> {
  const served = await serveUpstream(createServer, { transport: 'sse' });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= served.close());
  onTestFinished(close);
  return { url: served.url, close };
}

const CLIENTS = {
  'SDK v1': async (url: string) => {
    const client = new ClientV1(INFO);
    await client.connect(new TransportV1(new URL(url)));
    return client;
  },
  'SDK v2': async (url: string) => {
    const client = new ClientV2(INFO, { versionNegotiation: { mode: 'legacy' } });
    await client.connect(new TransportV2(new URL(url)));
    return client;
  },
};

test.each(Object.entries(CLIENTS))('a client of %s lists and calls the tools of fast time', async (_name, connect) => {
  const { url } = await serve();
  expect(new URL(url).pathname).toBe('/sse');
  const client = await connect(url);
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(['get_system_time', 'convert_time']);
  const { content } = await client.callTool({
    name: 'convert_time',
    arguments: { time: '2026-07-01', source_timezone: 'UTC', target_timezone: 'Asia/Kolkata' },
  });
  expect(content).toEqual([{ type: 'text', text: '2026-07-01T05:30:00+05:30' }]);
  await client.close();
});

test('each session has a server of its own', async () => {
  let servers = 0;
  const { url } = await serve(() => {
    servers += 1;
    return fastTime();
  });
  const clients = await Promise.all(Array.from({ length: 20 }, () => CLIENTS['SDK v1'](url)));
  const listed = await Promise.all(clients.map(async (client) => (await client.listTools()).tools.length));
  expect([servers, ...new Set(listed)]).toEqual([20, 2]);
  await Promise.all(clients.map((client) => client.close()));
});

test('what is no session, no stream or not meant for it is refused', async () => {
  const { url } = await serve();
  const statusOf = async (path: string, method: string): Promise<number> => {
    const response = await fetch(new URL(path, url), { method });
    await response.text();
    return response.status;
  };
  expect(await statusOf('/messages?sessionId=none', 'POST')).toBe(404);
  expect(await statusOf('/messages', 'GET')).toBe(405);
  expect(await statusOf('/sse', 'POST')).toBe(405);
  expect(await statusOf('/mcp', 'POST')).toBe(404);
});

test('a foreign Origin is refused', async () => {
  const { url } = await serve();
  const response = await fetch(url, { headers: { origin: 'http://evil.example.com' } });
  await response.text();
  expect(response.status).toBe(403);
});

test('a server closes while a call is inside', async () => {
  const entered = Promise.withResolvers<void>();
  const { url, close } = await serve(() => {
    const server = new McpServer({ name: 'held', version: '1.0.0' });
    server.registerTool('wait', { description: 'Never returns' }, async () => {
      entered.resolve();
      return await new Promise(() => {});
    });
    return server;
  });
  const client = await CLIENTS['SDK v2'](url);
  const call = client.callTool({ name: 'wait', arguments: {} }).catch((error: unknown) => error);
  await entered.promise;
  await close();
  await client.close();
  expect(await call).toBeInstanceOf(Error);
});
