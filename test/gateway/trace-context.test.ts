/** Which trace upstreams are told that they are part of, in headers and in `_meta`, in each era and over each transport. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RecordedSpan } from '../../lib/adapters/xray/recording.ts';
import type { InvocationTrace } from '../../lib/ports/invocation.ts';
import type { UpstreamHttpRequest, UpstreamTransport } from '../../lib/ports/transport.ts';
import { FUNCTION_LEG, type Harness, type HarnessOptions, type Peer } from '../support/gateway-harness.ts';
import { startHttpSseUpstream } from '../support/http-sse-upstream.ts';
import { secretlessTransport } from '../support/http-transport.ts';
import { createManualClock, passingTime } from '../support/manual-clock.ts';
import { startResumableUpstream } from '../support/resumable-upstream.ts';
import { openGateway, openScripted } from './fixtures.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const ROOT = '1-5759e988-bd862e3fe1be46a994272793';
const ROOT_AS_TRACE_ID = '5759e988bd862e3fe1be46a994272793';
const SEGMENT = '53995c3f42cd8ad8';
const UNSAMPLED: InvocationTrace = { id: ROOT, parent: SEGMENT, sampled: false };
const SAMPLED: InvocationTrace = { ...UNSAMPLED, sampled: true };

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = '00f067aa0ba902b7';
const SAID = {
  traceparent: `00-${TRACE_ID}-${PARENT_ID}-01`,
  tracestate: 'b=1,a=2',
  baggage: 'user=1;secret,team=x',
};
const KEYS = ['traceparent', 'tracestate', 'baggage', 'x-amzn-trace-id'];

const CLIENTS = ['2026-07-28', '2025-11-25'];
const ERAS = ['modern', 'legacy'];
const PAIRS = CLIENTS.flatMap((revision) => ERAS.map((era) => ({ revision, era })));

/** What the tracer was given to send by now. */
function collectedBy({ spans }: Harness) {
  const known = (): ReadonlyMap<string, RecordedSpan> => new Map(spans.flat().map((span) => [span.id, span]));
  return {
    /** The span of this id. */
    span: (id: string) => known().get(id),
    named: (name: string) => [...known().values()].filter((span) => span.name === name),
  };
}

type Options = Omit<HarnessOptions, 'url' | 'leg'>;

async function open(revision: string, { upstream: fields, ...options }: Options = {}) {
  const { gateway, upstream } = await openScripted({ leg: FUNCTION_LEG, upstream: fields ?? {}, ...options });
  upstream.onCall(({ answer }) => answer({ content: [] }));
  return { gateway, upstream, collected: collectedBy(gateway), peer: await gateway.client.connect(revision) };
}

const call = (peer: Peer, params: object = {}, headers: Record<string, string> = {}) =>
  peer.request('tools/call', { name: 'up__any', ...params }, { headers });

/** What one request said of its trace. */
function said({ headers, message }: { readonly headers: object; readonly message: AnyJson }) {
  const pick = (from: AnyJson) =>
    Object.fromEntries(KEYS.flatMap((key) => (from?.[key] === undefined ? [] : [[key, from[key]]])));
  const { 'x-amzn-trace-id': aws, ...inHeaders } = pick(headers);
  return { inHeaders, inMeta: pick(message?.params?._meta), aws };
}

const parentIdOf = (traceparent: unknown): string => String(traceparent).split('-')[2] ?? '';

