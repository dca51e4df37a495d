/** Legacy servers behind the host of stdio upstreams, over HTTP. */
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { connectV1, connectV2 } from '../support/sdk-clients.ts';
import { openLegacySession, openStream, post, send } from '../support/wire.ts';
import type { LegacySession, SseEvent, WireStream } from '../support/wire.ts';
import { fixture, hostOne, openLifelines } from './stdio/kit.ts';

const EVERYTHING = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));

const call = (session: LegacySession, name: string, args: object = {}, id?: string | number) =>
  session.request('tools/call', { name, arguments: args }, id);

async function textOf(session: LegacySession, name: string, args: object = {}): Promise<string> {
  return String((await call(session, name, args)).messages.at(-1).result.content[0].text);
}

/** The events of a stream that are messages. */
async function nextMessage(stream: WireStream): Promise<any> {
  const next = await stream.events.next();
  return (next.value as SseEvent | undefined)?.message;
}

describe('the stream beside the calls of a session', () => {
  const updated = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a://1"}}';
  const logged = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}';
  const done = '{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}';

  test('says what changes, and nothing else; the calls then do not', async () => {
    const { url } = await hostOne(fixture('raw', 'says', await openLifelines()));
    const session = await openLegacySession(url);
    const stream = await openStream('GET', url, '', { ...session.headers, accept: 'text/event-stream' });
    expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream']);
    const { messages } = await call(session, 'x', { words: [updated, logged, done] });
    expect(messages.map(({ method }) => method as unknown)).toEqual(['notifications/message', undefined]);
    expect(await nextMessage(stream)).toEqual(JSON.parse(updated));
    stream.close();
  });

  test('ends with the session, and a session that has ended has none', async () => {
    const { url } = await hostOne(fixture('raw', 'says', await openLifelines()));
    const session = await openLegacySession(url);
    const stream = await openStream('GET', url, '', { ...session.headers, accept: 'text/event-stream' });
    await session.terminate();
    expect((await stream.events.next()).done).toBe(true);
    expect((await send('GET', url, '', { ...session.headers, accept: 'text/event-stream' })).status).toBe(404);
  });
});

