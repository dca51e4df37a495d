import { describe, expect, test } from 'vitest';
import type { UpstreamTransport } from '../../lib/ports/transport.ts';
import { openSseChannel } from '../../lib/upstream/http-sse.ts';
import {
  ask,
  assertOpen,
  assertStream,
  eventOf,
  heardBy,
  LOG,
  openSession,
  progressOf,
  QUESTION,
  readAll,
  readOne,
  resultOf,
  serveScript,
  tell,
  type Posted,
  type ReachOptions,
  type ScriptedServer,
} from './http-sse-kit.ts';

const DONE = { done: true };
const CLOSED = { fault: { kind: 'upstream-closed' } };

async function opened(options?: ReachOptions) {
  const server = await serveScript();
  return { server, session: await openSession(server.url, options) };
}

/** Acknowledges, then says this on the stream. */
function answering(server: ScriptedServer, ...messages: readonly unknown[]): void {
  server.onPost = ({ response }) => {
    response.writeHead(202).end('Accepted', () => server.say(...messages));
  };
}

const acknowledge = ({ response }: Posted): void => void response.writeHead(202).end('Accepted');

describe('a request', () => {
  test('is posted to the endpoint, with the configured headers, and answered on the stream', async () => {
    const { server, session } = await opened({ upstream: { headers: { 'x-team': 'search' } } });
    answering(server, resultOf('a'));
    const body = '{"jsonrpc":"2.0","id":"a","method":"ping"}';
    const headers = { 'mcp-protocol-version': '2024-11-05' };
    const outcome = await session.channel.post(session.link, body, headers, session.tools);
    expect(assertStream(outcome).headers).toEqual({});
    expect(await readAll(outcome)).toEqual([DONE]);
    expect(server.posts).toMatchObject([{ path: '/messages?sessionId=s1', text: body }]);
    expect(server.posts[0]?.headers).toMatchObject({
      'x-team': 'search',
      'content-type': 'application/json',
      'mcp-protocol-version': '2024-11-05',
    });
  });

  test('may have any id', async () => {
    const { server, session } = await opened();
    const idTexts = ['1', '1.0e1', '"\\u0061"', '"é"'];
    const ids = idTexts.map((text) => JSON.parse(text) as unknown);
    answering(server, ...ids.map((id) => resultOf(id, { id })));
    const bodies = idTexts.map((id) => `{"jsonrpc":"2.0", "id" : ${id},"method":"ping","params":{"id":9}}`);
    const outcomes = await Promise.all(
      bodies.map((body) => session.channel.post(session.link, body, {}, session.tools)),
    );
    expect(await Promise.all(outcomes.map(readAll))).toEqual(ids.map((id) => [{ id }]));
  });

  test.each([200, 201, 202, 204])('may be acknowledged with status %i', async (status) => {
    const { server, session } = await opened();
    server.onPost = ({ response }) => void response.writeHead(status).end(() => server.say(resultOf('a')));
    expect(await readAll(await ask(session, 'a'))).toEqual([DONE]);
  });

  test.each([
    ['text', 'text/plain', 'Accepted'],
    ['JSON that is no message', 'application/json', '{"status":"accepted"}'],
    ['JSON that is none', 'application/json', ''],
  ])('may be acknowledged with %s', async (_name, type, body) => {
    const { server, session } = await opened();
    server.onPost = ({ response }) => {
      response.writeHead(200, { 'content-type': type }).end(body, () => server.say(resultOf('a')));
    };
    expect(await readAll(await ask(session, 'a'))).toEqual([DONE]);
  });

  test('may be answered before it is acknowledged', async () => {
    const { server, session } = await opened();
    server.onPost = () => server.say(resultOf('a'));
    const outcome = await ask(session, 'a');
    expect(await readOne(outcome)).toEqual(DONE);
    const end = readOne(outcome);
    server.posts.forEach(acknowledge);
    expect(await end).toBe('nothing');
  });

  test('leaves its connection for the next one though it was answered before it was acknowledged', async () => {
    const { server, session } = await opened();
    server.onPost = ({ message: { id } }) => server.say(resultOf(id));
    const outcome = await ask(session, 'a');
    expect(await readOne(outcome)).toEqual(DONE);
    session.channel.close();
    await server.left();
    const end = readOne(outcome);
    server.posts.forEach(acknowledge);
    expect(await end).toBe('nothing');
    const next = assertOpen(await openSseChannel(session.link, session.tools));
    expect(server.sockets).toHaveLength(2);
    next.close();
  });

  test('may never be acknowledged', async () => {
    const { server, session } = await opened();
    server.onPost = () => server.say(LOG, progressOf('a', 1), resultOf('a'));
    const outcome = await ask(session, 'a');
    expect([await readOne(outcome), await readOne(outcome)]).toEqual([
      'notifications/message',
      'notifications/progress',
    ]);
    expect(await readOne(outcome)).toEqual(DONE);
    // As the caller does once the rest has taken too long.
    const end = readOne(outcome);
    assertStream(outcome).close();
    expect(await end).toBe('nothing');
  });

  test('is answered although its POST fails afterwards', async () => {
    const { server, session } = await opened();
    server.onPost = () => server.say(resultOf('a'));
    const outcome = await ask(session, 'a');
    for (const { response } of server.posts) response.writeHead(500).end();
    expect(await readAll(outcome)).toEqual([DONE]);
  });

  test('may be answered in the response to its POST', async () => {
    const { server, session } = await opened();
    server.onPost = ({ response, message: { id } }) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(resultOf(id)));
    };
    expect(await readAll(await ask(session, 'a'))).toEqual([DONE]);
  });

  test('that is answered in both places has one answer', async () => {
    const { server, session } = await opened();
    server.onPost = ({ response, message: { id } }) => {
      server.say(resultOf(id, { from: 'stream' }));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(resultOf(id, { from: 'stream' })));
    };
    expect(await readAll(await ask(session, 'a'))).toEqual([{ from: 'stream' }]);
    expect(await readAll(await ask(session, 'b'))).toEqual([{ from: 'stream' }]);
  });

  test('gets an error without an id, which can be about no other', async () => {
    const { server, session } = await opened();
    answering(server, { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'What?' } });
    expect(await readAll(await ask(session, 'a'))).toEqual([{ error: 'What?' }]);
  });

  test('gets what came while no request was open', async () => {
    const { server, session } = await opened();
    const heard = heardBy(session.deadline);
    server.say(QUESTION, LOG, progressOf('a', 1), resultOf('a'));
    await heard;
    answering(server, resultOf('a'));
    expect(await readAll(await ask(session, 'a'))).toEqual(['roots/list', 'notifications/message', DONE]);
    answering(server, resultOf('b'));
    expect(await readAll(await ask(session, 'b'))).toEqual([DONE]);
  });

  test('is counted, with the time that it waited, once', async () => {
    const { server, session } = await opened();
    const before = structuredClone(session.tally.cost);
    server.onPost = ({ response }) => {
      session.clock.advance(30);
      acknowledge({ response } as Posted);
    };
    const outcome = await ask(session, 'a');
    session.clock.advance(1000);
    const all = readAll(outcome);
    session.clock.advance(12);
    server.say(resultOf('a'));
    expect(await all).toEqual([DONE]);
    const { requests, waitedMs } = session.tally.cost;
    expect({ requests: requests - before.requests, waitedMs: waitedMs - before.waitedMs }).toEqual({
      requests: 1,
      waitedMs: 42,
    });
  });

  test('leaves its connection for the next one', async () => {
    const { server, session } = await opened();
    const sockets = new Set<unknown>();
    server.onPost = ({ response, message: { id } }) => {
      sockets.add(response.socket);
      response.writeHead(202).end('Accepted', () => server.say(resultOf(id)));
    };
    for (const id of ['a', 'b', 'c']) expect(await readAll(await ask(session, id))).toEqual([DONE]);
    expect(sockets.size).toBe(1);
  });
});

