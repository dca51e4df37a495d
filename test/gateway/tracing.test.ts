/** Which spans a request leaves, what they are part of, and when they end. */
import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { systemClock } from '../../lib/adapters/node/clock.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { createGateway } from '../../lib/gateway.ts';
import { StoreError, type Stores } from '../../lib/ports/stores.ts';
import type { UpstreamTransport } from '../../lib/ports/transport.ts';
import { secretlessTransport } from '../support/http-transport.ts';
import { startResumableUpstream } from '../support/resumable-upstream.ts';
import { modernRequest } from '../support/wire.ts';
import { Recording, type RecordedSpan } from '../../lib/adapters/xray/recording.ts';
import { FUNCTION_LEG, type Harness, type HarnessOptions } from '../support/gateway-harness.ts';
import { tools } from '../support/listing-upstream.ts';
import { asTimePasses } from '../support/passing-time.ts';
import { createManualClock, passingTime } from '../support/manual-clock.ts';
import { openFaulty, openGateway, openScripted } from './fixtures.ts';
import { allOf as readToEnd, openTelling } from './listening-fixtures.ts';
import { startScriptedUpstream, type Incoming, type ScriptedUpstream } from './scripted-upstream.ts';

const TRACE = { id: '1-67891233-abcdef012345678912345678', parent: '53995c3f42cd8ad8', sampled: true } as const;

const PAIRS = [
  ['2026-07-28', 'modern'],
  ['2026-07-28', 'legacy'],
  ['2025-11-25', 'legacy'],
  ['2025-11-25', 'modern'],
] as const;

/** A span, as it was sent last, and the spans that are part of it. */
interface Branch extends RecordedSpan {
  readonly parts: readonly Branch[];
}

/** What invocations have left, one tree each; the sum of what was sent of them. */
function treesOf({ spans }: Harness): readonly Branch[] {
  const known = [...new Map(spans.flat().map((span) => [span.id, span])).values()];
  const branchesBelow = (parent: string): readonly Branch[] =>
    known.filter((span) => span.parent === parent).map((span) => ({ ...span, parts: branchesBelow(span.id) }));
  return branchesBelow(TRACE.parent);
}

function lastTree(gateway: Harness): Branch {
  const last = treesOf(gateway).at(-1);
  if (last === undefined) throw new Error('Nothing was traced');
  return last;
}

function allOf({ parts, ...span }: Branch): readonly RecordedSpan[] {
  return [span, ...parts.flatMap(allOf)];
}

function namesOf(branches: readonly Branch[]): readonly string[] {
  return branches.map(({ name }) => name);
}

function partOf({ parts }: Branch, name: string): Branch {
  const [found, ...others] = parts.filter((part) => part.name === name);
  if (found === undefined || others.length > 0) throw new Error(`${name} is not one of ${namesOf(parts).join(', ')}`);
  return found;
}

/** Every span has ended, and within the one that it is part of. */
function expectSound(branch: Branch): void {
  for (const part of branch.parts) {
    expect(part.startedAt).toBeGreaterThanOrEqual(branch.startedAt);
    expect(part.endedAt).toBeLessThanOrEqual(branch.endedAt!);
    expectSound(part);
  }
}

const PHASES = ['connect', 'first byte', 'body'];

async function openTraced(era: 'modern' | 'legacy', options: Partial<HarnessOptions> = {}) {
  return openScripted({ trace: TRACE, ...options, upstream: { era, ...options.upstream } });
}

