/** The function as it is deployed, in front of upstreams that fail: what the client hears, when, and what comes after. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SLUICE_CODES } from '../../lib/errors.ts';
import { startFaultyUpstream, type Fault, type FaultyUpstream } from '../support/faulty-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import type { WireStream } from '../support/wire.ts';
import { listenWithoutAccepting } from '../node/full-backlog.ts';
import { closeCleanly } from './clean-end.ts';
import { openPeer, type Peer } from './peer.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const TOTAL_MS = 800;
const IDLE_MS = 400;
/** What may pass between a limit and its error on a busy machine. */
const SLACK_MS = 1000;

/** How many environments have a call at the same time. All but one of them that may exist. */
const MEETING = 4;

const LIMITS = {
  hang: { timeoutMs: TOTAL_MS },
  silent: { idleTimeoutMs: IDLE_MS },
  trickle: { timeoutMs: TOTAL_MS, idleTimeoutMs: IDLE_MS },
  'sse-trickle': { timeoutMs: TOTAL_MS, idleTimeoutMs: IDLE_MS },
  // Where one call fails, the others must not wait for it for long.
  meet: { timeoutMs: 5000 },
};

describe.each(['modern', 'legacy'] as const)('in the %s era', (era) => {
  let upstream: FaultyUpstream;
  let gateway: TestGateway;
  let peer: Peer;

  beforeAll(async () => {
    upstream = await startFaultyUpstream({ era });
    const config = {
      // Each failure is to be seen, the first time, however many come before it.
      upstreams: { up: { url: upstream.url, prefix: '', era, tools: LIMITS, retries: 0, breaker: false } },
      servers: { default: { upstreams: ['up'] } },
      limits: { upstreamMessageBytes: 100_000 },
    };
    gateway = await startTestGateway(config, { environments: MEETING + 1 });
    peer = await openPeer(gateway.url(), era);
  });

  afterAll(async () => {
    await upstream.stop();
    await closeCleanly(gateway);
  });

  /** The same client, the same session: the first call after a fault is answered. */
  async function expectServed(): Promise<void> {
    const { status, messages, text } = await peer.call('ok', { a: 1 });
    const content = [{ type: 'text', text: '{"a":1}' }];
    expect({ status, text, content: messages.at(-1)?.result?.content }).toMatchObject({ status: 200, content });
  }

  /** The error says what it should, and so does the action log. */
  function expectFailure(message: AnyJson, tool: string, expected: object, from: TestGateway = gateway): void {
    const { code, data } = message.error;
    expect({ code, ...data }).toEqual({
      upstream: 'up',
      tool,
      phase: expect.stringMatching(/^(era|session|connect|request|response)$/),
      elapsedMs: expect.any(Number),
      ...expected,
    });
    const errorKind = Object.entries(SLUICE_CODES).find(([, known]) => known === code)?.[0];
    expect(from.actions().at(-1)).toMatchObject({ outcome: 'error', errorKind, upstream: 'up', tool, status: 200 });
  }

  function expectWithin(elapsedMs: number, limitMs: number): void {
    expect(elapsedMs).toBeGreaterThanOrEqual(limitMs - 1);
    expect(elapsedMs).toBeLessThan(limitMs + SLACK_MS);
  }

  const answers: [Fault, object][] = [
    ['reset', { code: 1003, phase: 'request', mayHaveRun: true }],
    ['close', { code: 1003, phase: 'request', mayHaveRun: true }],
    ['half', { code: 1004, phase: 'response', mayHaveRun: true }],
    ['garbage', { code: 1008, phase: 'response', mayHaveRun: true }],
    ['not-jsonrpc', { code: 1008, phase: 'response', mayHaveRun: true }],
    ['html', { code: 1008, mayHaveRun: true }],
    ['wrong-id', { code: 1004, phase: 'response', mayHaveRun: true }],
    [
      { kind: 'huge', bytes: 200_000 },
      { code: 1012, phase: 'response', mayHaveRun: true },
    ],
    ['http-500', { code: 1009, status: 500, mayHaveRun: true }],
    ['http-429', { code: 1010, retryAfter: '7', mayHaveRun: false }],
    ['redirect', { code: 1011, mayHaveRun: false }],
  ];

  test.each(answers)(
    'an upstream that answers with %j is named as the cause, once, and served from again',
    async (fault, expected) => {
      const tool = `fails ${JSON.stringify(fault)}`;
      upstream.on(tool, fault);
      const response = await peer.call(tool);
      expect(response.status).toBe(200);
      expectFailure(response.messages.at(-1), tool, expected);
      await expectServed();
      expect([upstream.calls(tool).length, upstream.redirected]).toEqual([1, 0]);
    },
  );

  test('a stream that ends without a final response gets one from the gateway', async () => {
    upstream.on('stops', 'sse-no-final');
    const stream = await peer.stream('stops');
    const messages = await readToEnd(stream);
    expect(messages[0]).toMatchObject({ method: 'notifications/progress', params: { progress: 1 } });
    expectFailure(messages[1], 'stops', { code: 1004, phase: 'response', mayHaveRun: true });
    expect(messages).toHaveLength(2);
    await expectServed();
  });

  test.each(['hang', 'trickle'] as const)(
    'an upstream with %s is given up after the total limit, and hears of it',
    async (fault) => {
      upstream.on(fault, fault);
      const response = await peer.call(fault);
      expectFailure(response.messages.at(-1), fault, { code: 1005, mayHaveRun: true });
      expectWithin(response.messages.at(-1).error.data.elapsedMs, TOTAL_MS);
      await expectHeard(fault);
      await expectServed();
    },
  );

  test('an upstream that says nothing is given up after the idle limit, and hears of it', async () => {
    upstream.on('silent', 'hang');
    const response = await peer.call('silent');
    expectFailure(response.messages.at(-1), 'silent', { code: 1006, phase: 'request', mayHaveRun: true });
    expectWithin(response.messages.at(-1).error.data.elapsedMs, IDLE_MS);
    await expectHeard('silent');
    await expectServed();
  });

  test('events that trickle reset the idle limit, never the total; the error is the final event', async () => {
    upstream.on('sse-trickle', 'sse-trickle');
    const messages = await readToEnd(await peer.stream('sse-trickle'));
    expect(messages.length).toBeGreaterThan(2);
    for (const [index, { method, params }] of messages.slice(0, -1).entries()) {
      expect([method, params.progress]).toEqual(['notifications/progress', index + 1]);
    }
    expectFailure(messages.at(-1), 'sse-trickle', { code: 1005, phase: 'response', mayHaveRun: true });
    expectWithin(messages.at(-1).error.data.elapsedMs, TOTAL_MS);
    await expectHeard('sse-trickle');
    await expectServed();
  });

  /** The connection of the call closes; a legacy upstream is told by a notification as well. */
  async function expectHeard(tool: string): Promise<void> {
    const call = upstream.calls(tool).at(-1)!;
    await call.abandoned;
    if (era === 'modern') return;
    await upstream.received(
      ({ method, message }) => method === 'notifications/cancelled' && message.params.requestId === call.message.id,
    );
  }

  test('an upstream killed in mid-call is a reset; refused while it is down; served from as soon as it is back', async () => {
    const gate = upstream.gate('held');
    const call = peer.call('held');
    await gate.entered;
    await upstream.stop();
    expectFailure((await call).messages.at(-1), 'held', { code: 1003, phase: 'request', mayHaveRun: true });
    const refused = await peer.call('ok');
    // The session has to prove itself first, and cannot.
    const phase = era === 'modern' ? 'connect' : 'session';
    expectFailure(refused.messages.at(-1), 'ok', { code: 1001, phase, mayHaveRun: false });
    await upstream.start();
    await expectServed();
    expect(upstream.calls('held')).toHaveLength(1);
  });

  test('an upstream killed within its stream is told as the final event', async () => {
    upstream.on('sse-trickle', 'sse-trickle');
    const stream = await peer.stream('sse-trickle');
    await stream.events.next();
    await upstream.stop();
    const messages = await readToEnd(stream);
    expectFailure(messages.at(-1), 'sse-trickle', { code: 1004, phase: 'response', mayHaveRun: true });
    await upstream.start();
    await expectServed();
  });

  test('environments frozen with a connection to a killed upstream serve from it as soon as it is back', async () => {
    await expectMeeting();
    const environments = gateway.emulator.environments.map(({ id }) => id);
    expect(environments.length).toBeGreaterThanOrEqual(MEETING);
    await upstream.stop();
    await upstream.start();
    await expectMeeting();
    expect(gateway.emulator.environments.map(({ id }) => id)).toEqual(expect.arrayContaining(environments));
    await expectServed();
  });

  /** Calls that are answered only together, and so by an environment each. */
  async function expectMeeting(): Promise<void> {
    upstream.barrier('meet', MEETING);
    const calls = Array.from({ length: MEETING }, (_, number) => peer.call('meet', { number }));
    const texts: unknown[] = [];
    for (const { messages, text } of await Promise.all(calls)) {
      texts.push(messages.at(-1)?.result?.content[0].text ?? text);
    }
    expect(texts).toEqual(calls.map((_, number) => JSON.stringify({ number })));
  }

  test('environments that end between two calls change nothing for the client', async () => {
    const begun = upstream.requests.length;
    for (let round = 0; round < 3; round += 1) {
      for (const { id } of gateway.emulator.environments) await gateway.emulator.kill(id);
      await expectServed();
    }
    const since = upstream.requests.slice(begun);
    expect(since.map(({ method }) => method)).toEqual(['tools/call', 'tools/call', 'tools/call']);
    expect(new Set(since.map(({ sessionId }) => sessionId)).size).toBe(1);
  });

  test('an upstream that accepts no connection is given up after the connect limit', async () => {
    const port = await listenWithoutAccepting();
    const url = `http://127.0.0.1:${port}/mcp`;
    const deaf = await startTestGateway({
      upstreams: { up: { url, prefix: '', era, connectTimeoutMs: 300, retries: 0 } },
      servers: { default: { upstreams: ['up'] } },
    });
    onTestFinished(() => deaf.close());
    const response = await (await openPeer(deaf.url(), era)).call('ok');
    const phase = era === 'modern' ? 'connect' : 'session';
    expectFailure(response.messages.at(-1), 'ok', { code: 1002, phase, mayHaveRun: false }, deaf);
    expectWithin(response.messages.at(-1).error.data.elapsedMs, 300);
  });
});

async function readToEnd(stream: WireStream): Promise<AnyJson[]> {
  const messages: AnyJson[] = [];
  for await (const event of stream.events) {
    if (event.kind === 'event' && event.data !== '') messages.push(event.message);
  }
  return messages;
}