describe('requests in parallel', () => {
  test('each get their own progress and answer, however these are mixed', async () => {
    const { server, session } = await opened();
    const outcomes = await Promise.all(['a', 'b'].map((id) => ask(session, id)));
    server.say(progressOf('b', 1), progressOf('a', 1), progressOf('b', 2), progressOf('c', 1), progressOf(1, 1));
    server.say(resultOf('b', { of: 'b' }), progressOf('b', 3), progressOf('a', 2), resultOf('a', { of: 'a' }));
    const progress = 'notifications/progress';
    expect(await Promise.all(outcomes.map(readAll))).toEqual([
      [progress, progress, { of: 'a' }],
      [progress, progress, { of: 'b' }],
    ]);
  });

  test('what names none of them goes to the one that has been open longest', async () => {
    const { server, session } = await opened();
    const outcomes = [await ask(session, 'a'), await ask(session, 'b')];
    server.say(LOG, QUESTION, resultOf('a'), LOG, resultOf('b'));
    expect(await Promise.all(outcomes.map(readAll))).toEqual([
      ['notifications/message', 'roots/list', DONE],
      ['notifications/message', DONE],
    ]);
  });

  test('an error without an id ends none of them', async () => {
    const { server, session } = await opened();
    const outcomes = [await ask(session, 'a'), await ask(session, 'b')];
    server.say({ jsonrpc: '2.0', error: { code: -32700, message: 'What?' } }, resultOf('a'), resultOf('b'));
    expect(await Promise.all(outcomes.map(readAll))).toEqual([[DONE], [DONE]]);
  });

  test('an error without an id in the response to a POST is about that one', async () => {
    const { server, session } = await opened();
    const staying = await ask(session, 'a');
    server.onPost = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"What?"}}');
    };
    expect(await readAll(await ask(session, 'b'))).toEqual([{ error: 'What?' }]);
    server.say(resultOf('a'));
    expect(await readAll(staying)).toEqual([DONE]);
  });

  test('answers to nobody are passed over', async () => {
    const { server, session } = await opened();
    answering(server, resultOf('other'), resultOf(1), resultOf('a'), resultOf('a', { again: true }));
    expect(await readAll(await ask(session, 'a'))).toEqual([DONE]);
    answering(server, resultOf('b'));
    expect(await readAll(await ask(session, 'b'))).toEqual([DONE]);
  });

  test('messages that come together in one event are told apart', async () => {
    const { server, session } = await opened();
    const outcomes = [await ask(session, 'a'), await ask(session, 'b')];
    server.say([resultOf('b', { of: 'b' }), progressOf('a', 1), resultOf('a', { of: 'a' })]);
    expect(await Promise.all(outcomes.map(readAll))).toEqual([['notifications/progress', { of: 'a' }], [{ of: 'b' }]]);
  });

  test('one that is closed by its reader does not end the other', async () => {
    const { server, session } = await opened();
    const [first, second] = [await ask(session, 'a'), await ask(session, 'b')];
    assertStream(first).close();
    server.say(resultOf('a'), resultOf('b'));
    expect([await readAll(first), await readAll(second)]).toEqual([[CLOSED], [DONE]]);
  });
});

