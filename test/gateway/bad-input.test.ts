/** Input that is wrong in one way or another: a clear error, nothing leaked, nothing harmed, and still serving. */
import { request as httpRequest } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { initializeMessage, JSON_AND_SSE, LEGS, NODE_LEG } from '../support/gateway-harness.ts';
import type { Harness, Headers, Leg, Peer } from '../support/gateway-harness.ts';
import { modernRequest, type WireResponse } from '../support/wire.ts';
import { openFaulty, openScripted } from './fixtures.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

const DEEP = '['.repeat(100_000) + ']'.repeat(100_000);
const DEEP_OBJECT = '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000);

function expectClear({ status, messages, text }: WireResponse, expected: number, code: number): void {
  expect([status, messages[0]?.error.code]).toEqual([expected, code]);
  expect(messages).toHaveLength(1);
  expect(messages[0].error.message).toMatch(/\S/);
  expect(text.length).toBeLessThan(2000);
  expect(text).not.toMatch(/\bat .*\.ts:\d+|node:internal|SyntaxError|position \d+/);
}

/** What came in must not change what every object inherits. */
afterEach(() => {
  if ('polluted' in {}) throw new Error('The prototype of all objects was changed');
});

interface Opened {
  readonly gateway: Harness;
  readonly upstream: ScriptedUpstream;
  readonly legacy: Peer;
  /** Both kinds of clients can still call. */
  readonly expectServing: () => Promise<void>;
}

async function open(leg: Leg): Promise<Opened> {
  const { gateway, upstream } = await openScripted({ leg });
  const legacy = await gateway.client.connect('2025-11-25');
  const modern = await gateway.client.connect('2026-07-28');
  return {
    gateway,
    upstream,
    legacy,
    async expectServing() {
      for (const peer of [legacy, modern]) {
        expect((await peer.call('up__fine', { n: 1 })).result.content).toEqual([{ type: 'text', text: '{"n":1}' }]);
      }
    },
  };
}

const noJson: Record<string, string> = {
  nothing: '',
  'white space': ' \r\n\t',
  'a truncated message': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"up__fi',
  'half a string': '{"jsonrpc":"2.0","id":"',
  'a message and more': '{"jsonrpc":"2.0","id":1,"method":"ping"}{}',
  'a trailing comma': '{"jsonrpc":"2.0","id":1,"method":"ping",}',
  'single quotes': "{'jsonrpc':'2.0','id':1,'method':'ping'}",
  'a comment': '{"jsonrpc":"2.0","id":1,"method":"ping"/* */}',
  'NaN as an id': '{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
  'a raw line break in a string': '{"jsonrpc":"2.0","id":"a\nb","method":"ping"}',
  'a form': 'jsonrpc=2.0&id=1&method=ping',
  'a web page': '<!doctype html>',
  '100,000 opened lists': '['.repeat(100_000),
  '100,000 opened objects': '{"a":'.repeat(100_000),
};

