import { McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { LegacySessionLimits } from '../../lib/local/demo/legacy-sessions.ts';
import type { ServedUpstream } from '../../lib/local/demo/serve.ts';
import { LegacySessions } from '../../lib/local/demo/legacy-sessions.ts';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import { connectV2 } from '../support/sdk-clients.ts';

let served: ServedUpstream | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await served?.close();
  served = undefined;
});

/** A server with a tool that stays inside until the gate opens. */
function held(): { createServer: () => McpServer; entered: Promise<void>; open: () => void } {
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const createServer = (): McpServer => {
    const server = new McpServer({ name: 'held', version: '1.0.0' });
    server.registerTool('wait', { description: 'Waits for the test' }, async () => {
      entered.resolve();
      await gate.promise;
      return { content: [{ type: 'text', text: 'done' }] };
    });
    return server;
  };
  return { createServer, entered: entered.promise, open: () => gate.resolve() };
}

async function serve(createServer = held().createServer, sessionLimits?: LegacySessionLimits): Promise<string> {
  served = await serveUpstream(createServer, sessionLimits === undefined ? {} : { sessionLimits });
  return served.url;
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1.0.0' } },
};
const LIST = { jsonrpc: '2.0', id: 2, method: 'tools/list', params: {} };
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(url, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(body) });
}

async function openSession(url: string): Promise<{ status: number; id: string }> {
  const response = await post(url, INITIALIZE);
  await response.text();
  return { status: response.status, id: response.headers.get('mcp-session-id') ?? '' };
}

/** The status of a request in the session. */
async function statusIn(url: string, session: string): Promise<number> {
  const response = await post(url, LIST, { 'mcp-session-id': session });
  await response.text();
  return response.status;
}

describe('a legacy client', () => {
  test('gets a session of its own that ends when it is deleted', async () => {
    const url = await serve();
    const [first, second] = [await openSession(url), await openSession(url)];
    expect(first.id).not.toBe(second.id);
    expect(await statusIn(url, first.id)).toBe(200);
    await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': first.id } });
    expect(await statusIn(url, first.id)).toBe(404);
    expect(await statusIn(url, second.id)).toBe(200);
  });

  test('is refused without a session, and with one that never was', async () => {
    const url = await serve();
    expect((await post(url, LIST)).status).toBe(400);
    expect(await statusIn(url, 'never-was')).toBe(404);
  });

  test('sends batches in 2025-03-26, as that revision allows', async () => {
    const url = await serve();
    const { id } = await openSession(url);
    const response = await post(url, [LIST, { ...LIST, id: 3 }], { 'mcp-session-id': id });
    const answered = [...(await response.text()).matchAll(/"id":(\d)/g)].map(([, answer]) => answer);
    expect(new Set(answered)).toEqual(new Set(['2', '3']));
  });
});

describe('legacy sessions', () => {
  test('one more than the limit ends the session that has been idle longest', async () => {
    const url = await serve(undefined, { sessions: 2, idleMs: 60_000 });
    const [first, second] = [await openSession(url), await openSession(url)];
    expect(await statusIn(url, first.id)).toBe(200);
    const third = await openSession(url);
    expect([await statusIn(url, second.id), await statusIn(url, third.id)]).toEqual([404, 200]);
  });

  test('a session with a call inside is not ended for another one', async () => {
    const { createServer, entered, open } = held();
    const url = await serve(createServer, { sessions: 1, idleMs: 60_000 });
    const { client, close } = await connectV2(url, 'legacy');
    const call = client.callTool({ name: 'wait', arguments: {} });
    await entered;
    expect((await openSession(url)).status).toBe(503);
    open();
    expect((await call).content).toEqual([{ type: 'text', text: 'done' }]);
    await close();
    expect((await openSession(url)).status).toBe(200);
  });

  test('a session without requests expires', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    const sessions = new LegacySessions(held().createServer, { sessions: 2, idleMs: 10_000 });
    const request = (headers: Record<string, string> = {}): Request =>
      new Request('http://127.0.0.1/mcp', { method: 'POST', headers: { ...JSON_HEADERS, ...headers } });
    const opened = await sessions.fetch(request(), INITIALIZE);
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    vi.advanceTimersByTime(9_999);
    expect((await sessions.fetch(request(session), LIST)).status).toBe(200);
    vi.advanceTimersByTime(20_001);
    expect((await sessions.fetch(request(session), LIST)).status).toBe(404);
    await sessions.close();
  });

  test('a hundred clients at once each get their own answer', async () => {
    const url = await serve();
    const connections = await Promise.all(Array.from({ length: 100 }, async () => await connectV2(url, 'legacy')));
    const ids = new Set(connections.map(({ transport }) => transport.sessionId));
    const listed = await Promise.all(connections.map(async ({ client }) => (await client.listTools()).tools.length));
    await Promise.all(connections.map(async ({ close }) => await close()));
    expect([ids.size, new Set(listed)]).toEqual([100, new Set([1])]);
  });
});

describe('the endpoint', () => {
  test('refuses a foreign Origin', async () => {
    const url = await serve();
    expect((await post(url, INITIALIZE, { origin: 'http://evil.example.com' })).status).toBe(403);
  });

  test('says that a body is not JSON', async () => {
    const url = await serve();
    const response = await fetch(url, { method: 'POST', headers: JSON_HEADERS, body: '{"jsonrpc":' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: -32700 }, id: null });
  });

  test('refuses other content types and other paths', async () => {
    const url = await serve();
    expect((await post(url, INITIALIZE, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(url.replace('/mcp', '/other'), INITIALIZE)).status).toBe(404);
  });

  test('closes while a call is inside', async () => {
    const { createServer, entered } = held();
    const url = await serve(createServer);
    const { client } = await connectV2(url, 'modern');
    const call = client.callTool({ name: 'wait', arguments: {} }).catch((error: unknown) => error);
    await entered;
    await served?.close();
    served = undefined;
    expect(await call).toBeInstanceOf(Error);
  });
});
