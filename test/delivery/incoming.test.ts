import { describe, expect, test } from 'vitest';
import { classify } from '../../lib/delivery/incoming.ts';
import { META } from '../../lib/protocol/modern/envelope.ts';
import { requestText } from '../protocol/samples.ts';

const MODERN = '2026-07-28';
const LEGACY = '2025-06-18';

const read = (body: string, headers: Record<string, string> = {}) =>
  classify({ method: 'POST', path: '/mcp', headers, body, bodyBytes: Buffer.byteLength(body) });

const meta = { [META.protocolVersion]: MODERN, [META.clientCapabilities]: {} };
const listing = requestText('tools/list', { _meta: meta });
const listingHeaders = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/list' };

const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const note = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const answer = '{"jsonrpc":"2.0","id":"time/1","result":{}}';

describe('a body', () => {
  test.each(['', '{', 'nonsense', '{"jsonrpc":"2.0",}', '{"a":"\n"}', '\0'])('%j is no JSON', (body) => {
    expect(read(body)).toEqual({ kind: 'refused', failure: { kind: 'parse-error' }, request: undefined });
  });

  test.each(['{}', 'null', '7', '"ping"', '{"jsonrpc":"1.0","id":1,"method":"ping"}'])('%s is no message', (body) => {
    expect(read(body)).toMatchObject({ kind: 'refused', failure: { kind: 'invalid-request' }, request: undefined });
  });
});

describe('a key that reads like one that decides', () => {
  const named = '"params":{"name":"shown","NAME":"hidden"}';
  test.each([
    ['beside the method', '{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}'],
    ['beside the name', `{"jsonrpc":"2.0","id":1,"method":"tools/call",${named}}`],
    ['in compatibility letters', '{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{}}'],
    ['in a batch', `[${ping},{"jsonrpc":"2.0","id":2,"method":"tools/call",${named}}]`],
  ])('is refused %s', (_where, body) => {
    expect(read(body)).toMatchObject({ kind: 'refused', failure: { kind: 'invalid-request' } });
  });

  test('may stand where nothing is decided', () => {
    const params = '"params":{"name":"shown","arguments":{"Name":"x"}}';
    expect(read(`{"jsonrpc":"2.0","id":1,"method":"tools/call",${params}}`)).toMatchObject({ kind: 'legacy' });
  });
});

describe('a modern request', () => {
  test('has an envelope and the headers that mirror it', () => {
    expect(read(listing, listingHeaders)).toMatchObject({
      kind: 'modern',
      request: { method: 'tools/list', text: listing },
      envelope: { version: MODERN },
    });
  });

  test('is known by its header alone, and refused when it has no envelope', () => {
    const incoming = read(requestText('tools/list'), listingHeaders);
    expect(incoming).toMatchObject({
      kind: 'refused',
      failure: { kind: 'invalid-envelope' },
      request: { idText: '1' },
    });
  });

  test.each([undefined, LEGACY, '1999-01-01'])(
    'is known by its envelope alone, and refused with the version header %j',
    (version) => {
      const incoming = read(listing, version === undefined ? {} : { 'mcp-protocol-version': version });
      expect(incoming).toMatchObject({
        kind: 'refused',
        failure: { kind: 'header-mismatch' },
        request: { idText: '1' },
      });
    },
  );

  test('is server/discover, however it comes', () => {
    const incoming = read(requestText('server/discover'));
    expect(incoming).toMatchObject({ kind: 'refused', failure: { kind: 'invalid-envelope' } });
  });

  test('of an unknown version is told what is served', () => {
    const body = requestText('tools/list', { _meta: { ...meta, [META.protocolVersion]: '2099-01-01' } });
    expect(read(body, { 'mcp-protocol-version': '2099-01-01' })).toMatchObject({
      kind: 'refused',
      failure: { kind: 'unsupported-version', requested: '2099-01-01', supported: [MODERN] },
      request: { idText: '1' },
    });
  });

  test('may even be called initialize: the envelope decides', () => {
    const body = requestText('initialize', { _meta: meta });
    const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'initialize' };
    expect(read(body, headers)).toMatchObject({ kind: 'modern', request: { method: 'initialize' } });
  });
});