describe.each(PAIRS)('a $revision client of a $era upstream', ({ revision, era }) => {
  test('says nothing of a trace where there is none', async () => {
    const { upstream, peer } = await open(revision, { upstream: { era } });
    await call(peer, { arguments: { a: 1 } });
    for (const received of upstream.received) {
      expect(said(received)).toEqual({ inHeaders: {}, inMeta: {}, aws: undefined });
    }
  });

  test('has its trace continued where the platform has none', async () => {
    const { upstream, peer } = await open(revision, { upstream: { era } });
    await call(peer, {}, SAID);
    expect(said(upstream.of('tools/call')[0]!)).toEqual({ inHeaders: SAID, inMeta: SAID, aws: undefined });
  });

  test("is part of the platform's trace, which is not sampled", async () => {
    const { upstream, peer } = await open(revision, { upstream: { era }, trace: UNSAMPLED });
    await call(peer);
    const traceparent = `00-${ROOT_AS_TRACE_ID}-${SEGMENT}-00`;
    expect(said(upstream.of('tools/call')[0]!)).toEqual({
      inHeaders: { traceparent },
      inMeta: { traceparent },
      aws: `Root=${ROOT};Parent=${SEGMENT};Sampled=0`,
    });
    for (const received of upstream.received) {
      expect(said(received)).toMatchObject({ inHeaders: { traceparent }, aws: expect.any(String) });
    }
  });

  test("is part of the platform's trace, each request with the span that is recorded of it", async () => {
    const { gateway, upstream, collected, peer } = await open(revision, { upstream: { era }, trace: SAMPLED });
    await call(peer);
    await gateway.settled();
    const ids = upstream.received.map((received) => parentIdOf(said(received).inHeaders['traceparent']));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.map((id) => collected.span(id)?.annotations['method'])).toEqual(
      upstream.received.map(({ message }): unknown => message?.method),
    );
    for (const [index, received] of upstream.received.entries()) {
      expect(said(received)).toMatchObject({
        inHeaders: { traceparent: `00-${ROOT_AS_TRACE_ID}-${ids[index]}-01` },
        aws: `Root=${ROOT};Parent=${ids[index]};Sampled=1`,
      });
    }
    const { inHeaders, inMeta } = said(upstream.of('tools/call')[0]!);
    expect(inMeta).toEqual(inHeaders);
  });

  test('has its trace continued with the span that is recorded, and each trace leads to the other', async () => {
    const { gateway, upstream, collected, peer } = await open(revision, { upstream: { era }, trace: SAMPLED });
    await call(peer, { _meta: SAID });
    await gateway.settled();
    const { inHeaders, inMeta, aws } = said(upstream.of('tools/call')[0]!);
    const id = parentIdOf(inMeta['traceparent']);
    expect(collected.span(id)).toMatchObject({
      name: 'upstream up',
      annotations: { method: 'tools/call', attempt: 1 },
    });
    expect(inMeta).toEqual({
      traceparent: `00-${TRACE_ID}-${id}-01`,
      tracestate: `sluice=${ROOT},b=1,a=2`,
      baggage: SAID.baggage,
    });
    expect(inHeaders).toEqual(inMeta);
    expect(aws).toBe(`Root=${ROOT};Parent=${id};Sampled=1`);
    expect(collected.named('tools/call').map(({ annotations }) => annotations['client_trace_id'])).toEqual([TRACE_ID]);
  });

  test('that is in a sampled trace has nothing recorded unless the platform samples', async () => {
    const { upstream, peer } = await open(revision, { upstream: { era }, trace: UNSAMPLED });
    await call(peer, {}, SAID);
    expect(said(upstream.of('tools/call')[0]!)).toEqual({
      inHeaders: SAID,
      inMeta: SAID,
      aws: `Root=${ROOT};Parent=${SEGMENT};Sampled=0`,
    });
  });

  test('is answered all the same when what it says of a trace is nonsense, which goes no further', async () => {
    const { upstream, peer } = await open(revision, { upstream: { era } });
    const headers = { traceparent: 'a\r\nb', tracestate: 'x', baggage: '\u2713', 'x-amzn-trace-id': 'Root=1' };
    const _meta = { traceparent: { a: 1 }, tracestate: ['a=1'], baggage: 'a b', 'com.example/x': [1.0] };
    const { status, messages } = await call(peer, { _meta }, headers);
    expect([status, messages[0].result.content]).toEqual([200, []]);
    const [received] = upstream.of('tools/call');
    expect(said(received!)).toEqual({ inHeaders: {}, inMeta: {}, aws: undefined });
    expect(received!.message.params._meta['com.example/x']).toEqual([1]);
  });

  test('has everything else of its request arrive as it wrote it', async () => {
    const { upstream, peer } = await open(revision, { upstream: { era }, trace: UNSAMPLED });
    const args = { text: 'ü🌊 "traceparent"', traceparent: 'mine', _meta: { traceparent: 'mine' }, n: 1e100 };
    const others = { 'com.example/x': { baggage: [null] }, Traceparent: 'other' };
    await call(peer, { arguments: args, 'x-unknown': [1], _meta: { ...others, ...SAID } });
    const { arguments: received, _meta, ...params } = upstream.of('tools/call')[0]!.message.params;
    expect(received).toEqual(args);
    expect(params).toEqual({ name: 'any', 'x-unknown': [1] });
    const kept = Object.entries(_meta).filter(([key]) => !key.startsWith('io.modelcontextprotocol/'));
    expect(Object.fromEntries(kept)).toEqual({ ...others, ...SAID });
  });

  test('reaches an upstream that is to learn nothing with nothing of it, its own words included', async () => {
    const { gateway, upstream, peer } = await open(revision, {
      upstream: { era, traceContext: false },
      trace: SAMPLED,
    });
    await call(peer, { _meta: { ...SAID, 'com.example/x': 1 } }, SAID);
    await gateway.settled();
    for (const received of upstream.received) {
      expect(said(received)).toEqual({ inHeaders: {}, inMeta: {}, aws: undefined });
    }
    expect(upstream.of('tools/call')[0]!.message.params._meta).toMatchObject({ 'com.example/x': 1 });
  });

  test('that is sent again has a span for each attempt, in both places', async () => {
    const fields = { era, tools: { any: { readOnly: true } } };
    const { gateway, upstream, collected, peer } = await open(revision, { upstream: fields, trace: SAMPLED });
    upstream.onCall(({ response }) => {
      upstream.onCall(({ answer }) => answer({ content: [] }));
      response.writeHead(503).end();
    });
    const { messages } = await call(peer, {}, SAID);
    await gateway.settled();
    expect(messages[0].result.content).toEqual([]);
    const attempts = upstream.of('tools/call').map((received) => said(received));
    expect(attempts).toHaveLength(2);
    for (const { inHeaders, inMeta } of attempts) expect(inHeaders).toEqual(inMeta);
    const spans = attempts.map(({ inMeta }) => collected.span(parentIdOf(inMeta['traceparent'])));
    expect(spans.map((span) => span?.annotations['attempt'])).toEqual([1, 2]);
  });

  test("keeps its baggage to its own request: what the gateway asks by itself is not the client's", async () => {
    const { upstream, peer } = await open(revision, { upstream: { era } });
    upstream.on('tools/list', ({ answer }) => answer({ tools: [], ttlMs: 0, cacheScope: 'private' }));
    await call(peer, {}, SAID);
    await peer.request('tools/list', {}, { headers: SAID });
    for (const received of upstream.received) {
      const { inHeaders } = said(received);
      expect(inHeaders['baggage']).toBe(received.message?.method === 'tools/call' ? SAID.baggage : undefined);
    }
    expect(said(upstream.of('tools/list')[0]!).inHeaders).toMatchObject({ traceparent: SAID.traceparent });
  });
});

