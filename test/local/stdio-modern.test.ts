/** Modern servers behind the host of stdio upstreams, over HTTP, and how their era is found out. */
import { describe, expect, test } from 'vitest';
import { connectV2 } from '../support/sdk-clients.ts';
import { modernRequest, openLegacySession, postModern, postStream, type SseEvent } from '../support/wire.ts';
import { fixture, hostOne, openLifelines } from './stdio/kit.ts';

const call = (url: string, name: string, args: object = {}, id: string | number = 1) =>
  postModern(url, 'tools/call', { name, arguments: args }, { id });

const textOf = async (url: string, name: string): Promise<string> =>
  String((await call(url, name)).messages.at(-1).result.content[0].text);

describe('a modern stdio upstream', () => {
  test('serves a client of SDK v2 in either era', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v2', 'v2', lifelines));
    for (const era of ['modern', 'legacy'] as const) {
      const { client, close } = await connectV2(url, era);
      expect(await client.callTool({ name: 'era' })).toMatchObject({ content: [{ text: era }] });
      await close();
    }
  });

  test('serves all requests from one process', async () => {
    const lifelines = await openLifelines();
    const { url, host } = await hostOne(fixture('sdk-v2', 'modern-only', lifelines));
    expect(await Promise.all(['a', 'b', 'c'].map((id) => call(url, 'count', {}, id)))).toMatchObject(
      ['a', 'b', 'c'].map((id) => ({ status: 200, messages: [{ id }] })),
    );
    expect(await textOf(url, 'count')).toBe('4');
    expect(host.pids()).toHaveLength(1);
  });

  test('gives each request its own progress', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v2', 'modern-only', lifelines));
    const waiting = ['a', 'b'].map((word) =>
      postModern(url, 'tools/call', { name: 'wait', arguments: { word } }, { id: word, progressToken: word }),
    );
    const process = await lifelines.next('modern-only');
    for (const word of ['a', 'b']) await process.take(`waits-for-${word}`);
    for (const word of ['b', 'a']) process.say(word);
    const answers = await Promise.all(waiting);
    for (const [index, word] of ['a', 'b'].entries()) {
      expect(answers[index]!.messages).toMatchObject([{ params: { progressToken: word } }, { id: word }]);
    }
  });

  test('is told of a request whose client has gone', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v2', 'modern-only', lifelines));
    const params = { name: 'wait', arguments: { word: 'x' } };
    const { body, headers } = modernRequest('tools/call', params, { progressToken: 1 });
    const stream = await postStream(url, body, headers);
    const process = await lifelines.next('modern-only');
    await process.take('waits-for-x');
    stream.close();
    await process.take('cancelled');
    expect((await call(url, 'count')).status).toBe(200);
  });

  test('refuses a request of an id that is in progress', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v2', 'modern-only', lifelines));
    const waiting = call(url, 'wait', { word: 'x' }, 'same');
    const process = await lifelines.next('modern-only');
    await process.take('waits-for-x');
    expect(await call(url, 'count', {}, 'same')).toMatchObject({
      status: 400,
      messages: [{ error: { code: -32600 } }],
    });
    process.say('x');
    expect((await waiting).status).toBe(200);
  });

  test('passes a log message to the only request that asked for any, and drops it when there are two', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'says', lifelines));
    const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"words"}}';
    const done = (id: string) => `{"jsonrpc":"2.0","id":"${id}","result":{"content":[]}}`;
    const say = (id: string, words: readonly string[], logLevel?: string) =>
      postModern(url, 'tools/call', { name: '', arguments: { words } }, { id, ...(logLevel && { logLevel }) });
    const open = say('open', ['{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'], 'info');
    const process = await lifelines.next('says');
    expect((await say('quiet', [log, done('quiet')])).messages).toHaveLength(1);
    expect((await say('loud', [log, done('loud')], 'info')).messages).toHaveLength(1);
    await say('last', [done('last'), done('open')]);
    expect((await open).messages).toMatchObject([
      { method: 'notifications/tools/list_changed' },
      { method: 'notifications/message' },
      { id: 'open' },
    ]);
    expect(process.pid).toBeGreaterThan(0);
  });

  test('gives what is tagged with a subscription to its request', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v2', 'modern-only', lifelines));
    const params = { notifications: { toolsListChanged: true } };
    const { body, headers } = modernRequest('subscriptions/listen', params, { id: 'listening' });
    const stream = await postStream(url, body, headers);
    const { value } = await stream.events.next();
    expect((value as SseEvent).message).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'listening' } },
    });
    stream.close();
    expect((await call(url, 'count')).status).toBe(200);
  });

  test('neither passes on nor answers a question, which no modern server asks', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'says', lifelines));
    const words = ['{"jsonrpc":"2.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}'];
    expect((await call(url, '', { words })).messages).toHaveLength(1);
  });

  test('is ended when it is not used, and started again when it is', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v2', 'modern-only', lifelines, { idleMs: 50 }));
    expect(await textOf(url, 'count')).toBe('1');
    await (
      await lifelines.next('modern-only')
    ).ended;
    expect(await textOf(url, 'count')).toBe('1');
  });

  test('is started again after it has ended by itself', async () => {
    const lifelines = await openLifelines();
    const { url, reports } = await hostOne(fixture('raw', 'exits-in-call', lifelines));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { status, headers, messages } = await call(url, 'count');
      expect({ status, type: headers['content-type'], messages }).toEqual({
        status: 200,
        type: 'text/event-stream',
        messages: [],
      });
    }
    expect(reports).toEqual(Array.from({ length: 2 }, () => 'upstream tested: its process ended (exit code 7)'));
  });
});

