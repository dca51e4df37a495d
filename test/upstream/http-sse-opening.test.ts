import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { mayHaveRun } from '../../lib/policies/repeat.ts';
import { openSseChannel } from '../../lib/upstream/http-sse.ts';
import { closedPort } from '../node/servers.ts';
import {
  assertOpen,
  ENDPOINT,
  eventOf,
  EVENTS,
  heardBy,
  LOG,
  reach,
  serveScript,
  tell,
  type ReachOptions,
} from './http-sse-kit.ts';

/** How a session opens on a server that answers a GET like this, once `during` has had its turn. */
async function openingOf(onGet: (response: ServerResponse) => void, options?: ReachOptions) {
  const server = await serveScript();
  server.onGet = onGet;
  const reached = reach(server.url, options);
  const opening = await openSseChannel(reached.link, reached.tools);
  if (opening.kind === 'open') opening.channel.close();
  return { server, reached, opening };
}

/** Where messages go after this event; undefined when none may. */
async function endpointAfter(event: (url: string) => string): Promise<string | undefined> {
  const server = await serveScript();
  server.onGet = (response) => void response.writeHead(200, EVENTS).write(event(server.url));
  const reached = reach(server.url);
  const opening = await openSseChannel(reached.link, reached.tools);
  if (opening.kind !== 'open') {
    expect(opening).toMatchObject({ kind: 'end', end: { kind: 'upstream-garbled' } });
    await server.left();
    return undefined;
  }
  await tell({ ...reached, channel: opening.channel }, 'ping');
  opening.channel.close();
  return server.posts[0]?.path;
}

describe('a session', () => {
  test('is opened by a GET for events that carries the configured headers and nothing of a body', async () => {
    const headers = { 'x-team': 'search', accept: 'text/html' };
    const { server, opening } = await openingOf((response) => void response.writeHead(200, EVENTS).write(ENDPOINT), {
      upstream: { headers: { 'x-team': 'search' } },
    });
    expect(opening.kind).toBe('open');
    expect(server.gets).toMatchObject([{ ...headers, accept: 'text/event-stream' }]);
    expect(Object.keys(server.gets[0] ?? {})).not.toContain('content-length');
    expect(Object.keys(server.gets[0] ?? {})).not.toContain('content-type');
  });

  test('costs one request and the time until the endpoint is there, and sends nothing of a call', async () => {
    const server = await serveScript();
    const { link, tools, tally, clock } = reach(server.url);
    server.onGet = (response) => {
      clock.advance(40);
      response.writeHead(200, EVENTS).write(ENDPOINT);
    };
    assertOpen(await openSseChannel(link, tools)).close();
    expect(tally).toMatchObject({ phase: 'session', sent: false, attempts: 0, cost: { requests: 1, waitedMs: 40 } });
  });

  test('opens whatever comments and pieces the stream begins with', async () => {
    const { opening } = await openingOf((response) => {
      response.writeHead(200, { 'content-type': 'Text/Event-Stream; charset=utf-8' });
      response.write(': hello\n\nevent: end');
      response.write('point\r\ndata: /messages\r\n\r\n');
    });
    expect(opening.kind).toBe('open');
  });

  test('is closed with its connection', async () => {
    const { server } = await openingOf((response) => void response.writeHead(200, EVENTS).write(ENDPOINT));
    await server.left();
    expect(server.stream().writableFinished).toBe(false);
  });
});

describe('the endpoint', () => {
  test.each([
    ['a path', '/post?sessionId=a', '/post?sessionId=a'],
    ['a relative path', 'post/here', '/post/here'],
    ['a query', '?session=a', '/sse?session=a'],
    ['a path with a fragment', '/post#a', '/post'],
  ])('may be %s', async (_name, uri, path) => {
    expect(await endpointAfter(() => `event: endpoint\ndata: ${uri}\n\n`)).toBe(path);
  });

  test('may be a whole URL of the same origin', async () => {
    expect(await endpointAfter((url) => `event: endpoint\ndata: ${new URL('/post', url).href}\n\n`)).toBe('/post');
  });

  test.each([
    ['another host', 'http://other.example.com/post'],
    ['another host in short', '//other.example.com/post'],
    ['another port', 'http://127.0.0.1:1/post'],
    ['another scheme', 'ftp://127.0.0.1/post'],
    ['no address', 'http://['],
    ['a script', 'javascript:alert(1)'],
    ['endless', `/${'x'.repeat(5000)}`],
  ])('may not be %s', async (_name, uri) => {
    expect(await endpointAfter(() => `event: endpoint\ndata: ${uri}\n\n`)).toBeUndefined();
  });

  test('may not carry credentials', async () => {
    const withUser = (url: string): string => new URL('/post', url).href.replace('//', '//user:word@');
    expect(await endpointAfter((url) => `event: endpoint\ndata: ${withUser(url)}\n\n`)).toBeUndefined();
  });

  test('that is named first is the one that counts', async () => {
    expect(await endpointAfter(() => `${ENDPOINT}event: endpoint\ndata: /other\n\n`)).toBe('/messages?sessionId=s1');
  });
});

