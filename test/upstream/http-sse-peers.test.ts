/** A whole session with real servers of HTTP+SSE. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { cryptoIds as ids } from '../../lib/adapters/node/ids.ts';
import { fastTime } from '../../lib/local/demo/fast-time.ts';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import { notificationText, requestText, resultText, type JsonObject } from '../../lib/protocol/message.ts';
import { exchange, type UpstreamEvent } from '../../lib/upstream/exchange.ts';
import { openUpstreamSession } from '../../lib/upstream/legacy.ts';
import type { ConnectionTools } from '../../lib/upstream/streamable-http.ts';
import { startHttpSseUpstream } from '../support/http-sse-upstream.ts';
import { openSession, type Session } from './http-sse-kit.ts';

interface Peer extends Session {
  /** Send over the channel. */
  readonly over: ConnectionTools;
  readonly protocolVersion: string;
}

/** Opens a session as far as `notifications/initialized`. */
async function initialize(url: string, clientCapabilities: JsonObject = {}): Promise<Peer> {
  const session = await openSession(url);
  const over = { ...session.tools, post: session.channel.post };
  const client = { protocolVersion: '2025-11-25', clientCapabilities, clientInfo: { name: 'test', version: '1' } };
  const opened = await openUpstreamSession(session.link, client, ids, over);
  if (opened.kind !== 'opened') throw new Error(JSON.stringify(opened));
  expect(opened.session.id).toBeNull();
  return { ...session, over, protocolVersion: opened.hello.protocolVersion };
}

/** The events of a request, in short; progress is asked for under the request's own id. */
async function* request(peer: Peer, method: string, params: JsonObject, tools = peer.over) {
  const id = ids.random();
  const body = requestText(id, method, { ...params, _meta: { progressToken: id } });
  for await (const event of exchange(peer.link, { id, body: () => body, headers: {} }, tools)) yield { event, id };
}

async function callTool(peer: Peer, name: string, args: JsonObject = {}): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const { event } of request(peer, 'tools/call', { name, arguments: args })) events.push(brief(event));
  return events;
}

async function ask(peer: Peer, method: string, params: JsonObject = {}): Promise<unknown> {
  for await (const { event } of request(peer, method, params)) if (event.kind !== 'interim') return result(event);
  return undefined;
}

function result(event: UpstreamEvent): any {
  if (event.kind !== 'final') throw new Error(JSON.stringify(event));
  const { body } = event.response;
  return 'result' in body ? body.result : body.error;
}

function brief(event: UpstreamEvent): unknown {
  if (event.kind === 'end') return event.end;
  if (event.kind === 'final') return result(event).content?.[0]?.text ?? result(event);
  const { method, params } = event.message;
  return method === 'notifications/progress' ? params?.['progress'] : (params?.['data'] ?? method);
}

async function startUpstream() {
  const upstream = await startHttpSseUpstream();
  onTestFinished(() => upstream.close());
  return upstream;
}

