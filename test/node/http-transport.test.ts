import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHttpTransport } from '../../lib/adapters/node/http-transport.ts';
import { startFaultyUpstream } from '../support/faulty-upstream.ts';
import { assertResponse, fetchText, readText, requestTo } from './exchange.ts';
import { listenWithoutAccepting } from './full-backlog.ts';
import { closed, closedPort, serveHttp, serveTcp, untilStill } from './servers.ts';

/** Answers each request with the number of the connection it came on, from 1. */
async function serveNumbers(headers: Record<string, string> = {}) {
  const server = await serveHttp((incoming, response) => {
    incoming.resume();
    incoming.once('end', () => {
      response.writeHead(200, headers);
      response.end(String(server.sockets.indexOf(incoming.socket) + 1));
    });
  });
  return server;
}

/** A TCP server that sends the same bytes to every request, as soon as something of it has come. */
async function serveBytes(bytes: string, then: (socket: Socket) => void = () => {}) {
  return await serveTcp((socket) => {
    socket.once('data', () => socket.write(bytes, () => then(socket)));
  });
}

describe('a request', () => {
  test('arrives with its method, path, headers and body, and the length of the body in bytes', async () => {
    const seen: unknown[] = [];
    const server = await serveHttp((incoming, response) => {
      void text(incoming).then((body) => {
        const { method, url, headers } = incoming;
        seen.push({ method, url, type: headers['content-type'], length: headers['content-length'], body });
        response.end();
      });
    });
    const body = '{"snow":"☃ 雪 🌨"}';
    await fetchText(createHttpTransport(), `${server.url}?a=%20b`, { body });
    const length = String(Buffer.byteLength(body));
    expect(seen).toEqual([{ method: 'POST', url: '/mcp?a=%20b', type: 'application/json', length, body }]);
  });

  test('can be a DELETE without a body', async () => {
    const seen: unknown[] = [];
    const server = await serveHttp((incoming, response) => {
      seen.push([incoming.method, incoming.headers['content-length'], incoming.headers['transfer-encoding']]);
      response.end();
    });
    await fetchText(createHttpTransport(), server.url, { method: 'DELETE', body: '', headers: {} });
    expect(seen).toEqual([['DELETE', undefined, undefined]]);
  });

  test('asks for an uncompressed response and carries no header that belongs to another connection', async () => {
    let seen: IncomingHttpHeaders = {};
    const server = await serveHttp((incoming, response) => {
      seen = incoming.headers;
      response.end();
    });
    const headers = {
      'accept-encoding': 'gzip, br',
      'Transfer-Encoding': 'chunked',
      connection: 'close',
      te: 'trailers',
    };
    await fetchText(createHttpTransport(), server.url, { headers });
    expect(seen).toMatchObject({ 'accept-encoding': 'identity', connection: 'keep-alive', 'content-length': '2' });
    expect(seen).not.toHaveProperty('transfer-encoding');
    expect(seen).not.toHaveProperty('te');
  });

  test('carries no cookie that an earlier response has set', async () => {
    const cookies: unknown[] = [];
    const server = await serveHttp((incoming, response) => {
      cookies.push(incoming.headers.cookie);
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.end();
    });
    const transport = createHttpTransport();
    await fetchText(transport, server.url);
    await fetchText(transport, server.url);
    expect(cookies).toEqual([undefined, undefined]);
  });

  test('rejects when a header would carry a line break', async () => {
    const server = await serveNumbers();
    const request = requestTo(server.url, { headers: { 'mcp-name': 'a\r\nx-injected: b' } });
    await expect(createHttpTransport().send(request)).rejects.toThrow(TypeError);
    expect(server.sockets).toHaveLength(0);
  });
});

