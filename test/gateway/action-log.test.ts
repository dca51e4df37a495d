/** The action log: one line per message, the same fields always, and nothing in it that is the caller's own business. */
import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { initializeMessage, LEGS, REVISIONS, type Harness, type Leg } from '../support/gateway-harness.ts';
import { modernRequest } from '../support/wire.ts';
import { openFaulty, openScripted } from './fixtures.ts';

const FIELDS = {
  time: expect.any(Number),
  requestId: expect.stringMatching(/./),
  traceId: null,
  environment: expect.stringMatching(/^environment-\d$/),
  cold: expect.any(Boolean),
  era: expect.toSatisfy((era) => [null, 'modern', 'legacy'].includes(era)),
  caller: expect.toSatisfy((hash) => hash === null || /^[\w-]{12}$/.test(hash)),
  session: expect.toSatisfy((hash) => hash === null || /^[\w-]{12}$/.test(hash)),
  server: expect.toSatisfy((name) => [null, 'default'].includes(name)),
  upstream: expect.toSatisfy((name) => [null, 'up'].includes(name)),
  method: expect.toSatisfy((method) => method === null || typeof method === 'string'),
  tool: expect.toSatisfy((tool) => tool === null || typeof tool === 'string'),
  outcome: expect.stringMatching(/^(ok|tool-error|error|refused|cancelled|input-required)$/),
  errorKind: expect.toSatisfy((kind) => kind === null || typeof kind === 'string'),
  status: expect.any(Number),
  bytesIn: expect.any(Number),
  bytesOut: expect.any(Number),
  totalMs: expect.any(Number),
  gatewayMs: expect.any(Number),
  upstreamMs: expect.any(Number),
  upstreamRequests: expect.any(Number),
  dynamodbRequests: expect.any(Number),
  attempt: expect.any(Number),
  replayed: expect.any(Boolean),
};

type Journey = (gateway: Harness) => Promise<unknown>;

const legacy: Record<string, { readonly send: Journey; readonly line: object }> = {
  initialize: {
    send: (gateway) => gateway.client.post(initializeMessage('2025-11-25')),
    line: { era: 'legacy', method: 'initialize', outcome: 'ok', status: 200, upstreamRequests: 2, server: 'default' },
  },
  'initialize that is refused': {
    send: (gateway) => gateway.client.post({ ...initializeMessage('2025-11-25'), params: {} }),
    line: { era: 'legacy', method: 'initialize', outcome: 'refused', errorKind: 'invalid-params' },
  },
};

const inSession: Record<string, { readonly message: object | string; readonly line: object }> = {
  'a call': {
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'up__ok' } },
    line: { method: 'tools/call', tool: 'up__ok', outcome: 'ok', upstream: 'up', attempt: 1 },
  },
  'a call that fails': {
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'up__broken' } },
    line: { method: 'tools/call', tool: 'up__broken', outcome: 'error', errorKind: 'upstream-http', upstream: 'up' },
  },
  'a call that the upstream refuses': {
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'up__nothing' } },
    line: { method: 'tools/call', tool: 'up__nothing', outcome: 'error', errorKind: '-32602', upstream: 'up' },
  },
  'a call of what is not shown': {
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'ok' } },
    line: { method: 'tools/call', tool: 'ok', outcome: 'refused', errorKind: 'unknown-name', upstream: null },
  },
  'a list': {
    message: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    line: { method: 'tools/list', tool: null, outcome: 'ok', upstream: 'up' },
  },
  'a ping': {
    message: { jsonrpc: '2.0', id: 1, method: 'ping' },
    line: { method: 'ping', outcome: 'ok', upstream: null, upstreamRequests: 0, attempt: 0, upstreamMs: 0 },
  },
  'an unknown method': {
    message: { jsonrpc: '2.0', id: 1, method: 'nothing/here' },
    line: { method: 'nothing/here', outcome: 'refused', errorKind: 'method-not-found', status: 200 },
  },
  'a notification': {
    message: { jsonrpc: '2.0', method: 'notifications/initialized' },
    line: { method: 'notifications/initialized', outcome: 'ok', status: 202, upstreamRequests: 0 },
  },
  'a notification that is passed on': {
    message: { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
    line: { method: 'notifications/roots/list_changed', outcome: 'ok', status: 202, upstreamRequests: 1 },
  },
  'a cancellation': {
    message: { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 9 } },
    line: { method: 'notifications/cancelled', outcome: 'ok', status: 202, upstreamRequests: 0 },
  },
  'an answer': {
    message: { jsonrpc: '2.0', id: 'up/1', result: {} },
    line: { method: null, outcome: 'ok', status: 202, upstreamRequests: 1 },
  },
  'an answer to nothing': {
    message: { jsonrpc: '2.0', id: 5, result: {} },
    line: { method: null, outcome: 'refused', errorKind: 'invalid-request', status: 400 },
  },
  'a batch in the wrong session': {
    message: [{ jsonrpc: '2.0', id: 1, method: 'ping' }],
    line: { outcome: 'refused', errorKind: 'invalid-request', status: 400 },
  },
};