describe.each(PAIRS)('a %s client of a %s upstream', (revision, era) => {
  test('leaves its stages, and the request to the upstream with its phases, as one tree', async () => {
    const { gateway, upstream } = await openTraced(era);
    upstream.onCall(({ answer }) => answer({ content: [] }));
    const peer = await gateway.client.connect(revision);
    await peer.call('up__look');
    await peer.call('up__look');
    await gateway.settled();
    const tree = lastTree(gateway);
    expect(tree.name).toBe('gateway');
    const stages = revision === '2026-07-28' ? ['authenticate'] : ['authenticate', 'session'];
    expect(namesOf(tree.parts)).toEqual([...stages, 'tools/call', ...namesOf(tree.parts.slice(stages.length + 1))]);
    const requests = partOf(tree, 'tools/call').parts.filter(({ name }) => name === 'upstream up');
    const request = requests.at(-1)!;
    expect(request).toMatchObject({ isRemote: true, verdict: undefined });
    expect(request.annotations).toMatchObject({ upstream: 'up', method: 'tools/call', attempt: 1, http_status: 200 });
    expect(namesOf(request.parts)).toEqual(PHASES);
    expect(allOf(tree).filter(({ isRemote }) => isRemote)).not.toHaveLength(0);
    expectSound(partOf(tree, 'tools/call'));
  });

  test('can be searched by what the log says of it', async () => {
    const { gateway, upstream } = await openTraced(era);
    upstream.onCall(({ answer }) => answer({ isError: true, content: [] }));
    const peer = await gateway.client.connect(revision);
    await peer.call('up__look');
    await gateway.settled();
    const { caller, session, cold, gatewayMs, upstreamMs } = gateway.actions.at(-1)!;
    const { annotations } = partOf(lastTree(gateway), 'tools/call');
    expect(annotations).toEqual({
      era: revision === '2026-07-28' ? 'modern' : 'legacy',
      server: 'default',
      upstream: 'up',
      tool: 'up__look',
      outcome: 'tool-error',
      attempt: 1,
      replayed: false,
      cold_start: cold,
      caller_hash: caller,
      ...(session === null ? {} : { session_hash: session }),
      gateway_ms: gatewayMs,
      upstream_ms: upstreamMs,
    });
  });

  test('each attempt is a request of its own, and says why it failed', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openTraced(era, { clock, upstream: { tools: { look: { idempotent: true } } } });
    upstream.onCall(({ response, answer }: Incoming) => {
      if (upstream.of('tools/call').length === 1) response.socket?.resetAndDestroy();
      else if (upstream.of('tools/call').length === 2) response.writeHead(503).end();
      else answer({ content: [] });
    });
    const peer = await gateway.client.connect(revision);
    await passingTime(clock, 100, peer.call('up__look'));
    await gateway.settled();
    const { parts } = partOf(lastTree(gateway), 'tools/call');
    const attempts = parts.filter(({ annotations }) => annotations['method'] === 'tools/call');
    expect(
      attempts.map(({ annotations, verdict }) => [annotations['attempt'], annotations['error_kind'], verdict]),
    ).toEqual([
      [1, 'upstream-reset', 'fault'],
      [2, 'upstream-http', 'fault'],
      [3, undefined, undefined],
    ]);
  });

  test('the request lasts as long as its stream, and not only until its head', async () => {
    const { gateway, upstream } = await openTraced(era);
    const answered = Promise.withResolvers<number>();
    upstream.onCall(async ({ progress, answer }) => {
      progress(1);
      await new Promise((resolve) => setImmediate(resolve));
      answered.resolve(performance.timeOrigin + performance.now());
      answer({ content: [] });
    });
    const peer = await gateway.client.connect(revision);
    await peer.request('tools/call', { name: 'up__look', _meta: { progressToken: 1 } });
    await gateway.settled();
    const { parts } = partOf(lastTree(gateway), 'tools/call');
    const request = parts.findLast(({ name }) => name === 'upstream up')!;
    const body = partOf(request, 'body');
    expect(request.endedAt).toBeGreaterThanOrEqual(await answered.promise);
    expect(body.endedAt).toBeGreaterThanOrEqual(await answered.promise);
  });
});

test('calls that run at the same time keep their own parts', async () => {
  const { gateway, upstream } = await openFaulty('legacy', { trace: TRACE });
  upstream.barrier('together', 10);
  const peer = await gateway.client.connect('2025-03-26');
  const batch = Array.from({ length: 10 }, (_, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'up__together', arguments: { id } },
  }));
  await gateway.client.post(batch, peer.headers);
  await gateway.settled();
  const calls = lastTree(gateway).parts.filter(({ name }) => name === 'tools/call');
  expect(calls).toHaveLength(10);
  for (const call of calls) {
    const requests = call.parts.filter(({ annotations }) => annotations['method'] === 'tools/call');
    expect(requests).toHaveLength(1);
    expect(namesOf(requests[0]!.parts)).toEqual(PHASES);
    expectSound(call);
  }
});

test.each(PAIRS)('a %s client of a %s upstream has the two ends of a keyed call as stages', async (revision, era) => {
  const { gateway, upstream } = await openTraced(era);
  upstream.onCall(({ answer }) => answer({ content: [] }));
  const peer = await gateway.client.connect(revision);
  await peer.call('up__pay', {}, { headers: { 'idempotency-key': randomUUID() } });
  await gateway.settled();
  const names = namesOf(partOf(lastTree(gateway), 'tools/call').parts).filter((name) => name !== 'admission');
  const [first, last] = [names.indexOf('idempotency'), names.lastIndexOf('idempotency')];
  expect([first >= 0, first < names.indexOf('upstream up'), last > names.lastIndexOf('upstream up')]).toEqual([
    true,
    true,
    true,
  ]);
});

test('a list shows that it was asked of the catalog, and which upstreams were asked for it', async () => {
  const { gateway, upstream } = await openTraced('modern');
  upstream.on('tools/list', ({ answer }) => answer({ tools: [], ttlMs: 60_000 }));
  const peer = await gateway.client.connect('2026-07-28');
  await peer.request('tools/list');
  await gateway.settled();
  const asked = partOf(partOf(lastTree(gateway), 'tools/list'), 'catalog');
  expect(namesOf(asked.parts)).toContain('upstream up');
  await peer.request('tools/list');
  await gateway.settled();
  const kept = partOf(partOf(lastTree(gateway), 'tools/list'), 'catalog');
  expect(namesOf(kept.parts)).not.toContain('upstream up');
});

