import { describe, expect, onTestFinished, test } from 'vitest';
import { connectV1, connectV2 } from './sdk-clients.ts';
import { startFaultyUpstream, type Fault, type FaultyUpstreamOptions } from './faulty-upstream.ts';
import { openLegacySession, post, postModern, postStream, modernRequest, send } from './wire.ts';

async function start(options: FaultyUpstreamOptions) {
  const upstream = await startFaultyUpstream(options);
  onTestFinished(() => upstream.stop());
  return upstream;
}

const OK = [{ type: 'text', text: '{"a":1}' }];

describe('with nothing scripted', () => {
  test.each(['modern', 'legacy', 'both'] as const)('an SDK v2 client can list and call in the era %s', async (era) => {
    const upstream = await start({ era });
    upstream.on('streamed', 'sse');
    const { client, close } = await connectV2(upstream.url, era === 'both' ? 'modern' : era);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['ok', 'streamed']);
    const progress: number[] = [];
    for (const name of ['ok', 'streamed']) {
      const onprogress = ({ progress: value }: { progress: number }) => void progress.push(value);
      expect(await client.callTool({ name, arguments: { a: 1 } }, { onprogress })).toMatchObject({ content: OK });
    }
    expect(progress).toEqual([1]);
    await close();
    expect(upstream.sessions).toEqual([]);
    expect(upstream.deleted).toHaveLength(era === 'legacy' ? 1 : 0);
  });

  test('an SDK v1 client can list and call', async () => {
    const upstream = await start({ era: 'both' });
    const { client, close } = await connectV1(upstream.url);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['ok']);
    expect(await client.callTool({ name: 'ok', arguments: { a: 1 } })).toMatchObject({ content: OK });
    await close();
  });

  test('raw messages are answered in both eras', async () => {
    const upstream = await start({ era: 'both' });
    const modern = await postModern(upstream.url, 'tools/call', { name: 'ok', arguments: { a: 1 } });
    expect([modern.status, modern.messages[0].result]).toMatchObject([200, { content: OK, resultType: 'complete' }]);
    const session = await openLegacySession(upstream.url, { version: '2025-06-18' });
    expect([session.protocolVersion, upstream.sessions]).toEqual(['2025-06-18', [session.sessionId]]);
    const legacy = await session.request('tools/call', { name: 'ok', arguments: { a: 1 } });
    expect(legacy.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: { content: OK } }]);
    expect((await session.terminate()).status).toBe(200);
    expect((await session.request('ping')).status).toBe(404);
  });
});

describe('what it lacks', () => {
  test('a legacy server takes no modern request, and says so as old servers do', async () => {
    const upstream = await start({ era: 'legacy' });
    const refused = await postModern(upstream.url, 'server/discover');
    expect([refused.status, refused.messages[0].error.code]).toEqual([400, -32000]);
  });

  test('a modern server takes no initialize, and names what it speaks', async () => {
    const upstream = await start({ era: 'modern' });
    await expect(openLegacySession(upstream.url)).rejects.toThrow('"supported":["2026-07-28"]');
  });

  test('a modern server wants the headers that mirror the body', async () => {
    const upstream = await start({ era: 'modern' });
    const { body, headers } = modernRequest('tools/call', { name: 'ok' });
    const refused = await post(upstream.url, body, { ...headers, 'mcp-method': 'tools/list' });
    expect([refused.status, refused.messages[0].error.code]).toEqual([400, -32020]);
  });

  test('sessions it has forgotten, or lost in a restart, are unknown', async () => {
    const upstream = await start({ era: 'legacy' });
    const forgotten = await openLegacySession(upstream.url);
    upstream.forgetSessions();
    expect((await forgotten.request('ping')).status).toBe(404);
    const lost = await openLegacySession(upstream.url);
    await upstream.stop();
    await upstream.start();
    expect((await lost.request('ping')).status).toBe(404);
  });
});

