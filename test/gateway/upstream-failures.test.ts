/**
 * Each way in which an upstream can fail a valid call, in both eras: the client gets a JSON-RPC error on HTTP 200 that
 * says what happened and whether the call may have run, and the next call works.
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import { secretlessTransport } from '../support/http-transport.ts';
import type { UpstreamTransport } from '../../lib/ports/transport.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { startFaultyUpstream, type Fault } from '../support/faulty-upstream.ts';
import { LEGS, type Harness, type Peer } from '../support/gateway-harness.ts';
import { listenWithoutAccepting } from '../node/full-backlog.ts';
import { openFaulty, openGateway, openScripted } from './fixtures.ts';

const ERAS = [
  ['modern', '2026-07-28'],
  ['legacy', '2025-11-25'],
] as const;

interface Expected {
  readonly code: number;
  readonly kind: string;
  readonly says: RegExp;
  readonly phase: string;
  readonly mayHaveRun: boolean;
  readonly more?: object;
  /** How many times the call itself was tried; 1 by default. */
  readonly attempt?: number;
}

const CLOSED: Expected = {
  code: 1004,
  kind: 'upstream-closed',
  says: /ended its answer without a final response$/,
  phase: 'response',
  mayHaveRun: true,
};
const GARBLED: Expected = {
  code: 1008,
  kind: 'upstream-garbled',
  says: /sent an answer that cannot be used: it is not JSON$/,
  phase: 'response',
  mayHaveRun: true,
};
const RESET: Expected = {
  code: 1003,
  kind: 'upstream-reset',
  says: /broke the connection before it answered$/,
  phase: 'request',
  mayHaveRun: true,
};

const IDLE = { code: 1006, kind: 'upstream-idle', says: /was silent for 5000 ms$/, mayHaveRun: true };
const LATE = { code: 1005, kind: 'upstream-timeout', says: /did not finish within 5000 ms$/, mayHaveRun: true };

const faults: readonly (readonly [string, Fault, Expected])[] = [
  ['resets the connection after the request', 'reset', RESET],
  ['closes the connection after the request', 'close', RESET],
  ['breaks off in the middle of its answer', 'half', CLOSED],
  ['ends its stream without a final response', 'sse-no-final', CLOSED],
  ['answers another request', 'wrong-id', CLOSED],
  ['says JSON and sends something else', 'garbage', GARBLED],
  [
    'sends JSON that is no message',
    'not-jsonrpc',
    { ...GARBLED, says: /cannot be used: it is not a JSON-RPC message$/ },
  ],
  ['sends a web page', 'html', { ...GARBLED, says: /its content type is neither JSON nor an event stream$/ }],
  [
    'answers 500',
    'http-500',
    {
      code: 1009,
      kind: 'upstream-http',
      says: /answered with HTTP status 500$/,
      phase: 'response',
      mayHaveRun: true,
      more: { status: 500 },
    },
  ],
  [
    'answers 429',
    'http-429',
    {
      code: 1010,
      kind: 'upstream-throttled',
      says: /asks to be called less often/,
      phase: 'response',
      mayHaveRun: false,
      more: { retryAfter: '7' },
    },
  ],
  [
    'sends the client elsewhere',
    'redirect',
    {
      code: 1011,
      kind: 'upstream-redirect',
      says: /answered with a redirect, which is not followed$/,
      phase: 'response',
      mayHaveRun: false,
    },
  ],
  [
    'answers more than the limit',
    { kind: 'huge', bytes: 200_000 },
    {
      code: 1012,
      kind: 'upstream-too-large',
      says: /sent a message larger than 100000 bytes$/,
      phase: 'response',
      mayHaveRun: true,
    },
  ],
];

/** Those that only time ends: with which limit of 5 s, and what is then said. */
const endless: readonly (readonly [string, Fault, object, Expected])[] = [
  ['trickles JSON without an end', 'trickle', { timeoutMs: 5000 }, { ...LATE, phase: 'response' }],
  ['trickles events without an end', 'sse-trickle', { timeoutMs: 5000 }, { ...LATE, phase: 'response' }],
  ['says nothing', 'hang', { idleTimeoutMs: 5000 }, { ...IDLE, phase: 'request' }],
  ['never answers', 'hang', { timeoutMs: 5000 }, { ...LATE, phase: 'request' }],
];

/** A transport that tells when the head of a response has come. */
function observeResponses(transport: UpstreamTransport) {
  let waiting = Promise.withResolvers<void>();
  const observed: UpstreamTransport & { nextResponse(): Promise<void> } = {
    async send(request) {
      const response = await transport.send(request);
      // Whoever waits for the response goes on first.
      setImmediate(() => {
        waiting.resolve();
        waiting = Promise.withResolvers();
      });
      return response;
    },
    nextResponse: () => waiting.promise,
  };
  return observed;
}