test('what is refused says why', async () => {
  const { gateway } = await openTraced('modern');
  const peer = await gateway.client.connect('2026-07-28');
  await peer.call('nobody__look');
  await gateway.client.post('{', { 'content-type': 'application/json' });
  await gateway.settled();
  const [known, unread] = treesOf(gateway).slice(-2);
  expect(partOf(known!, 'tools/call')).toMatchObject({
    verdict: 'error',
    annotations: { outcome: 'refused', error_kind: 'unknown-name' },
  });
  expect(unread).toMatchObject({ verdict: 'error', annotations: { http_status: 400 } });
  expect(partOf(unread!, 'refused')).toMatchObject({ verdict: 'error', annotations: { error_kind: 'parse-error' } });
});

test('a method that does not exist is not named in the trace', async () => {
  const { gateway } = await openTraced('modern');
  const peer = await gateway.client.connect('2026-07-28');
  await peer.request('secret/of\u0000mine');
  await gateway.settled();
  expect(namesOf(lastTree(gateway).parts)).toContain('unknown method');
  expect(JSON.stringify(gateway.spans)).not.toContain('secret');
});

test('arguments, results, ids and addresses of upstreams are in no trace', async () => {
  const { gateway, upstream } = await openTraced('legacy');
  upstream.onCall(({ answer }) => answer({ content: [{ type: 'text', text: 'S3CRET-result' }] }));
  const peer = await gateway.client.connect('2025-11-25');
  await peer.call('up__look', { argument: 'S3CRET-argument' });
  await gateway.settled();
  const ids = upstream.received.flatMap(({ sessionId }) => sessionId ?? []);
  const text = JSON.stringify(gateway.spans);
  expect(ids).not.toHaveLength(0);
  for (const secret of ['S3CRET', peer.headers['mcp-session-id']!, upstream.url, ...ids]) {
    expect(text).not.toContain(secret);
  }
});

/** The core itself, without anybody who reads its answers to their ends. */
async function openCore(upstream: ScriptedUpstream) {
  const sent: (readonly RecordedSpan[])[] = [];
  const resolved = resolveConfig(
    { upstreams: { up: { url: upstream.url, era: 'modern' } }, servers: { default: { upstreams: ['up'] } } },
    UNSAID.local,
  );
  if (!resolved.ok) throw new Error('This configuration is valid');
  const fail = (_id: unknown, error: unknown): never => {
    throw error;
  };
  const gateway = createGateway(resolved.config, {
    clock: systemClock,
    ids: cryptoIds,
    openStores: createMemoryStores(),
    transport: secretlessTransport(),
    executeOnce,
    tracer: {
      begin: (_invocation, name) =>
        new Recording(
          TRACE,
          name,
          async (_trace, spans) => void sent.push(spans),
          (error) => fail(undefined, error),
        ),
    },
    actionLog: { write: () => {}, notice: () => {}, defect: fail },
  });
  const { headers, body: message } = modernRequest('tools/call', { name: 'up__look' }, { progressToken: 1 });
  const body = JSON.stringify(message);
  const named = {
    'content-type': 'application/json',
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  };
  const call = () =>
    gateway(
      { method: 'POST', path: '/mcp', headers: named, body, bodyBytes: Buffer.byteLength(body) },
      { requestId: 'r', trace: TRACE, environment: 'e', cold: true, arrivedAt: Date.now(), endsAt: Infinity },
    );
  const rootHasEnded = (): boolean =>
    sent.flat().some(({ name, endedAt }) => name === 'gateway' && endedAt !== undefined);
  return { call, sent, rootHasEnded };
}

test('the trace of an answer in JSON has left before the answer', async () => {
  const upstream = await startScriptedUpstream();
  onTestFinished(() => upstream.stop());
  upstream.onCall(({ answer }) => answer({ content: [] }));
  const core = await openCore(upstream);
  const response = await core.call();
  expect([response.status, typeof response.body, core.rootHasEnded()]).toEqual([200, 'string', true]);
  await response.after();
});

test.each(['is read to its end', 'is left'])('the trace of a stream has left by the time that it %s', async (how) => {
  const upstream = await startScriptedUpstream();
  onTestFinished(() => upstream.stop());
  upstream.onCall(({ progress, answer }) => {
    progress(1);
    if (how === 'is read to its end') answer({ content: [] });
  });
  const core = await openCore(upstream);
  const response = await core.call();
  if (typeof response.body === 'string') throw new Error(`This answer is no stream: ${response.body}`);
  const events = response.body[Symbol.asyncIterator]();
  await events.next();
  expect(core.rootHasEnded()).toBe(false);
  if (how === 'is left') await events.return?.();
  else while ((await events.next()).done !== true);
  expect(core.rootHasEnded()).toBe(true);
  await response.after();
});