describe('a legacy stdio upstream', () => {
  test('serves clients of SDK v1 and v2 in sessions that have a process each', async () => {
    const lifelines = await openLifelines();
    const { url, host } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const [first, second] = [await connectV1(url), await connectV2(url, 'legacy')];
    const count = async (client: { callTool(params: { name: string }): Promise<any> }) =>
      String((await client.callTool({ name: 'count' })).content[0].text);
    expect(await count(first.client)).toBe('1');
    expect(await count(first.client)).toBe('2');
    expect(await count(second.client)).toBe('1');
    expect(host.pids()).toHaveLength(2);
    await first.close();
    await second.close();
  });

  test('serves @modelcontextprotocol/server-everything', async () => {
    const { url } = await hostOne({ command: process.execPath, args: [EVERYTHING, 'stdio'] });
    const asked: string[] = [];
    const { client, close } = await connectV1(url, {
      capabilities: { elicitation: {}, sampling: {} },
      prepare: (client) =>
        client.setRequestHandler(ElicitRequestSchema, async (request) => {
          asked.push(request.params.message);
          return { action: 'decline' };
        }),
    });
    expect(await client.callTool({ name: 'echo', arguments: { message: 'héllo\n🌍' } })).toMatchObject({
      content: [{ type: 'text', text: 'Echo: héllo\n🌍' }],
    });
    const steps: unknown[] = [];
    const running = { name: 'trigger-long-running-operation', arguments: { duration: 0.05, steps: 3 } };
    await client.callTool(running, undefined, { onprogress: ({ progress }) => steps.push(progress) });
    expect(steps).toEqual([1, 2, 3]);
    await client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
    expect(asked).toHaveLength(1);
    expect((await client.listResources()).resources.length).toBeGreaterThan(0);
    await close();
  });

  test('runs requests of one session in parallel, each with its own progress', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(url);
    const process = await lifelines.next('v1');
    const streams = await Promise.all(
      ['a', 'b'].map(async (word) => {
        const params = { name: 'wait', arguments: { word }, _meta: { progressToken: `token-${word}` } };
        return await session.stream('tools/call', params, `id-${word}`);
      }),
    );
    for (const stream of streams) expect(stream.headers['content-type']).toBe('text/event-stream');
    const [a, b] = streams as [(typeof streams)[0], (typeof streams)[0]];
    expect((await nextMessage(a)).params).toMatchObject({ progressToken: 'token-a', message: 'a' });
    expect((await nextMessage(b)).params).toMatchObject({ progressToken: 'token-b', message: 'b' });
    process.say('b');
    expect(await nextMessage(b)).toMatchObject({ id: 'id-b', result: { content: [{ text: 'b' }] } });
    process.say('a');
    expect(await nextMessage(a)).toMatchObject({ id: 'id-a', result: { content: [{ text: 'a' }] } });
  });

  test('answers with plain JSON when nothing is said before', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const answer = await call(await openLegacySession(url), 'count');
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
  });

  test('hands over messages as they were written, on one line', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'echo', lifelines));
    const { headers } = await openLegacySession(url);
    const body =
      '{"jsonrpc":"2.0","id":"x",\r\n "method":"tools/call","params":{"n":123456789012345678901,"z":{"u":"\\n"}}}';
    const { text } = await post(url, body, headers);
    expect(text).toContain('"big":12345678901234567890');
    expect(JSON.parse(text).result.heard).toBe(body.replace('\r\n', ' '));
  });

  test('puts a question to the call in progress, and hands its answer back', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(url, { capabilities: { elicitation: {} } });
    const stream = await session.stream('tools/call', { name: 'ask', arguments: {} });
    const question = await nextMessage(stream);
    expect(question.method).toBe('elicitation/create');
    const answered = await session.respond(question.id, { action: 'accept', content: { name: 'me' } });
    expect(answered.status).toBe(202);
    expect((await nextMessage(stream)).result.content[0].text).toBe('{"action":"accept","content":{"name":"me"}}');
  });

  test('answers a ping of the server by itself', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const answer = await call(await openLegacySession(url), 'ping-client');
    expect(answer.messages).toHaveLength(1);
    expect(answer.messages[0].result.content[0].text).toBe('pong');
  });

  test('passes log messages to the oldest call in progress', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(url);
    const process = await lifelines.next('v1');
    const waiting = call(session, 'wait', { word: 'oldest' }, 'oldest');
    await process.take('waits-for-oldest');
    const logging = await call(session, 'log', { word: 'words' }, 'newest');
    process.say('oldest');
    expect(logging.messages).toEqual([expect.objectContaining({ id: 'newest' })]);
    expect((await waiting).messages).toMatchObject([
      { method: 'notifications/message', params: { data: 'words' } },
      { id: 'oldest' },
    ]);
  });

  test('keeps log messages and questions from who may not be meant, where several callers share a session', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines, { isolation: 'shared' }));
    const session = await openLegacySession(url, { capabilities: { elicitation: {} } });
    const process = await lifelines.next('v1');
    const waiting = call(session, 'wait', { word: 'other' });
    await process.take('waits-for-other');
    await call(session, 'log', { word: 'words' });
    const asking = await call(session, 'ask');
    expect(asking.messages.at(-1).result).toMatchObject({ isError: true });
    process.say('other');
    expect((await waiting).messages).toHaveLength(1);
  });

  test('tells what belongs to no call to nobody, and declines questions outside of calls', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'says', lifelines));
    const session = await openLegacySession(url);
    const process = await lifelines.next('says');
    const words = [
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"nobody","progress":1}}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"nothing"}}',
      '{"jsonrpc":"2.0","id":"nobody","result":{}}',
      '{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}',
      '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"late"}}',
      '{"jsonrpc":"2.0","id":12345678901234567890,"method":"roots/list"}',
    ];
    const answer = await call(session, '', { words });
    expect(answer.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: { content: [] } }]);
    expect(await process.take('answered')).toContain('-32601');
  });

  test('takes a question back from the call that it was put to', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'says', lifelines));
    const words = [
      '{"jsonrpc":"2.0","id":"q","method":"roots/list"}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"q"}}',
      '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
      '{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}',
    ];
    const { messages } = await call(await openLegacySession(url), '', { words });
    expect(messages).toMatchObject([
      { method: 'roots/list' },
      { method: 'notifications/cancelled' },
      { method: 'notifications/tools/list_changed' },
      { id: 1 },
    ]);
  });

  test('passes a cancellation to the server, and a lost connection not', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(url);
    const process = await lifelines.next('v1');
    const params = { name: 'wait', arguments: { word: 'x' }, _meta: { progressToken: 1 } };
    const stream = await session.stream('tools/call', params, 'x');
    await process.take('waits-for-x');
    stream.close();
    expect(await textOf(session, 'count')).toBe('1');
    expect((await session.notify('notifications/cancelled', { requestId: 'x' })).status).toBe(202);
    await process.take('cancelled');
  });

  test('gives a server the variables it is configured with, and no secrets of the gateway', async () => {
    const lifelines = await openLifelines();
    process.env['SLUICE_TEST_SECRET'] = 'secret';
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines, { env: { GIVEN: '$HOME `id` "x"' } }));
    const session = await openLegacySession(url);
    const names = JSON.parse(await textOf(session, 'environment')) as string[];
    delete process.env['SLUICE_TEST_SECRET'];
    expect(names).toContain('PATH');
    expect(names).not.toContain('SLUICE_TEST_SECRET');
    expect(await textOf(session, 'variable', { name: 'GIVEN' })).toBe('$HOME `id` "x"');
  });

  test('refuses a second request of the same id while the first is in progress', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(url);
    const process = await lifelines.next('v1');
    const waiting = call(session, 'wait', { word: 'x' }, 'same');
    await process.take('waits-for-x');
    expect(await call(session, 'count', {}, 'same')).toMatchObject({ status: 400, messages: [{ id: 'same' }] });
    process.say('x');
    expect((await waiting).status).toBe(200);
    expect((await call(session, 'count', {}, 'same')).status).toBe(200);
  });

  test('ends the process of a session that is deleted, and no longer knows the session', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(url);
    const process = await lifelines.next('v1');
    expect((await session.terminate()).status).toBe(204);
    await process.ended;
    expect((await call(session, 'count')).status).toBe(404);
    expect((await session.terminate()).status).toBe(404);
  });

  test('ends the process of a session that is not used', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines, { idleMs: 500 }));
    const session = await openLegacySession(url);
    const process = await lifelines.next('v1');
    await process.ended;
    expect((await call(session, 'count')).status).toBe(404);
  });

  test('keeps the process of a session while a call is in progress', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines, { idleMs: 1000 }));
    const session = await openLegacySession(url);
    const process = await lifelines.next('v1');
    const waiting = call(session, 'wait', { word: 'x' });
    await process.take('waits-for-x');
    // Longer than the idle limit, by the clock of a session that is not used.
    const other = await openLegacySession(url);
    await (
      await lifelines.next('v1')
    ).ended;
    expect((await call(other, 'count')).status).toBe(404);
    process.say('x');
    expect((await waiting).status).toBe(200);
  });

  test('runs no more processes than it may, and says so at once in a way that is known not to have run', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines, { maxProcesses: 1 }), { times: { placeMs: 20 } });
    const session = await openLegacySession(url);
    const refused = await post(url, INITIALIZE);
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' }, messages: [{ id: 1 }] });
    expect(await textOf(session, 'count')).toBe('1');
  });

  test('gives the place of a process that is ending to who waits for it', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines, { maxProcesses: 1 }), {
      times: { placeMs: 15_000 },
    });
    const first = await openLegacySession(url);
    const second = openLegacySession(url);
    await first.terminate();
    expect(await textOf(await second, 'count')).toBe('1');
  });
});

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'wire', version: '1' } },
};