describe('a POST', () => {
  test.each([
    [401, { kind: 'upstream-unauthorized' }],
    [429, { kind: 'upstream-throttled', retryAfter: '7' }],
    [307, { kind: 'upstream-redirect' }],
    [500, { kind: 'upstream-http', status: 500, retryAfter: '7' }],
  ])('that is answered with status %i is a fault', async (status, fault) => {
    const { server, session } = await opened();
    const headers = { 'retry-after': '7', location: '/elsewhere' };
    server.onPost = ({ response }) => void response.writeHead(status, headers).end();
    expect(await ask(session, 'a')).toEqual({ kind: 'fault', fault, phase: 'response' });
    expect(await tell(session, 'notifications/x')).toEqual({ kind: 'fault', fault, phase: 'response' });
    expect(server.posts.map(({ path }) => path)).toEqual(['/messages?sessionId=s1', '/messages?sessionId=s1']);
  });

  test('that is refused says so, with the error if there is one', async () => {
    const { server, session } = await opened();
    server.onPost = ({ response }) => void response.writeHead(404).end('Unknown session');
    expect(await ask(session, 'a')).toMatchObject({ kind: 'refused', status: 404, error: undefined });
    const error = { code: -32600, message: 'No' };
    server.onPost = ({ response, message: { id } }) => {
      response.writeHead(400).end(JSON.stringify({ jsonrpc: '2.0', id, error }));
    };
    expect(await ask(session, 'b')).toMatchObject({ kind: 'refused', status: 400, error });
    expect(await tell(session, 'notifications/x')).toMatchObject({ kind: 'refused', status: 400 });
  });

  test.each([
    ['without words', 404, 'Unknown session', { fault: { kind: 'upstream-http', status: 404 } }],
    ['with its error', 400, { id: 'a', error: { code: -32600, message: 'No' } }, { error: 'No' }],
    ['with an error for nobody', 400, { error: { code: -32600, message: 'No' } }, { error: 'No' }],
    [
      'with the error of another',
      400,
      { id: 'z', error: { code: -32600, message: 'No' } },
      { fault: { kind: 'upstream-refused', error: { code: -32600, message: 'No', data: undefined } } },
    ],
    ['with status 500', 500, '', { fault: { kind: 'upstream-http', status: 500 } }],
  ])('that is refused %s after a message has come ends the stream with that', async (_name, status, body, end) => {
    const { server, session } = await opened();
    server.onPost = () => server.say(LOG);
    const outcome = await ask(session, 'a');
    const text = typeof body === 'string' ? body : JSON.stringify({ jsonrpc: '2.0', ...body });
    for (const { response } of server.posts) response.writeHead(status).end(text);
    expect(await readAll(outcome)).toEqual(['notifications/message', end]);
  });

  test('whose connection breaks is a fault, and the request may have arrived', async () => {
    const { server, session } = await opened();
    server.onPost = ({ response }) => response.destroy();
    expect(await ask(session, 'a')).toEqual({ kind: 'fault', fault: { kind: 'upstream-reset' }, phase: 'request' });
    answering(server, resultOf('b'));
    expect(await readAll(await ask(session, 'b'))).toEqual([DONE]);
  });

  test('whose answer is cut off is a fault', async () => {
    const { server, session } = await opened();
    server.onPost = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"jsonrpc":"2.0","id":"a","res', () => response.destroy());
    };
    expect(await ask(session, 'a')).toEqual({ kind: 'fault', fault: { kind: 'upstream-closed' }, phase: 'response' });
  });

  test('whose answer is larger than the limit is a fault', async () => {
    const { server, session } = await opened({ maxMessageBytes: 1000 });
    server.onPost = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(JSON.stringify(resultOf('a', { text: 'x'.repeat(2000) })));
    };
    const fault = { kind: 'upstream-too-large', limitBytes: 1000 };
    expect(await ask(session, 'a')).toEqual({ kind: 'fault', fault, phase: 'response' });
  });

  test('of a notification or an answer is accepted once it is acknowledged', async () => {
    const { server, session } = await opened();
    const { channel, link, tools } = session;
    expect(await tell(session, 'notifications/initialized')).toEqual({ kind: 'accepted' });
    const answer = '{"jsonrpc":"2.0","id":7,"result":{"method":"x"}}';
    expect(await channel.post(link, answer, {}, tools)).toEqual({ kind: 'accepted' });
    expect(server.posts.map(({ text }) => text)).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      answer,
    ]);
  });

  test('of a notification may be acknowledged with a stream that does not end', async () => {
    const { server, session } = await opened();
    server.onPost = ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
    };
    expect(await tell(session, 'notifications/initialized')).toEqual({ kind: 'accepted' });
  });
});