describe('a session with a server of the older SDK', () => {
  test('begins, answers, and leaves nothing behind', async () => {
    const upstream = await startUpstream();
    const peer = await initialize(upstream.url);
    expect(peer.protocolVersion).toBe('2025-11-25');
    expect(await callTool(peer, 'echo', { text: 'héllo 🌍' })).toEqual(['héllo 🌍']);
    expect(upstream.streams).toBe(1);
    peer.channel.close();
    await upstream.deserted();
    expect(upstream.heard.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /sse',
      'POST /messages',
      'POST /messages',
      'POST /messages',
    ]);
  });

  test('has its tools, resources, templates and prompts', async () => {
    const upstream = await startUpstream();
    const peer = await initialize(upstream.url);
    expect(await ask(peer, 'tools/list')).toMatchObject({ tools: [{ name: 'echo' }, {}, {}, {}, { name: 'ask' }] });
    expect(await ask(peer, 'resources/list')).toMatchObject({ resources: [{ uri: 'note://one' }] });
    expect(await ask(peer, 'resources/templates/list')).toMatchObject({ resourceTemplates: [{ name: 'note' }] });
    expect(await ask(peer, 'resources/read', { uri: 'note://two' })).toMatchObject({
      contents: [{ text: 'About note://two' }],
    });
    expect(await ask(peer, 'prompts/get', { name: 'greet', arguments: { name: 'Ada' } })).toMatchObject({
      messages: [{ content: { text: 'Hello, Ada' } }],
    });
    expect(await ask(peer, 'nothing/at-all')).toMatchObject({ code: -32601 });
  });

  test('carries progress and log messages of a call', async () => {
    const upstream = await startUpstream();
    const peer = await initialize(upstream.url);
    expect(await callTool(peer, 'steps', { count: 5 })).toEqual([1, 2, 3, 4, 5, '5 steps']);
    expect(await callTool(peer, 'log', { text: 'a word' })).toEqual(['a word', 'logged']);
  });

  test('carries calls in parallel', async () => {
    const upstream = await startUpstream();
    const peer = await initialize(upstream.url);
    const counts = Array.from({ length: 30 }, (_, at) => at + 1);
    const answers = await Promise.all(counts.map((count) => callTool(peer, 'steps', { count })));
    expect(answers).toEqual(
      counts.map((count) => [...Array.from({ length: count }, (_, at) => at + 1), `${count} steps`]),
    );
  });

  test('carries a question, and the answer to it', async () => {
    const upstream = await startUpstream();
    const peer = await initialize(upstream.url, { sampling: {} });
    const seen: unknown[] = [];
    for await (const { event } of request(peer, 'tools/call', { name: 'ask', arguments: { question: 'Why?' } })) {
      seen.push(brief(event));
      if (event.kind !== 'interim' || event.message.kind !== 'request') continue;
      const answer = { role: 'assistant', model: 'm', content: { type: 'text', text: 'Because.' } };
      const text = resultText(event.message.idText, answer);
      expect(await peer.channel.post(peer.link, text, {}, peer.tools)).toEqual({ kind: 'accepted' });
    }
    expect(seen).toEqual(['sampling/createMessage', 'Because.']);
  });

  test('that runs out of time can still be told to cancel, before its stream is closed', async () => {
    const upstream = await startUpstream();
    const peer = await initialize(upstream.url);
    const brief = peer.toolsOfAnother({ totalMs: 1000 });
    const calling = request(peer, 'tools/call', { name: 'slow' }, { ...brief, post: peer.channel.post });
    const ended = calling.next();
    await upstream.slowCalls(1);
    peer.clock.advance(1000);
    const { value } = await ended;
    expect(value?.event).toEqual({ kind: 'end', end: { kind: 'upstream-timeout', limitMs: 1000 } });
    const text = notificationText('notifications/cancelled', { requestId: value?.id, reason: 'late' });
    const later = peer.toolsOfAnother({ totalMs: 2000 });
    const told = peer.channel.post(peer.link, text, {}, later);
    peer.channel.close();
    expect(await told).toEqual({ kind: 'accepted' });
    await upstream.cancellations(1);
    await upstream.deserted();
  });

  test('that the server ends leaves its calls without an answer', async () => {
    const upstream = await startUpstream();
    const peer = await initialize(upstream.url);
    const call = callTool(peer, 'slow');
    await upstream.slowCalls(1);
    await upstream.endStreams();
    expect(await call).toEqual([{ kind: 'upstream-closed' }]);
  });

  test('is one of many at the same time', async () => {
    const upstream = await startUpstream();
    const peers = await Promise.all(Array.from({ length: 20 }, () => initialize(upstream.url)));
    const answers = await Promise.all(peers.map((peer, at) => callTool(peer, 'echo', { text: `of ${at}` })));
    expect(answers).toEqual(peers.map((_, at) => [`of ${at}`]));
    for (const { channel } of peers) channel.close();
    await upstream.deserted();
  });
});

test('fast time answers over HTTP+SSE', async () => {
  const served = await serveUpstream(fastTime, { transport: 'sse' });
  onTestFinished(() => served.close());
  const peer = await initialize(served.url);
  const converted = await callTool(peer, 'convert_time', {
    time: '2026-07-01 12:00:00',
    source_timezone: 'Europe/Berlin',
    target_timezone: 'America/New_York',
  });
  expect(converted).toEqual(['2026-07-01T06:00:00-04:00']);
});