describe('the door of a hosted upstream', () => {
  test('is closed to other names, to pages, and to who does not know the path', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const json = { 'content-type': 'application/json' };
    const body = JSON.stringify(INITIALIZE);
    expect((await send('POST', url, body, { ...json, host: 'evil.example' })).status).toBe(403);
    expect((await send('POST', url, body, { ...json, host: 'localhost' })).status).toBe(403);
    expect((await send('POST', url, body, { ...json, origin: 'http://localhost:3000' })).status).toBe(403);
    expect((await send('POST', `${new URL(url).origin}/tested`, body, json)).status).toBe(404);
    expect((await send('POST', url, body, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await send('GET', url, '', { accept: 'text/event-stream' })).status).toBe(405);
    expect(new URL(url).pathname).toMatch(/^\/[\w-]{32}\/tested$/);
    expect(lifelines.count).toBe(0);
  });

  test('refuses what is no message, no session and no beginning of one', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v1', 'v1', lifelines), { limits: { requestBytes: 1000 } });
    expect((await post(url, '{')).status).toBe(400);
    expect((await post(url, '[]')).status).toBe(400);
    expect((await post(url, { jsonrpc: '2.0', id: 1, method: 'tools/list' })).status).toBe(400);
    expect((await post(url, INITIALIZE, { 'mcp-session-id': 'unknown' })).status).toBe(404);
    expect((await post(url, 'x'.repeat(1_100_000))).status).toBe(413);
    expect(lifelines.count).toBe(0);
  });
});
