/** Client sessions: how a legacy client gets one, who may use it, and how it ends. */
import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { initializeMessage, LEGACY_REVISIONS, LEGS, type Harness } from '../support/gateway-harness.ts';
import { openFaulty, openGateway, openScripted } from './fixtures.ts';
import { startFaultyUpstream } from '../support/faulty-upstream.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

/** Everything that a client can send with a session id, beside `initialize`. */
const messages = {
  'a request': LIST,
  'a notification': { jsonrpc: '2.0', method: 'notifications/initialized' },
  'an answer': { jsonrpc: '2.0', id: 'up/1', result: {} },
  'a ping': { jsonrpc: '2.0', id: 'p', method: 'ping' },
  'an unknown method': { jsonrpc: '2.0', id: 'u', method: 'nothing/here' },
};

/** 404 for everything that is sent with this session id. */
async function expectUnknown(gateway: Harness, sessionId: string, path = '/mcp'): Promise<void> {
  const headers = { 'mcp-session-id': sessionId };
  for (const message of Object.values(messages)) {
    const answer = await gateway.client.post(message, headers, path);
    expect(answer.status).toBe(404);
    expect(answer.messages[0]).toMatchObject({
      ...('method' in message && 'id' in message ? { id: message.id } : {}),
      error: { code: -32600, message: 'Session not found; begin again with initialize' },
    });
  }
  expect((await gateway.client.send('DELETE', path, '', headers)).status).toBe(404);
}

