/** Upstreams that forget their sessions, or cannot open any, behind the function as it is deployed. */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startScriptedUpstream, type Received, type ScriptedUpstream } from '../gateway/scripted-upstream.ts';
import { startFaultyUpstream, type FaultyUpstream, type RecordedRequest } from '../support/faulty-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import type { WireResponse } from '../support/wire.ts';
import { closeCleanly } from './clean-end.ts';
import { openPeer, type Peer } from './peer.ts';

let upstream: FaultyUpstream;
let scripted: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startFaultyUpstream({ era: 'legacy' });
  scripted = await startScriptedUpstream();
  gateway = await startTestGateway({
    upstreams: {
      up: { url: upstream.url, prefix: '', era: 'legacy', tools: { impatient: { timeoutMs: 500 } } },
      scripted: { url: scripted.url, prefix: '', era: 'legacy' },
    },
    servers: { default: { upstreams: ['up'] }, scripted: { upstreams: ['scripted'] } },
  });
});

afterAll(async () => {
  await Promise.all([upstream.stop(), scripted.stop()]);
  await closeCleanly(gateway);
});

async function expectServed(peer: Peer): Promise<void> {
  expectAnswer(await peer.call('ok', { a: 1 }));
}

function expectAnswer({ status, messages, text }: WireResponse): void {
  const content = [{ type: 'text', text: '{"a":1}' }];
  expect({ status, text, content: messages.at(-1)?.result?.content }).toMatchObject({ status: 200, content });
}

/** The methods that reach the upstream while the work is done. */
async function heardDuring(work: () => Promise<unknown>): Promise<(string | undefined)[]> {
  const begun = upstream.requests.length;
  await work();
  return upstream.requests.slice(begun).map(({ method }) => method);
}

const REOPENING = ['tools/call', 'initialize', 'notifications/initialized', 'tools/call'];

test('a session that the upstream answers with 404 is replaced, and the client notices nothing', async () => {
  const peer = await openPeer(gateway.url(), 'legacy');
  await expectServed(peer);
  upstream.forgetSessions();
  expect(await heardDuring(() => expectServed(peer))).toEqual(REOPENING);
  expect(await heardDuring(() => expectServed(peer))).toEqual(['tools/call']);
});

/** As many servers say that they do not know a session. */
function disown(response: ServerResponse, id: unknown): void {
  const error = { code: -32000, message: 'Bad Request: No valid session ID provided' };
  const refusal = JSON.stringify({ jsonrpc: '2.0', id, error });
  response.writeHead(400, { 'content-type': 'application/json' }).end(refusal);
}

test('so is one that the upstream answers with 400 and a word about the session', async () => {
  const peer = await openPeer(gateway.url('scripted'), 'legacy');
  let forgotten: string | undefined;
  scripted.onCall(({ sessionId, response, params, message, answer }) => {
    forgotten ??= sessionId;
    if (sessionId !== forgotten) return answer({ content: [{ type: 'text', text: JSON.stringify(params.arguments) }] });
    disown(response, message.id);
  });
  scripted.on('ping', ({ sessionId, response, message, answer }) => {
    if (sessionId !== forgotten) return answer({});
    disown(response, message.id);
  });
  const begun = scripted.received.length;
  await expectServed(peer);
  const [call, ...reopening] = REOPENING;
  // The session itself is asked before the call is sent again: the words may have been the tool's.
  expect(scripted.received.slice(begun).map(methodOf)).toEqual([call, 'ping', ...reopening]);
});

test('a call is sent twice at most when no session lasts, and has not run', async () => {
  const peer = await openPeer(gateway.url('scripted'), 'legacy');
  await expectServed(peer);
  scripted.onCall(({ response }) => void response.writeHead(404).end());
  const begun = scripted.received.length;
  const { status, messages } = await peer.call('ok', { a: 1 });
  expect([status, messages[0].error]).toMatchObject([
    200,
    { code: 1014, data: { upstream: 'scripted', tool: 'ok', mayHaveRun: false, elapsedMs: expect.any(Number) } },
  ]);
  expect(scripted.received.slice(begun).map(methodOf)).toEqual(REOPENING);
  scripted.onCall(({ params, answer }) =>
    answer({ content: [{ type: 'text', text: JSON.stringify(params.arguments) }] }),
  );
  await expectServed(peer);
});

test('environments that find a session lost at the same time agree on one, and close the others', async () => {
  const peer = await openPeer(gateway.url(), 'legacy');
  await meet(peer);
  upstream.forgetSessions();
  const [opened, closed] = [countOf(isInitialize), countOf(isDelete)];
  await meet(peer);
  const losers = countOf(isInitialize) - opened - 1;
  if (losers > 0) await upstream.received(isDelete, closed + losers);
  expect(upstream.sessions).toHaveLength(1);
  expect(await heardDuring(() => expectServed(peer))).toEqual(['tools/call']);
});

/** Calls that answer only together, and so from an environment each. */
async function meet(peer: Peer): Promise<void> {
  upstream.barrier('meet', 4);
  const responses = await Promise.all([1, 2, 3, 4].map(() => peer.call('meet', { a: 1 })));
  for (const response of responses) expectAnswer(response);
}

function countOf(matches: (request: RecordedRequest) => boolean): number {
  return upstream.requests.filter(matches).length;
}

function isInitialize({ method }: RecordedRequest): boolean {
  return method === 'initialize';
}

function isDelete({ httpMethod }: RecordedRequest): boolean {
  return httpMethod === 'DELETE';
}

function methodOf({ message }: Received): unknown {
  return message.method;
}

test('a session that cannot be replaced in time fails the call alone', async () => {
  const peer = await openPeer(gateway.url(), 'legacy');
  upstream.forgetSessions();
  upstream.onMethod('initialize', 'hang');
  onTestFinished(() => upstream.onMethod('initialize', 'ok'));
  const { status, messages } = await peer.call('impatient');
  expect([status, messages[0].error]).toMatchObject([
    200,
    { code: 1005, data: { upstream: 'up', tool: 'impatient', phase: 'session', mayHaveRun: false } },
  ]);
  upstream.onMethod('initialize', 'ok');
  await expectServed(peer);
});

test('an upstream that is down keeps no client from connecting, and serves it as soon as it is back', async () => {
  await upstream.stop();
  const peer = await openPeer(gateway.url(), 'legacy');
  const { messages } = await peer.call('ok', { a: 1 });
  expect(messages[0].error).toMatchObject({ code: 1001, data: { phase: 'session', mayHaveRun: false } });
  await upstream.start();
  await expectServed(peer);
});
