/** What a legacy upstream asks its client, and what a legacy client says that is no request. */
import { describe, expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { LEGACY_REVISIONS, LEGS, messagesOf, type Harness, type Peer } from '../support/gateway-harness.ts';
import { openFaulty, openScripted } from './fixtures.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';

const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

const questions = [
  [
    'sampling/createMessage',
    { messages: [], maxTokens: 5 },
    { role: 'assistant', content: { type: 'text', text: 'hi' } },
  ],
  ['elicitation/create', { message: 'Wer?', requestedSchema: {} }, { action: 'accept', content: { name: 'Ada' } }],
  ['roots/list', undefined, { roots: [{ uri: 'file:///home', name: 'home' }] }],
  ['ping', undefined, {}],
] as const;

/** The upstream asks under this id when its tool `ask` is called, and answers with what it hears. */
function askOnCall(
  upstream: ScriptedUpstream,
  id: string | number,
  method = 'sampling/createMessage',
  params?: object,
) {
  upstream.onCall(async ({ ask, answer }) => answer({ heard: await ask(id, method, params) }));
}

/** Calls the tool that asks, through one environment, and hands over the question. */
async function callAndHear(gateway: Harness, peer: Peer) {
  const stream = await peer.through(gateway.environments[0]!).stream('tools/call', { name: 'up__ask' }, { id: 'call' });
  const messages = messagesOf(stream);
  const question = (await messages.next()).value;
  return { question, final: async (): Promise<any> => (await messages.next()).value };
}

function refusals(gateway: Harness) {
  return gateway.actions.filter(({ outcome }) => outcome !== 'ok').map(({ errorKind }) => errorKind);
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(LEGACY_REVISIONS)('a question to a %s client', (revision) => {
    test.each(questions)('(%s) is answered through another environment', async (method, params, result) => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 1, method, params);
      const peer = await gateway.client.connect(revision, { capabilities: CAPABILITIES });
      const { question, final } = await callAndHear(gateway, peer);
      expect(question).toEqual({
        jsonrpc: '2.0',
        id: question.id,
        method,
        ...(params === undefined ? {} : { params }),
      });
      const answered = await peer.through(gateway.environments[1]!).respond(question.id, { result });
      expect([answered.status, answered.text]).toEqual([202, '']);
      expect(await final()).toMatchObject({ id: 'call', result: { heard: { id: 1, result } } });
    });
  });

  describe('the answer to a question', () => {
    test.each([7, '7', 0, -1, 'a/b"c', '', 'ütf-8', 9_007_199_254_740_991])(
      'reaches the upstream under the id %j that it had asked with',
      async (id) => {
        const { gateway, upstream } = await openScripted({ leg });
        askOnCall(upstream, id);
        const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
        const { question, final } = await callAndHear(gateway, peer);
        await peer.respond(question.id, { result: { ok: true } });
        expect((await final()).result.heard.id).toBe(id);
      },
    );

    test('may be an error', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 1);
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const { question, final } = await callAndHear(gateway, peer);
      const error = { code: -1, message: 'The user said no', data: { why: [1, 2] } };
      expect((await peer.respond(question.id, { error })).status).toBe(202);
      expect((await final()).result.heard).toEqual({ jsonrpc: '2.0', id: 1, error });
    });

    test('keeps fields that nobody knows', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 1);
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const { question, final } = await callAndHear(gateway, peer);
      const result = { _meta: { 'com.example/x': 1 }, unknown: [{ deep: 'ünïcode' }], model: 'm' };
      await peer.respond(question.id, { result });
      expect((await final()).result.heard.result).toEqual(result);
    });

    test('of one client goes into that client\u2019s upstream session only', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 1);
      const asked = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const other = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      await other.request('prompts/get', { name: 'up__p' });
      const { question } = await callAndHear(gateway, asked);
      await other.respond(question.id, { result: { stolen: true } });
      const forged = await upstream.receive(({ message }) => message?.result?.stolen === true);
      const [call] = upstream.of('tools/call');
      expect(forged.sessionId).toBeDefined();
      expect(forged.sessionId).not.toBe(call?.sessionId);
    });

    test('of a client that has called nobody goes nowhere', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 1);
      const asked = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const { question, final } = await callAndHear(gateway, asked);
      await gateway.environments[0]!.connect('2025-11-25', { capabilities: CAPABILITIES });
      const other = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const before = upstream.received.length;
      expect((await other.respond(question.id, { result: { stolen: true } })).status).toBe(400);
      expect(upstream.received).toHaveLength(before);
      await asked.respond(question.id, { result: { ok: true } });
      expect((await final()).result.heard.result).toEqual({ ok: true });
    });

    test.each([
      ['a number', 1],
      ['an upstream that does not exist', 'elsewhere/1'],
      ['no upstream', '/1'],
      ['nothing', 'up/'],
      ['no JSON', 'up/{'],
      ['an object', 'up/{}'],
      ['a fraction', 'up/1.5'],
      ['null', 'up/null'],
      ['a truth', 'up/true'],
      ['something inherited', '__proto__/1'],
    ])('to an id that names %s is refused with 400 and goes nowhere', async (_what, id) => {
      const { gateway, upstream } = await openScripted({ leg });
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const before = upstream.received.length;
      const answer = await peer.respond(id, { result: {} });
      expect(answer.status).toBe(400);
      expect(answer.messages[0].error).toMatchObject({ code: -32600, message: expect.stringMatching(/./) });
      expect(answer.messages[0]).not.toHaveProperty('id');
      expect(upstream.received).toHaveLength(before);
      expect(refusals(gateway)).toEqual(['invalid-request']);
    });

    test('without an id, an error about nothing, is refused with 400', async () => {
      const { gateway } = await openScripted({ leg });
      const peer = await gateway.client.connect('2025-11-25');
      const { status } = await gateway.client.post(
        { jsonrpc: '2.0', error: { code: 1, message: 'what?' } },
        peer.headers,
      );
      expect(status).toBe(400);
    });

    test.each([
      ['in words', { 'content-type': 'application/json' }, '{"jsonrpc":"2.0","error":{"code":-32600,"message":"No"}}'],
      ['without a word', {}, ''],
    ])('that the upstream refuses %s is refused with 400', async (_how, headers, body) => {
      const { gateway, upstream } = await openScripted({ leg });
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      upstream.take = (response) => void response.writeHead(400, headers).end(body);
      const { status, messages } = await peer.respond('up/1', { result: {} });
      expect(status).toBe(400);
      expect(messages[0].error.message).toMatch(/./);
      expect((await peer.request('ping')).status).toBe(200);
    });

    test('is refused with 400 while there is no upstream session that could have asked', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      await upstream.stop();
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      await upstream.start();
      expect((await peer.respond('up/1', { result: {} })).status).toBe(400);
      expect(upstream.requests).toEqual([]);
    });

    test('that cannot be delivered is told so by its status', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 1);
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      await upstream.stop();
      const { status, messages } = await peer.respond('up/1', { result: {} });
      expect(status).toBe(502);
      expect(messages[0].error).toMatchObject({ code: 1001, data: { upstream: 'up', mayHaveRun: false } });
      await upstream.start();
    });
  });

  describe('several questions', () => {
    test('of one call are each answered', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(async ({ ask, answer }) => {
        const heard = await Promise.all([ask(1, 'roots/list'), ask('1', 'roots/list'), ask(2, 'roots/list')]);
        answer({ heard: heard.map(({ result }): unknown => result.as) });
      });
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const stream = await peer.stream('tools/call', { name: 'up__ask' });
      const messages = messagesOf(stream);
      const ids = [];
      for (let count = 0; count < 3; count += 1) ids.push((await messages.next()).value.id);
      await Promise.all(ids.map((id, index) => peer.respond(id, { result: { as: index } })));
      expect((await messages.next()).value.result).toEqual({ heard: [0, 1, 2] });
    });
  });

  describe('a question that the client cannot be asked', () => {
    test('because it takes no stream, is declined at once', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 5);
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const headers = { accept: 'application/json' };
      const { status, messages } = await peer.request('tools/call', { name: 'up__ask' }, { headers });
      expect(status).toBe(200);
      expect(messages).toHaveLength(1);
      expect(messages[0].result.heard).toMatchObject({ id: 5, error: { code: -32601 } });
    });

    test('because no client knows such a question, is declined at once', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      askOnCall(upstream, 5, 'tasks/get', { taskId: 'x' });
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      const { messages } = await peer.request('tools/call', { name: 'up__ask' });
      expect(messages).toHaveLength(1);
      expect(messages[0].result.heard).toMatchObject({ id: 5, error: { code: -32601 } });
    });
  });

  test('a question that is withdrawn is withdrawn under the id that the client knows', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    upstream.onCall(({ ask, say, answer }) => {
      void ask(12, 'roots/list');
      say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 12, reason: 'too late' } });
      answer({});
    });
    const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
    const { messages } = await peer.request('tools/call', { name: 'up__ask' });
    expect(messages[1]).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: messages[0].id, reason: 'too late' },
    });
  });

  describe('a notification', () => {
    test.each([
      ['notifications/roots/list_changed', undefined],
      ['notifications/progress', { progressToken: 'theirs', progress: 1, unknown: [1] }],
    ])('%s reaches the upstream session as it is', async (method, params) => {
      const { gateway, upstream } = await openScripted({ leg });
      const peer = await gateway.client.connect('2025-11-25', { capabilities: CAPABILITIES });
      await peer.call('up__x');
      const { status } = await peer.notify(method, params);
      expect(status).toBe(202);
      const [told] = upstream.of(method);
      expect(told?.message.params).toEqual(params);
      expect(told?.sessionId).toBe(upstream.of('tools/call')[0]?.sessionId);
    });

    test.each(['notifications/unknown', 'notifications/message', 'notifications/constructor', '__proto__'])(
      '%s is accepted and goes nowhere',
      async (method) => {
        const { gateway, upstream } = await openScripted({ leg });
        const peer = await gateway.client.connect('2025-11-25');
        const before = upstream.received.length;
        expect((await peer.notify(method, { level: 'info' })).status).toBe(202);
        expect(upstream.received).toHaveLength(before);
      },
    );

    test('whose method is written twice reaches the upstream with the one that was read', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const peer = await gateway.client.connect('2025-11-25');
      const text =
        '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"},"method":"notifications/roots/list_changed","params":{}}';
      expect((await gateway.client.post(text, peer.headers)).status).toBe(202);
      const told = upstream.received.at(-1);
      expect(told?.message).toEqual({ jsonrpc: '2.0', method: 'notifications/roots/list_changed', params: {} });
      expect(told?.text).not.toContain('tools/call');
    });

    test('initialized is the gateway\u2019s own to say', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const peer = await gateway.client.connect('2025-11-25');
      await peer.notify('notifications/initialized');
      expect(upstream.of('notifications/initialized')).toHaveLength(1);
    });
  });

  describe('logging/setLevel', () => {
    test('reaches the upstream session that is there', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const { messages } = await peer.request('logging/setLevel', { level: 'warning' }, { id: 1 });
      expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
      const levels = upstream.requests.filter(({ method }) => method === 'logging/setLevel');
      expect(levels.map(({ message }): unknown => message.params)).toEqual([{ level: 'warning' }]);
    });

    test('reaches an upstream session that is attached while the level is being written', async () => {
      const openMemory = createMemoryStores();
      let meanwhile = async (): Promise<unknown> => undefined;
      const { gateway, upstream } = await openFaulty('legacy', {
        leg,
        openStores: (tally) => {
          const stores = openMemory(tally);
          const setLogLevel: typeof stores.clientSessions.setLogLevel = async (key, level) => {
            await meanwhile();
            return stores.clientSessions.setLogLevel(key, level);
          };
          return { ...stores, clientSessions: { ...stores.clientSessions, setLogLevel } };
        },
      });
      await upstream.stop();
      const peer = await gateway.client.connect('2025-11-25');
      await upstream.start();
      meanwhile = () => peer.call('up__ok');
      expect((await peer.request('logging/setLevel', { level: 'debug' })).messages[0].result).toEqual({});
      const levels = upstream.requests.filter(({ method }) => method === 'logging/setLevel');
      expect(levels.map(({ message }): unknown => message.params)).toEqual([{ level: 'debug' }]);
    });

    test('is replayed on an upstream session that is attached later, before the call', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      await upstream.stop();
      const peer = await gateway.client.connect('2025-11-25');
      const { messages } = await peer.request('logging/setLevel', { level: 'error' });
      expect(messages[0].result).toEqual({});
      await upstream.start();
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.requests.map(({ method }) => method)).toEqual([
        'initialize',
        'notifications/initialized',
        'logging/setLevel',
        'tools/call',
      ]);
      expect(upstream.requests[2]?.message.params).toEqual({ level: 'error' });
    });

    test('is replayed on the upstream session that replaces a lost one', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      await peer.request('logging/setLevel', { level: 'debug' });
      upstream.forgetSessions();
      expect((await peer.call('up__ok')).result).toBeDefined();
      const levels = upstream.requests.filter(({ method }) => method === 'logging/setLevel');
      expect(levels.map(({ message }): unknown => message.params.level)).toEqual(['debug', 'debug']);
      expect(new Set(levels.map(({ sessionId }) => sessionId)).size).toBe(2);
    });

    test('succeeds on an upstream that does not log', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.on('logging/setLevel', ({ fail }) => fail(-32601, 'Method not found'));
      const peer = await gateway.client.connect('2025-11-25');
      const { messages } = await peer.request('logging/setLevel', { level: 'info' }, { id: 1 });
      expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
    });

    test.each([{ level: 'loud' }, { level: 3 }, {}, undefined])('with %j is refused with -32602', async (params) => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const before = upstream.requests.length;
      const { messages } = await peer.request('logging/setLevel', params);
      expect(messages[0].error.code).toBe(-32602);
      expect(upstream.requests).toHaveLength(before);
    });
  });

  describe('before the answer', () => {
    test('progress comes under the client\u2019s own token only', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ message, params, progress, say, answer }) => {
        expect(params._meta.progressToken).toBe(message.id);
        say({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'mine', progress: 9 } });
        progress(1, { total: 2 });
        answer({});
      });
      const peer = await gateway.client.connect('2025-06-18');
      const { messages } = await peer.request('tools/call', { name: 'up__x' }, { progressToken: 'mine' });
      expect(messages.map(({ params }): unknown => params)).toEqual([
        { progressToken: 'mine', progress: 1, total: 2 },
        undefined,
      ]);
    });

    test('announcements of changes are not passed on', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ say, answer }) => {
        for (const what of ['tools', 'prompts', 'resources']) {
          say({ jsonrpc: '2.0', method: `notifications/${what}/list_changed` });
        }
        say({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'x://y' } });
        answer({});
      });
      const peer = await gateway.client.connect('2025-11-25');
      const { messages } = await peer.request('tools/call', { name: 'up__x' });
      expect(messages).toHaveLength(1);
    });

    test('notifications of another kind are', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const elicited = {
        jsonrpc: '2.0',
        method: 'notifications/elicitation/complete',
        params: { elicitationId: 'e', unknown: { a: [null] } },
      };
      upstream.onCall(({ say, answer }) => {
        say(elicited);
        answer({});
      });
      const peer = await gateway.client.connect('2025-11-25');
      const { messages } = await peer.request('tools/call', { name: 'up__x' });
      expect(messages[0]).toEqual(elicited);
    });
  });
});