describe.each(LEGS)('$name', (leg) => {
  describe('initialize', () => {
    test.each(LEGACY_REVISIONS)('agrees upon %s with a client that asks for it', async (revision) => {
      const { gateway, upstream } = await openFaulty('both', { leg });
      const peer = await gateway.client.connect(revision);
      expect(peer.initialized).toMatchObject({ protocolVersion: revision, serverInfo: { name: 'sluice' } });
      const [opening] = upstream.requests;
      expect(opening?.message.params.protocolVersion).toBe(revision);
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.calls('ok')[0]?.headers['mcp-protocol-version']).toBe(revision);
    });

    test.each(['2024-11-05', '2099-01-01', 'latest', ''])('offers the newest legacy revision for %j', async (asked) => {
      const { gateway } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect(asked);
      expect(peer.initialized.protocolVersion).toBe('2025-11-25');
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test('agrees upon the revision of the client, whatever its upstream knows', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.hello = { protocolVersion: '2025-03-26' };
      const peer = await gateway.client.connect('2025-11-25');
      expect(peer.initialized.protocolVersion).toBe('2025-11-25');
      expect((await peer.call('up__x')).result).toBeDefined();
      expect(upstream.of('tools/call')[0]?.headers['mcp-protocol-version']).toBe('2025-03-26');
    });

    test('tells each side of the other only what can be carried', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.capabilities = {
        tools: { listChanged: true },
        resources: { subscribe: true },
        logging: {},
        tasks: { list: {} },
        experimental: { x: {} },
      };
      upstream.hello = { instructions: 'Be kind.' };
      const capabilities = {
        sampling: { tools: {} },
        elicitation: { form: {}, url: {} },
        roots: { listChanged: true },
        tasks: { requests: {} },
        experimental: { y: {} },
      };
      const peer = await gateway.client.connect('2025-11-25', { capabilities });
      expect(peer.initialized).toEqual({
        protocolVersion: '2025-11-25',
        capabilities: { tools: {}, resources: {}, logging: {} },
        serverInfo: { name: 'sluice', title: 'Sluice', version: expect.any(String) },
        instructions: 'Be kind.',
      });
      expect(upstream.of('initialize')[0]?.message.params).toEqual({
        protocolVersion: '2025-11-25',
        capabilities: {
          sampling: { tools: {} },
          elicitation: { form: {}, url: {} },
          roots: { listChanged: true },
        },
        clientInfo: { name: 'harness', version: '1.0.0' },
      });
    });

    test.each([
      ['no parameters', undefined],
      ['no version', { capabilities: {}, clientInfo: {} }],
      ['a version that is no string', { protocolVersion: 20251125, capabilities: {}, clientInfo: {} }],
      ['no capabilities', { protocolVersion: '2025-11-25', clientInfo: {} }],
      ['capabilities that are a list', { protocolVersion: '2025-11-25', capabilities: [], clientInfo: {} }],
      ['no client info', { protocolVersion: '2025-11-25', capabilities: {} }],
    ])('with %s is refused with -32602', async (_fault, params) => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const answer = await gateway.client.post({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
      expect(answer.messages[0]).toMatchObject({ id: 1, error: { code: -32602 } });
      expect(answer.headers['mcp-session-id']).toBeUndefined();
      expect(upstream.requests).toEqual([]);
    });

    test('gives out a new session each time, of visible ASCII', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const first = await gateway.client.connect('2025-11-25');
      const { sessionId = '' } = first;
      const again = await gateway.client.post(initializeMessage('2025-11-25'), { 'mcp-session-id': sessionId });
      expect(sessionId).toMatch(/^[\x21-\x7e]{32,}$/);
      expect(again.headers['mcp-session-id']).toMatch(/^[\x21-\x7e]{32,}$/);
      expect(again.headers['mcp-session-id']).not.toBe(sessionId);
      const second = { 'mcp-session-id': String(again.headers['mcp-session-id']) };
      expect((await first.call('up__ok')).result).toBeDefined();
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'up__ok' } };
      expect((await gateway.client.post(call, second)).messages[0].result).toBeDefined();
      expect(new Set(upstream.calls('ok').map(({ sessionId: own }) => own)).size).toBe(2);
    });

    test('attaches the upstream session that it had to open to be introduced', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const opened = upstream.sessions;
      expect(opened).toHaveLength(1);
      await peer.call('up__ok');
      await gateway.settled();
      expect(upstream.calls('ok').map(({ sessionId }) => sessionId)).toEqual(opened);
      expect(upstream.sessions).toEqual(opened);
    });

    test('opens no upstream session where the introduction is known; the first call does', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const { initialized } = await gateway.client.connect('2025-11-25');
      await gateway.settled();
      const before = upstream.requests.length;
      for (const environment of gateway.environments) {
        const peer = await environment.connect('2025-11-25');
        expect(peer.initialized).toEqual(initialized);
      }
      expect(upstream.requests).toHaveLength(before);
      const peer = await gateway.client.connect('2025-11-25');
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.requests.slice(before).map(({ method }) => method)).toEqual([
        'initialize',
        'notifications/initialized',
        'tools/call',
      ]);
    });

    test('asks for the introduction anew after a minute', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openScripted({ leg, clock });
      await gateway.client.connect('2025-11-25');
      await gateway.settled();
      upstream.hello = { instructions: 'Be quick.' };
      clock.advance(59_999);
      expect((await gateway.client.connect('2025-11-25')).initialized).not.toHaveProperty('instructions');
      clock.advance(1);
      expect((await gateway.client.connect('2025-11-25')).initialized.instructions).toBe('Be quick.');
    });

    test('does not wait longer than two seconds for its upstream, which is called later', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
      upstream.onMethod('initialize', 'hang');
      const opening = gateway.client.connect('2025-06-18');
      await upstream.received(({ method }) => method === 'initialize');
      clock.advance(2000);
      const peer = await opening;
      expect(peer.initialized).toMatchObject({ protocolVersion: '2025-06-18', capabilities: { tools: {} } });
      upstream.onMethod('initialize', 'ok');
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect(upstream.sessions).toHaveLength(1);
    });

    test('succeeds while its upstream is down, which is called later', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      await upstream.stop();
      const peer = await gateway.client.connect('2025-11-25');
      await upstream.start();
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test('gives its upstream session up when no client session can be created', async () => {
      const { gateway, upstream } = await openFaulty('legacy', {
        leg,
        wrapStores: (stores) => ({
          ...stores,
          clientSessions: { ...stores.clientSessions, create: () => Promise.reject(new Error('a defect')) },
        }),
      });
      const { status } = await gateway.client.post(initializeMessage('2025-11-25'));
      expect(status).toBe(500);
      await gateway.settled();
      expect(gateway.takeDefects()).toHaveLength(1);
      expect(upstream.deleted).toHaveLength(1);
      expect(upstream.sessions).toEqual([]);
    });
  });

  describe('a session', () => {
    test('is required: everything but initialize is 400 without one', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      for (const message of Object.values(messages)) {
        const answer = await gateway.client.post(message);
        expect(answer.status).toBe(400);
        expect(answer.messages[0].error).toMatchObject({
          code: -32600,
          message: expect.stringMatching(/Mcp-Session-Id/),
        });
      }
      expect((await gateway.client.send('DELETE', '/mcp')).status).toBe(400);
      expect(upstream.requests).toEqual([]);
    });

    test.each([
      ['that nobody has', randomBytes(24).toString('base64url')],
      ['that no session can have', 'x'],
      ['that is a path', '../../etc/passwd'],
      ['of 10,000 characters', 'a'.repeat(10_000)],
      ['that is an expression', 'attribute_exists(#pk)'],
      ['that an object inherits', '__proto__'],
    ])('is 404 under an id %s', async (_kind, id) => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      await expectUnknown(gateway, id);
      expect(upstream.requests).toEqual([]);
      expect(gateway.actions.every(({ errorKind }) => errorKind === 'session-unknown')).toBe(true);
    });

    test('is served by every environment, in whatever order', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg, environments: 4 });
      const peer = await gateway.client.connect('2025-11-25');
      const answers = await Promise.all(gateway.environments.map((one) => peer.through(one).call('up__ok')));
      expect(answers.every(({ result }) => result !== undefined)).toBe(true);
      expect(upstream.sessions).toHaveLength(1);
      expect(new Set(upstream.calls('ok').map(({ sessionId }) => sessionId))).toEqual(new Set(upstream.sessions));
      expect(new Set(gateway.actions.map(({ environment }) => environment)).size).toBe(4);
    });

    test('that has expired is 404, however late the database removes it', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
      const peer = await gateway.client.connect('2025-11-25');
      clock.advance(DAY_MS - 1);
      expect((await peer.request('ping')).status).toBe(200);
      await gateway.settled();
      const before = upstream.requests.length;
      clock.advance(DAY_MS);
      await expectUnknown(gateway, peer.sessionId ?? '');
      expect(upstream.requests).toHaveLength(before);
    });

    test('that is used lives on, a day from its last use', async () => {
      const clock = createManualClock();
      const { gateway } = await openFaulty('legacy', { leg, clock });
      const peer = await gateway.client.connect('2025-11-25');
      for (let day = 0; day < 3; day += 1) {
        clock.advance(DAY_MS - HOUR_MS);
        expect((await peer.request('ping')).status).toBe(200);
        await gateway.settled();
      }
      clock.advance(DAY_MS);
      expect((await peer.request('ping')).status).toBe(404);
    });

    test('of another caller is 404, and logged as the attempt that it is', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
      const sessionId = cryptoIds.random();
      const now = clock.now();
      await gateway.stores.clientSessions.create({
        key: cryptoIds.digest(sessionId),
        server: 'default',
        caller: cryptoIds.digest('somebody else'),
        protocolVersion: '2025-11-25',
        clientInfo: { name: 'other', version: '1' },
        clientCapabilities: {},
        logLevel: undefined,
        upstreamSessions: { up: { generation: 'g', id: 'theirs', protocolVersion: '2025-11-25', attachedAt: now } },
        createdAt: now,
        lastSeenAt: now,
        expiresAt: now + DAY_MS,
      });
      await expectUnknown(gateway, sessionId);
      expect(upstream.requests).toEqual([]);
      expect(new Set(gateway.actions.map(({ outcome, errorKind }) => `${outcome} ${errorKind}`))).toEqual(
        new Set(['refused session-foreign']),
      );
      expect(await gateway.stores.clientSessions.read(cryptoIds.digest(sessionId))).toBeDefined();
    });

    test('of another virtual server is 404', async () => {
      const { gateway, upstream } = await openFaulty('legacy', {
        leg,
        file: { servers: { default: { upstreams: ['up'] }, other: { upstreams: ['up'], tools: ['up__o*'] } } },
      });
      const peer = await gateway.client.connect('2025-11-25');
      const other = await gateway.client.connect('2025-11-25', { path: '/mcp/other' });
      const before = upstream.requests.length;
      await expectUnknown(gateway, peer.sessionId ?? '', '/mcp/other');
      await expectUnknown(gateway, other.sessionId ?? '', '/mcp');
      expect(upstream.requests).toHaveLength(before);
      expect((await peer.call('up__ok')).result).toBeDefined();
      expect((await other.call('up__ok')).result).toBeDefined();
    });

    test('never reaches its upstream under its own id', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      await peer.call('up__ok');
      expect(upstream.sessions).toHaveLength(1);
      expect(
        upstream.requests.some(({ text, headers }) => (text + JSON.stringify(headers)).includes(peer.sessionId!)),
      ).toBe(false);
    });

    test('keeps two clients apart, each in an upstream session of its own', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const [one, two] = await Promise.all([
        gateway.client.connect('2025-11-25'),
        gateway.client.connect('2025-11-25'),
      ]);
      await Promise.all([one.call('up__ok', { who: 1 }), two.call('up__ok', { who: 2 })]);
      const calls = upstream.calls('ok');
      expect(new Set(calls.map(({ sessionId }) => sessionId)).size).toBe(2);
    });
  });

  describe('DELETE', () => {
    test('ends the session and its upstream session, once', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const [upstreamSession] = upstream.sessions;
      const ended = await peer.terminate();
      expect([ended.status, ended.text]).toEqual([204, '']);
      await gateway.settled();
      expect(upstream.deleted).toEqual([upstreamSession]);
      await expectUnknown(gateway, peer.sessionId ?? '');
      expect(upstream.deleted).toHaveLength(1);
    });

    test('by two at once is 204 for one of them and 404 for the other', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const ended = await Promise.all([peer.terminate(), peer.terminate()]);
      expect(ended.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([204, 404]);
      await gateway.settled();
      expect(upstream.deleted).toHaveLength(1);
    });

    test('is answered while the upstream is down', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      await upstream.stop();
      expect((await peer.terminate()).status).toBe(204);
      await gateway.settled();
      expect((await peer.request('ping')).status).toBe(404);
    });

    test('leaves other sessions alone', async () => {
      const { gateway } = await openFaulty('legacy', { leg });
      const [one, two] = await Promise.all([
        gateway.client.connect('2025-11-25'),
        gateway.client.connect('2025-03-26'),
      ]);
      await one.terminate();
      expect((await two.call('up__ok')).result).toBeDefined();
    });
  });

  describe('MCP-Protocol-Version', () => {
    test.each(['1999-01-01', '2024-11-05', 'nonsense', ''])('of %j is refused with 400', async (version) => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const headers = { ...peer.headers, 'mcp-protocol-version': version };
      for (const message of Object.values(messages)) {
        expect((await gateway.client.post(message, headers)).status).toBe(400);
      }
      const oldest = await gateway.client.connect('2025-03-26');
      const batch = await gateway.client.post([LIST], { ...oldest.headers, 'mcp-protocol-version': version });
      expect(batch.status).toBe(400);
      expect((await gateway.client.send('DELETE', '/mcp', '', headers)).status).toBe(400);
      expect(upstream.calls('ok')).toEqual([]);
      expect(upstream.deleted).toEqual([]);
      expect((await peer.request('ping')).status).toBe(200);
    });

    test('may be missing, as in the oldest revision', async () => {
      const { gateway } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-03-26');
      const headers = { 'mcp-session-id': peer.sessionId ?? '' };
      expect((await gateway.client.post(LIST, headers)).messages[0].result.tools).toHaveLength(1);
    });
  });

  describe('without an upstream', () => {
    test('ping is answered', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      await upstream.stop();
      const { status, messages: answers } = await peer.request('ping', undefined, { id: 'p' });
      expect(status).toBe(200);
      expect(answers).toEqual([{ jsonrpc: '2.0', id: 'p', result: {} }]);
    });

    test.each(['nothing/here', 'subscriptions/listen', 'tasks/list', 'constructor', '__proto__'])(
      'the method %s is -32601',
      async (method) => {
        const { gateway, upstream } = await openFaulty('legacy', { leg });
        const peer = await gateway.client.connect('2025-11-25');
        const before = upstream.requests.length;
        const { status, messages: answers } = await peer.request(method, {}, { id: 2 });
        expect(status).toBe(200);
        expect(answers).toEqual([
          { jsonrpc: '2.0', id: 2, error: { code: -32601, message: `Method not found: ${method}` } },
        ]);
        expect(upstream.requests).toHaveLength(before);
      },
    );

    test.each(['PUT', 'PATCH', 'HEAD'])('%s is 405', async (method) => {
      const { gateway } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const answer = await gateway.client.send(method, '/mcp', '', { ...peer.headers, accept: 'text/event-stream' });
      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toBe('GET, POST, DELETE');
    });
  });

  test('upstreams without session ids are served, and sent none', async () => {
    const upstream = await startFaultyUpstream({ era: 'legacy', issuesSessions: false });
    onTestFinished(() => upstream.stop());
    const gateway = await openGateway({ leg, url: upstream.url });
    const peer = await gateway.client.connect('2025-11-25');
    expect((await peer.call('up__ok')).result).toBeDefined();
    expect((await peer.terminate()).status).toBe(204);
    await gateway.settled();
    expect(upstream.requests.every(({ headers }) => headers['mcp-session-id'] === undefined)).toBe(true);
    expect(upstream.requests.map(({ httpMethod }) => httpMethod)).not.toContain('DELETE');
  });
});