test('calls of one batch go on with the trace of each, and with that of the headers where they have none', async () => {
  const { gateway, upstream, peer } = await open('2025-03-26', { upstream: { era: 'legacy' } });
  const ids = Array.from({ length: 9 }, (_, index) => `${index + 1}`.repeat(32));
  const batch = ids.map((traceId, id) => {
    const _meta = { traceparent: `00-${traceId}-${PARENT_ID}-00`, baggage: `id=${id}` };
    return { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'up__any', arguments: { id }, _meta } };
  });
  const plain = { jsonrpc: '2.0', id: 'plain', method: 'tools/call', params: { name: 'up__any', arguments: {} } };
  await gateway.client.post([...batch, plain], { ...peer.headers, ...SAID });
  const calls = upstream.of('tools/call');
  expect(calls).toHaveLength(10);
  for (const received of calls) {
    const { id } = received.message.params.arguments;
    const own = { traceparent: `00-${ids[id]}-${PARENT_ID}-00`, baggage: `id=${id}` };
    const expected = id === undefined ? SAID : own;
    expect(said(received)).toMatchObject({ inHeaders: expected, inMeta: expected });
  }
});

test('a request goes as it is written where there is nothing to say', async () => {
  const { gateway, upstream, peer } = await open('2025-11-25', { upstream: { era: 'legacy' } });
  const text = '{ "jsonrpc" :"2.0","id":7, "method":"tools/call","params" : {"name":"up__any" ,"_meta":{ }, "a":1.0} }';
  await gateway.client.post(text, peer.headers);
  const received = upstream.of('tools/call')[0]!;
  expect(received.text).toBe(
    `{"jsonrpc":"2.0","id":"${received.message.id}","method":"tools/call","params":{"name":"any","_meta":{},"a":1.0}}`,
  );
});

test('a request without _meta is given one to say it in', async () => {
  const { gateway, upstream, peer } = await open('2025-11-25', { upstream: { era: 'legacy' }, trace: UNSAMPLED });
  upstream.on('completion/complete', ({ answer }) => answer({ completion: { values: [] } }));
  const ref = { type: 'ref/prompt', name: 'up__p' };
  await gateway.client.post({ jsonrpc: '2.0', id: 1, method: 'completion/complete', params: { ref } }, peer.headers);
  expect(upstream.of('completion/complete')[0]!.message.params).toEqual({
    ref: { type: 'ref/prompt', name: 'p' },
    _meta: { traceparent: `00-${ROOT_AS_TRACE_ID}-${SEGMENT}-00` },
  });
});