const noMessage: Record<string, string> = {
  null: 'null',
  'a number': '42',
  'a string': '"ping"',
  'a truth': 'true',
  'an empty object': '{}',
  'another version of JSON-RPC': '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  'no version of JSON-RPC': '{"id":1,"method":"ping"}',
  'a version that is a number': '{"jsonrpc":2.0,"id":1,"method":"ping"}',
  'a null id': '{"jsonrpc":"2.0","id":null,"method":"ping"}',
  'a fraction as an id': '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
  'an endless id': '{"jsonrpc":"2.0","id":1e400,"method":"ping"}',
  'an object as an id': '{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}',
  'a list as an id': '{"jsonrpc":"2.0","id":[1],"method":"ping"}',
  'a truth as an id': '{"jsonrpc":"2.0","id":true,"method":"ping"}',
  'a list as parameters': '{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
  'text as parameters': '{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}',
  'null as parameters': '{"jsonrpc":"2.0","id":1,"method":"ping","params":null}',
  'a number as a method': '{"jsonrpc":"2.0","id":1,"method":7}',
  'no method': '{"jsonrpc":"2.0","id":1}',
  'a method that is inherited': '{"jsonrpc":"2.0","id":1,"__proto__":{"method":"ping"}}',
  'a version that is inherited': '{"__proto__":{"jsonrpc":"2.0"},"id":1,"method":"ping"}',
  'a response without an id': '{"jsonrpc":"2.0","result":{}}',
  'a result and an error': '{"jsonrpc":"2.0","id":"up/1","result":{},"error":{"code":1,"message":"x"}}',
  'a result that is a list': '{"jsonrpc":"2.0","id":"up/1","result":[]}',
  'an error that is text': '{"jsonrpc":"2.0","id":"up/1","error":"x"}',
  'an error without a message': '{"jsonrpc":"2.0","id":"up/1","error":{"code":1}}',
  'an error with a fraction as its code': '{"jsonrpc":"2.0","id":"up/1","error":{"code":1.5,"message":"x"}}',
  '100,000 nested lists': DEEP,
  '100,000 nested objects': DEEP_OBJECT,
};

