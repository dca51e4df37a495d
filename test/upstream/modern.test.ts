import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { META } from '../../lib/protocol/modern/envelope.ts';
import { callModern, discover, isModernError, type ModernRequest } from '../../lib/upstream/modern.ts';
import { requestText } from '../protocol/samples.ts';
import type { Answer } from '../support/memory-transport.ts';
import { collectAll, connect, errorOf, jsonAnswer, resultOf, type Connection } from './kit.ts';

const VERSION = '2026-07-28';
function call(connection: Connection, method: string, params: object, fields: Partial<ModernRequest> = {}) {
  const body = (id: string): string => requestText(method, params, id);
  const request = { method, name: undefined, paramHeaders: {}, body, ...fields };
  return collectAll(callModern(connection.link, request, { ...cryptoIds, random: () => 'mine' }, connection.tools));
}

const callTool = (connection: Connection, fields: Partial<ModernRequest> = {}) =>
  call(connection, 'tools/call', { name: 'now' }, { name: 'now', ...fields });

const answering = (answer: Answer | ((id: unknown) => Answer)): Connection =>
  connect((_request, { id }) => (typeof answer === 'function' ? answer(id) : answer));

describe('a call', () => {
  test('goes in one request, under an id of the gateway', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id)));
    const { events } = await callTool(connection);
    expect(connection.sent()).toEqual([{ jsonrpc: '2.0', id: 'mine', method: 'tools/call', params: { name: 'now' } }]);
    expect(events).toMatchObject([{ kind: 'final', response: { idText: '"mine"' } }]);
  });

  test('says in its headers what it is told of its body', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id)));
    await callTool(connection);
    expect(connection.transport.requests[0]?.headers).toMatchObject({
      'mcp-protocol-version': VERSION,
      'mcp-method': 'tools/call',
      'mcp-name': 'now',
    });
  });

  test('has the headers that mirror parameters, which cannot stand for its own', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id)));
    const paramHeaders = { 'mcp-param-region': 'us-west1', 'mcp-method': 'ping', 'mcp-name': 'then' };
    await callTool(connection, { paramHeaders });
    expect(connection.transport.requests[0]?.headers).toMatchObject({
      'mcp-param-region': 'us-west1',
      'mcp-method': 'tools/call',
      'mcp-name': 'now',
    });
  });

  test('writes a name in Base64 that a header cannot carry', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id)));
    await callTool(connection, { name: '世界' });
    expect(connection.transport.requests[0]?.headers['mcp-name']).toBe('=?base64?5LiW55WM?=');
  });

  test('has no name in its headers where it names nothing', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id)));
    await call(connection, 'tools/list', {});
    expect(connection.transport.requests[0]?.headers).not.toHaveProperty('mcp-name');
  });

  test('counts as an attempt', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id)));
    await callTool(connection);
    await callTool(connection);
    expect(connection.tally).toMatchObject({ attempts: 2, sent: true, phase: 'response', upstream: 'time' });
  });
});

describe('a refusal', () => {
  test.each([
    [400, -32020],
    [400, -32021],
    [400, -32022],
    [400, -32602],
    [404, -32601],
    [409, 1234],
  ])('with status %i and code %i is the upstream’s final word', async (status, code) => {
    const { events } = await callTool(answering((id) => jsonAnswer(errorOf(id, code, 'no', { a: 1 }), {}, status)));
    expect(events).toMatchObject([
      { kind: 'final', response: { body: { error: { code, message: 'no', data: { a: 1 } } } } },
    ]);
  });

  test.each([null, undefined, 'server-error'])('under the id %j is the final word all the same', async (id) => {
    const { events } = await callTool(answering(jsonAnswer(errorOf(id, -32602, 'no'), {}, 400)));
    expect(events).toMatchObject([{ kind: 'final', response: { body: { error: { code: -32602 } } } }]);
  });

  test.each([400, 404, 405])('with status %i and no words makes the era doubtful', async (status) => {
    expect((await callTool(answering({ status }))).events).toEqual([
      { kind: 'era-wrong', otherwise: { kind: 'end', end: { kind: 'upstream-http', status } } },
    ]);
  });

  test.each([400, 404, 405])('with status %i and the code of an older server does so too', async (status) => {
    for (const code of [-32000, -32002, -32019]) {
      const { events } = await callTool(answering((id) => jsonAnswer(errorOf(id, code, 'Bad Request'), {}, status)));
      expect(events).toMatchObject([
        { kind: 'era-wrong', otherwise: { kind: 'final', response: { body: { error: { code } } } } },
      ]);
    }
  });

  test.each([406, 409, 410, 415, 422])('with status %i and no words is known by its status', async (status) => {
    expect((await callTool(answering({ status }))).events).toEqual([
      { kind: 'end', end: { kind: 'upstream-http', status } },
    ]);
  });
});

test.each([
  [{ failure: 'unreachable', sent: false }, 'upstream-unreachable'],
  [{ status: 500 }, 'upstream-http'],
  [{ status: 401 }, 'upstream-unauthorized'],
  [{ status: 200, headers: { 'content-type': 'text/html' }, body: 'x' }, 'upstream-garbled'],
] as const)('%o says nothing about the era', async (answer, kind) => {
  expect((await callTool(answering(answer))).events).toMatchObject([{ kind: 'end', end: { kind } }]);
});

describe('discover', () => {
  test('asks on the gateway’s own behalf, with a full envelope', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id, { supportedVersions: [VERSION] })));
    const meta = { [META.clientInfo]: { name: 'sluice' }, [META.clientCapabilities]: {} };
    const { events } = await collectAll(discover(connection.link, meta, 'mine', connection.tools));
    expect(connection.sent()).toEqual([
      {
        jsonrpc: '2.0',
        id: 'mine',
        method: 'server/discover',
        params: { _meta: { ...meta, [META.protocolVersion]: VERSION } },
      },
    ]);
    expect(connection.transport.requests[0]?.headers).toMatchObject({
      'mcp-protocol-version': VERSION,
      'mcp-method': 'server/discover',
    });
    expect(events).toMatchObject([{ kind: 'final' }]);
  });

  test('lets nobody name another version', async () => {
    const connection = answering((id) => jsonAnswer(resultOf(id)));
    await collectAll(discover(connection.link, { [META.protocolVersion]: '1999-01-01' }, 'mine', connection.tools));
    expect(connection.sent()[0]?.params._meta[META.protocolVersion]).toBe(VERSION);
  });

  test('shows when the era is not spoken', async () => {
    const connection = answering({ status: 404 });
    expect((await collectAll(discover(connection.link, {}, 'mine', connection.tools))).events).toMatchObject([
      { kind: 'era-wrong' },
    ]);
  });
});

describe('an error that only a modern server sends', () => {
  test.each([-32020, -32021, -32022])('is %i', (code) => {
    expect(isModernError({ code, message: '' })).toBe(true);
  });

  test.each([-32000, -32002, -32019, -32600, -32601, -32602, -32603, -32700, 0, 1001])('is not %i', (code) => {
    expect(isModernError({ code, message: '' })).toBe(false);
  });
});
