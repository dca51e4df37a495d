import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { decodeHeaderValue } from '../../lib/protocol/modern/headers.ts';
import { modernRequest, post, postStream } from './wire.ts';

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

test('a modern request carries its envelope, and headers that mirror it', () => {
  const options = { id: 'x', capabilities: { roots: {} }, logLevel: 'debug', progressToken: 7 };
  const { body, headers } = modernRequest('tools/call', { name: 'tool', _meta: { own: 1 } }, options);
  expect(headers).toEqual({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'tool' });
  expect(body).toEqual({
    jsonrpc: '2.0',
    id: 'x',
    method: 'tools/call',
    params: {
      name: 'tool',
      _meta: {
        own: 1,
        progressToken: 7,
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'wire', version: '1.0.0' },
        'io.modelcontextprotocol/clientCapabilities': { roots: {} },
        'io.modelcontextprotocol/logLevel': 'debug',
      },
    },
  });
});

test('only calls that name something have Mcp-Name, and a resource is named by its URI', () => {
  expect(modernRequest('tools/list', { name: 'x' }).headers).not.toHaveProperty('mcp-name');
  expect(modernRequest('resources/read', { uri: 'file:///a', name: 'x' }).headers['mcp-name']).toBe('file:///a');
});

test.each(['Hello, 世界', ' padded ', 'line1\nline2', '=?base64?literal?='])(
  'the name %j is sent in Base64',
  (name) => {
    const header = modernRequest('tools/call', { name }).headers['mcp-name'] ?? '';
    expect(header).toMatch(/^=\?base64\?[A-Za-z0-9+/=]+\?=$/);
    expect(decodeHeaderValue(header)).toBe(name);
  },
);

test('the messages of a response are those of its JSON, its batch or its events', async () => {
  const bodies: Record<string, [type: string, text: string]> = {
    '/json': ['application/json; charset=utf-8', '{"a":1}'],
    '/batch': ['application/json', '[{"a":1},{"a":2}]'],
    '/sse': ['text/event-stream', ': comment\n\ndata: {"a":1}\n\nid: 5\ndata:\n\nevent: message\ndata: {"a":2}\n\n'],
    '/html': ['text/html', '{"a":1}'],
  };
  const url = await serve((incoming, response) => {
    const [type, text] = bodies[incoming.url ?? ''] ?? ['', ''];
    response.setHeader('content-type', type);
    response.end(text);
  });
  const responses = await Promise.all(Object.keys(bodies).map((path) => post(url.replace('/mcp', path), {})));
  expect(responses).toMatchObject([
    { messages: [{ a: 1 }] },
    { messages: [{ a: 1 }, { a: 2 }] },
    { messages: [{ a: 1 }, { a: 2 }] },
    { messages: [] },
  ]);
});

test('a stream gives events and comments in order, wherever it is cut', async () => {
  const bytes = Buffer.from(': hello\n\nid: 1\nevent: message\ndata: {"snow":"☃"}\n\ndata: end\n\n');
  const url = await serve((_incoming, response) => {
    response.setHeader('content-type', 'text/event-stream');
    for (const byte of bytes) response.write(Buffer.from([byte]));
    response.end();
  });
  const received = [];
  for await (const item of (await postStream(url, {})).events) received.push(item);
  expect(received).toEqual([
    { kind: 'comment', text: 'hello' },
    { kind: 'event', event: 'message', id: '1', data: '{"snow":"☃"}', message: { snow: '☃' } },
    { kind: 'event', event: undefined, id: undefined, data: 'end', message: undefined },
  ]);
});

test('a stream whose connection breaks throws', async () => {
  const url = await serve((_incoming, response) => {
    response.write('data: 1\n\n', () => response.destroy());
  });
  const { events } = await postStream(url, {});
  await events.next();
  await expect(events.next()).rejects.toThrow('aborted');
});
