/** Arbitrary requests, from noise to messages that are almost right: whatever comes in, a clear answer comes out. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { initializeMessage, JSON_AND_SSE, LEGS, type Harness, type Headers } from '../support/gateway-harness.ts';
import { modernRequest, type WireResponse } from '../support/wire.ts';
import { openFaulty } from './fixtures.ts';

const seed = Date.now() % 2 ** 31;
process.stdout.write(`test/gateway/bad-input.property: fast-check seed ${seed}\n`);

interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Stands for the session id of the legacy client, which is not known before the test runs. */
const SESSION = 'SESSION';

// --------------------------------------------------------------------------------------------- what is almost right

const methods = fc.constantFrom(
  'tools/call',
  'tools/list',
  'prompts/get',
  'prompts/list',
  'resources/read',
  'resources/list',
  'resources/subscribe',
  'completion/complete',
  'logging/setLevel',
  'ping',
  'initialize',
  'server/discover',
  'subscriptions/listen',
  'tasks/get',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
);

const names = fc.constantFrom('up__ok', 'up__stream', 'up__missing', 'ok', 'other__ok', '', '__proto__', 'up__ü\n🌊');

const params = fc.record(
  {
    name: names,
    uri: fc.constantFrom('time://now', '', 'x:'),
    arguments: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }),
    level: fc.constantFrom('info', 'loud'),
    cursor: fc.string(),
    requestId: fc.oneof(fc.integer(), fc.string(), fc.jsonValue()),
    ref: fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource', 'x'), name: names }, { requiredKeys: [] }),
    protocolVersion: fc.constantFrom('2025-11-25', '2025-03-26', '2026-07-28', 'x'),
    capabilities: fc.dictionary(fc.constantFrom('roots', 'sampling', 'tasks', '__proto__'), fc.jsonValue()),
    clientInfo: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }),
    _meta: fc.dictionary(
      fc.constantFrom('progressToken', 'io.modelcontextprotocol/protocolVersion', 'traceparent', '__proto__'),
      fc.oneof(fc.jsonValue(), fc.constant('2026-07-28')),
    ),
  },
  { requiredKeys: [] },
);

const ids = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.constantFrom('up/1', 'up/"a"', 'up/', 'x/1', '__proto__'),
  fc.jsonValue(),
);

const modern: fc.Arbitrary<Attempt> = fc
  .tuple(methods, params, fc.oneof(fc.integer(), fc.string()))
  .map(([method, fields, id]) => {
    const { body, headers } = modernRequest(method, fields, { id });
    return { method: 'POST', path: '/mcp', headers: { ...JSON_AND_SSE, ...headers }, body: JSON.stringify(body) };
  });

const legacyMessage = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      { jsonrpc: fc.constant('2.0'), id: ids, method: methods, params },
      { requiredKeys: ['jsonrpc', 'method'] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ jsonrpc: fc.constant('2.0'), id: ids, result: fc.dictionary(fc.string(), fc.jsonValue()) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      jsonrpc: fc.constant('2.0'),
      id: ids,
      error: fc.record({ code: fc.integer(), message: fc.string() }),
    }),
  },
  { weight: 1, arbitrary: fc.constant(initializeMessage('2025-11-25')) },
);

const legacy: fc.Arbitrary<Attempt> = fc
  .oneof({ weight: 5, arbitrary: legacyMessage }, { weight: 1, arbitrary: fc.array(legacyMessage, { maxLength: 22 }) })
  .map((message) => ({
    method: 'POST',
    path: '/mcp',
    headers: { ...JSON_AND_SSE, 'mcp-session-id': SESSION, 'mcp-protocol-version': '2025-03-26' },
    body: JSON.stringify(message),
  }));

// -------------------------------------------------------------------------------------------------------- what is not

const noise: fc.Arbitrary<Attempt> = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.json({ maxDepth: 5 }))
  .map((body) => ({ method: 'POST', path: '/mcp', headers: JSON_AND_SSE, body: body.toWellFormed() }));

/** What an HTTP header can hold. */
const headerValue = fc.oneof(
  fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,20}[\x21-\x7e])?$/),
  fc.constantFrom(
    '',
    '2026-07-28',
    '2025-11-25',
    '=?base64?%%?=',
    '=?base64?dXBfX29r?=',
    '*/*',
    'text/event-stream',
    'null',
  ),
);

const headerName = fc.constantFrom(
  'accept',
  'content-type',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'mcp-param-x',
  'origin',
  'last-event-id',
  'authorization',
  'x-forwarded-host',
);