describe('the era of a stdio upstream', () => {
  const discover = (url: string) => postModern(url, 'server/discover');

  test('is legacy when the server does not know server/discover, and the process asked serves the first session', async () => {
    const lifelines = await openLifelines();
    const { url, host } = await hostOne(fixture('sdk-v1', 'v1', lifelines));
    const { status, messages } = await discover(url);
    expect({ status, messages }).toMatchObject({ status: 400, messages: [{ id: 1, error: { code: -32000 } }] });
    expect((await call(url, 'count')).status).toBe(400);
    const session = await openLegacySession(url);
    expect((await session.request('tools/call', { name: 'count', arguments: {} })).status).toBe(200);
    expect(host.pids()).toEqual([(await lifelines.next('v1')).pid]);
    expect(lifelines.count).toBe(1);
  });

  test('is legacy when the server answers initialize only', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'mute', lifelines), { times: { discoverMs: 20 } });
    expect((await discover(url)).status).toBe(400);
    expect((await openLegacySession(url)).protocolVersion).toBe('2025-11-25');
  });

  test('is legacy when the server says nothing at all', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'silent', lifelines), { times: { discoverMs: 20, probeMs: 100 } });
    expect((await discover(url)).status).toBe(400);
    await (
      await lifelines.next('silent')
    ).ended;
  });

  test('is legacy when the server ends for server/discover', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'fragile', lifelines));
    expect((await discover(url)).status).toBe(400);
    expect((await openLegacySession(url)).protocolVersion).toBe('2025-11-25');
  });

  test('is modern when the server refuses as only a modern one does', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'future-only', lifelines));
    expect((await discover(url)).messages).toMatchObject([{ error: { code: -32022 } }]);
  });

  test('is modern when a server that is slow to start knows both', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'late', lifelines), { times: { discoverMs: 20 } });
    const answer = discover(url);
    const probed = await lifelines.next('late');
    for (let asked = 0; asked < 2; asked += 1) await probed.take('asked');
    probed.say('go');
    const serving = await lifelines.next('late');
    await serving.take('asked');
    serving.say('go');
    expect(await answer).toMatchObject({ status: 200, messages: [{ result: { supportedVersions: ['2026-07-28'] } }] });
    await probed.ended;
  });

  test('is found out although the one who asked has gone', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'late', lifelines));
    const { body, headers } = modernRequest('server/discover');
    const abandoned = new AbortController();
    const asking = fetch(url, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { ...headers, 'content-type': 'application/json' },
      signal: abandoned.signal,
    });
    const process = await lifelines.next('late');
    await process.take('asked');
    abandoned.abort();
    await expect(asking).rejects.toThrow('abort');
    process.say('go');
    const answer = discover(url);
    await process.take('asked');
    process.say('go');
    expect((await answer).status).toBe(200);
    expect(lifelines.count).toBe(1);
  });

  test('is asked for again once a session could not be opened', async () => {
    const lifelines = await openLifelines();
    const { url, host } = await hostOne(fixture('raw', 'hopeless', lifelines));
    await discover(url);
    await discover(url);
    expect(host.pids()).toHaveLength(1);
    const abandoned = new AbortController();
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} });
    const opening = fetch(url, { method: 'POST', body, headers, signal: abandoned.signal });
    const opened = await lifelines.next('hopeless');
    await opened.take('asked');
    abandoned.abort();
    await expect(opening).rejects.toThrow('abort');
    await opened.ended;
    await discover(url);
    expect((await lifelines.next('hopeless')).pid).not.toBe(opened.pid);
  });

  test('is what is configured, without asking', async () => {
    const lifelines = await openLifelines();
    const legacy = await hostOne(fixture('sdk-v2', 'legacy', lifelines, { era: 'legacy' }));
    expect((await discover(legacy.url)).status).toBe(400);
    expect(lifelines.count).toBe(0);
    const modern = await hostOne(fixture('raw', 'mute', lifelines, { era: 'modern' }));
    expect((await call(modern.url, 'x')).status).toBe(200);
  });

  test('leaves no process behind that would take the place of a session', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('sdk-v2', 'v2', lifelines, { maxProcesses: 1 }), {
      times: { placeMs: 15_000 },
    });
    expect(await textOf(url, 'era')).toBe('modern');
    const session = await openLegacySession(url);
    const { messages } = await session.request('tools/call', { name: 'era', arguments: {} });
    expect(messages[0].result.content[0].text).toBe('legacy');
  });
});
