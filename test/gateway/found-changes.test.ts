/** A list that turns out to be another one has changed, whoever finds it out: and lists that differ have not always. */
import { describe, expect, test } from 'vitest';
import { LEGS, type Peer } from '../support/gateway-harness.ts';
import { tools } from '../support/listing-upstream.ts';
import { openHouse } from '../housekeeping/kit.ts';
import { LEGACY, listOf, MODERN, namesIn, openListing } from './listing-fixtures.ts';
import { openTelling, poll, toolsChanged } from './listening-fixtures.ts';
import { createManualClock } from '../support/manual-clock.ts';
import type { Stores } from '../../lib/ports/stores.ts';

const TTL_MS = 30_000;

/** Counts the changes that are counted. */
function countingChanges() {
  const counted: string[] = [];
  const wrapStores = (stores: Stores): Stores => ({
    ...stores,
    catalog: {
      ...stores.catalog,
      countChange: async (upstream, member) => {
        counted.push(member);
        return stores.catalog.countChange(upstream, member);
      },
    },
  });
  return { counted, wrapStores };
}

describe.each(LEGS)('$name', (leg) => {
  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    test.each(['modern', 'legacy'] as const)(
      'finds a change at a %s upstream, and others use what it found',
      async (era) => {
        const clock = createManualClock();
        const spec = {
          era,
          tools: tools('a'),
          ttlMs: TTL_MS,
          cacheScope: 'public' as const,
          config: { listTtlMs: TTL_MS },
        };
        const { counted, wrapStores } = countingChanges();
        const { gateway, upstreams } = await openListing({ one: spec }, { leg, clock, environments: 3, wrapStores });
        const [first, second, third] = gateway.environments;
        const peer = await first!.connect(revision);
        await listOf(peer);
        await gateway.settled();
        upstreams.one.lists = { tools: tools('b') };
        clock.advance(TTL_MS);
        expect(await namesIn(peer.through(second!))).toEqual(['one__b']);
        await gateway.settled();
        expect(counted).toEqual(['tools']);
        expect(await namesIn(peer.through(third!))).toEqual(['one__b']);
        expect(upstreams.one.of('tools/list')).toHaveLength(2);
      },
    );
  });

  test('a change that was counted already is not counted again when it is found', async () => {
    const clock = createManualClock();
    const { counted, wrapStores } = countingChanges();
    const spec = { era: 'modern', tools: tools('a'), ttlMs: TTL_MS } as const;
    const { gateway, upstreams } = await openListing({ one: spec }, { leg, clock, wrapStores });
    const peer = await gateway.client.connect(MODERN);
    await listOf(peer);
    await gateway.settled();
    upstreams.one.announcing = ['notifications/tools/list_changed'];
    await peer.call('one__a');
    await gateway.settled();
    upstreams.one.lists = { tools: tools('b') };
    expect(await namesIn(peer)).toEqual(['one__b']);
    await gateway.settled();
    expect(counted).toEqual(['tools']);
  });

  test('a change that the housekeeper finds is told to whoever listens', async () => {
    const spec = { era: 'modern', tools: tools('a'), ttlMs: TTL_MS, cacheScope: 'public' } as const;
    const house = await openHouse({ one: spec }, leg);
    const peer = await house.gateway.client.connect(LEGACY);
    await listOf(peer);
    await house.gateway.settled();
    expect(await poll(house.clock, peer)).toEqual([]);
    house.upstreams.one.lists = { tools: tools('b') };
    house.clock.advance(TTL_MS);
    await house.keepHouse();
    expect(await poll(house.clock, peer)).toEqual([toolsChanged]);
  });

  describe('an upstream with other tools in each session', () => {
    const differing = async (config: object, world: object = {}) => {
      const { counted, wrapStores } = countingChanges();
      const spec = { era: 'legacy', tools: tools('a'), config } as const;
      const opened = await openTelling({ one: spec }, { leg, wrapStores, ...world });
      opened.upstreams.one.on('tools/list', ({ answer, sessionId }) =>
        answer({ tools: tools(sessionId!.slice(0, 8)) }),
      );
      const peers: Peer[] = [];
      // Sessions of clients with other capabilities are another audience.
      for (const capabilities of [{}, { roots: {} }, {}, { roots: {} }, {}, { roots: {} }]) {
        peers.push(await opened.gateway.client.connect(LEGACY, { capabilities }));
      }
      /** Another client of each audience comes first each time. */
      const round = async (): Promise<void> => {
        peers.push(...peers.splice(0, 1));
        for (const peer of peers) {
          await listOf(peer);
          await opened.gateway.settled();
        }
      };
      return { ...opened, counted, round };
    };

    test('makes the lists of all stale no more than once in the time for which they are fresh', async () => {
      const { counted, round, clock, upstreams } = await differing({ listTtlMs: TTL_MS });
      await round();
      const before = upstreams.one.of('tools/list').length;
      for (let passed = 0; passed < 3; passed += 1) {
        clock.advance(TTL_MS);
        await round();
        await round();
      }
      expect(counted.length).toBeLessThanOrEqual(3);
      // Each of the two audiences asks once, and perhaps once more because of what the other has found.
      expect(upstreams.one.of('tools/list').length - before).toBeLessThanOrEqual(12);
    });

    test.each([{ listTtlMs: 0 }, { listTtlMs: 0, pin: true }])(
      'of which its operator says so with %j never has a change',
      async (config) => {
        const { counted, round, clock } = await differing(config);
        for (let passed = 0; passed < 3; passed += 1) {
          await round();
          clock.advance(TTL_MS);
        }
        expect(counted).toEqual([]);
      },
    );
  });

  test('a list that is stale at once and differs each time changes every five seconds at most', async () => {
    const clock = createManualClock();
    const { counted, wrapStores } = countingChanges();
    const spec = { era: 'modern', tools: tools('a'), ttlMs: 0 } as const;
    const { gateway, upstreams } = await openListing({ one: spec }, { leg, clock, wrapStores });
    let turn = 0;
    upstreams.one.on('tools/list', ({ answer }) => answer({ tools: tools(`t${(turn += 1)}`), ttlMs: 0 }));
    const peer = await gateway.client.connect(MODERN);
    for (let second = 0; second < 20; second += 1) {
      expect(await namesIn(peer)).toEqual([`one__t${turn}`]);
      await gateway.settled();
      clock.advance(1000);
    }
    expect(counted).toHaveLength(3);
  });
});
