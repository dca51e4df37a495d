import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Invocation } from '../../lib/ports/invocation.ts';
import type { HttpRequest, HttpResponse } from '../../lib/protocol/http.ts';
import { createNodeServer, type NodeServerOptions } from '../../lib/adapters/node/server.ts';
import { post, postStream, send } from '../support/wire.ts';
import { closed, untilStill } from './servers.ts';

type Serve = (request: HttpRequest, invocation: Invocation) => Promise<HttpResponse>;

interface Running {
  readonly server: Server;
  readonly url: string;
  readonly port: number;
  readonly errors: unknown[];
}

async function run(gateway: Serve, options: Partial<NodeServerOptions> = {}): Promise<Running> {
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const server = createNodeServer(gateway, { allowedHosts: 'any', requestBytes: 1000, onError, ...options });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    if (server.listening) server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/mcp`, port, errors };
}

function answer(body: HttpResponse['body'], given: Partial<HttpResponse> = {}): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body, after: async () => {}, ...given };
}

/** A gateway that only records what it is asked. */
function recorder(): { readonly requests: HttpRequest[]; readonly invocations: Invocation[]; readonly serve: Serve } {
  const requests: HttpRequest[] = [];
  const invocations: Invocation[] = [];
  const serve: Serve = async (request, invocation) => {
    requests.push(request);
    invocations.push(invocation);
    return answer('{}');
  };
  return { requests, invocations, serve };
}

/** Sends bytes as they are, and returns everything that comes back until the connection ends. */
async function exchangeRaw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return await text(socket);
}

describe('a request', () => {
  test('reaches the gateway as it was sent: path undecoded, without the query', async () => {
    const { serve, requests } = recorder();
    const { url } = await run(serve);
    await send('PUT', `${url}/a%2Fb%20c?q=1?2`, 'snow ☃', { 'X-Any': ' value ' });
    expect(requests).toMatchObject([{ method: 'PUT', path: '/mcp/a%2Fb%20c', body: 'snow ☃', bodyBytes: 8 }]);
    expect(requests[0]?.headers).toMatchObject({ 'x-any': 'value', 'content-length': '8' });
  });

  test('without a body has an empty one', async () => {
    const { serve, requests } = recorder();
    const { url } = await run(serve);
    await send('GET', url, '');
    expect(requests).toMatchObject([{ method: 'GET', body: '', bodyBytes: 0 }]);
  });

  test('that repeats a header has the values joined, those of Authorization and Content-Type included', async () => {
    const { serve, requests } = recorder();
    const { port } = await run(serve);
    const repeated = 'Authorization: a\r\nAuthorization: b\r\nContent-Type: c\r\nContent-Type: d\r\nX: 1\r\nX: 2\r\n';
    await exchangeRaw(port, `GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n${repeated}\r\n`);
    expect(requests[0]?.headers).toMatchObject({ authorization: 'a, b', 'content-type': 'c, d', x: '1, 2' });
  });

  test.each([
    ['/mcp?x', '/mcp'],
    ['http://other.example/mcp/a?x', '/mcp/a'],
    ['HTTP://other.example?x', '/'],
    ['*', '*'],
  ])('with the target %s has the path %s', async (target, path) => {
    const { serve, requests } = recorder();
    const { port } = await run(serve);
    await exchangeRaw(port, `OPTIONS ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect(requests.map((request) => request.path)).toEqual([path]);
  });

  test.each([
    ['has a target that is no path', 'GET mcp HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'],
    ['is not HTTP', 'hello\r\n\r\n'],
    ['has a body that is not UTF-8', Buffer.concat([rawHead(2), Buffer.from([0xc3, 0x28])])],
    ['has UTF-8 cut short in its body', Buffer.concat([rawHead(2), Buffer.from([0xf0, 0x9f])])],
    ['has no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ])('that %s is answered with 400', async (_name, bytes) => {
    const { serve, requests } = recorder();
    const { port, errors } = await run(serve);
    expect(await exchangeRaw(port, bytes)).toMatch(/^HTTP\/1\.1 400 /);
    expect([requests, errors]).toEqual([[], []]);
  });

  test('whose body is not UTF-8 is told that it is not valid JSON', async () => {
    const { serve } = recorder();
    const { port } = await run(serve);
    const answer = await exchangeRaw(port, Buffer.concat([rawHead(2), Buffer.from([0xc3, 0x28])]));
    expect(answer).toMatch(/"code":-32700/);
  });

  test('loses the byte order mark before its text', async () => {
    const { serve, requests } = recorder();
    const { port } = await run(serve);
    await exchangeRaw(port, Buffer.concat([rawHead(5), Buffer.from('\uFEFF{}')]));
    expect(requests).toMatchObject([{ body: '{}', bodyBytes: 5 }]);
  });

  test('that is cut off in its body never reaches the gateway', async () => {
    const { serve, requests } = recorder();
    const { port, url, errors, server } = await run(serve);
    const connection = once(server, 'connection') as Promise<[Socket]>;
    const socket = connect(port, '127.0.0.1');
    socket.write(Buffer.concat([rawHead(100), Buffer.from('{"half"')]));
    const [accepted] = await connection;
    await once(server, 'request');
    socket.destroy();
    await closed(accepted);
    expect((await post(url, {})).status).toBe(200);
    expect([requests.length, errors]).toEqual([1, []]);
  });
});