describe('a scripted tool', () => {
  const faults: [Fault, number, string][] = [
    ['garbage', 200, 'this is <not> JSON {'],
    ['not-jsonrpc', 200, '{"hello":"world"}'],
    ['http-500', 500, 'Internal Server Error'],
    ['http-429', 429, ''],
    ['redirect', 302, ''],
    ['html', 200, '<!doctype html>'],
    ['wrong-id', 200, '"result"'],
    ['sse-no-final', 200, 'notifications/progress'],
  ];

  test.each(faults)('answers with %s', async (fault, status, contained) => {
    const upstream = await start({ era: 'modern' });
    upstream.on('bad', fault);
    const response = await postModern(upstream.url, 'tools/call', { name: 'bad' }, { progressToken: 'p' });
    expect(response.status).toBe(status);
    expect(response.text).toContain(contained);
    expect(response.messages.filter(({ id }) => id === 1)).toEqual([]);
  });

  test.each(['reset', 'close', 'half'] as const)('breaks the connection with %s', async (fault) => {
    const upstream = await start({ era: 'modern' });
    upstream.on('bad', fault);
    await expect(postModern(upstream.url, 'tools/call', { name: 'bad' })).rejects.toThrow(/ECONNRESET|hang up|aborted/);
  });

  test.each(['hang', 'trickle', 'sse-trickle'] as const)('with %s is given up by its caller only', async (fault) => {
    const upstream = await start({ era: 'modern' });
    upstream.on('bad', fault);
    const { body, headers } = modernRequest('tools/call', { name: 'bad' });
    const call = postStream(upstream.url, body, headers);
    const request = await upstream.received(({ tool }) => tool === 'bad');
    if (fault === 'hang') await upstream.stop();
    else {
      const stream = await call;
      if (fault === 'sse-trickle') {
        await stream.events.next();
        expect((await stream.events.next()).value).toMatchObject({ message: { params: { progress: 2 } } });
      }
      stream.close();
    }
    await request.abandoned;
    await call.catch(() => {});
  });

  test('sends a message as large as it is told to', async () => {
    const upstream = await start({ era: 'legacy' });
    upstream.on('big', { kind: 'huge', bytes: 3_000_000 });
    const session = await openLegacySession(upstream.url);
    const { messages } = await session.request('tools/call', { name: 'big' });
    const text: string = messages[0].result.content[0].text;
    expect([text.length, /^x+$/.test(text)]).toEqual([3_000_000, true]);
  });

  test('holds calls behind a gate until it is opened', async () => {
    const upstream = await start({ era: 'modern' });
    const gate = upstream.gate('held');
    let answered = false;
    const call = postModern(upstream.url, 'tools/call', { name: 'held', arguments: { a: 1 } }).then((response) => {
      answered = true;
      return response;
    });
    expect((await gate.entered).message.params.arguments).toEqual({ a: 1 });
    await postModern(upstream.url, 'tools/call', { name: 'ok' });
    expect(answered).toBe(false);
    gate.release();
    expect((await call).messages[0].result.content).toEqual(OK);
  });

  test('answers behind a barrier only once enough calls are inside', async () => {
    const upstream = await start({ era: 'modern' });
    upstream.barrier('meet', 3);
    const call = (id: number) => postModern(upstream.url, 'tools/call', { name: 'meet' }, { id });
    let answered = 0;
    const early = [call(1), call(2)];
    for (const each of early) void each.then(() => (answered += 1));
    await upstream.received(({ tool }) => tool === 'meet', 2);
    expect(answered).toBe(0);
    const responses = await Promise.all([...early, call(3)]);
    expect(responses).toMatchObject([1, 2, 3].map((id) => ({ messages: [{ id }] })));
  });
});

test('a whole method can be scripted, and works again afterwards', async () => {
  const upstream = await start({ era: 'legacy' });
  upstream.onMethod('initialize', 'http-500');
  await expect(openLegacySession(upstream.url)).rejects.toThrow('500');
  upstream.onMethod('initialize', 'ok');
  expect((await openLegacySession(upstream.url)).sessionId).toBeDefined();
});

test('cancellations and followed redirects are recorded', async () => {
  const upstream = await start({ era: 'legacy' });
  const session = await openLegacySession(upstream.url);
  await session.notify('notifications/cancelled', { requestId: 7, reason: 'enough' });
  expect(upstream.cancellations).toEqual([{ requestId: 7, reason: 'enough' }]);
  expect((await send('GET', upstream.url.replace('/mcp', '/elsewhere'), '')).status).toBe(405);
  expect(upstream.redirected).toBe(1);
});

test.each([
  ['{', -32700],
  ['null', -32600],
  ['[]', -32600],
])('a body of %s is refused', async (body, code) => {
  const upstream = await start({ era: 'both' });
  const refused = await post(upstream.url, body);
  expect([refused.status, refused.messages[0].error.code]).toEqual([400, code]);
});
