/** Modern clients: what a request must say about itself, and what comes back. */
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../support/manual-clock.ts';
import { LEGS, messagesOf, REVISIONS } from '../support/gateway-harness.ts';
import { modernRequest } from '../support/wire.ts';
import { openFaulty, openScripted } from './fixtures.ts';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';

/** A call that is right, to be spoiled. */
function rightCall(name = 'up__ok') {
  const { body, headers } = modernRequest('tools/call', { name, arguments: { a: 1 } }, { id: 'spoiled' });
  return { body, headers: { ...headers } as Record<string, string> };
}

type Spoil = (call: ReturnType<typeof rightCall>) => void;

function base64(text: string | Buffer): string {
  return `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

const envelopeFaults: Record<string, Spoil> = {
  'without _meta': ({ body }) => delete body.params._meta,
  'without params': ({ body }) => delete body.params,
  'whose _meta is no object': ({ body }) => (body.params._meta = 'modern'),
  'without a version in _meta': ({ body }) => delete body.params._meta[VERSION],
  'whose version is no string': ({ body }) => (body.params._meta[VERSION] = 20260728),
  'without client capabilities': ({ body }) => delete body.params._meta[CAPABILITIES],
  'whose client capabilities are a list': ({ body }) => (body.params._meta[CAPABILITIES] = []),
  'whose log level is none': ({ body }) => (body.params._meta[LOG_LEVEL] = 'loud'),
  'whose log level is no string': ({ body }) => (body.params._meta[LOG_LEVEL] = 3),
};

const headerFaults: Record<string, Spoil> = {
  'without MCP-Protocol-Version': ({ headers }) => delete headers['mcp-protocol-version'],
  'whose MCP-Protocol-Version is another': ({ headers }) => (headers['mcp-protocol-version'] = '2025-11-25'),
  'without Mcp-Method': ({ headers }) => delete headers['mcp-method'],
  'whose Mcp-Method is another': ({ headers }) => (headers['mcp-method'] = 'tools/list'),
  'whose Mcp-Method differs in case': ({ headers }) => (headers['mcp-method'] = 'Tools/Call'),
  'without Mcp-Name': ({ headers }) => delete headers['mcp-name'],
  'whose Mcp-Name is another': ({ headers }) => (headers['mcp-name'] = 'up__hidden'),
  'whose Mcp-Name is empty': ({ headers }) => (headers['mcp-name'] = ''),
  'whose Mcp-Name is no Base64': ({ headers }) => (headers['mcp-name'] = '=?base64?up__ok?='),
  'whose Mcp-Name is cut short': ({ headers }) => (headers['mcp-name'] = '=?base64?dXBfX29r'),
  'whose Mcp-Name stands for another': ({ headers }) => (headers['mcp-name'] = base64('up__hidden')),
  'whose Mcp-Name is no UTF-8': ({ headers }) => (headers['mcp-name'] = base64(Buffer.from([0xff, 0xfe]))),
  'whose Mcp-Name has bytes beyond ASCII': ({ headers }) => (headers['mcp-name'] = 'up__ok\u00e9'),
  'whose Mcp-Param-Region is no Base64': ({ headers }) => (headers['mcp-param-region'] = '=?base64?%%%?='),
  'whose Mcp-Param-Region is no UTF-8': ({ headers }) => (headers['mcp-param-region'] = base64(Buffer.from([0xff]))),
  'whose Mcp-Param-Region has bytes beyond ASCII': ({ headers }) => (headers['mcp-param-region'] = 'Z\u00fcrich'),
};

describe.each(LEGS)('$name', (leg) => {
  describe('a request', () => {
    test.each(Object.entries(envelopeFaults))('%s is refused with 400 and -32602', async (_fault, spoil) => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const { body, headers } = rightCall();
      spoil({ body, headers });
      const { status, messages } = await gateway.client.post(body, headers);
      expect(status).toBe(400);
      expect(messages[0]).toMatchObject({
        id: 'spoiled',
        error: { code: -32602, message: expect.stringMatching(/./) },
      });
      expect(upstream.requests).toEqual([]);
    });

    test.each(Object.entries(headerFaults))('%s is refused with 400 and -32020', async (_fault, spoil) => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const { body, headers } = rightCall();
      spoil({ body, headers });
      const { status, messages } = await gateway.client.post(body, headers);
      expect(status).toBe(400);
      expect(messages[0]).toMatchObject({
        id: 'spoiled',
        error: { code: -32020, message: expect.stringMatching(/^Header mismatch: ./) },
      });
      expect(upstream.requests).toEqual([]);
    });

    test.each([
      ['prompts/get', { name: 'up__greet' }],
      ['resources/read', { uri: 'time://now' }],
    ])('for %s must have its Mcp-Name, too', async (method, params) => {
      const { gateway } = await openFaulty('modern', { leg });
      const { body, headers } = modernRequest(method, params);
      const { 'mcp-name': _name, ...others } = headers;
      const { status, messages } = await gateway.client.post(body, others);
      expect([status, messages[0].error.code]).toEqual([400, -32020]);
    });

    test.each(['1900-01-01', '2025-11-25', 'DRAFT', ''])(
      'of version %j is refused with what is served',
      async (version) => {
        const { gateway, upstream } = await openFaulty('modern', { leg });
        const { body, headers } = modernRequest('tools/call', { name: 'up__ok' }, { version, id: 4 });
        const { status, messages } = await gateway.client.post(body, headers);
        expect(status).toBe(400);
        expect(messages[0]).toMatchObject({
          id: 4,
          error: { code: -32022, data: { requested: version, supported: expect.arrayContaining(['2026-07-28']) } },
        });
        expect(upstream.requests).toEqual([]);
      },
    );

    test.each([
      'nothing/here',
      'ping',
      'logging/setLevel',
      'resources/subscribe',
      'initialize',
      'constructor',
      '__proto__',
      'toString',
    ])('for the method %s is refused with 404 and -32601', async (method) => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request(method, {}, { id: 9 });
      expect(status).toBe(404);
      expect(messages).toEqual([
        { jsonrpc: '2.0', id: 9, error: { code: -32601, message: `Method not found: ${method}` } },
      ]);
      expect(upstream.requests).toEqual([]);
    });

    test('needs no session, gets none, and ignores one', async () => {
      const { gateway } = await openFaulty('both', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const headers = { 'mcp-session-id': 'nobody-knows-this-session-id-0000' };
      const answer = await peer.request('tools/call', { name: 'up__ok' }, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers['mcp-session-id']).toBeUndefined();
    });

    test('reaches the upstream with its own name in Mcp-Name', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      await peer.call('up__ok');
      const [call] = upstream.calls('ok');
      expect(call?.headers).toMatchObject({
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'ok',
      });
    });

    test.each(['größe 🌊', ' padded ', '=?base64?literal?=', 'line\nbreak'])(
      'for the tool %j is named in Base64 on both sides',
      async (tool) => {
        const { gateway, upstream } = await openFaulty('modern', { leg });
        upstream.on(tool, 'ok');
        const peer = await gateway.client.connect('2026-07-28');
        expect((await peer.call(`up__${tool}`)).result).toBeDefined();
        expect(upstream.calls(tool)[0]?.headers['mcp-name']).toBe(base64(tool));
      },
    );

    test('may name a plain tool in Base64', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const { body, headers } = rightCall();
      const { messages } = await gateway.client.post(body, { ...headers, 'mcp-name': base64('up__ok') });
      expect(messages[0].result).toBeDefined();
      expect(upstream.calls('ok')[0]?.headers['mcp-name']).toBe('ok');
    });

    test('has its Mcp-Param headers forwarded as they are', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const { body, headers } = rightCall();
      const params = { 'mcp-param-region': 'us-west1', 'Mcp-Param-Greeting': base64('Hello, 世界') };
      await gateway.client.post(body, { ...headers, ...params, 'x-other': 'stays here' });
      const received = upstream.calls('ok')[0]?.headers;
      expect(received).toMatchObject({ 'mcp-param-region': 'us-west1', 'mcp-param-greeting': base64('Hello, 世界') });
      expect(received).not.toHaveProperty('x-other');
    });

    test('carries its other _meta through, and its capabilities without what cannot be carried', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const capabilities = {
        elicitation: { form: {}, url: {} },
        tasks: { list: {} },
        extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html'] }, 'io.modelcontextprotocol/tasks': {} },
      };
      const params = { name: 'up__ok', _meta: { traceparent, 'com.example/x': [1, { y: null }] } };
      await peer.request('tools/call', params, { capabilities });
      expect(upstream.calls('ok')[0]?.message.params._meta).toEqual({
        traceparent,
        'com.example/x': [1, { y: null }],
        [VERSION]: '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'wire', version: '1.0.0' },
        [CAPABILITIES]: {
          elicitation: { form: {}, url: {} },
          extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html'] } },
        },
      });
    });
  });

  describe('what is no request', () => {
    test('is accepted when it is a notification', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const body = { jsonrpc: '2.0', method: 'notifications/anything', params: {} };
      const { status, text } = await gateway.client.post(body, { 'mcp-protocol-version': '2026-07-28' });
      expect([status, text]).toEqual([202, '']);
      expect(upstream.requests).toEqual([]);
    });

    test.each([
      ['a response', { jsonrpc: '2.0', id: 1, result: {} }],
      ['an error response', { jsonrpc: '2.0', id: 1, error: { code: 1, message: 'no' } }],
      ['a batch', [modernRequest('tools/list').body]],
    ])('is refused with 400 and -32600 when it is %s', async (_what, body) => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const { status, messages } = await gateway.client.post(body, { 'mcp-protocol-version': '2026-07-28' });
      expect([status, messages[0].error.code]).toEqual([400, -32600]);
      expect(upstream.requests).toEqual([]);
    });
  });

  describe('a result', () => {
    test('without a type gets one', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ message, answerText }) => {
        answerText(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { content: [] } }));
      });
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__x')).result).toEqual({ content: [], resultType: 'complete' });
    });

    test.each(['complete', 'input_required', 'com.example/later'])('of the type %s keeps it', async (resultType) => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ answer }) => answer({ resultType }));
      const peer = await gateway.client.connect('2026-07-28');
      expect((await peer.call('up__x')).result).toEqual({ resultType });
    });

    test('that requires input passes untouched, and so does what the client says to it', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const required = {
        resultType: 'input_required',
        inputRequests: {
          who: { method: 'elicitation/create', params: { mode: 'form', message: 'Wer?', requestedSchema: {} } },
          __proto: { method: 'roots/list' },
        },
        requestState: 'v1.AEAD+/=="\\\u2028 opaque',
      };
      upstream.onCall(({ params, answer }) => answer(params.inputResponses === undefined ? required : { done: true }));
      const peer = await gateway.client.connect('2026-07-28');
      const asked = await peer.call('up__ask');
      expect(asked.result).toEqual(required);
      const inputResponses = { who: { action: 'accept', content: { name: 'Ada' } }, __proto: { roots: [] } };
      const { requestState } = asked.result;
      const params = { name: 'up__ask', arguments: {}, inputResponses, requestState };
      const { messages } = await peer.request('tools/call', params);
      expect(messages[0].result).toMatchObject({ done: true });
      expect(upstream.of('tools/call')[1]?.message.params).toMatchObject({ inputResponses, requestState });
      expect(gateway.actions.map(({ outcome }) => outcome)).toEqual(['input-required', 'ok']);
    });
  });

  describe('an error of the upstream', () => {
    test.each([
      [-32020, 400],
      [-32021, 400],
      [-32022, 400],
      [-32601, 404],
      [-32602, 200],
      [-32603, 200],
      [42, 200],
    ])('with the code %d comes with the status %d', async (code, expected) => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ fail }) => fail(code, 'As the upstream says', { requiredCapabilities: { sampling: {} } }));
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('tools/call', { name: 'up__x' }, { id: 'e' });
      expect(status).toBe(expected);
      expect(messages).toEqual([
        {
          jsonrpc: '2.0',
          id: 'e',
          error: { code, message: 'As the upstream says', data: { requiredCapabilities: { sampling: {} } } },
        },
      ]);
    });
  });

  describe('before the answer', () => {
    test('log messages come only when the request asked for them', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ log, answer }) => {
        log('chatter');
        answer({});
      });
      const peer = await gateway.client.connect('2026-07-28');
      const silent = await peer.request('tools/call', { name: 'up__x' });
      expect(silent.messages).toHaveLength(1);
      const told = await peer.request('tools/call', { name: 'up__x' }, { logLevel: 'debug' });
      expect(told.messages.map(({ method }): unknown => method)).toEqual(['notifications/message', undefined]);
    });

    test('progress comes only when the request asked for it', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ progress, answer }) => {
        progress(1);
        answer({});
      });
      const peer = await gateway.client.connect('2026-07-28');
      const { messages } = await peer.request('tools/call', { name: 'up__x' });
      expect(messages).toHaveLength(1);
    });

    test('progress keeps everything but its token', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ progress, answer }) => {
        progress(0.5, { total: 1.5, message: 'halb', _meta: { 'com.example/x': 1 }, unknown: [{}] });
        answer({});
      });
      const peer = await gateway.client.connect('2026-07-28');
      const { messages } = await peer.request('tools/call', { name: 'up__x' }, { progressToken: 'mine' });
      expect(messages[0].params).toEqual({
        progressToken: 'mine',
        progress: 0.5,
        total: 1.5,
        message: 'halb',
        _meta: { 'com.example/x': 1 },
        unknown: [{}],
      });
    });

    test('neither questions nor announcements come on a modern stream', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ say, answer }) => {
        say({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: {} });
        say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
        say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
        answer({});
      });
      const peer = await gateway.client.connect('2026-07-28');
      const { messages } = await peer.request('tools/call', { name: 'up__x' });
      expect(messages).toHaveLength(1);
    });

    test('each of several parallel streams carries only its own progress', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const inside: { tokens: string[]; begin: () => void }[] = [];
      const all = Promise.withResolvers<void>();
      upstream.onCall(async ({ message, params, progress, say, answer }) => {
        const token = params._meta.progressToken as string;
        inside.push({ tokens: [token], begin: () => {} });
        if (inside.length === 6) all.resolve();
        await all.promise;
        // On every stream, the progress of every call: only its own may come out.
        for (const { tokens } of inside) {
          say({
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken: tokens[0], progress: 1, of: tokens[0] },
          });
        }
        progress(2, { of: token, call: params.arguments.call });
        expect(token).toBe(message.id);
        answer({ call: params.arguments.call });
      });
      const peer = await gateway.client.connect('2026-07-28');
      const streams = await Promise.all(
        Array.from({ length: 6 }, (_, call) =>
          // Clients may well use the same token, each in its own connection.
          peer.request('tools/call', { name: 'up__x', arguments: { call } }, { progressToken: call % 2, id: 1 }),
        ),
      );
      for (const [call, { messages }] of streams.entries()) {
        expect(messages.map(({ params }): unknown => params?.progressToken)).toEqual([call % 2, call % 2, undefined]);
        expect(messages[1].params).toMatchObject({ progress: 2, call });
        expect(messages[2]).toMatchObject({ id: 1, result: { call } });
      }
    });

    test('what the upstream says arrives while the call is still held', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const held = Promise.withResolvers<void>();
      upstream.onCall(async ({ progress, answer }) => {
        progress(1);
        await held.promise;
        answer({});
      });
      const peer = await gateway.client.connect('2026-07-28');
      const stream = await peer.stream('tools/call', { name: 'up__x' }, { progressToken: 't' });
      const messages = messagesOf(stream);
      expect((await messages.next()).value).toMatchObject({ params: { progress: 1 } });
      held.resolve();
      expect((await messages.next()).value).toHaveProperty('result');
      expect((await messages.next()).done).toBe(true);
    });
  });

  describe('server/discover', () => {
    test('introduces the gateway with what the upstream can do', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.capabilities = {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        logging: {},
        tasks: { requests: {} },
        experimental: { x: {} },
        extensions: { 'io.modelcontextprotocol/ui': {}, 'io.modelcontextprotocol/tasks': {} },
      };
      upstream.hello = { instructions: 'Be kind.', ttlMs: 5000, cacheScope: 'public' };
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('server/discover', {}, { id: 1 });
      expect(status).toBe(200);
      expect(messages[0].result).toEqual({
        resultType: 'complete',
        supportedVersions: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'],
        capabilities: {
          tools: { listChanged: true },
          resources: { subscribe: true, listChanged: true },
          logging: {},
          extensions: { 'io.modelcontextprotocol/ui': {} },
        },
        instructions: 'Be kind.',
        ttlMs: 5000,
        cacheScope: 'public',
        _meta: { [SERVER_INFO]: { name: 'sluice', title: 'Sluice', version: expect.any(String) } },
      });
    });

    test('names every version that the gateway speaks, whatever the upstream does', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.hello = { supportedVersions: ['2099-01-01', '2025-06-18', 7, '2026-07-28', '2024-11-05'] };
      const peer = await gateway.client.connect('2026-07-28');
      const { messages } = await peer.request('server/discover');
      expect(messages[0].result.supportedVersions).toEqual([...REVISIONS]);
    });

    test('does not wait longer than two seconds for its upstream', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('modern', { leg, clock });
      upstream.onMethod('server/discover', 'hang');
      const peer = await gateway.client.connect('2026-07-28');
      const answer = peer.request('server/discover');
      await upstream.received(({ method }) => method === 'server/discover');
      clock.advance(2000);
      const { status, messages } = await answer;
      expect(status).toBe(200);
      expect(messages[0].result).toMatchObject({
        supportedVersions: [...REVISIONS],
        capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
        ttlMs: 0,
        cacheScope: 'private',
      });
    });

    test('answers while its upstream is down', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      await upstream.stop();
      const peer = await gateway.client.connect('2026-07-28');
      const { status, messages } = await peer.request('server/discover');
      expect(status).toBe(200);
      expect(messages[0].result.capabilities).toHaveProperty('tools');
      await upstream.start();
    });
  });
});
