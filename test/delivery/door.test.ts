import { describe, expect, test } from 'vitest';
import { openDoor } from '../../lib/delivery/door.ts';
import type { HttpRequest } from '../../lib/protocol/http.ts';

const SERVERS = new Map([
  ['default', 'the default server'],
  ['clock', 'the clock server'],
]);

/** What is made of a POST of JSON to `/mcp` that differs as the fields say. */
function open(fields: Partial<HttpRequest>, headers: Record<string, string | undefined> = {}) {
  const all: Record<string, string | undefined> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const request = {
    method: 'POST',
    path: '/mcp',
    body: '{}',
    bodyBytes: 2,
    headers: Object.fromEntries(given),
    ...fields,
  };
  return openDoor(request, SERVERS, 1000);
}

const opened = (value: object) => ({ ok: true, value });
const refused = (failure: object) => ({ ok: false, failure });

describe('the path', () => {
  test.each([
    ['/mcp', 'the default server'],
    ['/mcp/', 'the default server'],
    ['/mcp/default', 'the default server'],
    ['/mcp/clock', 'the clock server'],
    ['/mcp/clock/', 'the clock server'],
  ])('%s leads to %s', (path, server) => {
    expect(open({ path })).toMatchObject(opened({ kind: 'message', server }));
  });

  test.each([
    '/mcp/other',
    '/mcp//',
    '/mcp/clock//',
    '/mcp/clock/more',
    '/mcp/%63lock',
    '/mcp/Clock',
    '/mcp/../mcp',
    '/MCP',
    '/mcpx',
    '/mc',
    '//mcp',
    '/mcp/__proto__',
    '/mcp/constructor',
    '/x',
    '',
    '*',
  ])('%j leads nowhere', (path) => {
    expect(open({ path })).toEqual(refused({ kind: 'not-found' }));
  });

  test.each(['GET', 'HEAD'])('/ leads people to a page by %s', (method) => {
    expect(open({ method, path: '/' })).toEqual(opened({ kind: 'landing' }));
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('/ takes no %s', (method) => {
    expect(open({ method, path: '/' })).toEqual(refused({ kind: 'method-not-allowed', allow: 'GET, HEAD' }));
  });
});

describe('the method', () => {
  test.each(['PUT', 'PATCH', 'HEAD', 'TRACE', 'post', ''])('%j is not one that is served', (method) => {
    expect(open({ method })).toEqual(refused({ kind: 'method-not-allowed', allow: 'GET, POST, DELETE' }));
  });

  test('GET opens a stream beside the calls, for a client that takes events', () => {
    expect(open({ method: 'GET', headers: { accept: 'text/event-stream' } })).toMatchObject({
      ok: true,
      value: { kind: 'listen' },
    });
    expect(open({ method: 'GET', headers: { accept: 'application/json' } })).toEqual(
      refused({ kind: 'not-acceptable' }),
    );
  });

  test('of an unknown path does not matter', () => {
    expect(open({ method: 'GET', path: '/x' })).toEqual(refused({ kind: 'not-found' }));
  });

  test('DELETE ends a session, whatever its other headers say', () => {
    const door = open({ method: 'DELETE' }, { 'content-type': undefined, accept: 'text/html' });
    expect(door).toEqual(opened({ kind: 'terminate', server: 'the default server' }));
  });

  test('OPTIONS asks before a request', () => {
    expect(open({ method: 'OPTIONS' }, { 'content-type': undefined })).toEqual(opened({ kind: 'preflight' }));
  });
});

describe('the body', () => {
  test('may be as large as the limit', () => {
    expect(open({ bodyBytes: 1000 }).ok).toBe(true);
  });

  test('may not be larger', () => {
    expect(open({ bodyBytes: 1001 })).toEqual(refused({ kind: 'request-too-large', limitBytes: 1000 }));
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON', ' application/json ;x=y'])(
    'may be of type %j',
    (type) => {
      expect(open({}, { 'content-type': type }).ok).toBe(true);
    },
  );

  test.each([undefined, '', 'text/plain', 'application/jsonl', 'text/json', 'application/json, text/plain', 'json'])(
    'may not be of type %j',
    (type) => {
      expect(open({}, { 'content-type': type })).toEqual(refused({ kind: 'unsupported-media-type' }));
    },
  );
});

describe('Accept', () => {
  test('decides on the form of the answer', () => {
    expect(open({}, { accept: 'application/json' })).toMatchObject(
      opened({ accept: { json: true, eventStream: false } }),
    );
  });

  test('may be missing', () => {
    expect(open({}, { accept: undefined })).toMatchObject(opened({ accept: { json: true, eventStream: true } }));
  });

  test('that allows neither form is refused', () => {
    expect(open({}, { accept: 'text/html' })).toEqual(refused({ kind: 'not-acceptable' }));
  });
});