describe.each(LEGS)('$name', (leg) => {
  describe('a body that holds', () => {
    test.each(Object.entries(noJson))('%s is no JSON', async (_what, body) => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      const before = upstream.received.length;
      expectClear(await gateway.client.post(body, legacy.headers), 400, -32700);
      expectClear(await gateway.client.post(body, modernRequest('ping').headers), 400, -32700);
      expect(upstream.received).toHaveLength(before);
      await expectServing();
    });

    test.each(Object.entries(noMessage))('%s is no message', async (_what, body) => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      const before = upstream.received.length;
      const answers = [
        await gateway.client.post(body, legacy.headers),
        await gateway.client.post(body, modernRequest('ping').headers),
        await gateway.client.post(body),
      ];
      for (const answer of answers) {
        expectClear(answer, 400, -32600);
        expect(answer.messages[0]).not.toHaveProperty('id');
      }
      expect(upstream.received).toHaveLength(before);
      await expectServing();
    });
  });

  describe('an id', () => {
    test.each([
      ['of 1 MB', JSON.stringify('i'.repeat(1_000_000))],
      ['of every kind of character', JSON.stringify('\u0000\u001B\r\n\u2028"\\</script>\u{1F30A}\uD800')],
      ['that an object inherits', '"__proto__"'],
      ['that is empty', '""'],
      ['beyond what numbers can hold', '123456789012345678901234567890'],
      ['with an exponent', '1e21'],
    ])('%s comes back as it went', async (_what, idText) => {
      const { gateway, legacy, expectServing } = await open(leg);
      for (const method of ['ping', 'tools/list', 'nothing']) {
        const body = `{"jsonrpc":"2.0","id":${idText},"method":"${method}"}`;
        const { status, text } = await gateway.client.post(body, legacy.headers);
        expect(status).toBe(200);
        expect(text).toContain(`"id":${idText}`);
      }
      await expectServing();
    });
  });

  describe('depth of 100,000', () => {
    /** A modern call with something deep in its `_meta`, or in its arguments. */
    const deepCall = (deep: string, meta?: object) => {
      const { body, headers } = modernRequest('tools/call', { name: 'up__fine', arguments: meta ? {} : 'DEEP' });
      Object.assign(body.params._meta, meta);
      return { text: JSON.stringify(body).replace('"DEEP"', deep), headers };
    };

    test.each([
      ['lists', DEEP],
      ['objects', DEEP_OBJECT],
    ])('of %s in arguments passes as it is', async (_kind, deep) => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      upstream.onCall(({ answer }) => answer({ taken: true }));
      const { text, headers } = deepCall(deep);
      expect((await gateway.client.post(text, headers)).messages[0].result.taken).toBe(true);
      const old = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"up__fine","arguments":${deep}}}`;
      expect((await gateway.client.post(old, legacy.headers)).messages[0].result.taken).toBe(true);
      expect(upstream.of('tools/call').every(({ text: sent }) => sent.includes(deep))).toBe(true);
      upstream.asUsual('tools/call');
      await expectServing();
    });

    test.each([
      ['_meta', { 'com.example/x': 'DEEP' }],
      ['a progress token', { progressToken: 'DEEP' }],
      ['a capability', { [CAPABILITIES]: { sampling: 'DEEP' } }],
      ['an extension', { [CAPABILITIES]: { extensions: { 'io.modelcontextprotocol/ui': 'DEEP' } } }],
      ['the capabilities', { [CAPABILITIES]: 'DEEP' }],
      ['the client\u2019s introduction', { 'io.modelcontextprotocol/clientInfo': 'DEEP' }],
      ['the log level', { 'io.modelcontextprotocol/logLevel': 'DEEP' }],
    ])('in %s of a modern request harms nothing', async (_where, meta) => {
      const { gateway, expectServing } = await open(leg);
      for (const deep of [DEEP, DEEP_OBJECT]) {
        const { text, headers } = deepCall(deep, meta);
        const { status, messages } = await gateway.client.post(text, headers);
        expect([200, 400]).toContain(status);
        expect(messages).toHaveLength(1);
      }
      // What the gateway writes itself is written from the same parts.
      const { body, headers } = modernRequest('server/discover');
      Object.assign(body.params._meta, meta);
      const discovered = await gateway.client.post(JSON.stringify(body).replace('"DEEP"', DEEP_OBJECT), headers);
      expect([200, 400]).toContain(discovered.status);
      await expectServing();
    });

    test.each(['capabilities', 'clientInfo'])('in %s of initialize is refused', async (field) => {
      const { gateway, expectServing } = await open(leg);
      for (const depth of [10_000, 100_000]) {
        const message = initializeMessage('2025-11-25');
        const changed = { ...message, params: { ...message.params, [field]: { sampling: 'DEEP', name: 'DEEP' } } };
        const deep = '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
        const answer = await gateway.client.post(JSON.stringify(changed).replaceAll('"DEEP"', deep));
        expectClear(answer, 200, -32602);
        expect(answer.headers['mcp-session-id']).toBeUndefined();
      }
      await expectServing();
    });

    test('in what an upstream sends passes, or is an error of the upstream', async () => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      upstream.onCall(({ message, answerText }) => {
        answerText(
          `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{"structuredContent":${DEEP_OBJECT}}}`,
        );
      });
      const { status, text } = await legacy.request('tools/call', { name: 'up__deep' });
      expect(status).toBe(200);
      expect(text).toContain(DEEP_OBJECT);
      upstream.on('tools/list', ({ message, answerText }) => {
        answerText(
          `{"jsonrpc":"2.0","id":"${message.id}","result":{"tools":[{"name":"a","inputSchema":${DEEP_OBJECT}}]}}`,
        );
      });
      const listed = await legacy.request('tools/list');
      expect(listed.text).toContain(`{"name":"up__a","inputSchema":${DEEP_OBJECT}}`);
      const modern = await gateway.client.connect('2026-07-28');
      upstream.on('server/discover', ({ message, answerText }) => {
        answerText(
          `{"jsonrpc":"2.0","id":"${message.id}","result":{"supportedVersions":["2026-07-28"],` +
            `"capabilities":{"tools":${DEEP_OBJECT},"extensions":{"io.modelcontextprotocol/ui":${DEEP_OBJECT}}}}}`,
        );
      });
      expect((await modern.request('server/discover')).status).toBe(200);
      upstream.onCall(({ message, response }) => {
        response.writeHead(400, { 'content-type': 'application/json' });
        const deep = '['.repeat(30_000) + ']'.repeat(30_000);
        response.end(`{"jsonrpc":"2.0","id":"${message.id}","error":{"code":7,"message":"m","data":${deep}}}`);
      });
      for (const peer of [legacy, modern]) {
        const refused = await peer.request('tools/call', { name: 'up__deep' });
        expect(refused.status).toBe(200);
        expect(refused.messages[0].error.message).toMatch(/\S/);
      }
      upstream.asUsual('tools/call');
      await expectServing();
    });
  });

  describe('keys that objects inherit', () => {
    test('do not name a tool', async () => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      const before = upstream.received.length;
      for (const params of ['{"__proto__":{"name":"up__fine"}}', '{"constructor":{"name":"up__fine"}}']) {
        const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;
        expectClear(await gateway.client.post(body, legacy.headers), 200, -32602);
      }
      expect(upstream.received).toHaveLength(before);
      await expectServing();
    });

    test('do not make an envelope', async () => {
      const { gateway, expectServing } = await open(leg);
      const { body, headers } = modernRequest('tools/call', { name: 'up__fine' });
      const text = JSON.stringify(body).replace('"_meta":{', '"_meta":{"__proto__":{').replace(/}}}$/, '}}}}');
      expect(Object.keys(JSON.parse(text).params._meta)).toEqual(['__proto__']);
      expectClear(await gateway.client.post(text, headers), 400, -32602);
      await expectServing();
    });

    test('declare nothing upstream', async () => {
      const { gateway, upstream, expectServing } = await open(leg);
      const capabilities = '{"__proto__":{"sampling":{},"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
      const opening = JSON.stringify(initializeMessage('2025-11-25', 'CAPABILITIES' as unknown as object));
      const { status } = await gateway.client.post(opening.replace('"CAPABILITIES"', capabilities));
      expect(status).toBe(200);
      expect(upstream.of('initialize').at(-1)?.message.params.capabilities).toEqual({});
      const { body, headers } = modernRequest(
        'tools/call',
        { name: 'up__fine' },
        { capabilities: 'C' as unknown as object },
      );
      await gateway.client.post(JSON.stringify(body).replace('"C"', capabilities), headers);
      expect(upstream.of('tools/call').at(-1)?.message.params._meta).toMatchObject({
        'io.modelcontextprotocol/clientCapabilities': {},
      });
      await expectServing();
    });

    test('pass in arguments as any others do', async () => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      const args = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":"x"}';
      const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"up__fine","arguments":${args}}}`;
      await gateway.client.post(body, legacy.headers);
      expect(upstream.of('tools/call').at(-1)?.text).toContain(args);
      await expectServing();
    });

    test('are names of tools, prompts and servers like any others', async () => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      upstream.on('prompts/get', ({ answer }) => answer({ messages: [] }));
      for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        expect((await legacy.call(`up__${name}`)).result).toBeDefined();
        expect(upstream.of('tools/call').at(-1)?.message.params.name).toBe(name);
        expect((await legacy.call(name)).error.code).toBe(-32602);
        const { messages } = await legacy.request('prompts/get', { name: `up__${name}` });
        expect(messages[0].result).toBeDefined();
        expect((await gateway.client.post({}, {}, `/mcp/${name}`)).status).toBe(404);
      }
      await expectServing();
    });
  });

  describe('control characters', () => {
    const names = ['up__a\u0000b', 'up__a\r\nx-evil: 1', 'up__\u001B[2J', 'up__\u0085\u2028', 'up__\uD800'];

    test.each(names)('in the name %j reach the upstream and no header', async (name) => {
      const { gateway, upstream, legacy, expectServing } = await open(leg);
      const { messages } = await legacy.request('tools/call', { name });
      expect(messages[0].result).toBeDefined();
      // A lone surrogate cannot be written in UTF-8, so no header can say it.
      if (name.isWellFormed()) {
        const modern = await gateway.client.connect('2026-07-28');
        expect((await modern.call(name)).result).toBeDefined();
        expect(upstream.of('tools/call').at(-1)?.headers).not.toHaveProperty('x-evil');
      }
      expect(upstream.of('tools/call').at(-1)?.message.params.name).toBe(name.slice(4));
      await expectServing();
    });

    test.each(['a\u0000b', 'a\r\nb', '\u001B[2J'])('in the unknown method %j are quoted as JSON', async (method) => {
      const { legacy, expectServing } = await open(leg);
      const answer = await legacy.request(method);
      expectClear(answer, 200, -32601);
      expect(answer.text).not.toMatch(/[\u0000-\u001f]/);
      await expectServing();
    });
  });

  test.each(['method', 'tool', 'prompt'])('a %s of 1 MB is refused in a few words', async (what) => {
    const { legacy, upstream, expectServing } = await open(leg);
    const before = upstream.received.length;
    const long = 'n'.repeat(1_000_000);
    const answer =
      what === 'method'
        ? await legacy.request(long)
        : await legacy.request(what === 'tool' ? 'tools/call' : 'prompts/get', { name: long });
    expectClear(answer, 200, what === 'method' ? -32601 : -32602);
    expect(upstream.received).toHaveLength(before);
    await expectServing();
  });

  test('5 MB of arguments are relayed', async () => {
    const { upstream, legacy, expectServing } = await open(leg);
    const big = 'ü'.repeat(2_500_000);
    upstream.onCall(({ params, answer }) => answer({ echo: params.arguments.big === big }));
    const { messages } = await legacy.request('tools/call', { name: 'up__big', arguments: { big } });
    expect(messages[0].result.echo).toBe(true);
    upstream.asUsual('tools/call');
    await expectServing();
  });

  test('a message of the other era is refused as what it is', async () => {
    const { gateway, legacy, expectServing } = await open(leg);
    // Modern body, legacy session; legacy body, modern headers; and neither kind of headers.
    const { body, headers } = modernRequest('tools/call', { name: 'up__fine' });
    expectClear(await gateway.client.post(body, legacy.headers), 400, -32020);
    const old = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'up__fine' } };
    expectClear(await gateway.client.post(old, headers), 400, -32602);
    expectClear(await gateway.client.post(body), 400, -32020);
    expectClear(await gateway.client.post(old), 400, -32600);
    const discover = { jsonrpc: '2.0', id: 1, method: 'server/discover' };
    expectClear(await gateway.client.post(discover, legacy.headers), 400, -32602);
    await expectServing();
  });
});