describe('in the modern era', () => {
  test('a notification is taken and means nothing', () => {
    expect(read(note, { 'mcp-protocol-version': MODERN })).toEqual({
      kind: 'modern-notification',
      method: 'notifications/initialized',
    });
  });

  test('a response is refused', () => {
    const incoming = read(answer, { 'mcp-protocol-version': MODERN });
    expect(incoming).toMatchObject({ kind: 'refused', failure: { kind: 'invalid-request' }, request: undefined });
  });
});

describe('a legacy message', () => {
  test.each(['2025-03-26', '2025-06-18', '2025-11-25', undefined])('may come with the version header %j', (version) => {
    const incoming = read(ping, version === undefined ? {} : { 'mcp-protocol-version': version });
    expect(incoming).toMatchObject({ kind: 'legacy', batch: false, messages: [{ kind: 'request', method: 'ping' }] });
  });

  test.each(['2024-11-05', '2099-01-01', '', 'latest'])('is refused with the version header %j', (version) => {
    const incoming = read(ping, { 'mcp-protocol-version': version });
    expect(incoming).toMatchObject({ kind: 'refused', failure: { kind: 'invalid-request' }, request: { idText: '1' } });
  });

  test.each([
    ['notification', note],
    ['response', answer],
  ])('may be a %s', (kind, body) => {
    expect(read(body)).toMatchObject({ kind: 'legacy', batch: false, messages: [{ kind, text: body }] });
  });

  test('that is refused and is no request has no id to answer under', () => {
    expect(read(note, { 'mcp-protocol-version': '2099-01-01' })).toMatchObject({ kind: 'refused', request: undefined });
  });

  test('may carry a progress token: that is no envelope', () => {
    const incoming = read(requestText('tools/list', { _meta: { progressToken: 1 } }));
    expect(incoming.kind).toBe('legacy');
  });
});

describe('initialize', () => {
  test('is a request of its own kind', () => {
    expect(read(requestText('initialize', {}))).toMatchObject({
      kind: 'initialize',
      request: { method: 'initialize' },
    });
  });

  test('may name any legacy version in its header, as the version is agreed upon in the body', () => {
    expect(read(requestText('initialize', {}), { 'mcp-protocol-version': '2024-11-05' }).kind).toBe('initialize');
  });

  test('sent as a notification opens nothing', () => {
    expect(read('{"jsonrpc":"2.0","method":"initialize","params":{}}').kind).toBe('legacy');
  });
});

describe('a batch', () => {
  test('is its messages, each with its own text', () => {
    expect(read(` [ ${ping} ,${note},\n${answer}]`)).toMatchObject({
      kind: 'legacy',
      batch: true,
      messages: [
        { kind: 'request', text: ping },
        { kind: 'notification', text: note },
        { kind: 'response', text: answer },
      ],
    });
  });

  test('holds twenty messages at most', () => {
    expect(read(`[${Array.from({ length: 20 }, () => note).join(',')}]`)).toMatchObject({
      kind: 'legacy',
      batch: true,
    });
    expect(read(`[${Array.from({ length: 21 }, () => note).join(',')}]`)).toMatchObject({ kind: 'refused' });
  });

  test.each([
    ['nothing', '[]'],
    ['something that is no message', `[${ping},{}]`],
    ['null', '[null]'],
    ['a batch', `[[${ping}]]`],
    ['initialize', `[${requestText('initialize', {})},${ping}]`],
  ])('may not hold %s', (_what, body) => {
    expect(read(body)).toMatchObject({ kind: 'refused', failure: { kind: 'invalid-request' }, request: undefined });
  });
});