/** A small violence to a request. */
const spoilers: fc.Arbitrary<(attempt: Attempt) => Attempt> = fc.oneof(
  fc.tuple(headerName, headerValue).map(([name, value]) => (attempt: Attempt) => ({
    ...attempt,
    headers: { ...attempt.headers, [name]: value },
  })),
  headerName.map((name) => (attempt: Attempt) => {
    const { [name]: _gone, ...headers } = attempt.headers;
    return { ...attempt, headers };
  }),
  // A part of the body cut out, doubled, or replaced.
  fc
    .tuple(fc.nat(), fc.nat(40), fc.string({ unit: 'binary', maxLength: 5 }))
    .map(([at, length, text]) => (attempt: Attempt) => {
      const start = at % (attempt.body.length + 1);
      const body = attempt.body.slice(0, start) + text + attempt.body.slice(start + length);
      return { ...attempt, body: body.toWellFormed() };
    }),
  // A value of another kind in place of one that is there.
  fc.tuple(fc.nat(), fc.json({ maxDepth: 2 })).map(([which, json]) => (attempt: Attempt) => {
    const values = [...attempt.body.matchAll(/:("(?:[^"\\]|\\.)*"|-?\d+|\{\}|\[\])/g)];
    const chosen = values[which % Math.max(1, values.length)];
    if (chosen === undefined) return attempt;
    const [text] = chosen;
    return {
      ...attempt,
      body: `${attempt.body.slice(0, chosen.index)}:${json}${attempt.body.slice(chosen.index + text.length)}`,
    };
  }),
  // A key that is there twice.
  fc
    .tuple(fc.constantFrom('id', 'method', 'params', 'jsonrpc', '__proto__', 'result'), fc.json({ maxDepth: 1 }))
    .map(([key, json]) => (attempt: Attempt) => ({
      ...attempt,
      body: attempt.body.replace(/\}$/, `,"${key}":${json}}`),
    })),
  fc
    .constantFrom('/', '/mcp/', '/mcp/none', '/mcp/__proto__', '/mcp?x', '/%00', '/mcp/default')
    .map((path) => (attempt: Attempt) => ({ ...attempt, path })),
  fc
    .constantFrom('GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH')
    .map((method) => (attempt: Attempt) => ({ ...attempt, method })),
);

const attempts = fc
  .tuple(
    fc.oneof({ weight: 3, arbitrary: modern }, { weight: 4, arbitrary: legacy }, { weight: 2, arbitrary: noise }),
    fc.array(spoilers, { maxLength: 3 }),
  )
  .map(([attempt, changes]) => changes.reduce((spoiled, change) => change(spoiled), attempt));

// ---------------------------------------------------------------------------------------------------- what must hold

function expectDecent({ status, headers, messages, text }: WireResponse, attempt: Attempt): void {
  expect(status).toBeGreaterThanOrEqual(200);
  expect(status).toBeLessThan(500);
  for (const value of Object.values(headers)) expect(String(value)).toMatch(/^[\t\x20-\x7e]*$/);
  expect(text).not.toMatch(/\n?\s+at .*:\d+:\d+|node:internal|\.ts:\d+/);
  if (status >= 400) expect(messages).toHaveLength(1);
  for (const message of messages) {
    expect(message.jsonrpc).toBe('2.0');
    expect(message.id).not.toBeNull();
    if (message.error !== undefined) {
      expect(Number.isInteger(message.error.code)).toBe(true);
      expect(message.error.message).toMatch(/\S/);
    } else if (message.method === undefined) {
      expect(message.result).toBeTypeOf('object');
    }
    if (message.id !== undefined && message.method === undefined) {
      const sent = [JSON.parse(attempt.body)].flat().map(({ id }): unknown => id);
      expect(sent).toContainEqual(message.id);
    }
  }
}

async function send(gateway: Harness, sessionId: string, attempt: Attempt): Promise<WireResponse> {
  const { method, path, body } = attempt;
  const session = attempt.headers['mcp-session-id'];
  const headers = session === SESSION ? { ...attempt.headers, 'mcp-session-id': sessionId } : attempt.headers;
  return await gateway.client.send(method, path, method === 'POST' ? body : '', headers);
}

describe.each(LEGS)('$name', (leg) => {
  test('any request is answered below 500, in a few clear words, without a defect', async () => {
    const { gateway, upstream } = await openFaulty('both', { leg });
    upstream.on('stream', 'sse');
    let peer = await gateway.client.connect('2025-03-26');
    const numRuns = leg.platform === 'function' ? 1500 : 500;
    const property = fc.asyncProperty(attempts, async (attempt) => {
      // What ended the session was a request like any other.
      if ((await peer.request('ping')).status === 404) peer = await gateway.client.connect('2025-03-26');
      const { sessionId = '' } = peer;
      expectDecent(await send(gateway, sessionId, attempt), attempt);
    });
    await fc.assert(property, { seed, numRuns, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false });
    await gateway.settled();
    expect(gateway.takeDefects()).toEqual([]);
    for (const revision of ['2026-07-28', '2025-11-25']) {
      const fresh = await gateway.client.connect(revision);
      expect((await fresh.call('up__ok')).result).toBeDefined();
    }
  });
});
