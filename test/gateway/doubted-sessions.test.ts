/** Upstream sessions in which a call has failed: they prove themselves before they are used again. */
import { describe, expect, test } from 'vitest';
import { LEGS } from '../support/gateway-harness.ts';
import { createManualClock, passingTime } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import { openFaulty, openScripted } from './fixtures.ts';
import type { Incoming } from './scripted-upstream.ts';

const CLIENTS = [
  ['attached to a client session', '2025-11-25', 'caller'],
  ['that modern callers share', '2026-07-28', 'shared'],
] as const;

describe.each(LEGS)('$name', (leg) => {
  describe.each(CLIENTS)('an upstream session %s', (_what, revision, isolation) => {
    test.each(['reset', 'close', 'half', 'sse-no-final', 'http-500'] as const)(
      'is kept after a call that ended with %s, once it has answered a ping',
      async (fault) => {
        const { gateway, upstream } = await openFaulty('legacy', { leg, upstream: { isolation, retries: 0 } });
        upstream.on('bad', fault);
        const peer = await gateway.client.connect(revision);
        await peer.call('up__ok');
        const before = [...upstream.sessions];
        expect((await peer.call('up__bad')).error).toBeDefined();
        await gateway.settled();
        const from = upstream.requests.length;
        for (const environment of gateway.environments) {
          expect((await peer.through(environment).call('up__ok')).result).toBeDefined();
          await gateway.settled();
        }
        expect(upstream.requests.slice(from).map(({ method }) => method)).toEqual(['ping', 'tools/call', 'tools/call']);
        expect(upstream.sessions).toEqual(before);
      },
    );

    test('is tried without a ping when its upstream could not be reached at all', async () => {
      const { gateway, upstream } = await openFaulty('legacy', { leg, upstream: { isolation, retries: 0 } });
      const peer = await gateway.client.connect(revision);
      await peer.call('up__ok');
      await upstream.stop();
      expect((await peer.call('up__ok')).error.code).toBe(1001);
      await upstream.start();
      await gateway.settled();
      const from = upstream.requests.length;
      expect((await peer.call('up__ok')).result).toBeDefined();
      // This upstream forgets its sessions when it stops, so that it learns so from the call itself.
      expect(upstream.requests.slice(from).map(({ method }) => method)).toEqual([
        'tools/call',
        'initialize',
        'notifications/initialized',
        'tools/call',
      ]);
    });

    test('is replaced when it does not answer, and left to those that still use it until housekeeping ends it', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openScripted({
        leg,
        clock,
        upstream: { era: 'legacy', isolation, retries: 0, timeoutMs: 30_000 },
      });
      const peer = await gateway.client.connect(revision);
      await peer.call('up__ok');
      const sibling = Promise.withResolvers<Incoming>();
      upstream.onCall((incoming) => sibling.resolve(incoming));
      const slow = peer.call('up__slow');
      const held = await sibling.promise;
      upstream.onCall(({ response }) => void response.socket?.resetAndDestroy());
      expect((await peer.call('up__bad')).error.code).toBe(1003);
      for (let turns = 0; turns < 100; turns += 1) await turn();
      upstream.on('ping', () => {});
      upstream.asUsual('tools/call');
      const next = peer.call('up__ok');
      await upstream.receive(({ message }) => message?.method === 'ping');
      expect((await passingTime(clock, 100, next)).result).toBeDefined();
      // The one that failed has not touched the other.
      held.answer({ content: [], late: true });
      expect((await slow).result.late).toBe(true);
      expect(upstream.received.filter(({ httpMethod }) => httpMethod === 'DELETE')).toEqual([]);
      await gateway.settled();
      const kept = await gateway.stores.upstreamSessions.expiringBetween(0, clock.now() + 30_001, 10);
      const retired = await Promise.all(kept.map((key) => gateway.stores.upstreamSessions.read(key)));
      expect(retired.map((session) => session?.session.id)).toEqual([held.sessionId]);
    });
  });
});
