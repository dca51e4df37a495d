/** Upstream sessions that are lost: a new one is opened, and the call is executed exactly once. */
import { describe, expect, test } from 'vitest';
import type { FaultyUpstream } from '../support/faulty-upstream.ts';
import { LEGACY_REVISIONS, LEGS } from '../support/gateway-harness.ts';
import { openFaulty, openScripted } from './fixtures.ts';

/** Calls that were executed: those in a session that the upstream knew. */
function executed(upstream: FaultyUpstream, tool: string, known: ReadonlySet<string | undefined>) {
  return upstream.calls(tool).filter(({ sessionId }) => known.has(sessionId));
}

describe.each(LEGS)('$name', (leg) => {
  test.each(LEGACY_REVISIONS)('a %s client does not notice that its upstream lost the session', async (revision) => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect(revision);
    const [lost] = upstream.sessions;
    upstream.forgetSessions();
    const answer = await peer.call('up__ok', { once: true });
    expect(answer.result.content).toEqual([{ type: 'text', text: '{"once":true}' }]);
    expect(upstream.calls('ok').map(({ sessionId }) => sessionId)).toEqual([lost, upstream.sessions[0]]);
    expect(executed(upstream, 'ok', new Set(upstream.sessions))).toHaveLength(1);
    const openings = upstream.requests.filter(({ method }) => method === 'initialize');
    expect(openings.map(({ message }): unknown => message.params.protocolVersion)).toEqual([revision, revision]);
  });

  test('the new session is kept: the next call goes straight into it', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect('2025-11-25');
    upstream.forgetSessions();
    await peer.call('up__ok');
    await gateway.settled();
    const before = upstream.requests.length;
    for (const environment of gateway.environments) {
      expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
    }
    expect(upstream.requests.slice(before).map(({ method }) => method)).toEqual(['tools/call', 'tools/call']);
  });

  test('it is logged as two attempts at one call', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect('2025-11-25');
    upstream.forgetSessions();
    await peer.call('up__ok');
    expect(gateway.actions.at(-1)).toMatchObject({
      method: 'tools/call',
      outcome: 'ok',
      attempt: 2,
      upstreamRequests: 4,
    });
  });

  test('of many that reopen at once one attachment wins, and the losers close theirs', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg, environments: 4 });
    const peer = await gateway.client.connect('2025-11-25');
    const [lost] = upstream.sessions;
    upstream.forgetSessions();
    // Nobody is answered before all of them have found their session lost.
    upstream.barrier('together', 8);
    const calls = Array.from({ length: 8 }, (_, call) => peer.call('up__together', { call }));
    const answers = await Promise.all(calls);
    expect(answers.map(({ result }): unknown => result.content[0].text)).toEqual(
      calls.map((_, call) => JSON.stringify({ call })),
    );
    await gateway.settled();
    expect(upstream.sessions).toHaveLength(1);
    const opened = upstream.requests.filter(({ method }) => method === 'initialize').length - 1;
    expect(upstream.deleted).toHaveLength(opened - 1);
    expect(upstream.deleted).not.toContain(upstream.sessions[0]);
    const done = upstream.calls('together').filter(({ sessionId }) => sessionId !== lost);
    expect(done).toHaveLength(8);
    expect(new Set(done.map(({ sessionId }) => sessionId))).toEqual(new Set(upstream.sessions));
  });

  test('of many that open the first session at once one attachment wins, too', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg, environments: 4 });
    await upstream.stop();
    const peer = await gateway.client.connect('2025-11-25');
    await upstream.start();
    upstream.barrier('together', 6);
    await Promise.all(Array.from({ length: 6 }, () => peer.call('up__together')));
    await gateway.settled();
    expect(upstream.sessions).toHaveLength(1);
    expect(upstream.calls('together')).toHaveLength(6);
  });

  test('a session that is lost at once again is an error, not a loop', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    upstream.onCall(({ response }) => void response.writeHead(404).end());
    const { error } = await peer.call('up__x');
    expect(error).toMatchObject({
      code: 1014,
      message: 'Upstream up lost the session it had just opened',
      data: { upstream: 'up', tool: 'up__x', mayHaveRun: false },
    });
    expect(upstream.of('tools/call')).toHaveLength(2);
  });

  test('servers that say 400 and name the session are understood as well', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    const lost = upstream.of('notifications/initialized')[0]?.sessionId;
    const serve: Parameters<typeof upstream.onCall>[0] = ({ response, sessionId, answer }) => {
      if (sessionId !== lost) return answer({ fresh: true });
      const error = { code: -32000, message: 'Bad Request: No valid session ID provided' };
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    };
    upstream.onCall(serve);
    upstream.on('ping', serve);
    expect((await peer.call('up__x')).result).toEqual({ fresh: true });
  });

  test('a server that takes no ping does not thereby disown its session', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    const error = { code: -32050, message: 'Checkout session cs_123 is already paid' };
    upstream.onCall(({ response }) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    });
    upstream.on('ping', ({ response }) => void response.writeHead(400).end('no ping here'));
    expect((await peer.call('up__pay')).error).toEqual(error);
    expect(upstream.of('tools/call')).toHaveLength(1);
  });

  test('a tool that speaks of a session of its own with 400 runs once, and is heard', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    const error = { code: -32050, message: 'Checkout session cs_123 is already paid' };
    upstream.onCall(({ response }) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    });
    upstream.on('ping', ({ answer }) => answer({}));
    expect((await peer.call('up__pay')).error).toEqual(error);
    expect(upstream.of('tools/call')).toHaveLength(1);
  });

  test('a call that was refused for another reason is not sent again', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    upstream.onCall(({ response }) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32602, message: 'No such place' } }));
    });
    const { error } = await peer.call('up__x', {}, { id: 'r' });
    expect(error).toEqual({ code: -32602, message: 'No such place' });
    expect(upstream.of('tools/call')).toHaveLength(1);
  });

  test('an upstream that has become modern is called in its new era', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    upstream.onCall(({ modern, response, answer }) => {
      if (modern) answer({ content: [] });
      else response.writeHead(404).end();
    });
    upstream.on('initialize', ({ fail }) =>
      fail(-32022, 'Unsupported protocol version', { supported: ['2026-07-28'] }),
    );
    const before = upstream.received.length;
    expect((await peer.call('up__x')).result).toEqual({ content: [] });
    expect(upstream.received.slice(before).map(({ message }): unknown => message.method)).toEqual([
      'tools/call',
      'initialize',
      'server/discover',
      'tools/call',
    ]);
    await gateway.settled();
    const other = await gateway.client.connect('2025-11-25');
    expect((await other.call('up__x')).result).toEqual({ content: [] });
  });

  test('an upstream that refuses a new session for a reason of its own is quoted', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    upstream.onCall(({ response }) => void response.writeHead(404).end());
    upstream.on('initialize', ({ fail }) => fail(-32000, 'Too many sessions'));
    upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
    const { error } = await peer.call('up__x');
    expect(error).toMatchObject({ code: -32000, message: 'Too many sessions' });
  });

  test('a client session that ended meanwhile is not brought back', async () => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2025-11-25');
    upstream.onCall(({ response }) => void response.writeHead(404).end());
    const entered = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    upstream.on('initialize', async ({ response, params, answer }) => {
      entered.resolve();
      await ended.promise;
      response.setHeader('mcp-session-id', 'opened-in-vain');
      answer({ protocolVersion: params.protocolVersion, capabilities: {} });
    });
    const call = peer.request('tools/call', { name: 'up__x' });
    await entered.promise;
    expect((await peer.terminate()).status).toBe(204);
    ended.resolve();
    const { status, messages } = await call;
    expect([status, messages[0].error.code]).toEqual([404, -32600]);
    await gateway.settled();
    const closed = upstream.received.filter(({ httpMethod }) => httpMethod === 'DELETE');
    expect(closed.map(({ sessionId }) => sessionId)).toContain('opened-in-vain');
    expect((await peer.request('ping')).status).toBe(404);
  });
});