describe('a stream', () => {
  test.each(['ends', 'breaks'] as const)('that %s leaves every open request without an answer', async (how) => {
    const { server, session } = await opened();
    const outcomes = [await ask(session, 'a'), await ask(session, 'b')];
    const stream = server.stream();
    stream.write(eventOf(progressOf('a', 1)), () => (how === 'ends' ? stream.end() : stream.destroy()));
    expect(await Promise.all(outcomes.map(readAll))).toEqual([['notifications/progress', CLOSED], [CLOSED]]);
    // Nothing can be sent without it, and nothing has been.
    const fault = { kind: 'fault', fault: { kind: 'upstream-closed' }, phase: 'connect' };
    expect([await ask(session, 'c'), await tell(session, 'notifications/x')]).toEqual([fault, fault]);
    expect(server.posts).toHaveLength(2);
  });

  test('that ends while a POST is under way ends that, too', async () => {
    const { server, session } = await opened();
    server.onPost = () => void server.stream().end();
    const outcome = await ask(session, 'a');
    expect(outcome).toEqual({ kind: 'fault', fault: { kind: 'upstream-closed' }, phase: 'request' });
  });

  test('that ends right after the answer has answered', async () => {
    const { server, session } = await opened();
    const outcome = await ask(session, 'a');
    server.stream().end(eventOf(resultOf('a')));
    expect(await readAll(outcome)).toEqual([DONE]);
  });

  test.each([
    ['what is not JSON', 'garbage', 'it is not JSON'],
    ['what is no message', '{"jsonrpc":"1.0"}', 'it is not a JSON-RPC message'],
  ])('that carries %s is given up', async (_name, data, reason) => {
    const { server, session } = await opened();
    const outcomes = [await ask(session, 'a'), await ask(session, 'b')];
    server.stream().write(eventOf(data));
    const fault = { fault: { kind: 'upstream-garbled', reason } };
    expect(await Promise.all(outcomes.map(readAll))).toEqual([[fault], [fault]]);
    await server.left();
  });

  test('that carries a message larger than the limit is given up', async () => {
    const { server, session } = await opened({ maxMessageBytes: 1000 });
    const outcome = await ask(session, 'a');
    server.stream().write(`data: ${'x'.repeat(3000)}`);
    expect(await readAll(outcome)).toEqual([{ fault: { kind: 'upstream-too-large', limitBytes: 1000 } }]);
    await server.left();
  });

  test('may carry more than the limit in messages that are smaller', async () => {
    const { server, session } = await opened({ maxMessageBytes: 1000 });
    const outcome = await ask(session, 'a');
    server.say(...Array.from({ length: 50 }, (_, step) => progressOf('a', step)), resultOf('a'));
    expect(await readAll(outcome)).toHaveLength(51);
  });

  test('is read no further than its readers are, and not lost by that', async () => {
    const { server, session } = await opened();
    const outcome = await ask(session, 'a');
    const message = { ...LOG, params: { level: 'info', data: 'x'.repeat(10_000) } };
    const stream = server.stream();
    let taken = 0;
    const pump = (): void => {
      while (taken < 10_000) {
        taken += 1;
        if (!stream.write(eventOf(message))) return void stream.once('drain', pump);
      }
      stream.write(eventOf(resultOf('a')));
    };
    pump();
    // As long as anything moves, it moves within a few round trips of another connection.
    for (let still = 0, last = -1; still < 100; still = taken === last ? still + 1 : 0) {
      last = taken;
      await tell(session, 'notifications/x');
    }
    expect(taken).toBeLessThan(5000);
    const items = await readAll(outcome);
    expect(items).toHaveLength(10_001);
    expect(items.at(-1)).toEqual(DONE);
  });
});

