/** HTTP around the messages: paths, methods, content types, `Accept`, origins, sizes. */
import { describe, expect, test } from 'vitest';
import { JSON_AND_SSE, LEGS, REVISIONS } from '../support/gateway-harness.ts';
import { modernRequest } from '../support/wire.ts';
import { openFaulty } from './fixtures.ts';

const JSON_TYPE = 'application/json';
const SSE_TYPE = 'text/event-stream';

/** What a call that is answered at once, and one that says something first, look like to each `Accept`. */
const accepted = [
  [undefined, JSON_TYPE, SSE_TYPE],
  ['application/json, text/event-stream', JSON_TYPE, SSE_TYPE],
  ['text/event-stream, application/json', JSON_TYPE, SSE_TYPE],
  ['*/*', JSON_TYPE, SSE_TYPE],
  ['application/*, text/*', JSON_TYPE, SSE_TYPE],
  ['Application/JSON;q=0.5, Text/Event-Stream', JSON_TYPE, SSE_TYPE],
  ['application/json', JSON_TYPE, JSON_TYPE],
  ['application/json, text/event-stream;q=0', JSON_TYPE, JSON_TYPE],
  ['text/html, application/*;q=0.8', JSON_TYPE, JSON_TYPE],
  ['text/event-stream', SSE_TYPE, SSE_TYPE],
  ['text/*', SSE_TYPE, SSE_TYPE],
  ['application/json;q=0.0, text/event-stream', SSE_TYPE, SSE_TYPE],
] as const;

const refused = ['text/html', 'application/xml', 'image/*', 'application/json;q=0', 'nonsense', ''];

