/** Work that a call gives up waiting for must not run on in the next invocation of a frozen environment. */
import { expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { createGateway } from '../../lib/gateway.ts';
import type { UpstreamEras } from '../../lib/ports/upstream-eras.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import { modernRequest } from '../support/wire.ts';

test('a store that outlasts the call holds the invocation open until it answers', async () => {
  const url = 'http://127.0.0.1:9/mcp';
  const resolved = resolveConfig(
    {
      upstreams: { up: { url, timeoutMs: 1000 } },
      servers: { default: { upstreams: ['up'] } },
    },
    UNSAID.local,
  );
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  const clock = createManualClock();
  const openStores = createMemoryStores();
  const reading = Promise.withResolvers<UpstreamEras | undefined>();
  const gateway = createGateway(resolved.config, {
    clock,
    ids: cryptoIds,
    openStores: (tally) => {
      const stores = openStores(tally);
      return { ...stores, upstreamEras: { ...stores.upstreamEras, read: () => reading.promise } };
    },
    transport: { send: async () => ({ kind: 'failure', cause: 'aborted', sent: false }) },
    executeOnce,
    tracer: noopTracer,
    actionLog: {
      write: () => undefined,
      notice: () => undefined,
      defect: (_requestId, error) => reading.reject(error),
    },
  });
  const { body: message, headers: mirrored } = modernRequest('tools/call', { name: 'up__slow', arguments: {} });
  const body = JSON.stringify(message);
  const headers = { 'content-type': 'application/json', ...mirrored };
  const arrivedAt = clock.now();
  const answering = gateway(
    { method: 'POST', path: '/mcp', headers, body, bodyBytes: body.length },
    { requestId: 'r', trace: undefined, environment: 'e', cold: true, arrivedAt, endsAt: Infinity },
  );
  await turn();
  clock.advance(1000);
  const response = await answering;
  expect(response.body).toContain('"code":1005');

  let over = false;
  const after = response.after().then(() => (over = true));
  await turn();
  expect(over).toBe(false);
  reading.resolve(undefined);
  await after;
  expect(over).toBe(true);
});