const RIGHT = modernRequest('tools/call', { name: 'up__ok' });

const modern: Record<string, { readonly send: Journey; readonly line: object }> = {
  'a call': {
    send: (gateway) => gateway.client.post(RIGHT.body, RIGHT.headers),
    line: { era: 'modern', method: 'tools/call', tool: 'up__ok', outcome: 'ok', session: null, status: 200 },
  },
  'a prompt': {
    send: async (gateway) => (await gateway.client.connect('2026-07-28')).request('prompts/get', { name: 'up__p' }),
    line: { era: 'modern', method: 'prompts/get', tool: 'up__p', errorKind: '-32601', status: 404 },
  },
  'a resource, whose address may be private': {
    send: async (gateway) =>
      (await gateway.client.connect('2026-07-28')).request('resources/read', { uri: 'x://secret' }),
    line: { era: 'modern', method: 'resources/read', tool: null },
  },
  'a discovery': {
    send: async (gateway) => (await gateway.client.connect('2026-07-28')).request('server/discover'),
    line: { era: 'modern', method: 'server/discover', outcome: 'ok', upstream: 'up' },
  },
  'a notification': {
    send: (gateway) =>
      gateway.client.post({ jsonrpc: '2.0', method: 'notifications/x' }, { 'mcp-protocol-version': '2026-07-28' }),
    line: { era: 'modern', method: 'notifications/x', outcome: 'ok', status: 202 },
  },
  'a header mismatch': {
    send: (gateway) => gateway.client.post(RIGHT.body, { ...RIGHT.headers, 'mcp-method': 'tools/list' }),
    line: { method: 'tools/call', outcome: 'refused', errorKind: 'header-mismatch', status: 400 },
  },
  'an unsupported version': {
    send: async (gateway) => {
      const { body, headers } = modernRequest('tools/list', {}, { version: '1900-01-01' });
      await gateway.client.post(body, headers);
    },
    line: { method: 'tools/list', outcome: 'refused', errorKind: 'unsupported-version', status: 400 },
  },
  'no JSON': {
    send: (gateway) => gateway.client.post('{', RIGHT.headers),
    line: { outcome: 'refused', errorKind: 'parse-error', status: 400, bytesIn: 1 },
  },
  'no JSON type': {
    send: (gateway) => gateway.client.post('{}', { 'content-type': 'text/plain' }),
    line: { outcome: 'refused', errorKind: 'unsupported-media-type', status: 415 },
  },
  'nothing that can be accepted': {
    send: (gateway) => gateway.client.post('{}', { accept: 'image/png' }),
    line: { outcome: 'refused', errorKind: 'not-acceptable', status: 406 },
  },
  'an unknown virtual server': {
    send: (gateway) => gateway.client.post('{}', {}, '/mcp/nothing'),
    line: { outcome: 'refused', errorKind: 'not-found', status: 404, server: null },
  },
  'a forbidden origin': {
    send: (gateway) => gateway.client.post('{}', { origin: 'https://evil.example' }),
    line: { outcome: 'refused', errorKind: 'origin-forbidden', status: 403 },
  },
  'a method of HTTP that is not served': {
    send: (gateway) => gateway.client.send('PUT', '/mcp'),
    line: { outcome: 'refused', errorKind: 'method-not-allowed', status: 405 },
  },
  'no session': {
    send: (gateway) => gateway.client.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    line: { era: 'legacy', method: 'tools/list', outcome: 'refused', errorKind: 'session-required', status: 400 },
  },
  'the end of no session': {
    send: (gateway) => gateway.client.send('DELETE', '/mcp', '', { 'mcp-session-id': 'x' }),
    line: { era: 'legacy', outcome: 'refused', errorKind: 'session-unknown', status: 404 },
  },
};

