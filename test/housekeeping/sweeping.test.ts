/** Expired sessions end together with their sessions at upstreams: once, and not when somebody uses them meanwhile. */
import { describe, expect, test } from 'vitest';
import type { Stores } from '../../lib/ports/stores.ts';
import { callTool, LEGACY, MODERN } from '../gateway/listing-fixtures.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { tools, type ListingUpstream } from '../support/listing-upstream.ts';
import { openHouse } from './kit.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

const SPEC = { era: 'legacy', tools: tools('a') } as const;

const deletesOf = ({ heard }: ListingUpstream) => heard.filter(({ httpMethod }) => httpMethod === 'DELETE');

describe.each(LEGS)('$name', (leg) => {
  test('closes the upstream sessions of an expired client session, at each upstream', async () => {
    const { gateway, upstreams, keepHouse, clock } = await openHouse({ one: SPEC, two: SPEC }, leg);
    const client = await gateway.client.connect(LEGACY);
    await callTool(client, 'one__a');
    await callTool(client, 'two__a');
    await gateway.settled();
    expect([upstreams.one.sessions, upstreams.two.sessions]).toEqual([1, 1]);
    clock.advance(DAY_MS - 1);
    expect((await keepHouse()).swept).toEqual({ clientSessions: 0, upstreamSessions: 0 });
    clock.advance(2);
    expect((await keepHouse()).swept).toEqual({ clientSessions: 1, upstreamSessions: 2 });
    expect([upstreams.one.sessions, upstreams.two.sessions]).toEqual([0, 0]);
    expect((await client.request('tools/list')).status).toBe(404);
    expect((await keepHouse()).swept).toEqual({ clientSessions: 0, upstreamSessions: 0 });
  });

  test('closes each once, although two sweeps find them at the same time', async () => {
    const { gateway, upstreams, keepHouse, clock } = await openHouse({ up: SPEC }, leg);
    for (let index = 0; index < 5; index += 1) await callTool(await gateway.client.connect(LEGACY), 'up__a');
    await gateway.settled();
    const sessions = upstreams.up.sessions;
    clock.advance(DAY_MS + 1);
    const bothHaveFound = meeting(2);
    const afterBoth = (stores: Stores): Stores => ({
      ...stores,
      clientSessions: {
        ...stores.clientSessions,
        expiringBetween: async (...range) => {
          const keys = await stores.clientSessions.expiringBetween(...range);
          await bothHaveFound();
          return keys;
        },
      },
    });
    const swept = (await Promise.all([keepHouse(afterBoth), keepHouse(afterBoth)])).map((house) => house.swept);
    expect(swept[0]!.clientSessions + swept[1]!.clientSessions).toBe(5);
    expect(swept[0]!.upstreamSessions + swept[1]!.upstreamSessions).toBe(sessions);
    expect(deletesOf(upstreams.up)).toHaveLength(sessions);
    expect(upstreams.up.sessions).toBe(0);
  });

  test('leaves a session alone that is used between being found and being ended', async () => {
    const { gateway, upstreams, keepHouse, clock } = await openHouse({ up: SPEC }, leg);
    const client = await gateway.client.connect(LEGACY);
    await callTool(client, 'up__a');
    await gateway.settled();
    clock.advance(DAY_MS + 1);
    const usedMeanwhile = (stores: Stores): Stores => ({
      ...stores,
      clientSessions: {
        ...stores.clientSessions,
        expiringBetween: async (...range) => {
          const keys = await stores.clientSessions.expiringBetween(...range);
          // What a request does that was admitted just before the session expired.
          for (const key of keys) await stores.clientSessions.touch(key, clock.now(), clock.now() + DAY_MS);
          return keys;
        },
      },
    });
    expect((await keepHouse(usedMeanwhile)).swept).toEqual({ clientSessions: 0, upstreamSessions: 0 });
    expect(deletesOf(upstreams.up)).toEqual([]);
    expect(await callTool(client, 'up__a')).toBe('up:a');
  });

  test('ends only those that have expired', async () => {
    const { gateway, upstreams, keepHouse, clock } = await openHouse({ up: SPEC }, leg);
    const [used, idle] = [await gateway.client.connect(LEGACY), await gateway.client.connect(LEGACY)];
    for (const client of [used, idle]) await callTool(client, 'up__a');
    await gateway.settled();
    clock.advance(DAY_MS - HOUR_MS);
    await callTool(used, 'up__a');
    await gateway.settled();
    clock.advance(2 * HOUR_MS);
    expect((await keepHouse()).swept).toEqual({ clientSessions: 1, upstreamSessions: 1 });
    expect(await callTool(used, 'up__a')).toBe('up:a');
    expect((await idle.request('tools/list')).status).toBe(404);
    expect(upstreams.up.sessions).toBe(1);
  });

  test('ends a session although its upstream is down', async () => {
    const { gateway, upstreams, keepHouse, clock, stores } = await openHouse({ up: SPEC }, leg);
    await callTool(await gateway.client.connect(LEGACY), 'up__a');
    await gateway.settled();
    const [key] = await stores.clientSessions.expiringBetween(0, Number.MAX_SAFE_INTEGER, 10);
    await upstreams.up.stop();
    clock.advance(DAY_MS + 1);
    expect((await keepHouse()).swept.clientSessions).toBe(1);
    expect(await stores.clientSessions.read(key!)).toBeUndefined();
  });

  test('closes upstream sessions that clients without sessions have shared', async () => {
    const shared = { ...SPEC, config: { isolation: 'shared' } };
    const { gateway, upstreams, keepHouse, clock } = await openHouse({ up: shared }, leg);
    const client = await gateway.client.connect(MODERN);
    await callTool(client, 'up__a');
    await callTool(client, 'up__a');
    await gateway.settled();
    expect(upstreams.up.sessions).toBe(1);
    clock.advance(DAY_MS + 1);
    const [one, two] = await Promise.all([keepHouse(), keepHouse()]);
    expect(one.swept.upstreamSessions + two.swept.upstreamSessions).toBe(1);
    expect(upstreams.up.sessions).toBe(0);
    expect(await callTool(client, 'up__a')).toBe('up:a');
  });
});

/** Lets everyone go on as soon as this many have come. */
function meeting(size: number): () => Promise<void> {
  const everyone = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    come += 1;
    if (come === size) everyone.resolve();
    return everyone.promise;
  };
}