function rawHead(length: number): Buffer {
  return Buffer.from(`POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`);
}

describe('an invocation', () => {
  test('has an id of its own, the name of the environment, and no end', async () => {
    const { serve, invocations } = recorder();
    const { url } = await run(serve, { environment: 'here' });
    await post(url, {});
    await post(url, {});
    expect(invocations).toMatchObject([
      { environment: 'here', trace: undefined, endsAt: Infinity },
      { environment: 'here', trace: undefined, endsAt: Infinity },
    ]);
    expect(new Set(invocations.map(({ requestId }) => requestId)).size).toBe(2);
  });

  test('is cold only the first time', async () => {
    const { serve, invocations } = recorder();
    const { url } = await run(serve);
    for (let call = 0; call < 3; call += 1) await post(url, {});
    expect(invocations.map(({ cold }) => cold)).toEqual([true, false, false]);
  });
});

describe('a request larger than the limit', () => {
  test('is refused by its declared length', async () => {
    const { serve, requests } = recorder();
    const { url } = await run(serve);
    const refused = await post(url, 'x'.repeat(1001));
    expect([refused.status, refused.messages[0].error.message]).toEqual([413, 'The request is larger than 1000 bytes']);
    expect((await post(url, 'x'.repeat(1000))).status).toBe(200);
    expect(requests).toHaveLength(1);
  });

  test('is refused while it is read, when it declares none', async () => {
    const { serve, requests } = recorder();
    const { url } = await run(serve);
    const refused = await post(url, 'x'.repeat(1001), { 'transfer-encoding': 'chunked' });
    expect([refused.status, requests]).toEqual([413, []]);
  });

  test('is told so although it goes on sending', async () => {
    const { serve } = recorder();
    const { url, errors } = await run(serve);
    const refused = await post(url, 'x'.repeat(20_000_000));
    expect([refused.status, refused.headers.connection, errors]).toEqual([413, 'close', []]);
  });

  test('is told so although its sender reads nothing before it has sent everything', async () => {
    const { port } = await run(recorder().serve);
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    const body = Buffer.alloc(5_000_000, 'x');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.write(Buffer.concat([rawHead(body.length), body]), () => resolve());
    });
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('is told so although it never ends, and then its connection is closed', async () => {
    const { serve } = recorder();
    const { port } = await run(serve);
    const socket = connect(port, '127.0.0.1');
    socket.write(Buffer.concat([rawHead(2000), Buffer.from('x')]));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('the Host header', () => {
  const allowedHosts = ['localhost', '[::1]', 'Exact.example:8080'];

  test.each(['localhost', 'localhost:1234', 'LOCALHOST:1', '[::1]', '[::1]:80', 'exact.example:8080'])(
    '%s is served when it is allowed',
    async (host) => {
      const { serve } = recorder();
      const { url } = await run(serve, { allowedHosts });
      expect((await post(url, {}, { host })).status).toBe(200);
    },
  );

  test.each(['evil.example', 'localhost.evil.example', 'exact.example', 'exact.example:80', 'x@localhost', '::1', ''])(
    '"%s" is refused with 403 before anything is read',
    async (host) => {
      const { serve, requests } = recorder();
      const { url } = await run(serve, { allowedHosts });
      const refused = await post(url, {}, { host });
      expect([refused.status, refused.messages[0].error.code, requests]).toEqual([403, -32600, []]);
    },
  );

  test('may be missing only where any is served', async () => {
    const { serve } = recorder();
    const strict = await run(serve, { allowedHosts });
    const open = await run(serve);
    const bytes = 'GET / HTTP/1.0\r\n\r\n';
    expect(await exchangeRaw(strict.port, bytes)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await exchangeRaw(open.port, bytes)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a response', () => {
  test('that is whole has its status, headers and length in bytes', async () => {
    const { url } = await run(async () => answer('"☃"', { status: 404, headers: { 'x-any': 'value' } }));
    const response = await post(url, {});
    expect([response.status, response.text]).toEqual([404, '"☃"']);
    expect(response.headers).toMatchObject({ 'x-any': 'value', 'content-length': '5' });
    expect(response.headers).not.toHaveProperty('transfer-encoding');
  });

  test.each([
    [202, '0'],
    [204, undefined],
  ])('with status %i and no body has the length %s', async (status, length) => {
    const { url } = await run(async () => answer('', { status, headers: {} }));
    const response = await post(url, {});
    expect([response.status, response.headers['content-length'], response.text]).toEqual([status, length, '']);
  });

  test('that is streamed reaches the client chunk by chunk, its head before the first of them', async () => {
    const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { url } = await run(async () => {
      const chunks = async function* () {
        for (const [index, step] of steps.entries()) {
          await step.promise;
          yield `data: ${index}\n\n`;
        }
      };
      return answer(chunks(), { headers: { 'content-type': 'text/event-stream' } });
    });
    const stream = await postStream(url, {});
    expect(stream.status).toBe(200);
    for (const [index, step] of steps.entries()) {
      step.resolve();
      expect((await stream.events.next()).value).toMatchObject({ data: String(index) });
    }
    expect((await stream.events.next()).done).toBe(true);
  });

  test('is not produced faster than the client takes it', async () => {
    const total = 2000;
    const chunk = 'x'.repeat(128 * 1024);
    let produced = 0;
    const { url } = await run(async ({ path }) => {
      const chunks = async function* () {
        for (; produced < total; produced += 1) yield chunk;
      };
      return path === '/mcp' ? answer(chunks()) : answer('');
    });
    const outgoing = httpRequest(url, { method: 'POST', agent: false }).end();
    const [incoming] = await once(outgoing, 'response');
    await untilStill(
      () => produced,
      total,
      () => post(url.replace('/mcp', '/small'), {}),
    );
    expect(produced).toBeLessThan(total / 4);
    expect((await text(incoming)).length).toBe(total * chunk.length);
  });

  test('lets the connection be used again, streamed or not', async () => {
    const { url, server } = await run(async ({ path }) => {
      const chunks = async function* () {
        yield 'a';
      };
      return path.endsWith('stream') ? answer(chunks()) : answer('b');
    });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const bodies = [];
    for (const path of ['', '/stream', '', '/stream']) {
      const [incoming] = await once(httpRequest(url + path, { method: 'POST', agent }).end('{}'), 'response');
      bodies.push(await text(incoming));
      await nextTurn();
    }
    expect([bodies, connections]).toEqual([['b', 'a', 'b', 'a'], 1]);
  });
});

describe('a client that disconnects', () => {
  test('before a streamed answer begins does not keep it from being taken to its end', async () => {
    const called = Promise.withResolvers<AbortSignal | undefined>();
    const after = Promise.withResolvers<void>();
    let taken = 0;
    const { url, errors } = await run(async ({ signal }) => {
      called.resolve(signal);
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
      const chunks = async function* () {
        for (; taken < 3; taken += 1) yield 'x'.repeat(1_000_000);
      };
      return answer(chunks(), { after: async () => after.resolve() });
    });
    const outgoing = httpRequest(url, { method: 'POST', agent: false });
    outgoing.on('error', () => {});
    outgoing.end('{}');
    await called.promise;
    outgoing.destroy();
    await after.promise;
    expect([taken, errors]).toEqual([3, []]);
  });

  test('before the answer aborts the signal', async () => {
    const aborted = Promise.withResolvers<unknown>();
    const called = Promise.withResolvers<void>();
    const { url, errors, server } = await run(async ({ signal }) => {
      signal?.addEventListener('abort', () => aborted.resolve(signal.reason));
      called.resolve();
      await aborted.promise;
      return answer('too late');
    });
    const outgoing = httpRequest(url, { method: 'POST', agent: false });
    outgoing.on('error', () => {});
    outgoing.end('{}');
    await called.promise;
    outgoing.destroy();
    expect(await aborted.promise).toEqual(new Error('The client has gone'));
    await new Promise((resolve) => server.close(resolve));
    expect(errors).toEqual([]);
  });

  test('in the middle of a stream aborts the signal, and the stream is still taken to its end', async () => {
    const aborted = Promise.withResolvers<void>();
    const after = Promise.withResolvers<void>();
    const taken: string[] = [];
    const { url, errors } = await run(async ({ signal }) => {
      signal?.addEventListener('abort', () => aborted.resolve());
      const chunks = async function* () {
        yield ': first\n\n';
        await aborted.promise;
        for (const chunk of ['second', 'third']) {
          taken.push(chunk);
          yield chunk.repeat(1_000_000);
        }
        taken.push('end');
      };
      const headers = { 'content-type': 'text/event-stream' };
      return answer(chunks(), { headers, after: async () => after.resolve() });
    });
    const stream = await postStream(url, {});
    await stream.events.next();
    stream.close();
    await after.promise;
    expect([taken, errors]).toEqual([['second', 'third', 'end'], []]);
  });

  test('while it does not read lets the stream go on', async () => {
    const after = Promise.withResolvers<void>();
    const { url, errors } = await run(async () => {
      const chunks = async function* () {
        for (let count = 0; count < 1000; count += 1) yield 'x'.repeat(128 * 1024);
      };
      return answer(chunks(), { after: async () => after.resolve() });
    });
    const outgoing = httpRequest(url, { method: 'POST', agent: false }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    incoming.destroy();
    await after.promise;
    expect(errors).toEqual([]);
  });

  test('after the whole answer has not disconnected', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const { url, server } = await run(async ({ signal }) => {
      signals.push(signal);
      return answer('{}');
    });
    await post(url, {});
    await new Promise((resolve) => server.close(resolve));
    expect(signals.map((signal) => signal?.aborted)).toEqual([false]);
  });
});

describe('work after the answer', () => {
  test('begins once the answer has been sent, and happens once', async () => {
    const events: string[] = [];
    const ended = Promise.withResolvers<void>();
    const { url } = await run(async () => {
      const chunks = async function* () {
        yield 'a';
        events.push('last chunk');
      };
      const after = async () => {
        events.push('after');
        ended.resolve();
      };
      return answer(chunks(), { after });
    });
    await post(url, {});
    await ended.promise;
    expect(events).toEqual(['last chunk', 'after']);
  });

  test('does not hold the answer back', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { url } = await run(async () => answer('{}', { after: () => promise }));
    expect((await post(url, {})).text).toBe('{}');
    resolve();
  });
});

describe('an exception', () => {
  test('in the gateway is a 500 without details, and is reported', async () => {
    const failure = new Error('secret detail');
    const { url, errors } = await run(async () => {
      throw failure;
    });
    const response = await post(url, {});
    expect([response.status, response.messages]).toEqual([
      500,
      [{ jsonrpc: '2.0', error: { code: -32603, message: 'The gateway failed unexpectedly' } }],
    ]);
    expect(errors).toEqual([failure]);
  });

  test('in a stream breaks the connection, is reported, and the work after it is done', async () => {
    const failure = new Error('secret detail');
    const after = Promise.withResolvers<void>();
    const { url, errors } = await run(async () => {
      const chunks = async function* () {
        yield 'data: 1\n\n';
        throw failure;
      };
      return answer(chunks(), { after: async () => after.resolve() });
    });
    const stream = await postStream(url, {});
    await expect(stream.events.next().then(() => stream.events.next())).rejects.toThrow('aborted');
    await after.promise;
    expect(errors).toEqual([failure]);
  });

  test('of a header that HTTP cannot carry is a 500', async () => {
    const { url, errors } = await run(async () => answer('{}', { headers: { 'x-bad': 'a\nb' } }));
    expect((await post(url, {})).status).toBe(500);
    expect(errors).toHaveLength(1);
  });
});

describe('closing', () => {
  test('waits for a request under way and the work after it, and takes no new one', async () => {
    const called = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const afterRelease = Promise.withResolvers<void>();
    const events: string[] = [];
    const { url, server } = await run(async () => {
      called.resolve();
      await release.promise;
      const after = async () => {
        await afterRelease.promise;
        events.push('after');
      };
      return answer('{}', { after });
    });
    const running = post(url, {}, { connection: 'keep-alive' });
    await called.promise;
    const closing = new Promise<void>((resolve) => {
      server.close(() => {
        events.push('closed');
        resolve();
      });
    });
    await expect(post(url, {})).rejects.toThrow('ECONNREFUSED');
    release.resolve();
    const response = await running;
    expect([response.status, response.headers.connection]).toEqual([200, 'close']);
    afterRelease.resolve();
    await closing;
    expect(events).toEqual(['after', 'closed']);
  });

  test('does not wait for a kept-alive connection whose stream began before', async () => {
    const release = Promise.withResolvers<void>();
    const { url, server } = await run(async () => {
      const chunks = async function* () {
        yield 'a';
        await release.promise;
      };
      return answer(chunks());
    });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    server.keepAliveTimeout = 0;
    const [incoming] = await once(httpRequest(url, { method: 'POST', agent }).end('{}'), 'response');
    const closing = new Promise((resolve) => server.close(resolve));
    release.resolve();
    expect(await text(incoming)).toBe('a');
    await closing;
  });

  test('says so when the server was not listening', async () => {
    const { server } = await run(recorder().serve);
    await new Promise((resolve) => server.close(resolve));
    expect(await new Promise((resolve) => server.close(resolve))).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
  });
});
