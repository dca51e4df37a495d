/** Upstreams that fail again and again are left alone, and those with a limit get no more calls than that. */
import { describe, expect, test } from 'vitest';
import { LEGS, type Harness } from '../support/gateway-harness.ts';
import { createManualClock, passingTime } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import { openScripted } from './fixtures.ts';
import type { Incoming } from './scripted-upstream.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const ERAS = [
  ['modern', '2026-07-28'],
  ['legacy', '2025-11-25'],
] as const;

const broken = ({ response }: Incoming): void => void response.writeHead(503).end();

describe.each(LEGS)('$name', (leg) => {
  describe.each(ERAS)('a %s upstream', (era, revision) => {
    const breaker = { failures: 3, openMs: 10_000 };

    async function open(options: object = {}) {
      const clock = createManualClock();
      const upstream = { era, retries: 0, breaker, ...options };
      const { gateway, upstream: server } = await openScripted({ leg, clock, upstream, environments: 3 });
      const peer = await gateway.client.connect(revision);
      const sent = (): number => server.of('tools/call').length;
      /** Through every environment in turn, each of which has forgotten by then that it believed the breaker closed. */
      const call = async (through: number): Promise<AnyJson> => {
        const answer = await peer.through(gateway.environments[through % 3]!).call('up__pay');
        await gateway.settled();
        clock.advance(1001);
        return answer;
      };
      return { gateway, server, clock, sent, call };
    }

    test('that fails so often in a row, wherever it is called from, is left alone everywhere', async () => {
      const { server, sent, call, gateway } = await open();
      server.onCall(broken);
      for (const environment of [0, 1, 2]) expect((await call(environment)).error.code).toBe(1009);
      for (const environment of [0, 1, 2]) {
        const { error } = await call(environment);
        expect(error).toMatchObject({ code: 1016, data: { upstream: 'up', mayHaveRun: false } });
        expect(error.data.retryAfterMs).toBeGreaterThan(0);
        expect(error.data.retryAfterMs).toBeLessThanOrEqual(10_000);
      }
      expect(sent()).toBe(3);
      expect(gateway.notices).toEqual([{ kind: 'breaker-opened', upstream: 'up' }]);
      const refused = gateway.actions.filter(({ errorKind }) => errorKind === 'breaker-open');
      expect(refused).toHaveLength(3);
      // Whose breaker it is, the log and the metrics know although nothing was sent.
      for (const line of refused) expect(line).toMatchObject({ upstream: 'up', attempt: 0 });
    });

    test('that serves in between is called on', async () => {
      const { server, sent, call } = await open();
      for (const fails of [true, true, false, true, true, false]) {
        server.onCall((incoming) => (fails ? broken(incoming) : incoming.answer({ content: [] })));
        await call(sent());
      }
      expect(sent()).toBe(6);
      server.onCall(({ answer }) => answer({ content: [] }));
      expect((await call(0)).result).toBeDefined();
    });

    test('that is due gets one call, and all of them once that one was served', async () => {
      const { server, clock, sent, call, gateway } = await open();
      server.onCall(broken);
      for (const environment of [0, 1, 2]) await call(environment);
      clock.advance(10_000);
      const running = Promise.withResolvers<Incoming>();
      server.onCall((incoming) => running.resolve(incoming));
      const trial = openCall(gateway, revision, 0);
      const { answer } = await running.promise;
      // It is somebody's turn: everybody else is refused meanwhile.
      expect((await (await openCall(gateway, revision, 1)).done).error.code).toBe(1016);
      answer({ content: [] });
      expect((await (await trial).done).result).toBeDefined();
      await gateway.settled();
      server.onCall((incoming) => incoming.answer({ content: [] }));
      for (const environment of [0, 1, 2]) expect((await call(environment)).result).toBeDefined();
      expect(sent()).toBe(7);
      expect(gateway.notices.at(-1)).toEqual({ kind: 'breaker-closed', upstream: 'up' });
    });

    test('that is due is called again by everybody at the first sign of life', async () => {
      const { server, clock, gateway, call } = await open();
      server.onCall(broken);
      for (const environment of [0, 1, 2]) await call(environment);
      clock.advance(10_000);
      const running = Promise.withResolvers<Incoming>();
      server.onCall((incoming) => {
        incoming.progress(1);
        running.resolve(incoming);
      });
      const trial = await openCall(gateway, revision, 0);
      const { answer } = await running.promise;
      server.onCall((incoming) => incoming.answer({ content: [] }));
      while (gateway.notices.at(-1)?.kind !== 'breaker-closed') await turn();
      clock.advance(1001);
      expect((await (await openCall(gateway, revision, 1)).done).result).toBeDefined();
      answer({ content: [] });
      expect((await trial.done).result).toBeDefined();
    });

    test('that fails when it is due is left alone again', async () => {
      const { server, clock, sent, call } = await open();
      server.onCall(broken);
      for (const environment of [0, 1, 2]) await call(environment);
      clock.advance(10_000);
      expect((await call(0)).error.code).toBe(1009);
      expect((await call(1)).error.code).toBe(1016);
      expect(sent()).toBe(4);
    });

    test.each([
      ['refuses', ({ fail }: Incoming) => fail(42, 'no')],
      ['answers 409', ({ response }: Incoming) => void response.writeHead(409).end()],
      ['answers 429', ({ response }: Incoming) => void response.writeHead(429).end()],
      ['says what is no JSON', ({ response }: Incoming) => void response.writeHead(200).end('x')],
    ])('that %s does not fail', async (_what, script) => {
      const { server, sent, call } = await open();
      server.onCall(script);
      for (let calls = 0; calls < 5; calls += 1) await call(calls);
      expect(sent()).toBe(5);
    });

    test('is called however often it fails, where the operator says so', async () => {
      const { server, sent, call } = await open({ breaker: false });
      server.onCall(broken);
      for (let calls = 0; calls < 8; calls += 1) await call(calls);
      expect(sent()).toBe(8);
    });

    test('gets no more calls at once than it may have; those that find no place are refused', async () => {
      const { server, clock, gateway } = await open({ maxConcurrent: 2 });
      const running: Incoming[] = [];
      server.onCall((incoming) => void running.push(incoming));
      const first = await openCall(gateway, revision, 0);
      const second = await openCall(gateway, revision, 1);
      while (running.length < 2) await turn();
      const third = await openCall(gateway, revision, 2);
      const { error } = await passingTime(clock, 100, third.done);
      expect(error).toMatchObject({ code: 1015, data: { upstream: 'up', mayHaveRun: false } });
      expect(error.data.retryAfterMs).toBeGreaterThan(0);
      expect(gateway.actions.at(-1)).toMatchObject({ errorKind: 'upstream-busy', upstream: 'up', attempt: 0 });
      for (const { answer } of running) answer({ content: [] });
      expect((await first.done).result).toBeDefined();
      expect((await second.done).result).toBeDefined();
      await gateway.settled();
      server.onCall((incoming) => incoming.answer({ content: [] }));
      expect((await (await openCall(gateway, revision, 2)).done).result).toBeDefined();
    });

    test('lets a call wait a moment for its place', async () => {
      const { server, clock, gateway } = await open({ maxConcurrent: 1 });
      const running = Promise.withResolvers<Incoming>();
      server.onCall((incoming) => running.resolve(incoming));
      const first = await openCall(gateway, revision, 0);
      const { answer } = await running.promise;
      const second = await openCall(gateway, revision, 1);
      server.onCall((incoming) => incoming.answer({ content: [] }));
      answer({ content: [] });
      expect((await first.done).result).toBeDefined();
      expect((await passingTime(clock, 50, second.done)).result).toBeDefined();
    });
  });
});

/** A call by a client of its own, through one environment. */
async function openCall(gateway: Harness, revision: string, environment: number) {
  const peer = await gateway.environments[environment]!.connect(revision);
  return { done: peer.call('up__pay') };
}