test('what is done after the answer is sent when it has ended', async () => {
  const { gateway, upstream } = await openTraced('legacy', { upstream: { isolation: 'call' } });
  upstream.onCall(({ answer }) => answer({ content: [] }));
  const peer = await gateway.client.connect('2026-07-28');
  await peer.call('up__look');
  const before = gateway.spans.length;
  await gateway.settled();
  const later = gateway.spans.slice(before).flat();
  expect(later.map(({ annotations }) => annotations['http_method'])).toContain('DELETE');
});

test('a request that is never sent has a span that ends', async () => {
  const transport: UpstreamTransport = {
    send: async () => ({ kind: 'failure', cause: 'secret-unavailable', sent: false }),
  };
  const { gateway } = await openTraced('modern', { transport });
  const peer = await gateway.client.connect('2026-07-28');
  expect((await peer.call('up__look')).error.code).toBe(1017);
  await gateway.settled();
  expect(allOf(lastTree(gateway)).filter(({ endedAt }) => endedAt === undefined)).toEqual([]);
});

test('listening that cannot begin has a span that ends', async () => {
  const down = new StoreError('listening.read', 'down', undefined);
  const wrapStores = (stores: Stores): Stores => ({
    ...stores,
    listening: { ...stores.listening, read: async () => Promise.reject(down) },
  });
  const { gateway } = await openTraced('legacy', { wrapStores });
  const peer = await gateway.client.connect('2025-11-25');
  const { status } = await peer.listen();
  await gateway.settled();
  expect([status, gateway.takeDefects()]).toEqual([503, [down]]);
  expect(allOf(lastTree(gateway)).filter(({ endedAt }) => endedAt === undefined)).toEqual([]);
});

test('an upstream that ends a stream to be asked for the rest has done nothing wrong', async () => {
  const clock = createManualClock();
  const upstream = await startResumableUpstream();
  const gateway = await openGateway({ trace: TRACE, clock, url: upstream.url });
  const peer = await gateway.client.connect('2025-11-25');
  const answered = peer.request('tools/call', { name: 'up__steps' }, { progressToken: 't' });
  const running = await upstream.nextCall();
  await running.progress(1);
  running.closeStream();
  await passingTime(clock, 100, upstream.resumed);
  running.answer('done');
  await passingTime(clock, 100, answered);
  await gateway.settled();
  const requests = allOf(lastTree(gateway)).filter(({ isRemote }) => isRemote);
  expect(requests.filter(({ verdict }) => verdict !== undefined)).toEqual([]);
  expect(requests.map(({ annotations }) => annotations['error_kind'])).toContain('upstream-closed');
});

test('an upstream is not to blame for a call that ends because its invocation does', async () => {
  const clock = createManualClock();
  const { gateway, upstream } = await openTraced('modern', { clock, endsAt: clock.now() + 5000 });
  upstream.onCall(() => {});
  const peer = await gateway.client.connect('2026-07-28');
  expect((await passingTime(clock, 100, peer.call('up__look'))).error.code).toBe(1007);
  await gateway.settled();
  const request = partOf(partOf(lastTree(gateway), 'tools/call'), 'upstream up');
  expect([request.annotations['error_kind'], request.verdict]).toEqual(['invocation-ending', undefined]);
});

test('an upstream is not to blame for a subscription that goes on until its time is up', async () => {
  const { gateway, clock } = await openTelling(
    { one: { era: 'modern', tools: tools('a') } },
    { leg: FUNCTION_LEG, trace: TRACE },
  );
  const peer = await gateway.client.connect('2026-07-28');
  const stream = await peer.stream('subscriptions/listen', { notifications: { toolsListChanged: true } });
  await asTimePasses(clock, readToEnd(stream), 200);
  await gateway.settled();
  const listening = gateway.spans.flat().filter(({ annotations }) => annotations['method'] === 'subscriptions/listen');
  expect(listening.map(({ annotations }) => annotations['error_kind'])).toContain('upstream-timeout');
  expect(listening.filter(({ verdict }) => verdict !== undefined)).toEqual([]);
});

test('nothing is recorded of what is not sampled', async () => {
  const { gateway, upstream } = await openTraced('modern', { trace: { ...TRACE, sampled: false } });
  upstream.onCall(({ answer }) => answer({ content: [] }));
  const peer = await gateway.client.connect('2026-07-28');
  await peer.call('up__look');
  await gateway.settled();
  expect(gateway.spans).toEqual([]);
  expect(gateway.actions.at(-1)).toMatchObject({ traceId: TRACE.id });
});