describe('the deadline', () => {
  test('ends the wait for the answer, names itself, and leaves the stream to tell the upstream of it', async () => {
    const { server, session } = await opened();
    const outcome = await ask(session, 'a');
    session.clock.advance(55_000);
    expect(await readAll(outcome)).toEqual([{ fault: { kind: 'upstream-timeout', limitMs: 55_000 } }]);
    for (let round = 0; round < 3; round += 1) {
      const later = session.toolsOfAnother();
      expect(await tell(session, 'notifications/cancelled', later)).toEqual({ kind: 'accepted' });
    }
    expect(server.stream().closed).toBe(false);
  });

  test('names itself although the channel was closed right after it', async () => {
    const { server, session } = await opened();
    server.onPost = () => {};
    const asked = ask(session, 'a');
    await server.posted(1);
    session.clock.advance(55_000);
    session.channel.close();
    expect(await asked).toMatchObject({ kind: 'fault', fault: { kind: 'upstream-timeout' } });
  });

  test('may pass before the connection of a POST stands, and then nothing was sent', async () => {
    const { session } = await opened();
    const sending = Promise.withResolvers<void>();
    const transport: UpstreamTransport = {
      send: ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ kind: 'failure', cause: 'aborted', sent: false }));
          sending.resolve();
        }),
    };
    const asked = ask(session, 'a', { ...session.tools, transport });
    await sending.promise;
    session.clock.advance(55_000);
    const fault = { kind: 'upstream-timeout', limitMs: 55_000 };
    expect(await asked).toEqual({ kind: 'fault', fault, phase: 'connect' });
  });

  test('ends the wait for the acknowledgement', async () => {
    const { server, session } = await opened();
    server.onPost = () => {};
    const asked = ask(session, 'a');
    await server.posted(1);
    session.clock.advance(55_000);
    const fault = { kind: 'upstream-timeout', limitMs: 55_000 };
    expect(await asked).toEqual({ kind: 'fault', fault, phase: 'request' });
  });

  test('of one call does not end another', async () => {
    const { server, session } = await opened();
    const brief = session.toolsOfAnother({ totalMs: 1000 });
    const [ending, staying] = [await ask(session, 'a', brief), await ask(session, 'b')];
    session.clock.advance(1000);
    expect(await readAll(ending)).toEqual([{ fault: { kind: 'upstream-timeout', limitMs: 1000 } }]);
    server.say(resultOf('a'), resultOf('b'));
    expect(await readAll(staying)).toEqual([DONE]);
  });

  test('has passed before the message is sent', async () => {
    const { server, session } = await opened();
    session.deadline.cancel('enough');
    const fault = { kind: 'cancelled', reason: 'enough' };
    expect(await ask(session, 'a')).toEqual({ kind: 'fault', fault, phase: 'connect' });
    expect(server.posts).toEqual([]);
  });

  test.each([
    ['a comment', ': beat\n\n'],
    ['half an event', 'data: {'],
    ['an event of another kind', 'event: other\ndata: x\n\n'],
    ["another request's progress", eventOf(progressOf('c', 1))],
  ])('of silence begins anew with %s', async (_name, text) => {
    const { server, session } = await opened({ limits: { idleMs: 1000 } });
    const other = session.toolsOfAnother({ idleMs: 1000 });
    const outcomes = [await ask(session, 'a'), await ask(session, 'b', other)];
    session.clock.advance(900);
    const heard = Promise.all([heardBy(session.deadline), heardBy(other.limits)]);
    server.stream().write(text);
    await heard;
    session.clock.advance(900);
    expect([session.deadline.expiry(), other.limits.expiry()]).toEqual([undefined, undefined]);
    session.channel.close();
    expect(await Promise.all(outcomes.map(readAll))).toEqual([[CLOSED], [CLOSED]]);
  });

  test('of silence ends the wait', async () => {
    const { session } = await opened({ limits: { idleMs: 1000 } });
    const outcome = await ask(session, 'a');
    session.clock.advance(1000);
    expect(await readAll(outcome)).toEqual([{ fault: { kind: 'upstream-idle', limitMs: 1000 } }]);
  });
});