describe('no HTTP+SSE server is what answers a GET with', () => {
  test.each([400, 404, 405, 406, 415, 422])('status %i', async (status) => {
    const { opening } = await openingOf((response) => void response.writeHead(status).end('no'));
    expect(opening).toEqual({ kind: 'not-sse', status });
  });

  test.each([
    ['a web page', { 'content-type': 'text/html' }, '<html>'],
    ['JSON', { 'content-type': 'application/json' }, '{}'],
    ['nothing', {}, ''],
  ])('%s', async (_name, headers, body) => {
    const { opening } = await openingOf((response) => void response.writeHead(200, headers).end(body));
    expect(opening).toEqual({ kind: 'not-sse', status: 200 });
  });

  test.each([
    ['begins with a message', eventOf(LOG)],
    ['begins with garbage', eventOf('garbage')],
    ['begins with too much', `data: ${'x'.repeat(2000)}`],
  ])('a stream that %s', async (_name, text) => {
    const { server, opening } = await openingOf((response) => void response.writeHead(200, EVENTS).write(text), {
      maxMessageBytes: 1000,
    });
    expect(opening).toEqual({ kind: 'not-sse', status: 200 });
    await server.left();
  });

  test('a stream that ends at once', async () => {
    const { opening } = await openingOf((response) => void response.writeHead(200, EVENTS).end(': bye\n\n'));
    expect(opening).toEqual({ kind: 'not-sse', status: 200 });
  });

  test('a stream that stays silent, as the other transport has them', async () => {
    const server = await serveScript();
    const { link, tools, clock, deadline } = reach(server.url, { limits: { idleMs: 10_000 } });
    const heard = heardBy(deadline);
    server.onGet = (response) => response.writeHead(200, EVENTS).flushHeaders();
    const opening = openSseChannel(link, tools);
    await heard;
    clock.advance(3000);
    expect(await opening).toEqual({ kind: 'not-sse', status: 200 });
    await server.left();
  });
});

describe('a session that cannot be opened is', () => {
  test.each([
    [401, { kind: 'upstream-unauthorized' }],
    [403, { kind: 'upstream-unauthorized' }],
    [429, { kind: 'upstream-throttled', retryAfter: '7' }],
    [302, { kind: 'upstream-redirect' }],
    [500, { kind: 'upstream-http', status: 500, retryAfter: '7' }],
    [503, { kind: 'upstream-http', status: 503, retryAfter: '7' }],
  ])('status %i', async (status, end) => {
    const headers = { 'retry-after': '7', location: '/elsewhere' };
    const { opening, server } = await openingOf((response) => void response.writeHead(status, headers).end());
    expect(opening).toEqual({ kind: 'end', end });
    expect(server.gets).toHaveLength(1);
  });

  test('a port on which nobody listens, and the call was not sent', async () => {
    const { link, tools, tally } = reach(`http://127.0.0.1:${await closedPort()}/sse`);
    const opening = await openSseChannel(link, tools);
    expect(opening).toEqual({ kind: 'end', end: { kind: 'upstream-unreachable' } });
    expect(opening.kind === 'end' && mayHaveRun({ kind: opening.end.kind, sent: tally.sent })).toBe(false);
  });

  test('a connection that breaks before the endpoint', async () => {
    const { opening } = await openingOf((response) => {
      response.writeHead(200, EVENTS).write('event: end', () => response.destroy());
    });
    expect(opening).toEqual({ kind: 'end', end: { kind: 'upstream-closed' } });
  });

  test('one whose answer does not come before the deadline', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const connected = once(server, 'connection');
    const { link, tools, clock } = reach(`http://127.0.0.1:${port}/sse`);
    const opening = openSseChannel(link, tools);
    const [socket] = await connected;
    await once(socket, 'data');
    clock.advance(55_000);
    expect(await opening).toEqual({ kind: 'end', end: { kind: 'upstream-timeout', limitMs: 55_000 } });
    await once(socket, 'close');
    server.close();
  });

  test('one whose endpoint does not come before the deadline', async () => {
    const server = await serveScript();
    const { link, tools, clock, deadline } = reach(server.url, { limits: { totalMs: 1000 } });
    const heard = heardBy(deadline);
    server.onGet = (response) => response.writeHead(200, EVENTS).flushHeaders();
    const opening = openSseChannel(link, tools);
    await heard;
    clock.advance(1000);
    expect(await opening).toEqual({ kind: 'end', end: { kind: 'upstream-timeout', limitMs: 1000 } });
    await server.left();
  });

  test('one that the client has called off already', async () => {
    const server = await serveScript();
    const { link, tools, deadline } = reach(server.url);
    deadline.cancel('enough');
    const opening = await openSseChannel(link, tools);
    expect(opening).toEqual({ kind: 'end', end: { kind: 'cancelled', reason: 'enough' } });
    expect(server.gets).toEqual([]);
  });
});
