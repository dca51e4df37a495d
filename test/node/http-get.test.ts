/** A GET whose response goes on and on, as HTTP+SSE has it, beside other requests to the same origin. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createHttpTransport } from '../../lib/adapters/node/http-transport.ts';
import { assertResponse, fetchText, readText, requestTo } from './exchange.ts';
import { closed, serveHttp } from './servers.ts';

/** Answers a POST with the number of its connection, from 1, and holds the responses to each GET. */
async function serveStreams() {
  const gets: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  const server = await serveHttp((request, response) => {
    if (request.method !== 'GET') return void response.end(String(server.sockets.indexOf(request.socket) + 1));
    gets.push({ request, response });
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  return { server, gets };
}

function get(url: string) {
  return requestTo(url, { method: 'GET', body: '', headers: { accept: 'text/event-stream' } });
}

test('a GET carries no body, and no header that speaks of one', async () => {
  const seen: unknown[] = [];
  const server = await serveHttp((request, response) => {
    void text(request).then((body) => {
      const { method, headers } = request;
      seen.push([method, headers['content-length'], headers['transfer-encoding'], headers['content-type'], body]);
      response.end();
    });
  });
  expect(await fetchText(createHttpTransport(), server.url, get(server.url))).toBe('');
  expect(seen).toEqual([['GET', undefined, undefined, undefined, '']]);
});

test('its response arrives piece by piece for as long as it goes on', async () => {
  const { server, gets } = await serveStreams();
  const response = assertResponse(await createHttpTransport().send(get(server.url)));
  const body = response.body[Symbol.asyncIterator]();
  for (let piece = 0; piece < 1000; piece += 1) {
    const next = body.next();
    gets[0]?.response.write(`piece ${piece}`);
    expect(Buffer.from((await next).value).toString()).toBe(`piece ${piece}`);
  }
  gets[0]?.response.end();
  expect(await body.next()).toEqual({ done: true, value: undefined });
});

test('requests made meanwhile have connections of their own, and use them again', async () => {
  const { server, gets } = await serveStreams();
  const transport = createHttpTransport();
  const response = assertResponse(await transport.send(get(server.url)));
  const numbers = [];
  for (let call = 0; call < 3; call += 1) numbers.push(await fetchText(transport, server.url));
  expect(numbers).toEqual(['2', '2', '2']);
  gets[0]?.response.end('all');
  expect(await readText(response)).toBe('all');
});

test('the connection of a response that was closed is not used again', async () => {
  const { server, gets } = await serveStreams();
  const transport = createHttpTransport();
  const response = assertResponse(await transport.send(get(server.url)));
  const socket = await server.accepted(1);
  response.close();
  await closed(socket);
  expect(gets[0]?.response.writableEnded).toBe(false);
  expect(await fetchText(transport, server.url)).toBe('2');
});

test('a signal ends it while it goes on', async () => {
  const { server, gets } = await serveStreams();
  const controller = new AbortController();
  const request = { ...get(server.url), signal: controller.signal };
  const response = assertResponse(await createHttpTransport().send(request));
  const reading = readText(response);
  controller.abort();
  await expect(reading).rejects.toThrow('aborted');
  const stream = gets[0]?.response;
  if (stream?.closed === false) await once(stream, 'close');
});

test('an origin keeps its connection through any number of addresses', async () => {
  const { server } = await serveStreams();
  const transport = createHttpTransport();
  const numbers = new Set<string>();
  for (let session = 0; session < 600; session += 1) {
    numbers.add(await fetchText(transport, `${server.url}?sessionId=${session}`));
  }
  expect([...numbers]).toEqual(['1']);
});