describe('a response', () => {
  test('has lower-case header names, and one value where a header came several times', async () => {
    const head = 'HTTP/1.1 200 OK\r\nMcp-Session-Id: s\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Two: 1\r\nX-TWO: 2\r\n';
    const server = await serveBytes(`${head}Content-Length: 0\r\n\r\n`);
    const response = assertResponse(await createHttpTransport().send(requestTo(server.url)));
    expect(response.headers).toEqual({
      'mcp-session-id': 's',
      'set-cookie': 'a, b',
      'x-two': '1, 2',
      'content-length': '0',
    });
  });

  test('that redirects is returned and not followed', async () => {
    const upstream = await startFaultyUpstream({ era: 'modern' });
    onTestFinished(() => upstream.stop());
    upstream.onMethod('server/discover', 'redirect');
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'server/discover' });
    const response = assertResponse(await createHttpTransport().send(requestTo(upstream.url, { body })));
    expect([response.status, response.headers['location'], upstream.redirected]).toEqual([302, '/elsewhere', 0]);
  });

  test('may be preceded by informational ones', async () => {
    const early = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
    const server = await serveBytes(`${early}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal`);
    const response = assertResponse(await createHttpTransport().send(requestTo(server.url)));
    expect([response.status, await readText(response)]).toEqual([200, 'final']);
  });

  test.each([
    ['switches to another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['has more headers than the limit', `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
  ])('that %s counts as a broken connection', async (_name, bytes) => {
    const server = await serveBytes(bytes);
    const answer = await createHttpTransport().send(requestTo(server.url));
    expect(answer).toEqual({ kind: 'failure', cause: 'reset', sent: true });
  });

  test('that arrives before the whole request was taken is delivered, and the rest is not sent', async () => {
    const server = await serveHttp((_incoming, response) => {
      // Not reading `_incoming` leaves the sender stuck in the middle of its body.
      response.writeHead(413);
      response.end('too much');
    });
    const transport = createHttpTransport();
    const response = assertResponse(await transport.send(requestTo(server.url, { body: 'x'.repeat(50_000_000) })));
    const socket = await server.accepted(1);
    expect([response.status, await readText(response)]).toEqual([413, 'too much']);
    await closed(socket);
    expect((await transport.send(requestTo(server.url))).kind).toBe('response');
  });

  test('is delivered up to where the connection broke, even to a slow reader', async () => {
    const server = await serveBytes('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', (socket) => socket.destroy());
    const response = assertResponse(await createHttpTransport().send(requestTo(server.url)));
    const socket = await server.accepted(1);
    await closed(socket);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    const body = response.body[Symbol.asyncIterator]();
    expect(Buffer.from((await body.next()).value).toString()).toBe('half');
    await expect(body.next()).rejects.toThrow('The connection broke before the response ended');
  });

  test.each([
    ['a declared length is not reached', 'Content-Length: 100\r\n\r\nhalf', 'destroy'],
    ['a chunked body has no last chunk', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'destroy'],
    ['a chunk is malformed', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n', 'stay'],
    ['the connection is reset', 'Content-Length: 100\r\n\r\nhalf', 'resetAndDestroy'],
  ] as const)('is broken when %s', async (_name, rest, end) => {
    const server = await serveBytes(`HTTP/1.1 200 OK\r\n${rest}`, (socket) => {
      if (end !== 'stay') socket[end]();
    });
    const response = assertResponse(await createHttpTransport().send(requestTo(server.url)));
    await expect(readText(response)).rejects.toThrow('The connection broke before the response ended');
  });

  test('of unknown length ends with its connection', async () => {
    const server = await serveBytes('HTTP/1.1 200 OK\r\n\r\nall of it', (socket) => socket.end());
    expect(await fetchText(createHttpTransport(), server.url)).toBe('all of it');
  });

  test('that nobody reads stops its sender', async () => {
    const total = 256 * 1024 * 1024;
    const chunk = Buffer.alloc(256 * 1024);
    let pumped = 0;
    const pump = (response: ServerResponse) => {
      while (pumped < total) {
        pumped += chunk.byteLength;
        if (!response.write(chunk)) return void response.once('drain', () => pump(response));
      }
      response.end();
    };
    const server = await serveHttp((incoming, response) => {
      if (incoming.url === '/small') response.end();
      else pump(response);
    });
    const transport = createHttpTransport();
    const response = assertResponse(await transport.send(requestTo(server.url)));
    // As long as anything moves, it moves within a few round trips of another connection.
    const small = server.url.replace('/mcp', '/small');
    await untilStill(
      () => pumped,
      total,
      () => fetchText(transport, small),
    );
    expect(pumped).toBeLessThan(total / 4);
    let received = 0;
    for await (const part of response.body) received += part.byteLength;
    expect(received).toBe(total);
  });

  test('that is read piece by piece arrives piece by piece', async () => {
    let held: ServerResponse | undefined;
    const server = await serveHttp((_incoming, response) => {
      response.write('one');
      held = response;
    });
    const response = assertResponse(await createHttpTransport().send(requestTo(server.url)));
    const body = response.body[Symbol.asyncIterator]();
    expect(Buffer.from((await body.next()).value).toString()).toBe('one');
    const second = body.next();
    held?.write('two');
    expect(Buffer.from((await second).value).toString()).toBe('two');
    held?.end();
    expect(await body.next()).toEqual({ done: true, value: undefined });
  });
});