async function expectFailure(gateway: Harness, peer: Peer, tool: string, expected: Expected): Promise<void> {
  const { status, messages } = await peer.request('tools/call', { name: `up__${tool}`, arguments: {} }, { id: 'f' });
  expect(status).toBe(200);
  const { error, id } = messages.at(-1);
  expect(id).toBe('f');
  expect(error.code).toBe(expected.code);
  expect(error.message).toMatch(/^Upstream up /);
  expect(error.message).toMatch(expected.says);
  expect(error.message).not.toMatch(/127\.0\.0\.1|http:/);
  expect(error.data).toEqual({
    upstream: 'up',
    tool: `up__${tool}`,
    phase: expected.phase,
    elapsedMs: expect.any(Number),
    mayHaveRun: expected.mayHaveRun,
    ...expected.more,
  });
  expect(Number.isInteger(error.data.elapsedMs) && error.data.elapsedMs >= 0).toBe(true);
  const { kind: errorKind, attempt = 1 } = expected;
  const line = gateway.actions.findLast(({ method }) => method === 'tools/call');
  expect(line).toMatchObject({ outcome: 'error', errorKind, status: 200, upstream: 'up', attempt });
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(ERAS)('a %s upstream', (era, revision) => {
    test.each(faults)('that %s', async (_what, fault, expected) => {
      const file = { limits: { upstreamMessageBytes: 100_000 } };
      const { gateway, upstream } = await openFaulty(era, { leg, file, upstream: { retries: 0 } });
      upstream.on('bad', fault);
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__ok')).result).toBeDefined();
      await expectFailure(gateway, peer, 'bad', expected);
      expect(upstream.calls('bad')).toHaveLength(1);
      expect(upstream.redirected).toBe(0);
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test.each(endless)('that %s', async (_what, fault, limits, expected) => {
      const clock = createManualClock();
      const transport = observeResponses(secretlessTransport());
      const { gateway, upstream } = await openFaulty(era, { leg, clock, transport, upstream: limits });
      upstream.on('bad', fault);
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__ok')).result).toBeDefined();
      const failed = expectFailure(gateway, peer, 'bad', expected);
      const call = await upstream.received(({ tool }) => tool === 'bad');
      // It has been taken, and nothing has been written yet.
      if (expected.phase === 'response') await transport.nextResponse();
      clock.advance(5000);
      await failed;
      await call.abandoned;
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test.each([
      [503, { code: 1009, kind: 'upstream-http', mayHaveRun: true, more: { status: 503 } }],
      [502, { code: 1009, kind: 'upstream-http', mayHaveRun: true, more: { status: 502 } }],
      [401, { code: 1013, kind: 'upstream-unauthorized', mayHaveRun: false }],
      [403, { code: 1013, kind: 'upstream-unauthorized', mayHaveRun: false }],
      [409, { code: 1009, kind: 'upstream-http', mayHaveRun: true, more: { status: 409 } }],
      [422, { code: 1009, kind: 'upstream-http', mayHaveRun: true, more: { status: 422 } }],
    ] as const)('that answers %d', async (status, expected) => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ response }) => void response.writeHead(status, { 'www-authenticate': 'Bearer x' }).end('no'));
      const peer = await gateway.client.connect(revision);
      const says = status === 401 || status === 403 ? /does not accept the gateway/ : new RegExp(`status ${status}$`);
      await expectFailure(gateway, peer, 'bad', { says, phase: 'response', ...expected });
      upstream.onCall(({ answer }) => answer({ back: true }));
      expect((await peer.call('up__bad')).result.back).toBe(true);
    });

    test('that is down, until it is back', async () => {
      const { gateway, upstream } = await openFaulty(era, { leg, upstream: { retries: 0 } });
      const peer = await gateway.client.connect(revision);
      for (const environment of gateway.environments) {
        expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
      }
      await upstream.stop();
      await expectFailure(gateway, peer, 'ok', {
        code: 1001,
        kind: 'upstream-unreachable',
        says: /could not be reached$/,
        phase: 'connect',
        mayHaveRun: false,
      });
      await upstream.start();
      for (const environment of gateway.environments) {
        expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
      }
    });

    test('that was never up cannot have run anything', async () => {
      const { gateway, upstream } = await openFaulty(era, { leg });
      await upstream.stop();
      const peer = await gateway.client.connect(revision);
      await expectFailure(gateway, peer, 'ok', {
        code: 1001,
        kind: 'upstream-unreachable',
        says: /could not be reached$/,
        phase: era === 'modern' ? 'era' : 'session',
        mayHaveRun: false,
        attempt: 0,
      });
      await upstream.start();
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test('that takes no connections', async () => {
      const port = await listenWithoutAccepting();
      const url = `http://127.0.0.1:${port}/mcp`;
      const gateway = await openGateway({ leg, url, upstream: { connectTimeoutMs: 150, era } });
      const peer = await gateway.client.connect(revision);
      const { status, messages } = await peer.request('tools/call', { name: 'up__ok' });
      expect(status).toBe(200);
      expect(messages[0].error).toMatchObject({
        code: 1002,
        message: 'Upstream up did not accept a connection within 150 ms',
        data: { upstream: 'up', tool: 'up__ok', phase: era === 'modern' ? 'connect' : 'session', mayHaveRun: false },
      });
    });

    test('that is killed in the middle of a call, until it is back', async () => {
      const { gateway, upstream } = await openFaulty(era, { leg });
      const { entered } = upstream.gate('slow');
      const peer = await gateway.client.connect(revision);
      const failed = expectFailure(gateway, peer, 'slow', RESET);
      await entered;
      await upstream.stop();
      await failed;
      await upstream.start();
      expect((await peer.call('up__ok')).result).toBeDefined();
    });

    test('that breaks off after progress has been passed on', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ progress, response }) => {
        progress(1);
        response.socket?.end();
      });
      const peer = await gateway.client.connect(revision);
      const params = { name: 'up__bad', arguments: {} };
      const { status, headers, messages } = await peer.request('tools/call', params, { progressToken: 1 });
      expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
      expect(messages).toMatchObject([
        { params: { progress: 1 } },
        { error: { code: 1004, data: { mayHaveRun: true } } },
      ]);
    });

    test('that sends an event larger than the limit', async () => {
      const file = { limits: { upstreamMessageBytes: 10_000 } };
      const { gateway, upstream } = await openScripted({ leg, file });
      upstream.onCall(({ log, answer }) => {
        log('x'.repeat(20_000));
        answer({});
      });
      const peer = await gateway.client.connect(revision);
      const { messages } = await peer.request('tools/call', { name: 'up__bad' }, { logLevel: 'info' });
      expect(messages).toMatchObject([{ error: { code: 1012, data: { mayHaveRun: true } } }]);
    });

    test('that accepts the call and says nothing more', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ response }) => void response.writeHead(202).end());
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__bad')).error).toMatchObject({ code: 1004, data: { mayHaveRun: true } });
    });

    test.each(['tools/list', 'prompts/list', 'resources/list'])('that breaks %s names no tool', async (method) => {
      const { gateway, upstream } = await openFaulty(era, { leg });
      const peer = await gateway.client.connect(revision);
      upstream.onMethod(method, 'http-500');
      const { status, messages } = await peer.request(method);
      expect(status).toBe(200);
      expect(messages[0].error).toMatchObject({ code: 1009, data: { upstream: 'up', tool: null } });
      upstream.onMethod(method, 'ok');
      expect((await peer.request('tools/list')).messages[0].result.tools).toHaveLength(1);
    });

    test('whose own error nests without end is still answered', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const data = '['.repeat(25_000) + ']'.repeat(25_000);
      upstream.onCall(({ response, message }) => {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(`{"jsonrpc":"2.0","id":"${message.id}","error":{"code":7,"message":"deep","data":${data}}}`);
      });
      const peer = await gateway.client.connect(revision);
      const { status, messages } = await peer.request('tools/call', { name: 'up__bad' });
      expect(status).toBe(200);
      expect(messages[0].error.message).toMatch(/./);
      upstream.onCall(({ answer }) => answer({ back: true }));
      expect((await peer.call('up__ok')).result.back).toBe(true);
    });
  });

  test('a modern upstream that hangs while it is asked for its era cannot have run the call', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('modern', { leg, clock, upstream: { timeoutMs: 5000 } });
    upstream.onMethod('server/discover', 'hang');
    const peer = await gateway.client.connect('2026-07-28');
    const answer = peer.request('tools/call', { name: 'up__ok' });
    await upstream.received(({ method }) => method === 'server/discover');
    clock.advance(5000);
    const { status, messages } = await answer;
    expect(status).toBe(200);
    expect(messages[0].error).toMatchObject({
      code: 1005,
      data: { upstream: 'up', tool: 'up__ok', phase: 'era', elapsedMs: 5000, mayHaveRun: false },
    });
    expect(gateway.actions.at(-1)).toMatchObject({ attempt: 0, upstreamRequests: 1 });
    upstream.onMethod('server/discover', 'ok');
    expect((await peer.call('up__ok')).result).toBeDefined();
  });

  test('a call that waited for the era first is still one attempt', async () => {
    const { gateway } = await openFaulty('modern', { leg });
    const peer = await gateway.client.connect('2026-07-28');
    await peer.call('up__ok');
    expect(gateway.actions.at(-1)).toMatchObject({ attempt: 1, upstreamRequests: 2 });
  });

  test('a redirect of any kind is never followed', async () => {
    const target = await startFaultyUpstream({ era: 'both' });
    onTestFinished(() => target.stop());
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2026-07-28');
    for (const status of [301, 302, 303, 307, 308]) {
      upstream.onCall(({ response }) => void response.writeHead(status, { location: target.url }).end());
      const { error } = await peer.call('up__x');
      expect(error.code).toBe(1011);
      expect(JSON.stringify(error)).not.toContain(target.url);
    }
    expect(target.connections).toBe(0);
  });

  test('a failing upstream does not touch a call to it that runs beside', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const { entered, release } = upstream.gate('slow');
    upstream.on('broken', 'reset');
    const peer = await gateway.client.connect('2025-11-25');
    const held = peer.call('up__slow');
    await entered;
    for (let round = 0; round < 3; round += 1) expect((await peer.call('up__broken')).error.code).toBe(1003);
    release();
    expect((await held).result).toBeDefined();
  });
});