async function open(leg: Leg) {
  const opened = await openFaulty('both', { leg });
  opened.upstream.on('broken', 'http-500');
  return opened;
}

/** The one line that a journey has left. */
async function lineOf(gateway: Harness, journey: Journey): Promise<object | undefined> {
  await gateway.settled();
  const before = gateway.actions.length;
  await journey(gateway);
  await gateway.settled();
  expect(gateway.actions).toHaveLength(before + 1);
  return gateway.actions.at(-1);
}

describe.each(LEGS)('$name', (leg) => {
  describe('one line with every field is left by', () => {
    test.each(Object.entries({ ...legacy, ...modern }))('%s', async (_what, { send, line }) => {
      const { gateway } = await open(leg);
      const left = await lineOf(gateway, send);
      expect(left).toEqual({ ...FIELDS, ...line });
    });

    test.each(Object.entries(inSession))('%s in a session', async (_what, { message, line }) => {
      const { gateway } = await open(leg);
      const peer = await gateway.client.connect('2025-11-25');
      const left = await lineOf(gateway, () => gateway.client.post(message, peer.headers));
      expect(left).toEqual({ ...FIELDS, era: 'legacy', server: 'default', ...line });
      expect(left).toHaveProperty('session', expect.any(String));
    });

    test('the end of a session', async () => {
      const { gateway } = await open(leg);
      const peer = await gateway.client.connect('2025-11-25');
      const left = await lineOf(gateway, () => peer.terminate());
      expect(left).toEqual({ ...FIELDS, era: 'legacy', method: 'DELETE', outcome: 'ok', status: 204 });
    });
  });

  test('printed lines hold the same fields, and the time as people write it', async () => {
    const clock = createManualClock(Date.UTC(2026, 6, 28, 12, 30, 15, 250));
    const { gateway } = await openFaulty('modern', { leg, clock });
    const peer = await gateway.client.connect('2026-07-28');
    await peer.call('up__ok');
    const [json = '', pretty = ''] = gateway.lines;
    const printed = JSON.parse(json);
    expect(Object.keys(printed)).toEqual(Object.keys(FIELDS));
    expect(printed).toEqual({ ...gateway.actions[0], time: '2026-07-28T12:30:15.250Z' });
    expect(pretty).toContain('12:30:15.250');
    expect(pretty).toContain('up__ok');
  });

  describe('a steady call costs', () => {
    test('one request upstream and one to the database in a session', async () => {
      const { gateway } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      for (const environment of gateway.environments) await peer.through(environment).call('up__ok');
      for (let round = 0; round < 4; round += 1) {
        await peer.call('up__ok');
        expect(gateway.actions.at(-1)).toMatchObject({ upstreamRequests: 1, dynamodbRequests: 1, attempt: 1 });
      }
    });

    test('one request upstream and none to the database without one', async () => {
      const { gateway } = await openFaulty('modern', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      for (const environment of gateway.environments) await peer.through(environment).call('up__ok');
      await gateway.settled();
      for (const environment of gateway.environments) {
        await peer.through(environment).call('up__ok');
        expect(gateway.actions.at(-1)).toMatchObject({ upstreamRequests: 1, dynamodbRequests: 0, attempt: 1 });
      }
    });

    test('what another environment has learned already is read, not asked for again', async () => {
      const { gateway } = await openFaulty('modern', { leg });
      const peer = await gateway.client.connect('2026-07-28');
      const [one, two] = gateway.environments;
      await peer.through(one!).call('up__ok');
      expect(gateway.actions.at(-1)).toMatchObject({ upstreamRequests: 2 });
      await gateway.settled();
      await peer.through(two!).call('up__ok');
      // What the upstream speaks, and whether it has failed lately.
      expect(gateway.actions.at(-1)).toMatchObject({ upstreamRequests: 1, dynamodbRequests: 2 });
    });
  });

  test('the time of a call is what the gateway took and what it waited for its upstream', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, clock });
    upstream.onCall(({ answer }) => {
      clock.advance(250);
      answer({});
    });
    for (const revision of REVISIONS) {
      const peer = await gateway.client.connect(revision);
      await peer.call('up__x');
      expect(gateway.actions.at(-1)).toMatchObject({ totalMs: 250, upstreamMs: 250, gatewayMs: 0 });
    }
  });

  test('by the clock of the system the parts make up the whole', async () => {
    const { gateway, upstream } = await openFaulty('both', { leg });
    upstream.on('stream', 'sse');
    for (const revision of REVISIONS) {
      const peer = await gateway.client.connect(revision);
      await Promise.all(['ok', 'stream', 'nothing'].map((tool) => peer.call(`up__${tool}`)));
    }
    for (const { totalMs, gatewayMs, upstreamMs } of gateway.actions) {
      expect(Math.abs(gatewayMs + upstreamMs - totalMs)).toBeLessThan(0.002);
      expect(Math.min(gatewayMs, upstreamMs)).toBeGreaterThanOrEqual(0);
    }
    const calls = gateway.actions.filter(({ method }) => method === 'tools/call');
    expect(calls.every(({ upstreamMs }) => upstreamMs > 0)).toBe(true);
  });

  test('bytes are those of the messages that came and went', async () => {
    const { gateway } = await openFaulty('modern', { leg });
    const { body, headers } = modernRequest('tools/call', { name: 'up__ok', arguments: { text: 'üü🌊' } });
    const { text } = await gateway.client.post(body, headers);
    expect(gateway.actions.at(-1)).toMatchObject({
      bytesIn: Buffer.byteLength(JSON.stringify(body)),
      bytesOut: Buffer.byteLength(text),
    });
  });

  test('sessions are told apart, callers are not without authentication, and the first request is cold', async () => {
    const { gateway } = await openFaulty('legacy', { leg, environments: 1 });
    const [one, two] = [await gateway.client.connect('2025-11-25'), await gateway.client.connect('2025-11-25')];
    await one.call('up__ok');
    await two.call('up__ok');
    await one.call('up__ok');
    const calls = gateway.actions.filter(({ method }) => method === 'tools/call');
    const [first, second, third] = calls.map(({ session }) => session);
    expect(first).toBe(third);
    expect(first).not.toBe(second);
    expect(new Set(calls.map(({ caller }) => caller)).size).toBe(1);
    expect(new Set(calls.map(({ requestId }) => requestId)).size).toBe(3);
    expect(gateway.actions.map(({ cold }) => cold)).toEqual(gateway.actions.map((_, index) => index === 0));
  });

  test('names that clients make up neither draw on a terminal nor fill a disk', async () => {
    const { gateway } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect('2025-11-25');
    await peer.call(`up__\u001B[31m\r\n\u0000\u009B${'x'.repeat(100_000)}`);
    await peer.request(`nothing\u001B]0;title\u0007\n${'y'.repeat(100_000)}`);
    for (const { tool, method } of gateway.actions) expect(`${tool} ${method}`).toMatch(/^[\x20-\x7e]{0,300}$/);
    for (const line of gateway.lines) {
      expect(line.length).toBeLessThan(2000);
      expect(line).toMatch(/^[\x20-\x7e]*$/);
    }
  });

  test('nothing of what is said, and no credential, is ever in a line', async () => {
    const secret = (what: string): string => `SECRET-${what}-${cryptoIds.random()}`;
    const secrets = {
      argument: secret('argument'),
      result: secret('result'),
      error: secret('error'),
      header: secret('header'),
      uri: secret('uri'),
      state: secret('state'),
      token: secret('token'),
      answer: secret('answer'),
      reason: secret('reason'),
      log: secret('log'),
      id: secret('id'),
      client: secret('client'),
      garbage: secret('garbage'),
      configured: secret('configured'),
    };
    const clock = createManualClock();
    const upstreamFields = { headers: { 'x-team': secrets.configured }, timeoutMs: 5000 };
    const { gateway, upstream } = await openScripted({ leg, clock, upstream: upstreamFields });
    upstream.onCall(async ({ params, answer, fail, log, ask, response, modern }) => {
      if (params.name === 'fails') return fail(-32000, secrets.error, { secret: secrets.error });
      if (params.name === 'garbage')
        return void response.writeHead(200, { 'content-type': 'application/json' }).end(`{${secrets.garbage}`);
      if (params.name === 'http')
        return void response.writeHead(500, { 'x-secret': secrets.header }).end(secrets.error);
      if (params.name === 'hangs') return;
      log(secrets.log);
      if (params.name === 'asks' && !modern) await ask(secrets.id, 'roots/list');
      answer({ content: [{ type: 'text', text: secrets.result }], requestState: secrets.state });
    });
    const headers = { authorization: `Bearer ${secrets.header}`, cookie: secrets.header, 'x-api-key': secrets.header };
    const sessionIds: string[] = [];
    for (const revision of REVISIONS) {
      const peer = await gateway.client.connect(revision, { capabilities: { roots: { secret: secrets.client } } });
      sessionIds.push(peer.sessionId ?? secrets.client);
      const options = { headers, progressToken: secrets.token, id: secrets.id };
      for (const name of ['fine', 'fails', 'garbage', 'http']) {
        const params = { name: `up__${name}`, arguments: { secret: secrets.argument }, requestState: secrets.state };
        const answer = await peer.request('tools/call', params, options);
        expect(answer.status).toBe(200);
      }
      await peer.request('resources/read', { uri: `x://${secrets.uri}` }, options);
      await gateway.client.post(`{"${secrets.argument}`, { ...peer.headers, ...headers });
      await gateway.client.post(
        { jsonrpc: '2.0', id: {}, method: secrets.argument.slice(0, 0), params: [secrets.argument] },
        peer.headers,
      );
      const held = peer.request('tools/call', { name: 'up__hangs', arguments: { secret: secrets.argument } }, options);
      await upstream.receive(({ message }) => message?.params?.name === 'hangs');
      if (peer.era === 'legacy') {
        await peer.notify('notifications/cancelled', { requestId: secrets.id, reason: secrets.reason });
        await peer.respond(`up/"${secrets.id}"`, { result: { secret: secrets.answer } });
      }
      clock.advance(5000);
      await held;
      if (peer.era === 'legacy') await peer.terminate();
    }
    await gateway.settled();
    const upstreamSessions = upstream.received.flatMap(({ sessionId }) => sessionId ?? []);
    expect(upstreamSessions.length).toBeGreaterThan(0);
    expect(gateway.lines.length).toBeGreaterThan(50);
    const hidden = [...Object.values(secrets), ...sessionIds, ...upstreamSessions, 'SECRET', upstream.url, '127.0.0.1'];
    for (const line of gateway.lines) {
      for (const one of hidden) expect(line).not.toContain(one);
    }
  });
});
