/** Batches: several messages in one POST, which only sessions of 2025-03-26 may send. */
import { describe, expect, test } from 'vitest';
import { initializeMessage, LEGS, type Harness, type Peer } from '../support/gateway-harness.ts';
import { modernRequest, type WireResponse } from '../support/wire.ts';
import { openFaulty, openScripted } from './fixtures.ts';

const REVISION = '2025-03-26';

function call(id: string | number, tool = 'up__ok', args: object = {}) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name: tool, arguments: args } };
}

function send(gateway: Harness, peer: Peer, batch: readonly object[]): Promise<WireResponse> {
  return gateway.client.post(batch, peer.headers);
}

describe.each(LEGS)('$name', (leg) => {
  test('twenty calls run in parallel and are answered in one array', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    upstream.barrier('together', 20);
    const peer = await gateway.client.connect(REVISION);
    const batch = Array.from({ length: 20 }, (_, index) => call(index, 'up__together', { index }));
    const answer = await send(gateway, peer, batch);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.text)).toHaveLength(20);
    const byId = new Map(answer.messages.map(({ id, result }) => [id, result.content[0].text]));
    expect(byId).toEqual(new Map(batch.map(({ id }) => [id, JSON.stringify({ index: id })])));
  });

  test('a batch of one is answered with an array of one', async () => {
    const { gateway } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect(REVISION);
    const { text } = await send(gateway, peer, [call('only')]);
    expect(JSON.parse(text)).toEqual([expect.objectContaining({ id: 'only' })]);
  });

  test('each request gets its own answer, errors and what the gateway says itself included', async () => {
    const { gateway } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect(REVISION);
    const batch = [
      call(1),
      { jsonrpc: '2.0', id: '1', method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'nothing/here' },
      call(3, 'hidden'),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 4, method: 'tools/list' },
    ];
    const { messages, status } = await send(gateway, peer, batch);
    expect(status).toBe(200);
    const outcomes = new Map(messages.map(({ id, error }) => [id, error?.code ?? 'ok']));
    expect(outcomes).toEqual(
      new Map<unknown, unknown>([
        [1, 'ok'],
        ['1', 'ok'],
        [2, -32601],
        [3, -32602],
        [4, 'ok'],
      ]),
    );
  });

  test('progress makes it a stream, which ends after the last answer', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    upstream.on('stream', 'sse');
    const peer = await gateway.client.connect(REVISION);
    const withToken = (id: number) => {
      const { params, ...rest } = call(id, 'up__stream');
      return { ...rest, params: { ...params, _meta: { progressToken: `token-${id}` } } };
    };
    const answer = await send(gateway, peer, [withToken(1), withToken(2), call(3)]);
    expect(answer.headers['content-type']).toBe('text/event-stream');
    const finals = answer.messages.filter(({ id }) => id !== undefined);
    const tokens = answer.messages.flatMap(({ params }): unknown => params?.progressToken ?? []);
    expect(new Set(tokens)).toEqual(new Set(['token-1', 'token-2']));
    expect(new Set(finals.map(({ id }): unknown => id))).toEqual(new Set([1, 2, 3]));
    expect([tokens.length, finals.length]).toEqual([2, 3]);
    expect(answer.messages.at(-1)).toHaveProperty('id');
  });

  test('a failing call fails alone', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    upstream.on('broken', 'reset');
    const peer = await gateway.client.connect(REVISION);
    const { messages } = await send(gateway, peer, [call(1, 'up__broken'), call(2)]);
    expect(new Map(messages.map(({ id, error }) => [id, error?.code]))).toEqual(
      new Map([
        [1, 1003],
        [2, undefined],
      ]),
    );
  });

  test('notifications alone are accepted without a body', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect(REVISION);
    const changed = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' };
    const { status, text } = await send(gateway, peer, [changed, { jsonrpc: '2.0', method: 'notifications/other' }]);
    expect([status, text]).toEqual([202, '']);
    await upstream.received(({ method }) => method === 'notifications/roots/list_changed');
  });

  test('an answer to a question can come with a request', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    upstream.onCall(async ({ ask, answer, params }) => {
      if (params.name === 'ask') answer({ heard: (await ask(7, 'sampling/createMessage')).result });
      else answer({});
    });
    const peer = await gateway.client.connect(REVISION, { capabilities: { sampling: {} } });
    const asking = await peer.stream('tools/call', { name: 'up__ask' });
    const events = asking.events[Symbol.asyncIterator]();
    const question = (await events.next()).value;
    const batch = [{ jsonrpc: '2.0', id: question.message.id, result: { text: 'yes' } }, call('beside')];
    expect((await send(gateway, peer, batch)).messages).toMatchObject([{ id: 'beside' }]);
    expect((await events.next()).value.message.result).toEqual({ heard: { text: 'yes' } });
  });

  test('every message leaves a line in the log', async () => {
    const { gateway } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect(REVISION);
    await gateway.settled();
    const before = gateway.actions.length;
    await send(gateway, peer, [call(1), call(2), { jsonrpc: '2.0', method: 'notifications/initialized' }]);
    await gateway.settled();
    const logged = gateway.actions.slice(before).map(({ method }) => method);
    expect(logged).toHaveLength(3);
    expect(logged.filter((method) => method === 'tools/call')).toHaveLength(2);
    expect(logged).toContain('notifications/initialized');
  });

  test.each([
    ['is empty', []],
    ['holds 21 messages', Array.from({ length: 21 }, (_, id) => call(id))],
    ['holds initialize', [initializeMessage(REVISION)]],
    ['holds initialize among others', [call(1), initializeMessage(REVISION)]],
    ['holds something else', [call(1), 7]],
    ['holds null', [null]],
    ['holds a batch', [[call(1)]]],
    ['holds a request with a null id', [{ ...call(1), id: null }]],
  ])('one that %s is 400 with -32600, and nothing of it is done', async (_what, batch) => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect(REVISION);
    const before = upstream.requests.length;
    const { status, messages } = await send(gateway, peer, batch as object[]);
    expect([status, messages[0].error.code]).toEqual([400, -32600]);
    expect(messages[0]).not.toHaveProperty('id');
    expect(upstream.requests).toHaveLength(before);
    expect((await peer.call('up__ok')).result).toBeDefined();
  });

  test.each(['2025-06-18', '2025-11-25'])('one in a session of %s is 400 with -32600', async (revision) => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect(revision);
    const before = upstream.requests.length;
    const { status, messages } = await send(gateway, peer, [call(1)]);
    expect([status, messages[0].error.code]).toEqual([400, -32600]);
    expect(upstream.requests).toHaveLength(before);
  });

  test('one that calls itself modern is 400 with -32600', async () => {
    const { gateway, upstream } = await openFaulty('both', { leg });
    const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
    const { status, messages } = await gateway.client.post([body], headers);
    expect([status, messages[0].error.code]).toEqual([400, -32600]);
    expect(upstream.requests).toEqual([]);
  });

  test('modern requests in a legacy batch are not served', async () => {
    const { gateway } = await openFaulty('both', { leg });
    const peer = await gateway.client.connect(REVISION);
    const { body } = modernRequest('server/discover', {}, { id: 1 });
    const { messages } = await send(gateway, peer, [body]);
    expect(messages).toMatchObject([{ id: 1, error: { code: -32601 } }]);
  });
});