describe('a connection', () => {
  test('is used again when the response has been read', async () => {
    const server = await serveNumbers();
    const transport = createHttpTransport();
    const numbers = [];
    for (let call = 0; call < 5; call += 1) numbers.push(await fetchText(transport, server.url));
    expect(numbers).toEqual(['1', '1', '1', '1', '1']);
  });

  test('is used again after a response without a body that nobody has looked at', async () => {
    const server = await serveHttp((_incoming, response) => {
      response.writeHead(202);
      response.end();
    });
    const transport = createHttpTransport();
    for (let call = 0; call < 3; call += 1) {
      assertResponse(await transport.send(requestTo(server.url)));
      await nextTurn();
    }
    expect(server.sockets).toHaveLength(1);
  });

  test('is its own for each of many parallel calls', async () => {
    const upstream = await startFaultyUpstream({ era: 'legacy', issuesSessions: false });
    onTestFinished(() => upstream.stop());
    upstream.barrier('meet', 300);
    const transport = createHttpTransport();
    const call = (id: number) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'meet' } });
      return fetchText(transport, upstream.url, { body });
    };
    const answers = await Promise.all(Array.from({ length: 300 }, (_, id) => call(id)));
    expect(answers.map((answer) => JSON.parse(answer) as unknown)).toMatchObject(answers.map((_, id) => ({ id })));
  });

  test('is waited for when there may be no more, and a waiting request can be aborted', async () => {
    const held: ServerResponse[] = [];
    const server = await serveHttp((incoming, response) => {
      void text(incoming).then((body) => (body === 'hold' ? held.push(response) : response.end(body)));
    });
    const transport = createHttpTransport({ maxSockets: 1 });
    const first = fetchText(transport, server.url, { body: 'hold' });
    await server.accepted(1);
    const controller = new AbortController();
    const second = transport.send(requestTo(server.url, { signal: controller.signal, connectTimeoutMs: 1 }));
    const third = fetchText(transport, server.url, { body: 'third' });
    await nextTurn();
    controller.abort();
    expect(await second).toEqual({ kind: 'failure', cause: 'aborted', sent: false });
    while (held.length === 0) await nextTurn();
    held[0]?.end('first');
    expect([await first, await third, server.sockets.length]).toEqual(['first', 'third', 1]);
  });

  test('that has been idle for more than four seconds of wall clock is not used again', async () => {
    const server = await serveNumbers();
    let now = 1_000_000;
    const transport = createHttpTransport({ now: () => now });
    expect(await fetchText(transport, server.url)).toBe('1');
    now += 4000;
    expect(await fetchText(transport, server.url)).toBe('1');
    now += 4001;
    expect(await fetchText(transport, server.url)).toBe('2');
  });

  test('is not used again when the wall clock was set back', async () => {
    const server = await serveNumbers();
    let now = 1_000_000;
    const transport = createHttpTransport({ now: () => now });
    expect(await fetchText(transport, server.url)).toBe('1');
    now -= 1;
    expect(await fetchText(transport, server.url)).toBe('2');
  });

  test.each(['timeout=3', 'max=100, timeout=3', 'Timeout=3'])(
    'is left a second before the server closes it, as it said with "%s"',
    async (hint) => {
      const server = await serveNumbers({ connection: 'keep-alive', 'keep-alive': hint });
      let now = 1_000_000;
      const transport = createHttpTransport({ now: () => now });
      expect(await fetchText(transport, server.url)).toBe('1');
      now += 2000;
      expect(await fetchText(transport, server.url)).toBe('1');
      now += 2001;
      expect(await fetchText(transport, server.url)).toBe('2');
    },
  );

  test('is not kept when the server closes it within a second', async () => {
    const server = await serveNumbers({ connection: 'keep-alive', 'keep-alive': 'timeout=1' });
    const transport = createHttpTransport();
    expect([await fetchText(transport, server.url), await fetchText(transport, server.url)]).toEqual(['1', '2']);
  });

  test('that nobody asks for again is closed by itself', async () => {
    const server = await serveNumbers();
    expect(await fetchText(createHttpTransport({ idleMs: 30 }), server.url)).toBe('1');
    await closed(await server.accepted(1));
  });

  test('is not closed for being idle while it carries a slow call', async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const server = await serveHttp((incoming, response) => {
      void text(incoming).then((body) => (body === 'hold' ? held.resolve(response) : response.end(body)));
    });
    const transport = createHttpTransport({ idleMs: 30 });
    await fetchText(transport, server.url, { body: 'first' });
    const slow = fetchText(transport, server.url, { body: 'hold' });
    const response = await held.promise;
    // Another connection goes through its whole idle time meanwhile.
    const other = await serveNumbers();
    await fetchText(transport, other.url);
    const socket = await other.accepted(1);
    await closed(socket);
    response.end('late');
    expect([await slow, server.sockets.length]).toEqual(['late', 1]);
  });

  test('on which the server said more than it was asked is not used again', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n';
    let connections = 0;
    const server = await serveTcp((socket) => {
      const name = (connections += 1) === 1 ? 'one.' : 'two.';
      socket.on('data', () => {
        socket.write(answer + name, () => setImmediate(() => socket.write(`${answer}evil`)));
      });
    });
    const transport = createHttpTransport();
    expect(await fetchText(transport, server.url)).toBe('one.');
    const socket = await server.accepted(1);
    await closed(socket);
    expect(await fetchText(transport, server.url)).toBe('two.');
  });

  test.each(['closed', 'reset'])('that was %s by a killed upstream never fails the next call', async (how) => {
    let server = await serveNumbers();
    const transport = createHttpTransport();
    for (let round = 0; round < 30; round += 1) {
      expect(await fetchText(transport, server.url)).toMatch(/^\d+$/);
      const socket = server.sockets.at(-1);
      if (how === 'reset') socket?.resetAndDestroy();
      else socket?.destroy();
    }
    expect(server.sockets).toHaveLength(30);
  });

  test.each([0, 1, 2, 3])(
    'of four idle ones is not lent once the server has closed it (the one numbered %i)',
    async (index) => {
      const held: ServerResponse[] = [];
      const server = await serveHttp((incoming, response) => {
        incoming.resume();
        held.push(response);
        if (held.length % 4 === 0) for (const each of held.splice(0)) each.end('ok');
      });
      const transport = createHttpTransport();
      const four = () => Promise.all(Array.from({ length: 4 }, () => fetchText(transport, server.url)));
      for (let round = 1; round <= 10; round += 1) {
        expect(await four()).toEqual(['ok', 'ok', 'ok', 'ok']);
        expect(server.sockets).toHaveLength(3 + round);
        server.sockets.filter((socket) => !socket.destroyed)[index]?.destroy();
      }
    },
  );

  test('to an upstream that was killed and started again is replaced, for all calls at once', async () => {
    const upstream = await startFaultyUpstream({ era: 'legacy', issuesSessions: false });
    onTestFinished(() => upstream.stop());
    const transport = createHttpTransport();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    for (let round = 0; round < 10; round += 1) {
      const calls = Array.from({ length: 8 }, () => fetchText(transport, upstream.url, { body }));
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['{"jsonrpc":"2.0","id":1,"result":{}}']));
      await upstream.stop();
      await upstream.start();
    }
  });
});