describe('behind Node HTTP, bytes that are no text', () => {
  test.each([
    ['an impossible byte', [0xff]],
    ['a character cut short', [0xe4, 0xb8]],
    ['an overlong form', [0xc0, 0xaf]],
    ['half a surrogate', [0xed, 0xa0, 0x80]],
  ])('(%s) are 400 with -32700', async (_what, bytes) => {
    const { gateway } = await openFaulty('legacy', { leg: NODE_LEG });
    const peer = await gateway.client.connect('2025-11-25');
    const ping = (middle: readonly number[]) =>
      postBytes(`${gateway.origins[0]}/mcp`, peer.headers, [
        ...Buffer.from('{"jsonrpc":"2.0","id":"'),
        ...middle,
        ...Buffer.from('","method":"ping"}'),
      ]);
    const refused = await ping(bytes);
    expect([refused.status, refused.message.error.code]).toEqual([400, -32700]);
    const served = await ping([...Buffer.from('ü')]);
    expect([served.status, served.message.id]).toEqual([200, 'ü']);
  });
});

function postBytes(url: string, headers: Headers, bytes: readonly number[]): Promise<{ status: number; message: any }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { method: 'POST', headers: { ...JSON_AND_SSE, ...headers }, agent: false });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => {
      const { statusCode: status = 0 } = incoming;
      readText(incoming).then((text) => resolve({ status, message: JSON.parse(text) }), reject);
    });
    outgoing.end(Buffer.from(bytes));
  });
}