describe('a channel that is closed', () => {
  test('leaves open requests without an answer, and nothing open', async () => {
    const { server, session } = await opened();
    const acknowledged = await ask(session, 'a');
    server.onPost = () => {};
    const underWay = ask(session, 'b');
    const { response } = await server.posted(2);
    const cut = new Promise((resolve) => response.once('close', resolve));
    session.channel.close();
    session.channel.close();
    expect(await readAll(acknowledged)).toEqual([CLOSED]);
    expect(await underWay).toEqual({ kind: 'fault', fault: { kind: 'upstream-closed' }, phase: 'request' });
    await Promise.all([server.left(), cut]);
  });

  test('takes nothing more', async () => {
    const { server, session } = await opened();
    session.channel.close();
    const fault = { kind: 'fault', fault: { kind: 'upstream-closed' }, phase: 'connect' };
    expect([await ask(session, 'a'), await tell(session, 'notifications/x')]).toEqual([fault, fault]);
    await server.left();
    expect(server.posts).toEqual([]);
  });

  test('cuts the POST of a request that its reader has left', async () => {
    const { server, session } = await opened();
    server.onPost = () => server.say(LOG);
    const outcome = await ask(session, 'a');
    const [posted] = server.posts;
    const cut = new Promise((resolve) => posted?.response.once('close', resolve));
    assertStream(outcome).close();
    server.onPost = acknowledge;
    // What has been cut is seen within a few round trips of another connection.
    for (let round = 0; round < 5; round += 1) await tell(session, 'notifications/x');
    expect(posted?.response.closed).toBe(false);
    session.channel.close();
    await cut;
  });

  test('waits for notifications that are on their way', async () => {
    const { server, session } = await opened();
    const order: string[] = [];
    server.onPost = () => {};
    const told = tell(session, 'notifications/cancelled');
    session.channel.close();
    server.stream().once('close', () => order.push('left'));
    const posted = await server.posted(1);
    order.push('told');
    acknowledge(posted);
    expect(await told).toEqual({ kind: 'accepted' });
    await server.left();
    expect(order).toEqual(['told', 'left']);
  });
});