describe('a failure before anything was sent', () => {
  const unsent = { kind: 'failure', sent: false };

  test('is a refused connection', async () => {
    const answer = await createHttpTransport().send(requestTo(`http://127.0.0.1:${await closedPort()}/mcp`));
    expect(answer).toEqual({ ...unsent, cause: 'unreachable' });
  });

  test('is a name that cannot be resolved', async () => {
    // A label of more than 63 characters fails before any name server is asked.
    const answer = await createHttpTransport().send(requestTo(`http://${'a'.repeat(64)}.invalid/mcp`));
    expect(answer).toEqual({ ...unsent, cause: 'unreachable' });
  });

  test('is a connection that is not accepted in time', async () => {
    const port = await listenWithoutAccepting();
    const answer = await createHttpTransport().send(requestTo(`http://127.0.0.1:${port}/`, { connectTimeoutMs: 50 }));
    expect(answer).toEqual({ ...unsent, cause: 'connect-timeout' });
  });

  test('is a TLS handshake that does not end in time, and its connection is closed', async () => {
    const server = await serveTcp((socket) => socket.resume());
    const request = requestTo(`https://127.0.0.1:${server.port}/mcp`, { connectTimeoutMs: 50 });
    const answer = await createHttpTransport().send(request);
    expect(answer).toEqual({ ...unsent, cause: 'connect-timeout' });
    const socket = await server.accepted(1);
    await closed(socket);
  });

  test('is a peer that does not speak TLS', async () => {
    const server = await serveBytes('HTTP/1.1 400 Bad Request\r\n\r\n');
    const answer = await createHttpTransport().send(requestTo(`https://127.0.0.1:${server.port}/mcp`));
    expect(answer).toEqual({ ...unsent, cause: 'unreachable' });
  });

  test.each(['destroy', 'resetAndDestroy'] as const)('is a TLS handshake that the peer ends (%s)', async (end) => {
    const server = await serveTcp((socket) => void socket.once('data', () => socket[end]()));
    const answer = await createHttpTransport().send(requestTo(`https://127.0.0.1:${server.port}/mcp`));
    expect(answer).toEqual({ ...unsent, cause: 'unreachable' });
  });

  test('is an abort before the start', async () => {
    const server = await serveNumbers();
    const answer = await createHttpTransport().send(requestTo(server.url, { signal: AbortSignal.abort() }));
    expect([answer, server.sockets.length]).toEqual([{ ...unsent, cause: 'aborted' }, 0]);
  });

  test('is an abort while pooled connections are looked at', async () => {
    const server = await serveNumbers();
    const transport = createHttpTransport();
    await fetchText(transport, server.url);
    const controller = new AbortController();
    const answer = transport.send(requestTo(server.url, { signal: controller.signal }));
    controller.abort();
    expect(await answer).toEqual({ ...unsent, cause: 'aborted' });
    expect(await fetchText(transport, server.url)).toBe('1');
  });

  test('is an abort in the same turn, which leaves no half-made connection behind', async () => {
    const server = await serveNumbers();
    const transport = createHttpTransport();
    const controller = new AbortController();
    const answer = transport.send(requestTo(server.url, { signal: controller.signal }));
    controller.abort();
    expect(await answer).toEqual({ ...unsent, cause: 'aborted' });
    expect(await fetchText(transport, server.url)).toMatch(/^[12]$/);
  });

  test('is an abort during the TLS handshake, and its connection is closed', async () => {
    const server = await serveTcp((socket) => socket.resume());
    const controller = new AbortController();
    const request = requestTo(`https://127.0.0.1:${server.port}/mcp`, { signal: controller.signal });
    const answer = createHttpTransport().send(request);
    const socket = await server.accepted(1);
    controller.abort();
    expect(await answer).toEqual({ ...unsent, cause: 'aborted' });
    await closed(socket);
  });
});

