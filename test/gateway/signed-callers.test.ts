/** Callers that are known by their signatures, which the platform has checked. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { systemClock } from '../../lib/adapters/node/clock.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { createGateway } from '../../lib/gateway.ts';
import type { Action } from '../../lib/ports/action-log.ts';
import { secretlessTransport } from '../support/http-transport.ts';
import { startScriptedUpstream } from './scripted-upstream.ts';

/** JSON as tests look into it. */
type AnyJson = any;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: AnyJson;
}

async function open(fields: object = {}) {
  const upstream = await startScriptedUpstream();
  onTestFinished(() => upstream.stop());
  upstream.onCall(({ answer }) => answer({ content: [] }));
  const file = { upstreams: { up: { url: upstream.url, ...fields } }, servers: { default: { upstreams: ['up'] } } };
  const resolved = resolveConfig(file, UNSAID.deployed);
  if (!resolved.ok) throw new Error('The configuration is wrong');
  const actions: Action[] = [];
  const gateway = createGateway(resolved.config, {
    clock: systemClock,
    ids: cryptoIds,
    openStores: createMemoryStores(),
    transport: secretlessTransport(),
    executeOnce,
    tracer: noopTracer,
    actionLog: {
      write: (action) => void actions.push(action),
      notice: () => {},
      defect: (_id, error) => expect.fail(String(error)),
    },
  });
  const invocation = {
    requestId: 'r',
    trace: undefined,
    environment: 'e',
    cold: false,
    arrivedAt: Date.now(),
    endsAt: Infinity,
  };
  const send = async (
    signer: string | undefined,
    message: object,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    const response = await gateway(
      {
        method: 'POST',
        path: '/mcp',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
        body,
        bodyBytes: body.length,
        ...(signer !== undefined && { signer }),
      },
      invocation,
    );
    let text = '';
    if (typeof response.body === 'string') text = response.body;
    else for await (const chunk of response.body) text += chunk;
    await response.after();
    return {
      status: response.status,
      headers: response.headers,
      json: text === '' ? undefined : JSON.parse(text),
    };
  };
  const call = (signer: string | undefined, more: Record<string, string> = {}) =>
    send(
      signer,
      {
        id: 1,
        method: 'tools/call',
        params: {
          name: 'up__any',
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      },
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'up__any', ...more },
    );
  const initialize = async (signer: string): Promise<Record<string, string>> => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
    const { headers } = await send(signer, { id: 0, method: 'initialize', params });
    return { 'mcp-session-id': headers['mcp-session-id']!, 'mcp-protocol-version': '2025-11-25' };
  };
  return { upstream, actions, send, call, initialize };
}

test('a request that nobody has signed is refused before anything is done for it', async () => {
  const { upstream, call, actions } = await open();
  expect(await call(undefined)).toMatchObject({
    status: 403,
    json: { error: { code: -32600, message: 'This gateway takes only requests that are signed with AWS credentials' } },
  });
  expect(upstream.received).toEqual([]);
  expect(actions).toMatchObject([{ outcome: 'refused', errorKind: 'unsigned', caller: null }]);
});

test('a signer is told apart from others in the log, and not by name', async () => {
  const { call, actions } = await open({ era: 'modern' });
  for (const signer of ['AIDAONE', 'AIDATWO', 'AIDAONE']) expect((await call(signer)).status).toBe(200);
  const [one, two, again] = actions.map(({ caller }) => caller);
  expect(again).toBe(one);
  expect(two).not.toBe(one);
  expect(JSON.stringify(actions)).not.toMatch(/AIDA/);
});

describe('a client session', () => {
  test('belongs to its signer, and is unknown to others', async () => {
    const { send, initialize } = await open();
    const session = await initialize('AIDAONE');
    const ping = { id: 1, method: 'ping' };
    expect((await send('AIDAONE', ping, session)).status).toBe(200);
    expect((await send('AIDATWO', ping, session)).status).toBe(404);
  });
});

describe('an upstream session', () => {
  test('is shared by the calls of one modern caller, and by nobody else', async () => {
    const { upstream, call } = await open({ era: 'legacy' });
    for (const signer of ['AIDAONE', 'AIDATWO', 'AIDAONE']) await call(signer);
    const [one, two, again] = upstream.of('tools/call').map(({ sessionId }) => sessionId);
    expect(one).toBeDefined();
    expect(again).toBe(one);
    expect(two).not.toBe(one);
  });
});

test('an idempotency key of a signer may be short, and is its own', async () => {
  const { upstream, call } = await open({ era: 'modern' });
  const key = { 'idempotency-key': 'order-7' };
  for (const signer of ['AIDAONE', 'AIDAONE', 'AIDATWO']) expect((await call(signer, key)).json.result).toBeDefined();
  expect(upstream.of('tools/call')).toHaveLength(2);
});