test('the end of an upstream session says which trace it is part of', async () => {
  const fields = { era: 'legacy', isolation: 'call' };
  const { gateway, upstream, collected, peer } = await open('2026-07-28', { upstream: fields, trace: SAMPLED });
  await call(peer, {}, SAID);
  await gateway.settled();
  const ended = upstream.received.find(({ httpMethod }) => httpMethod === 'DELETE');
  const { traceparent } = said(ended!).inHeaders;
  expect(traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`));
  expect(collected.span(parentIdOf(traceparent))?.annotations['http_method']).toBe('DELETE');
});

/** The real transport, and what it was given to send. */
function watchedTransport() {
  const sent: UpstreamHttpRequest[] = [];
  const real = secretlessTransport();
  const transport: UpstreamTransport = {
    send: (request) => {
      sent.push(request);
      return real.send(request);
    },
  };
  return { transport, sent };
}

test('the request for the rest of a stream says which trace it is part of', async () => {
  const clock = createManualClock();
  const upstream = await startResumableUpstream();
  onTestFinished(() => upstream.stop());
  const { transport, sent } = watchedTransport();
  const options = { upstream: { era: 'legacy' }, clock, transport, trace: UNSAMPLED };
  const gateway = await openGateway({ leg: FUNCTION_LEG, url: upstream.url, ...options });
  const peer = await gateway.client.connect('2025-11-25');
  const answered = peer.request('tools/call', { name: 'up__steps' }, { progressToken: 't', headers: SAID });
  const running = await upstream.nextCall();
  await running.progress(1);
  running.closeStream();
  await passingTime(clock, 100, upstream.resumed);
  running.answer('done');
  await passingTime(clock, 100, answered);
  const asked = sent.find(({ method, headers }) => method === 'GET' && headers['last-event-id'] !== undefined);
  expect(asked?.headers).toMatchObject({
    traceparent: SAID.traceparent,
    tracestate: SAID.tracestate,
    'x-amzn-trace-id': `Root=${ROOT};Parent=${SEGMENT};Sampled=0`,
  });
});

test.each(CLIENTS)(
  'a %s client of an upstream over HTTP+SSE is part of the trace, stream and POST alike',
  async (revision) => {
    const upstream = await startHttpSseUpstream();
    onTestFinished(() => upstream.close());
    const { transport, sent } = watchedTransport();
    const options = { upstream: { transport: 'sse' }, transport, trace: SAMPLED };
    const gateway = await openGateway({ leg: FUNCTION_LEG, url: upstream.url, ...options });
    const peer = await gateway.client.connect(revision);
    const { messages } = await peer.request(
      'tools/call',
      { name: 'up__echo', arguments: { text: 'hello' } },
      { headers: SAID },
    );
    await gateway.settled();
    expect(messages[0].result.content).toEqual([{ type: 'text', text: 'hello' }]);
    const posted = sent.find(({ body }) => body.includes('"tools/call"'))!;
    const { inHeaders, inMeta, aws } = said({ headers: posted.headers, message: JSON.parse(posted.body) });
    const id = parentIdOf(inMeta['traceparent']);
    expect(inMeta).toEqual({
      traceparent: `00-${TRACE_ID}-${id}-01`,
      tracestate: `sluice=${ROOT},b=1,a=2`,
      baggage: SAID.baggage,
    });
    expect(inHeaders).toEqual(inMeta);
    expect(aws).toBe(`Root=${ROOT};Parent=${id};Sampled=1`);
    expect(collectedBy(gateway).span(id)).toMatchObject({ name: 'upstream up' });
    const ofCall = upstream.heard.filter(({ headers }) => String(headers['traceparent']).includes(TRACE_ID));
    expect(ofCall.map(({ method }) => method)).toContain('GET');
  },
);

test.each([true, false])(
  'what a client says in a notification of a trace, or to the gateway, goes to no upstream as it is (traceContext %s)',
  async (traceContext) => {
    const { upstream, peer } = await open('2025-11-25', { upstream: { era: 'legacy', traceContext }, trace: SAMPLED });
    await call(peer);
    const _meta = { ...SAID, 'io.sluice/timing': true, own: 1 };
    expect((await peer.notify('notifications/roots/list_changed', { _meta })).status).toBe(202);
    const [received] = upstream.of('notifications/roots/list_changed');
    expect(received!.message.params).toEqual({ _meta: { own: 1 } });
    expect(Object.hasOwn(received!.headers, 'traceparent')).toBe(traceContext);
    expect(Object.hasOwn(received!.headers, 'baggage')).toBe(false);
  },
);