describe('a failure after something was sent', () => {
  const sent = { kind: 'failure', sent: true };

  test.each([
    ['reset', 'reset'],
    ['close', 'reset'],
  ] as const)('is a connection that answers a request with a %s', async (fault, cause) => {
    const upstream = await startFaultyUpstream({ era: 'legacy', issuesSessions: false });
    onTestFinished(() => upstream.stop());
    upstream.on('bad', fault);
    const transport = createHttpTransport();
    const call = (name: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });
    // On a new connection, and on one that was used before.
    expect(await transport.send(requestTo(upstream.url, { body: call('bad') }))).toEqual({ ...sent, cause });
    expect(await fetchText(transport, upstream.url, { body: call('ok') })).toContain('result');
    expect(await transport.send(requestTo(upstream.url, { body: call('bad') }))).toEqual({ ...sent, cause });
    expect(await fetchText(transport, upstream.url, { body: call('ok') })).toContain('result');
  });

  test('is an abort while the response is awaited, of which the upstream hears', async () => {
    const upstream = await startFaultyUpstream({ era: 'legacy', issuesSessions: false });
    onTestFinished(() => upstream.stop());
    upstream.on('slow', 'hang');
    const controller = new AbortController();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow' } });
    const answer = createHttpTransport().send(requestTo(upstream.url, { body, signal: controller.signal }));
    const request = await upstream.received(({ tool }) => tool === 'slow');
    controller.abort();
    expect(await answer).toEqual({ ...sent, cause: 'aborted' });
    await request.abandoned;
  });

  test('is not a response that takes longer than connecting may', async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const server = await serveHttp((_incoming, response) => held.resolve(response));
    const silent = await serveTcp((socket) => socket.resume());
    const transport = createHttpTransport();
    const slow = fetchText(transport, server.url, { connectTimeoutMs: 500 });
    const response = await held.promise;
    // The same limit runs out elsewhere meanwhile.
    await transport.send(requestTo(`https://127.0.0.1:${silent.port}/`, { connectTimeoutMs: 501 }));
    response.end('late');
    expect(await slow).toBe('late');
  });
});

