import { describe, expect, test } from 'vitest';
import { hasEnvelope, META, readEnvelope, type EnvelopeOutcome } from '../../../lib/protocol/modern/envelope.ts';
import { requestOf, requestText } from '../samples.ts';

const VERSION = '2026-07-28';

interface Sample {
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  /** Members of `_meta` that replace those of a valid one; undefined leaves one out. */
  readonly meta?: Record<string, unknown>;
  /** Headers that replace those of a valid request; undefined leaves one out. */
  readonly headers?: Record<string, string | undefined>;
}

/** Reads a request that is valid but for what the sample says. */
function read({ method = 'tools/call', params = { name: 'now' }, meta = {}, headers = {} }: Sample): EnvelopeOutcome {
  const fields = { [META.protocolVersion]: VERSION, [META.clientCapabilities]: {}, ...meta };
  const all: Record<string, string | undefined> = {
    'mcp-protocol-version': VERSION,
    'mcp-method': method,
    'mcp-name': 'now',
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return readEnvelope(requestOf(requestText(method, { ...params, _meta: fields })), Object.fromEntries(given));
}

const mismatch = (reason: string) => ({ kind: 'mismatch', reason });
const invalid = (reason: string) => ({ kind: 'invalid', reason });

describe('a valid envelope', () => {
  test('gives the version, the capabilities, no client info and no log level', () => {
    const clientCapabilities = { elicitation: { form: {} } };
    expect(read({ meta: { [META.clientCapabilities]: clientCapabilities } })).toEqual({
      kind: 'valid',
      envelope: { version: VERSION, clientInfo: {}, clientCapabilities, logLevel: undefined },
    });
  });

  test('gives the log level that was asked for', () => {
    const outcome = read({ meta: { [META.logLevel]: 'warning' } });
    expect(outcome).toMatchObject({ kind: 'valid', envelope: { logLevel: 'warning' } });
  });

  test('gives the client info as the client wrote it', () => {
    const clientInfo = { name: 'client', version: '1', 'x-own': [1] };
    expect(read({ meta: { [META.clientInfo]: clientInfo } })).toMatchObject({
      kind: 'valid',
      envelope: { clientInfo },
    });
  });

  test('needs no client info', () => {
    expect(read({ meta: { [META.clientInfo]: undefined } }).kind).toBe('valid');
  });

  test('may hold whatever else the client puts there', () => {
    expect(read({ meta: { traceparent: '00-1-2-03', 'com.example/x': [1] } }).kind).toBe('valid');
  });

  test.each(['tools/list', 'server/discover', 'completion/complete', 'no/such/method', 'constructor'])(
    'of %s needs no Mcp-Name',
    (method) => {
      expect(read({ method, params: {}, headers: { 'mcp-name': undefined } }).kind).toBe('valid');
    },
  );

  test('of a method called like something every object has needs no Mcp-Name either', () => {
    const params = { '[object Object]': 'x', 'function Object() { [native code] }': 'x' };
    for (const method of ['__proto__', 'constructor']) {
      expect(read({ method, params, headers: { 'mcp-name': undefined } }).kind).toBe('valid');
    }
  });

  test.each([
    ['tools/call', { name: 'now' }],
    ['prompts/get', { name: 'now' }],
    ['resources/read', { uri: 'now' }],
  ])('of %s has an Mcp-Name that says what the body says', (method, params) => {
    expect(read({ method, params }).kind).toBe('valid');
  });

  test('may write Mcp-Name in Base64', () => {
    const headers = { 'mcp-name': '=?base64?5LiW55WM?=' };
    expect(read({ params: { name: '世界' }, headers }).kind).toBe('valid');
  });

  test('may be one of a call without a name, which is refused for that further on', () => {
    expect(read({ params: {}, headers: { 'mcp-name': undefined } }).kind).toBe('valid');
  });

  test('may mirror parameters that only the upstream knows', () => {
    expect(read({ headers: { 'mcp-param-region': '=?base64?5LiW55WM?=' } }).kind).toBe('valid');
  });
});

describe('a malformed envelope', () => {
  test.each([undefined, {}, { _meta: null }, { _meta: [] }, { _meta: 'x' }])(
    'is one with the parameters %j',
    (params) => {
      const headers = { 'mcp-protocol-version': VERSION, 'mcp-method': 'tools/list' };
      expect(readEnvelope(requestOf(requestText('tools/list', params)), headers)).toEqual(
        invalid('params._meta is required'),
      );
    },
  );

  test.each([undefined, null, 20260728, [VERSION]])('is one whose protocol version is %j', (version) => {
    const reason = '_meta["io.modelcontextprotocol/protocolVersion"] must be a string';
    expect(read({ meta: { [META.protocolVersion]: version } })).toEqual(invalid(reason));
  });

  test.each([undefined, null, 'all', [], true])('is one whose client capabilities are %j', (capabilities) => {
    const reason = '_meta["io.modelcontextprotocol/clientCapabilities"] must be an object';
    expect(read({ meta: { [META.clientCapabilities]: capabilities } })).toEqual(invalid(reason));
  });

  test('is one whose capabilities nest deeper than anyone could want', () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    const meta = `{"${META.protocolVersion}":"${VERSION}","${META.clientCapabilities}":${deep}}`;
    const request = requestOf(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":${meta}}}`);
    const headers = { 'mcp-protocol-version': VERSION, 'mcp-method': 'tools/list' };
    expect(readEnvelope(request, headers).kind).toBe('invalid');
  });

  test.each(['verbose', 'INFO', null, 7])('is one whose log level is %j', (level) => {
    const reason = '_meta["io.modelcontextprotocol/logLevel"] must be a log level of RFC 5424';
    expect(read({ meta: { [META.logLevel]: level } })).toEqual(invalid(reason));
  });

  test('is refused as such, whatever its headers say', () => {
    const meta = { [META.clientCapabilities]: undefined };
    expect(read({ meta, headers: { 'mcp-method': undefined } }).kind).toBe('invalid');
  });
});

describe('headers that do not agree with the body', () => {
  test.each([
    ['MCP-Protocol-Version', 'mcp-protocol-version'],
    ['Mcp-Method', 'mcp-method'],
    ['Mcp-Name', 'mcp-name'],
  ])('are those without %s', (name, header) => {
    expect(read({ headers: { [header]: undefined } })).toEqual(mismatch(`${name} is required`));
  });

  test.each([
    ['MCP-Protocol-Version', 'mcp-protocol-version', '2025-11-25'],
    ['Mcp-Method', 'mcp-method', 'tools/list'],
    ['Mcp-Method', 'mcp-method', 'Tools/call'],
    ['Mcp-Method', 'mcp-method', '=?base64?dG9vbHMvY2FsbA==?='],
    ['Mcp-Name', 'mcp-name', 'later'],
    ['Mcp-Name', 'mcp-name', 'Now'],
    ['Mcp-Name', 'mcp-name', ''],
    ['Mcp-Name', 'mcp-name', '=?base64?bGF0ZXI=?='],
  ])('are those whose %s is another', (name, header, value) => {
    expect(read({ headers: { [header]: value } })).toEqual(mismatch(`${name} does not match the body`));
  });

  test.each(['=?base64?bm93?=bm93?=', '=?base64?b?=', 'n\u00f8w', 'now\x07'])(
    'are those with the malformed Mcp-Name %j',
    (value) => {
      expect(read({ headers: { 'mcp-name': value } })).toEqual(mismatch('Mcp-Name is malformed'));
    },
  );

  test.each(['=?base64?*?=', 'caf\u00e9', '\x00'])('are those with the malformed Mcp-Param-Region %j', (value) => {
    expect(read({ headers: { 'mcp-param-region': value } })).toEqual(mismatch('mcp-param-region is malformed'));
  });

  test('never quote what they hold', () => {
    const secret = 'hunter2';
    for (const header of ['mcp-protocol-version', 'mcp-method', 'mcp-name']) {
      expect(JSON.stringify(read({ headers: { [header]: secret } }))).not.toContain(secret);
    }
  });
});

describe('a version that is not served', () => {
  test.each(['2027-01-01', '2025-11-25', '', 'DRAFT-2026'])('is %j, and is refused for that', (requested) => {
    const headers = { 'mcp-protocol-version': requested };
    expect(read({ meta: { [META.protocolVersion]: requested }, headers })).toEqual({ kind: 'unsupported', requested });
  });

  test('may mirror other fields than those of this revision', () => {
    const requested = '2027-01-01';
    const headers = { 'mcp-protocol-version': requested, 'mcp-method': undefined, 'mcp-name': undefined };
    expect(read({ meta: { [META.protocolVersion]: requested }, headers })).toEqual({ kind: 'unsupported', requested });
  });

  test('must be named in the header too', () => {
    const outcome = read({ meta: { [META.protocolVersion]: '2027-01-01' } });
    expect(outcome).toEqual(mismatch('MCP-Protocol-Version does not match the body'));
  });
});

describe('hasEnvelope', () => {
  test.each([VERSION, '1999-01-01', 7, null])(
    'is true when _meta names the version %j, whatever that is worth',
    (version) => {
      expect(hasEnvelope({ _meta: { [META.protocolVersion]: version } })).toBe(true);
    },
  );

  test.each([
    undefined,
    {},
    { _meta: {} },
    { _meta: null },
    { _meta: { progressToken: 1 } },
    { _meta: [META.protocolVersion] },
  ])('is false for the parameters %j', (params) => {
    expect(hasEnvelope(params)).toBe(false);
  });
});
