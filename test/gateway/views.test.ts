/** What a virtual server shows of its upstream, under which names, and what it hides. Real servers behind it. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { fastTime } from '../../lib/local/demo/fast-time.ts';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import { LEGS, REVISIONS, type Leg } from '../support/gateway-harness.ts';
import { openFaulty, openGateway, openScripted } from './fixtures.ts';

const SERVERS = {
  default: { upstreams: ['time'] },
  clock: { upstreams: ['time'], tools: ['time__convert_*'] },
  none: { upstreams: ['time'], tools: [] },
  star: { upstreams: ['time'], tools: ['*'] },
};

/** The demo server *fast time*, with virtual servers that show different parts of it. */
async function openTime(leg: Leg, fields: object = {}) {
  const upstream = await serveUpstream(fastTime);
  onTestFinished(() => upstream.close());
  const file = { upstreams: { time: { url: upstream.url, ...fields } }, servers: SERVERS };
  return await openGateway({ leg, url: upstream.url, file });
}

function namesOf(listed: readonly { readonly name: string }[]): string[] {
  return listed.map(({ name }) => name);
}

const LONDON = { time: '2026-03-29T12:00:00Z', source_timezone: 'UTC', target_timezone: 'Europe/London' };

describe.each(LEGS)('$name', (leg) => {
  describe.each(REVISIONS)('a %s client', (revision) => {
    test('sees tools and prompts behind the prefix and calls them by it', async () => {
      const gateway = await openTime(leg);
      const peer = await gateway.client.connect(revision);
      const { tools } = (await peer.request('tools/list')).messages[0].result;
      expect(namesOf(tools)).toEqual(['time__get_system_time', 'time__convert_time']);
      expect(tools[1]).toMatchObject({ annotations: { idempotentHint: true }, inputSchema: { type: 'object' } });
      const converted = await peer.call('time__convert_time', LONDON);
      expect(converted.result.content).toEqual([{ type: 'text', text: '2026-03-29T13:00:00+01:00' }]);
      const { prompts } = (await peer.request('prompts/list')).messages[0].result;
      expect(namesOf(prompts)).toEqual([
        'time__compare_timezones',
        'time__schedule_meeting',
        'time__convert_time_detailed',
      ]);
      const params = { name: 'time__compare_timezones', arguments: { timezones: 'UTC' } };
      const prompt = await peer.request('prompts/get', params);
      expect(prompt.messages[0].result.messages).toHaveLength(1);
    });

    test('reads resources by their own addresses', async () => {
      const gateway = await openTime(leg);
      const peer = await gateway.client.connect(revision);
      const { resources } = (await peer.request('resources/list')).messages[0].result;
      expect(resources).toContainEqual(expect.objectContaining({ uri: 'time://formats' }));
      const read = await peer.request('resources/read', { uri: 'time://formats' });
      expect(read.messages[0].result.contents).toMatchObject([{ uri: 'time://formats', mimeType: 'application/json' }]);
      const templates = await peer.request('resources/templates/list');
      expect(templates.messages[0].result.resourceTemplates).toEqual([]);
      const missing = await peer.request('resources/read', { uri: 'time://nowhere' });
      expect(missing.messages[0].error).toBeDefined();
    });

    test('completes the arguments of a prompt by its name behind the prefix', async () => {
      const gateway = await openTime(leg);
      const peer = await gateway.client.connect(revision);
      const completed = await peer.request('completion/complete', {
        ref: { type: 'ref/prompt', name: 'time__convert_time_detailed' },
        argument: { name: 'from_timezone', value: 'europe/lond' },
      });
      expect(completed.messages[0].result.completion.values).toEqual(['Europe/London']);
      const bare = await peer.request('completion/complete', {
        ref: { type: 'ref/prompt', name: 'convert_time_detailed' },
        argument: { name: 'from_timezone', value: 'e' },
      });
      expect(bare.messages[0].error).toEqual({ code: -32602, message: 'Unknown prompt: convert_time_detailed' });
    });

    test('sees and calls only the tools that its virtual server shows', async () => {
      const gateway = await openTime(leg);
      const peer = await gateway.client.connect(revision, { path: '/mcp/clock' });
      const { tools } = (await peer.request('tools/list')).messages[0].result;
      expect(namesOf(tools)).toEqual(['time__convert_time']);
      expect((await peer.call('time__convert_time', LONDON)).result.isError).not.toBe(true);
      const hidden = await peer.request('tools/call', { name: 'time__get_system_time' }, { id: 'h' });
      expect(hidden.status).toBe(200);
      expect(hidden.messages).toEqual([
        { jsonrpc: '2.0', id: 'h', error: { code: -32602, message: 'Unknown tool: time__get_system_time' } },
      ]);
    });

    test('sees no tool where none is shown, and all where every name matches', async () => {
      const gateway = await openTime(leg);
      const none = await gateway.client.connect(revision, { path: '/mcp/none' });
      expect((await none.request('tools/list')).messages[0].result.tools).toEqual([]);
      expect((await none.call('time__convert_time', LONDON)).error.code).toBe(-32602);
      const star = await gateway.client.connect(revision, { path: '/mcp/star' });
      expect((await star.request('tools/list')).messages[0].result.tools).toHaveLength(2);
    });

    test('uses the upstream\u2019s own names when the prefix is empty', async () => {
      const gateway = await openTime(leg, { prefix: '' });
      const peer = await gateway.client.connect(revision);
      const { tools } = (await peer.request('tools/list')).messages[0].result;
      expect(namesOf(tools)).toEqual(['get_system_time', 'convert_time']);
      expect((await peer.call('convert_time', LONDON)).result.content).toHaveLength(1);
    });
  });

  describe('a name', () => {
    test.each(['ok', 'up_ok', 'up__', 'Up__ok', 'other__ok', '__ok', ' up__ok', 'up__hidden', ''])(
      '%j that is not shown is unknown, and the upstream hears nothing of it',
      async (name) => {
        const file = { servers: { default: { upstreams: ['up'], tools: ['up__ok'] } } };
        const { gateway, upstream } = await openFaulty('both', { leg, file });
        upstream.on('hidden', 'ok');
        for (const revision of ['2026-07-28', '2025-11-25']) {
          const peer = await gateway.client.connect(revision);
          const before = upstream.requests.length;
          expect((await peer.call(name)).error).toEqual({ code: -32602, message: `Unknown tool: ${name}` });
          expect(upstream.requests).toHaveLength(before);
        }
      },
    );

    test('that is written twice is checked and sent as the last one', async () => {
      const file = { servers: { default: { upstreams: ['up'], tools: ['up__ok'] } } };
      const { gateway, upstream } = await openFaulty('legacy', { leg, file });
      upstream.on('hidden', 'ok');
      const peer = await gateway.client.connect('2025-11-25');
      const send = (params: string) =>
        gateway.client.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`, peer.headers);
      const shown = await send('{"name":"up__hidden","n\\u0061me":"up__ok","arguments":{"a":1}}');
      expect(shown.messages[0].result.content).toEqual([{ type: 'text', text: '{"a":1}' }]);
      expect(upstream.calls('ok')).toHaveLength(1);
      expect(upstream.requests.at(-1)?.text).not.toContain('hidden');
      const hidden = await send('{"name":"up__ok","arguments":{},"name":"up__hidden"}');
      expect(hidden.messages[0].error.code).toBe(-32602);
      expect(upstream.calls('hidden')).toEqual([]);
    });

    test('of a method, an id or the parameters that is written twice counts the last time', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg });
      const peer = await gateway.client.connect('2025-11-25');
      const text =
        '{"jsonrpc":"2.0","method":"initialize","id":1,"params":{"name":"x"},' +
        '"id":2,"params":{"name":"up__ok"},"method":"tools/call"}';
      const { messages } = await gateway.client.post(text, peer.headers);
      expect(messages).toMatchObject([{ id: 2, result: {} }]);
      expect(
        upstream.requests
          .at(-1)
          ?.text.match(/"(method|id|params|name)"/g)
          ?.toSorted(),
      ).toEqual(['"id"', '"method"', '"name"', '"params"']);
    });

    test.each([
      ['tools/call', {}],
      ['tools/call', { name: 7 }],
      ['prompts/get', { name: null }],
      ['resources/read', { uri: ['a'] }],
      ['completion/complete', {}],
      ['completion/complete', { ref: 'up__x' }],
      ['completion/complete', { ref: { type: 'ref/other', name: 'up__x' } }],
      ['completion/complete', { ref: { type: 'ref/prompt' } }],
    ])('that is missing in %s (%j) is -32602', async (method, params) => {
      const { gateway, upstream } = await openFaulty('both', { leg });
      for (const revision of ['2026-07-28', '2025-11-25']) {
        const peer = await gateway.client.connect(revision);
        const before = upstream.requests.length;
        const { messages } = await peer.request(method, params);
        expect(messages[0].error).toMatchObject({ code: -32602, message: `${method} does not say what it is for` });
        expect(upstream.requests).toHaveLength(before);
      }
    });
  });

  test('the reference of a completion keeps everything but the name of its prompt', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    upstream.on('completion/complete', ({ answer }) => answer({ completion: { values: [] } }));
    const peer = await gateway.client.connect('2025-11-25');
    const argument = { name: 'a', value: 'b' };
    const context = { arguments: { c: 'd' } };
    const prompt = { type: 'ref/prompt', name: 'up__p', title: 'P' };
    await peer.request('completion/complete', { ref: prompt, argument, context });
    const resource = { type: 'ref/resource', uri: 'up__x://{y}', name: 'up__z' };
    await peer.request('completion/complete', { ref: resource, argument });
    expect(upstream.of('completion/complete').map(({ message }): unknown => message.params)).toEqual([
      { ref: { type: 'ref/prompt', name: 'p', title: 'P' }, argument, context },
      { ref: resource, argument },
    ]);
  });

  test('lists are one page, of all pages of the upstream, with everything that is in their items', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const pages: Record<string, object> = {
      first: { tools: [{ name: 'a', 'x-new': { y: 1 } }, { name: 7 }, {}], nextCursor: 'c1', 'x-more': [1] },
      c1: { tools: [], nextCursor: '' },
      '': { tools: [{ name: 'b' }, { name: 'a', title: 'again' }] },
    };
    upstream.on('tools/list', ({ answer, params }) => answer(pages[params?.cursor ?? 'first'] ?? {}));
    const peer = await gateway.client.connect('2025-11-25');
    const { messages } = await peer.request('tools/list');
    expect(messages[0].result).toEqual({ tools: [{ name: 'up__a', 'x-new': { y: 1 } }, { name: 'up__b' }] });
    expect(upstream.of('tools/list').map(({ message }): unknown => message.params)).toEqual([
      {},
      { cursor: 'c1' },
      { cursor: '' },
    ]);
  });

  test('a list that holds something that is no item is not taken for a list', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    upstream.on('tools/list', ({ answer }) => answer({ tools: [{ name: 'a' }, 'junk'] }));
    const peer = await gateway.client.connect('2025-11-25');
    const { messages } = await peer.request('tools/list');
    expect(messages[0].error).toMatchObject({ code: 1008, data: { upstream: 'up' } });
    upstream.on('tools/list', ({ answer }) => answer({ tools: [{ name: 'a' }] }));
    expect((await peer.request('tools/list')).messages[0].result).toEqual({ tools: [{ name: 'up__a' }] });
  });

  test.each(REVISIONS)('a cursor of a %s client is none that the gateway gave out', async (revision) => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect(revision);
    const before = upstream.received.length;
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
      const { status, messages } = await peer.request(method, { cursor: 'c1' }, { id: 'l' });
      expect(status).toBe(200);
      expect(messages).toMatchObject([{ id: 'l', error: { code: -32602 } }]);
    }
    expect(upstream.received).toHaveLength(before);
  });

  test('headers that are configured reach the upstream, those of the client do not', async () => {
    const headers = { 'X-Team': 'search' };
    const { gateway, upstream } = await openFaulty('both', { leg, upstream: { headers } });
    for (const revision of REVISIONS) {
      const peer = await gateway.client.connect(revision);
      const own = { authorization: 'Bearer mine', cookie: 'a=b', 'x-team': 'theirs', 'x-forwarded-for': '10.0.0.1' };
      await peer.request('tools/call', { name: 'up__ok' }, { headers: own });
    }
    for (const { headers: received } of upstream.requests) {
      expect(received).toMatchObject({ 'x-team': 'search' });
      for (const name of ['authorization', 'cookie', 'x-forwarded-for', 'origin'])
        expect(received).not.toHaveProperty(name);
    }
  });
});