describe('giving up a response', () => {
  async function startBody() {
    const server = await serveHttp((_incoming, response) => void response.write('start'));
    const controller = new AbortController();
    const transport = createHttpTransport();
    const response = assertResponse(await transport.send(requestTo(server.url, { signal: controller.signal })));
    const body = response.body[Symbol.asyncIterator]();
    await body.next();
    const socket = await server.accepted(1);
    return { controller, response, body, gone: closed(socket) };
  }

  test('by an abort throws at the reader and closes the connection', async () => {
    const { controller, body, gone } = await startBody();
    const next = body.next();
    controller.abort(new Error('enough'));
    await expect(next).rejects.toMatchObject({ message: 'The request was aborted', cause: new Error('enough') });
    await gone;
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('by closing it throws at the reader and closes the connection', async () => {
    const { controller, response, body, gone } = await startBody();
    const next = body.next();
    response.close();
    await expect(next).rejects.toThrow('The response was closed by its reader');
    await gone;
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('by leaving the loop closes the connection', async () => {
    const { response, gone } = await startBody();
    const body = response.body[Symbol.asyncIterator]();
    expect(await body.return?.()).toEqual({ done: true, value: undefined });
    await gone;
  });

  test('by an abort drops what has not been read', async () => {
    const server = await serveHttp((_incoming, response) => void response.write('unread'));
    const controller = new AbortController();
    const transport = createHttpTransport();
    const response = assertResponse(await transport.send(requestTo(server.url, { signal: controller.signal })));
    // The chunk came with the head.
    controller.abort();
    await expect(response.body[Symbol.asyncIterator]().next()).rejects.toThrow('The request was aborted');
  });

  test('that has arrived whole leaves it to be read', async () => {
    const server = await serveNumbers();
    const controller = new AbortController();
    const transport = createHttpTransport();
    const response = assertResponse(await transport.send(requestTo(server.url, { signal: controller.signal })));
    while (getEventListeners(controller.signal, 'abort').length > 0) await nextTurn();
    controller.abort();
    response.close();
    expect(await readText(response)).toBe('1');
  });

  test('after its end, or an abort after its end, leaves the connection to others', async () => {
    const server = await serveNumbers();
    const transport = createHttpTransport();
    const controller = new AbortController();
    const response = assertResponse(await transport.send(requestTo(server.url, { signal: controller.signal })));
    await readText(response);
    const next = fetchText(transport, server.url);
    response.close();
    controller.abort();
    expect(await next).toBe('1');
  });
});

test('ten thousand requests on one signal leave no listener, socket or warning behind', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const server = await serveNumbers();
  const transport = createHttpTransport();
  const { signal } = new AbortController();
  const caller = async () => {
    for (let call = 0; call < 1000; call += 1) await fetchText(transport, server.url, { signal });
  };
  await Promise.all(Array.from({ length: 10 }, caller));
  await nextTurn();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  // Whoever has read an answer to its end may ask again before the connection is back in the pool.
  expect(server.sockets.length).toBeLessThanOrEqual(20);
  expect(warnings).toEqual([]);
});

test('a connection in the pool does not keep the process alive', async () => {
  const server = await serveNumbers();
  const module = new URL('../../lib/adapters/node/http-transport.ts', import.meta.url);
  const program = `
    import { createHttpTransport } from '${module.href}';
    const { signal } = new AbortController();
    const request = { url: '${server.url}', method: 'POST', headers: {}, body: '{}', connectTimeoutMs: 5000, signal };
    const response = await createHttpTransport({ idleMs: 3600000 }).send(request);
    for await (const chunk of response.body) process.stdout.write(chunk);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const errors = text(child.stderr);
  const output = text(child.stdout);
  const [code] = await once(child, 'exit');
  expect([code, await output, await errors]).toEqual([0, '1', '']);
});