describe.each(LEGS)('$name', (leg) => {
  describe.each(['2026-07-28', '2025-11-25'])('Accept of a %s client', (revision) => {
    test.each(accepted)('%j gets %s, and %s after progress', async (accept, atOnce, afterProgress) => {
      const { gateway, upstream } = await openFaulty('both', { leg });
      upstream.on('stream', 'sse');
      const peer = await gateway.client.connect(revision);
      const send = async (tool: string) => {
        const params = { name: tool, _meta: { progressToken: 'p' } };
        const { body, headers } =
          peer.era === 'modern'
            ? modernRequest('tools/call', params)
            : { body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, headers: peer.headers };
        return await gateway.client.send('POST', '/mcp', JSON.stringify(body), {
          ...headers,
          'content-type': JSON_TYPE,
          ...(accept === undefined ? {} : { accept }),
        });
      };
      const quick = await send('up__ok');
      expect([quick.status, quick.headers['content-type']]).toEqual([200, atOnce]);
      expect(quick.messages).toHaveLength(1);
      const long = await send('up__stream');
      expect([long.status, long.headers['content-type']]).toEqual([200, afterProgress]);
      expect(long.messages.at(-1)).toHaveProperty('result');
      if (afterProgress === JSON_TYPE) expect(JSON.parse(long.text)).toHaveProperty('result');
      else expect(long.messages.length).toBeGreaterThan(1);
    });

    test.each(refused)('%j gets 406', async (accept) => {
      const { gateway, upstream } = await openFaulty('both', { leg });
      const peer = await gateway.client.connect(revision);
      const before = upstream.requests.length;
      const { status, messages } = await peer.request('tools/call', { name: 'up__ok' }, { headers: { accept } });
      expect([status, messages[0].error.code]).toEqual([406, -32600]);
      expect(upstream.requests).toHaveLength(before);
    });
  });

  test('a stream tells proxies not to hold it back', async () => {
    const { gateway, upstream } = await openFaulty('modern', { leg });
    upstream.on('stream', 'sse');
    const peer = await gateway.client.connect('2026-07-28');
    const { headers } = await peer.request('tools/call', { name: 'up__stream' }, { progressToken: 1 });
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  });

  test('initialize is answered in the form that is accepted', async () => {
    const { gateway } = await openFaulty('legacy', { leg });
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} };
    const body = { jsonrpc: '2.0', id: 1, method: 'initialize', params };
    const answer = await gateway.client.post(body, { accept: SSE_TYPE });
    expect(answer.headers['content-type']).toBe(SSE_TYPE);
    expect(answer.messages).toMatchObject([{ id: 1, result: { protocolVersion: '2025-11-25' } }]);
  });

  describe('a body', () => {
    test.each(['text/plain', 'application/xml', 'application/jsonl', 'application/x-www-form-urlencoded', ''])(
      'of the content type %j is refused with 415',
      async (type) => {
        const { gateway, upstream } = await openFaulty('modern', { leg });
        const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
        const { status, messages } = await gateway.client.post(body, { ...headers, 'content-type': type });
        expect([status, messages[0].error.code]).toEqual([415, -32600]);
        expect(upstream.requests).toEqual([]);
      },
    );

    test('without a content type is refused with 415', async () => {
      const { gateway } = await openFaulty('modern', { leg });
      expect((await gateway.client.send('POST', '/mcp', '{}', { accept: '*/*' })).status).toBe(415);
    });

    test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json ;x=y'])(
      'of the content type %j is served',
      async (type) => {
        const { gateway } = await openFaulty('modern', { leg });
        const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
        expect((await gateway.client.post(body, { ...headers, 'content-type': type })).status).toBe(200);
      },
    );

    test('larger than the limit is refused with 413, one of its size is served', async () => {
      const { body, headers } = modernRequest('tools/call', { name: 'up__ok', arguments: { text: '' } });
      const requestBytes = 10_000;
      const { gateway, upstream } = await openFaulty('modern', { leg, file: { limits: { requestBytes } } });
      const fill = (bytes: number): string => {
        const empty = JSON.stringify(body);
        return empty.replace('"text":""', `"text":"ü${'x'.repeat(bytes - empty.length - 2)}"`);
      };
      expect((await gateway.client.post(fill(requestBytes), headers)).status).toBe(200);
      const { status, messages } = await gateway.client.post(fill(requestBytes + 1), headers);
      expect(status).toBe(413);
      expect(messages[0].error).toMatchObject({ code: -32600, message: 'The request is larger than 10000 bytes' });
      expect(upstream.calls('ok')).toHaveLength(1);
      expect((await gateway.client.post(body, headers)).status).toBe(200);
    });
  });

  describe('an origin', () => {
    const file = { origins: ['https://app.example', 'http://localhost:*'] };

    test.each([
      'https://evil.example',
      'https://app.example.evil.example',
      'http://app.example',
      'https://app.example:8443',
      'https://APP.example',
      'http://localhost.evil.example',
      'http://localhost:80x',
      'null',
      '',
    ])('%j that is not allowed gets 403 and no CORS', async (origin) => {
      const { gateway, upstream } = await openFaulty('modern', { leg, file });
      const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
      const requests = [
        () => gateway.client.post(body, { ...headers, origin }),
        () => gateway.client.send('OPTIONS', '/mcp', '', { origin, 'access-control-request-method': 'POST' }),
        () => gateway.client.send('DELETE', '/mcp', '', { origin, 'mcp-session-id': 'x' }),
        () => gateway.client.send('GET', '/', '', { origin }),
      ];
      for (const request of requests) {
        const answer = await request();
        expect(answer.status).toBe(403);
        expect(Object.keys(answer.headers).filter((name) => /^(access-control|timing-allow)-/.test(name))).toEqual([]);
      }
      expect(upstream.requests).toEqual([]);
    });

    test.each(['https://app.example', 'http://localhost', 'http://localhost:5173'])(
      '%s that is allowed may read the answer, its times and the session id',
      async (origin) => {
        const { gateway } = await openFaulty('modern', { leg, file });
        const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
        const answer = await gateway.client.post(body, { ...headers, origin });
        expect(answer.status).toBe(200);
        expect(answer.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'origin' });
        expect(answer.headers['access-control-expose-headers']).toMatch(/mcp-session-id/);
        expect(answer.headers['access-control-expose-headers']).toMatch(/www-authenticate/);
        expect(answer.headers['access-control-expose-headers']).toMatch(/server-timing/);
        expect(answer.headers['timing-allow-origin']).toBe(origin);
      },
    );

    test('that is allowed may read refusals as well', async () => {
      const { gateway } = await openFaulty('modern', { leg, file });
      const origin = 'https://app.example';
      const answer = await gateway.client.post('{', { origin });
      expect(answer.status).toBe(400);
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
    });

    test('that is allowed may ask first', async () => {
      const { gateway } = await openFaulty('modern', { leg, file });
      const origin = 'https://app.example';
      const asked = 'content-type,mcp-method,mcp-name,mcp-param-region,mcp-protocol-version';
      const { status, headers, text } = await gateway.client.send('OPTIONS', '/mcp', '', {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': asked,
      });
      expect([status, text]).toEqual([204, '']);
      expect(headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'POST, DELETE',
        'access-control-allow-headers': asked,
      });
    });

    test('is needed by no program other than a browser', async () => {
      const { gateway } = await openFaulty('modern', { leg, file });
      const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
      const answer = await gateway.client.post(body, headers);
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    });
  });

  describe('the path', () => {
    const file = { servers: { default: { upstreams: ['up'] }, clock: { upstreams: ['up'] } } };

    test.each(['/mcp', '/mcp/', '/mcp/default', '/mcp/clock', '/mcp/clock/', '/mcp?x=1'])(
      '%s is served',
      async (path) => {
        const { gateway } = await openFaulty('modern', { leg, file });
        const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
        const { status, messages } = await gateway.client.post(body, headers, path);
        expect(status).toBe(200);
        expect(messages[0].result).toBeDefined();
      },
    );

    test.each([
      '/mcp/nothing',
      '/mcp/Clock',
      '/mcp/clock/more',
      '/mcp//clock',
      '/mcp//',
      '/mcp/%63lock',
      '/mcp/constructor',
      '/mcp/__proto__',
      '/mcpx',
      '/MCP',
      '/favicon.ico',
      '//',
    ])('%s is 404 for every method', async (path) => {
      const { gateway, upstream } = await openFaulty('modern', { leg, file });
      const { body, headers } = modernRequest('tools/call', { name: 'up__ok' });
      for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS']) {
        const text = method === 'POST' ? JSON.stringify(body) : '';
        const answer = await gateway.client.send(method, path, text, { ...JSON_AND_SSE, ...headers });
        expect(answer.status).toBe(404);
        expect(answer.messages[0].error.message).toMatch(/./);
      }
      expect(upstream.requests).toEqual([]);
    });

    test('of the gateway itself shows people what it is and how to connect', async () => {
      const { gateway, upstream } = await openFaulty('modern', { leg });
      const { status, headers, text } = await gateway.client.send('GET', '/', '', { accept: 'text/html' });
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(text).toMatch(/^<!doctype html>/);
      expect(text).toContain('Sluice');
      expect(text).toContain('/mcp');
      for (const revision of [REVISIONS.at(0), REVISIONS.at(-1)]) expect(text).toContain(revision);
      expect(text).not.toContain(upstream.url);
    });

    test('of the gateway itself takes no messages', async () => {
      const { gateway } = await openFaulty('modern', { leg });
      const { status, headers } = await gateway.client.post({}, {}, '/');
      expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
    });
  });
});
