/** Calls that are sent again, and calls that are not. */
import { describe, expect, test } from 'vitest';
import { LEGS, type Leg } from '../support/gateway-harness.ts';
import { createManualClock, passingTime } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import { openScripted } from './fixtures.ts';
import type { Incoming } from './scripted-upstream.ts';

const ERAS = [
  ['modern', '2026-07-28'],
  ['legacy', '2025-11-25'],
] as const;

type Script = (incoming: Incoming) => void;

const reset: Script = ({ response }) => void response.socket?.resetAndDestroy();
const truncated: Script = ({ response }) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n');
};
const status =
  (code: number, headers: Record<string, string> = {}): Script =>
  ({ response }) =>
    void response.writeHead(code, headers).end();

/** What may pass by itself after the call may have run, and what the failure is called. */
const PASSING: readonly (readonly [string, Script, number])[] = [
  ['a reset', reset, 1003],
  ['a truncated answer', truncated, 1004],
  ['500', status(500), 1009],
  ['503', status(503), 1009],
];

/** What is the upstream's last word. */
const LASTING: readonly (readonly [string, Script])[] = [
  ['401', status(401)],
  ['409', status(409)],
  ['a redirect', status(302, { location: '/x' })],
  ['what is no JSON', ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{')],
  ['an error', ({ fail }) => fail(42, 'no')],
  ['an error of the tool', ({ answer }) => answer({ isError: true, content: [] })],
];

/** A tool whose script is `before` for so many calls, and an answer then. */
async function open(leg: Leg, era: string, before: Script, times: number, options: object = {}) {
  const { upstream: fields = {}, ...rest } = options as { upstream?: object };
  const { gateway, upstream } = await openScripted({ leg, ...rest, upstream: { era, ...fields } });
  upstream.onCall((incoming) => {
    if (upstream.of('tools/call').length <= times) before(incoming);
    else incoming.answer({ content: [], served: true });
  });
  return { gateway, upstream, sent: () => upstream.of('tools/call').length };
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(ERAS)('on a %s upstream', (era, revision) => {
    test.each(PASSING)('a tool that may have run is not called again after %s', async (_what, fault, code) => {
      const { gateway, sent } = await open(leg, era, fault, 1);
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__pay')).error).toMatchObject({ code, data: { mayHaveRun: true } });
      expect(sent()).toBe(1);
    });

    test.each(PASSING)('a tool that may run twice is called again after %s', async (_what, fault) => {
      const { gateway, sent } = await open(leg, era, fault, 2, { upstream: { tools: { look: { idempotent: true } } } });
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__look')).result.served).toBe(true);
      expect(sent()).toBe(3);
      expect(gateway.actions.at(-1)).toMatchObject({ attempt: 3, outcome: 'ok' });
    });

    test.each(PASSING)('what is only read is asked for again after %s', async (_what, fault) => {
      const { gateway, upstream } = await open(leg, era, fault, 0);
      upstream.on('prompts/get', (incoming) => {
        if (upstream.of('prompts/get').length === 1) fault(incoming);
        else incoming.answer({ messages: [] });
      });
      const peer = await gateway.client.connect(revision);
      const { messages } = await peer.request('prompts/get', { name: 'up__hello' });
      expect(messages.at(-1).result.messages).toEqual([]);
    });

    test.each(LASTING)('nothing is called again after %s', async (_what, answer) => {
      const { gateway, sent } = await open(leg, era, answer, 1, { upstream: { tools: { look: { readOnly: true } } } });
      const peer = await gateway.client.connect(revision);
      const { result, error } = await peer.call('up__look');
      expect(result?.isError ?? error !== undefined).toBe(true);
      expect(sent()).toBe(1);
    });

    test('a tool that says that it may run twice is called again, once it has been listed', async () => {
      const { gateway, upstream, sent } = await open(leg, era, reset, 1);
      const tool = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } };
      upstream.on('tools/list', ({ answer }) => answer({ tools: [tool], ttlMs: 60_000, cacheScope: 'public' }));
      const peer = await gateway.client.connect(revision);
      await peer.request('tools/list');
      await gateway.settled();
      expect((await peer.call('up__look')).result.served).toBe(true);
      expect(sent()).toBe(2);
    });

    test("the operator's word counts for more than the tool's own", async () => {
      const tools = { look: { readOnly: false, idempotent: false } };
      const { gateway, upstream, sent } = await open(leg, era, reset, 1, { upstream: { tools } });
      const tool = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } };
      upstream.on('tools/list', ({ answer }) => answer({ tools: [tool], ttlMs: 60_000, cacheScope: 'public' }));
      const peer = await gateway.client.connect(revision);
      await peer.request('tools/list');
      await gateway.settled();
      expect((await peer.call('up__look')).error.code).toBe(1003);
      expect(sent()).toBe(1);
    });

    test('an upstream that asks for patience gets it', async () => {
      const clock = createManualClock();
      const { gateway, sent } = await open(leg, era, status(429, { 'retry-after': '7' }), 1, { clock });
      const peer = await gateway.client.connect(revision);
      const before = clock.now();
      const call = peer.call('up__pay');
      while (sent() === 0) await turn();
      expect((await passingTime(clock, 100, call)).result.served).toBe(true);
      expect(clock.now() - before).toBeGreaterThanOrEqual(7000);
    });

    test('more patience than there is time for is none, and the client is told at once', async () => {
      const { gateway, sent } = await open(leg, era, status(429, { 'retry-after': '60' }), 1);
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__pay')).error).toMatchObject({
        code: 1010,
        data: { retryAfter: '60', mayHaveRun: false },
      });
      expect(sent()).toBe(1);
    });

    test('nothing is called more often than the operator allows', async () => {
      const tools = { look: { readOnly: true, retries: 1 } };
      const { gateway, sent } = await open(leg, era, status(500), 9, { upstream: { tools } });
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__look')).error.code).toBe(1009);
      expect(sent()).toBe(2);
    });

    test('what may have run at the first attempt may have run, however the last one ends', async () => {
      const tools = { look: { idempotent: true, retries: 1 } };
      const { gateway, upstream } = await open(leg, era, () => {}, 9, { upstream: { tools } });
      upstream.onCall((incoming) => (upstream.of('tools/call').length === 1 ? reset : status(429))(incoming));
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__look')).error).toMatchObject({ code: 1010, data: { mayHaveRun: true } });
    });

    test('an attempt that the breaker does not let through does not hide why the call failed', async () => {
      const upstream = { tools: { look: { idempotent: true } }, breaker: { failures: 2 }, retries: 4 };
      const { gateway, sent } = await open(leg, era, status(503), 9, { upstream });
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__look')).error).toMatchObject({
        code: 1009,
        data: { status: 503, mayHaveRun: true },
      });
      expect(sent()).toBeLessThan(5);
    });

    test('what the client has been told of a call cannot be untold: it is not sent again', async () => {
      const tools = { look: { idempotent: true } };
      const { gateway, upstream, sent } = await open(leg, era, () => {}, 0, { upstream: { tools } });
      upstream.onCall((incoming) => {
        incoming.progress(1);
        incoming.response.end();
      });
      const peer = await gateway.client.connect(revision);
      const { messages } = await peer.request(
        'tools/call',
        { name: 'up__look', arguments: {} },
        { progressToken: 'p' },
      );
      expect(messages.at(-1).error.code).toBe(1004);
      expect(sent()).toBe(1);
    });
  });
});
