/** What is told to an upstream after the client has had its answer, in the last second of an invocation. */
import { expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { createGateway } from '../../lib/gateway.ts';
import type { UpstreamHttpRequest, UpstreamHttpResponse, UpstreamTransport } from '../../lib/ports/transport.ts';
import type { HttpResponse } from '../../lib/protocol/http.ts';
import { createManualClock } from '../support/manual-clock.ts';

const INVOCATION_MS = 3000;
/** The gateway gives a call up so long before the end of its invocation. */
const LAST_WORD_MS = 1000;

/** An upstream that never answers a call, and takes a cancellation when the test lets it. */
class SlowUpstream implements UpstreamTransport {
  readonly called = Promise.withResolvers<void>();
  readonly cancelling = Promise.withResolvers<AbortSignal>();
  readonly #taken = Promise.withResolvers<void>();

  takeCancellation(): void {
    this.#taken.resolve();
  }

  async send({ body, signal }: UpstreamHttpRequest): ReturnType<UpstreamTransport['send']> {
    const { id, method, params } = JSON.parse(body);
    switch (method) {
      case 'initialize': {
        const serverInfo = { name: 'slow', version: '1.0.0' };
        const result = { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo };
        return respond(200, JSON.stringify({ jsonrpc: '2.0', id, result }));
      }
      case 'tools/call':
        this.called.resolve();
        await aborted(signal);
        return { kind: 'failure', cause: 'aborted', sent: true };
      case 'notifications/cancelled':
        this.cancelling.resolve(signal);
        await Promise.race([this.#taken.promise, aborted(signal)]);
        return signal.aborted ? { kind: 'failure', cause: 'aborted', sent: false } : respond(202, '');
      default:
        return respond(202, '');
    }
  }
}

function respond(status: number, text: string): UpstreamHttpResponse {
  async function* bytes() {
    if (text !== '') yield Buffer.from(text);
  }
  const headers = { 'content-type': 'application/json', 'mcp-session-id': 'one' };
  return { kind: 'response', status, headers, body: bytes(), close: () => undefined };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** A call that its invocation leaves no time for: its answer is there, and a second is left. */
async function giveUp(upstream: SlowUpstream) {
  const config = resolveConfig(
    {
      upstreams: { up: { url: 'http://slow.example/mcp', prefix: '' } },
      servers: { default: { upstreams: ['up'] } },
    },
    UNSAID.local,
  );
  if (!config.ok) throw new Error('The configuration is wrong');
  const clock = createManualClock();
  const gateway = createGateway(config.config, {
    clock,
    ids: cryptoIds,
    openStores: createMemoryStores(),
    transport: upstream,
    executeOnce,
    tracer: noopTracer,
    actionLog: {
      write: () => undefined,
      notice: () => undefined,
      defect: (_requestId, error) => upstream.called.reject(error),
    },
  });
  const send = (message: object, more: Readonly<Record<string, string>> = {}): Promise<HttpResponse> => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...more };
    const arrivedAt = clock.now();
    const endsAt = arrivedAt + INVOCATION_MS;
    const invocation = { requestId: 'one', trace: undefined, environment: 'one', cold: false, arrivedAt, endsAt };
    return gateway({ method: 'POST', path: '/mcp', headers, body, bodyBytes: Buffer.byteLength(body) }, invocation);
  };
  const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'client', version: '1.0.0' } };
  const { headers } = await send({ id: 1, method: 'initialize', params: hello });
  const session = { 'mcp-session-id': headers['mcp-session-id'] ?? '' };
  const call = send({ id: 2, method: 'tools/call', params: { name: 'slow', arguments: {} } }, session);
  await upstream.called.promise;
  clock.advance(INVOCATION_MS - LAST_WORD_MS);
  const response = await call;
  expect(response.body).toContain('"code":1007');
  return { clock, response };
}

test('an upstream that is slow to connect to has what is left of the invocation to hear of a call given up', async () => {
  const upstream = new SlowUpstream();
  const { clock, response } = await giveUp(upstream);
  const signal = await upstream.cancelling.promise;
  clock.advance(LAST_WORD_MS - 200);
  expect(signal.aborted).toBe(false);
  upstream.takeCancellation();
  await response.after();
});

test('an upstream that never takes the word does not outlast the invocation', async () => {
  const upstream = new SlowUpstream();
  const { clock, response } = await giveUp(upstream);
  const signal = await upstream.cancelling.promise;
  clock.advance(LAST_WORD_MS - 1);
  expect(signal.aborted).toBe(true);
  await response.after();
});
