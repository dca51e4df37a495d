/**
 * How soon a client sees that the tools of an upstream have changed, at an environment that never heard of it: when the
 * list is no longer fresh, and at once when the upstream says so, or shows it.
 */
import { describe, expect, test } from 'vitest';
import type { Stores } from '../../lib/ports/stores.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import {
  METHODS,
  prompts,
  resources,
  templates,
  tool,
  tools,
  type ListName,
  type ListingUpstream,
} from '../support/listing-upstream.ts';
import {
  callTool,
  LEGACY,
  listOf,
  membersOf,
  MODERN,
  namesIn,
  namesOf,
  openListing,
  PAIRS,
  UNAVAILABLE,
} from './listing-fixtures.ts';

const TTL_MS = 30_000;

/** Two upstreams, of which the first changes; both eras' lists are fresh for 30 s. */
function specsOf(era: 'modern' | 'legacy' | 'both') {
  const fresh = { era, ttlMs: TTL_MS, cacheScope: 'public' as const, config: { listTtlMs: TTL_MS } };
  return { one: { ...fresh, tools: tools('a', 'b') }, two: { ...fresh, tools: tools('a') } };
}

const CHANGES: readonly (readonly [what: string, after: readonly object[], seen: readonly string[]])[] = [
  ['added', [...tools('a', 'b'), tool('c')], ['one__a', 'one__b', 'one__c', 'two__a']],
  ['changed', [tool('a', { description: 'Does more' }), tool('b')], ['one__a', 'one__b', 'two__a']],
  ['removed', tools('a'), ['one__a', 'two__a']],
];

/** What tells the lists before and after a change apart. */
async function seenBy(peer: Parameters<typeof listOf>[0]) {
  const result = await listOf(peer);
  return { names: namesOf(result), descriptions: membersOf(result, 'tools', 'description') };
}

const BEFORE = { names: ['one__a', 'one__b', 'two__a'], descriptions: ['Does a', 'Does b', 'Does a'] };

function after(seen: readonly string[], list: readonly object[]) {
  return { names: seen, descriptions: [...membersOf({ tools: list }, 'tools', 'description'), 'Does a'] };
}

function requestsOf(...upstreams: ListingUpstream[]): number {
  return upstreams.reduce((sum, { heard }) => sum + heard.length, 0);
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of $revision on upstreams of the kind $era', ({ revision, era }) => {
    describe.each(CHANGES)('of a tool that is %s', (_what, list, seen) => {
      test('sees the list as it was while it is fresh, and as it is from then on', async () => {
        const clock = createManualClock();
        const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock, environments: 3 });
        const [first, second, third] = gateway.environments;
        const peer = await first!.connect(revision);
        expect(await seenBy(peer)).toEqual(BEFORE);
        await gateway.settled();
        upstreams.one.lists = { tools: list };
        clock.advance(TTL_MS - 1);
        expect(await seenBy(peer.through(second!))).toEqual(BEFORE);
        await gateway.settled();
        clock.advance(1);
        expect(await seenBy(peer.through(third!))).toEqual(after(seen, list));
      });

      test('sees it at once when the upstream has announced it on the stream of a call', async () => {
        const clock = createManualClock();
        const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock, environments: 3 });
        const [first, second, third] = gateway.environments;
        const peer = await first!.connect(revision);
        expect(await seenBy(peer)).toEqual(BEFORE);
        await gateway.settled();
        upstreams.one.lists = { tools: list };
        upstreams.one.announcing = ['notifications/tools/list_changed'];
        expect(await callTool(peer.through(second!), 'one__a')).toBe('one:a');
        await gateway.settled();
        for (const environment of [third!, first!, second!]) {
          expect(await seenBy(peer.through(environment))).toEqual(after(seen, list));
          await gateway.settled();
        }
        // Once it has been asked, what it said is as good as ever.
        expect(upstreams.one.of('tools/list')).toHaveLength(2);
        expect(upstreams.two.of('tools/list')).toHaveLength(1);
      });
    });

    test.each(['error', 'result'] as const)(
      'sees that a tool is gone at once when the upstream has said so by a %s of a call',
      async (form) => {
        const clock = createManualClock();
        const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock, environments: 3 });
        const [first, second, third] = gateway.environments;
        const peer = await first!.connect(revision);
        expect(await seenBy(peer)).toEqual(BEFORE);
        await gateway.settled();
        upstreams.one.lists = { tools: tools('a', 'new') };
        upstreams.one.unknownTool = form;
        await callTool(peer.through(second!), 'one__b');
        await gateway.settled();
        expect((await seenBy(peer.through(third!))).names).toEqual(['one__a', 'one__new', 'two__a']);
      },
    );

    test('sees the last good list while it is fresh when the upstream lists nothing after a restart', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
      const peer = await gateway.client.connect(revision);
      await listOf(peer);
      await gateway.settled();
      await upstreams.one.stop();
      upstreams.one.lists = { tools: [] };
      await upstreams.one.start();
      clock.advance(TTL_MS - 1);
      expect((await seenBy(peer)).names).toEqual(BEFORE.names);
    });

    test('sees the tools again within the promised time when the upstream listed none for a moment', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
      const peer = await gateway.client.connect(revision);
      await listOf(peer);
      await gateway.settled();
      await upstreams.one.stop();
      upstreams.one.lists = { tools: [] };
      await upstreams.one.start();
      clock.advance(TTL_MS);
      const empty = await listOf(peer);
      expect(namesOf(empty)).toEqual(['two__a']);
      expect(empty._meta ?? {}).not.toHaveProperty(UNAVAILABLE);
      await gateway.settled();
      upstreams.one.lists = { tools: tools('a', 'b') };
      expect(await callTool(peer, 'one__b')).toBe('one:b');
      clock.advance(TTL_MS);
      expect((await seenBy(peer)).names).toEqual(BEFORE.names);
    });

    test('is served by an upstream that lost its sessions as if nothing had happened', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
      const peer = await gateway.client.connect(revision);
      await listOf(peer);
      await gateway.settled();
      await upstreams.one.stop();
      await upstreams.one.start();
      clock.advance(TTL_MS);
      const result = await listOf(peer);
      expect(result.tools).toHaveLength(3);
      expect(result._meta ?? {}).not.toHaveProperty(UNAVAILABLE);
    });

    test('never gets a list that is older than one that another environment has got', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock, environments: 3 });
      const [first, second, third] = gateway.environments;
      const peer = await first!.connect(revision);
      const goOn = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      const old = tools('old');
      upstreams.one.on('tools/list', async ({ answer }) => {
        upstreams.one.asUsual('tools/list');
        asked.resolve();
        await goOn.promise;
        answer({ tools: old, ttlMs: TTL_MS, cacheScope: 'public' });
      });
      const slow = listOf(peer);
      await asked.promise;
      clock.advance(1);
      expect((await seenBy(peer.through(second!))).names).toEqual(BEFORE.names);
      goOn.resolve();
      expect(namesOf(await slow)).toEqual(['one__old', 'two__a']);
      await gateway.settled();
      for (const environment of [third!, first!]) {
        expect((await seenBy(peer.through(environment))).names).toEqual(BEFORE.names);
      }
    });

    test('does not get from the table what was asked for before a change was announced', async () => {
      const clock = createManualClock();
      const counted = Promise.withResolvers<void>();
      const wrapStores = (stores: Stores): Stores => ({
        ...stores,
        catalog: {
          ...stores.catalog,
          countChange: async (...change) => {
            const count = await stores.catalog.countChange(...change);
            counted.resolve();
            return count;
          },
        },
      });
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock, environments: 3, wrapStores });
      const [first, second, third] = gateway.environments;
      const peer = await first!.connect(revision);
      await callTool(peer, 'one__a');
      await gateway.settled();
      const goOn = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      upstreams.one.on('tools/list', async ({ answer }) => {
        upstreams.one.asUsual('tools/list');
        asked.resolve();
        await goOn.promise;
        answer({ tools: tools('old'), ttlMs: TTL_MS, cacheScope: 'public' });
      });
      const slow = listOf(peer);
      await asked.promise;
      upstreams.one.announcing = ['notifications/tools/list_changed'];
      await callTool(peer.through(second!), 'one__a');
      await counted.promise;
      goOn.resolve();
      await slow;
      await gateway.settled();
      expect((await seenBy(peer.through(third!))).names).toEqual(BEFORE.names);
    });
  });

  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    test.each<[ListName, string, object[], object[]]>([
      ['prompts', 'notifications/prompts/list_changed', prompts('x'), prompts('y')],
      ['resources', 'notifications/resources/list_changed', resources('x://1'), resources('y://1')],
      ['resourceTemplates', 'notifications/resources/list_changed', templates('x://{i}'), templates('y://{i}')],
    ])('sees %s anew at once when they are announced by %s', async (list, announcement, old, now) => {
      const clock = createManualClock();
      const specs = specsOf('both');
      const { gateway, upstreams } = await openListing(
        { one: { ...specs.one, [list]: old }, two: specs.two },
        { leg, clock },
      );
      const peer = await gateway.client.connect(revision);
      const [before] = await namesIn(peer, list);
      await gateway.settled();
      upstreams.one.lists = { tools: tools('a'), [list]: now };
      upstreams.one.announcing = [announcement];
      await callTool(peer, 'one__a');
      await gateway.settled();
      const [renewed] = await namesIn(peer, list);
      expect(renewed).toBeDefined();
      expect(renewed).not.toBe(before);
    });

    test('sees what was announced to a client of the other era', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg, clock });
      const peer = await gateway.client.connect(revision);
      const other = await gateway.client.connect(revision === MODERN ? LEGACY : MODERN);
      expect(await seenBy(peer)).toEqual(BEFORE);
      await gateway.settled();
      upstreams.one.lists = { tools: tools('c') };
      upstreams.one.announcing = ['notifications/tools/list_changed'];
      upstreams.one.on('tools/call', (asked) => upstreams.one.usual(asked));
      await callTool(other, 'one__c');
      await gateway.settled();
      expect((await seenBy(peer)).names).toEqual(['one__c', 'two__a']);
    });

    test('sees what was announced on the stream of another list', async () => {
      const clock = createManualClock();
      const specs = specsOf('both');
      const { gateway, upstreams } = await openListing(
        { one: { ...specs.one, prompts: [] }, two: specs.two },
        { leg, clock },
      );
      const peer = await gateway.client.connect(revision);
      expect(await seenBy(peer)).toEqual(BEFORE);
      await gateway.settled();
      upstreams.one.lists = { tools: tools('c'), prompts: [] };
      upstreams.one.on('prompts/list', (asked) => {
        asked.response.writeHead(200, { 'content-type': 'text/event-stream' });
        asked.response.write('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n');
        upstreams.one.usual(asked);
      });
      await listOf(peer, 'prompts');
      await gateway.settled();
      expect((await seenBy(peer)).names).toEqual(['one__c', 'two__a']);
    });

    test('does not have to wait for tools that a legacy upstream had not for one moment after a restart', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf('legacy'), { leg, clock });
      const peer = await gateway.client.connect(revision);
      await listOf(peer);
      await gateway.settled();
      clock.advance(TTL_MS);
      upstreams.one.lists = { tools: [] };
      await listOf(peer);
      await gateway.settled();
      upstreams.one.lists = { tools: tools('a', 'b') };
      clock.advance(1000);
      expect((await seenBy(peer)).names).toEqual(BEFORE.names);
    });

    test('that calls what nobody lists has no list asked for again', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg, clock });
      const peer = await gateway.client.connect(revision);
      await listOf(peer);
      await gateway.settled();
      expect(await callTool(peer, 'one__nothing')).toMatchObject({ code: -32602 });
      await gateway.settled();
      await listOf(peer);
      expect(upstreams.one.of('tools/list')).toHaveLength(1);
    });

    test('has one announcement cost one new list, however many clients ask', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf('modern'), { leg, clock });
      const peer = await gateway.client.connect(revision);
      await listOf(peer);
      upstreams.one.announcing = ['notifications/tools/list_changed', 'notifications/tools/list_changed'];
      await callTool(peer, 'one__a');
      await gateway.settled();
      for (let time = 0; time < 4; time += 1) {
        await listOf(peer);
        await gateway.settled();
      }
      expect(upstreams.one.of('tools/list')).toHaveLength(2);
    });
  });

  describe('the list of a modern upstream', () => {
    test.each([
      ['of 0', 0],
      ['that is missing', undefined],
      ['that is negative', -5],
    ])('with a ttlMs %s is asked for each time', async (_what, ttlMs) => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(
        { one: { era: 'modern', tools: tools('a'), ttlMs }, two: { ...specsOf('modern').two } },
        { leg, clock },
      );
      for (const revision of [MODERN, LEGACY]) {
        const peer = await gateway.client.connect(revision);
        for (const name of ['b', 'c']) {
          upstreams.one.lists = { tools: tools(name) };
          const result = await listOf(peer);
          expect(result.tools[0].name).toBe(`one__${name}`);
          if (revision === MODERN) expect(result.ttlMs).toBe(0);
          await gateway.settled();
        }
      }
    });

    test('is passed on with what is left of its time, and the smallest of all counts', async () => {
      const clock = createManualClock();
      const specs = {
        one: { ...specsOf('modern').one, ttlMs: 50_000 },
        two: specsOf('modern').two,
        old: { ...specsOf('legacy').one, config: { listTtlMs: 45_000 } },
      };
      const { gateway } = await openListing(specs, { leg, clock });
      const peer = await gateway.client.connect(MODERN);
      expect((await listOf(peer)).ttlMs).toBe(30_000);
      await gateway.settled();
      clock.advance(12_345);
      expect((await listOf(peer)).ttlMs).toBe(17_655);
      clock.advance(17_655);
      // The second one is asked again, the others are not.
      expect((await listOf(peer)).ttlMs).toBe(15_000);
    });

    test('that is fresh for longer than a day is asked for once a day', async () => {
      const clock = createManualClock();
      const day = 24 * 60 * 60 * 1000;
      const { gateway, upstreams } = await openListing(
        { one: { ...specsOf('modern').one, ttlMs: 3 * day }, two: { ...specsOf('modern').two, ttlMs: 3 * day } },
        { leg, clock },
      );
      const peer = await gateway.client.connect(MODERN);
      await listOf(peer);
      await gateway.settled();
      clock.advance(day - 1000);
      expect((await listOf(peer)).ttlMs).toBe(1000);
      expect(requestsOf(upstreams.one, upstreams.two)).toBe(4);
      clock.advance(1000);
      expect((await listOf(peer)).ttlMs).toBe(day);
      expect(requestsOf(upstreams.one, upstreams.two)).toBeGreaterThan(4);
    });
  });

  describe('the list of a legacy upstream', () => {
    test('is fresh for a minute unless the operator says otherwise', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(
        {
          one: { era: 'legacy', tools: tools('a') },
          two: { era: 'legacy', tools: tools('a'), config: { listTtlMs: 5000 } },
        },
        { leg, clock },
      );
      const peer = await gateway.client.connect(LEGACY);
      const asked = () => [upstreams.one, upstreams.two].map((upstream) => upstream.of(METHODS.tools).length);
      for (const [ms, expected] of [
        [0, [1, 1]],
        [4999, [1, 1]],
        [1, [1, 2]],
        [54_999, [1, 3]],
        [1, [2, 3]],
      ] as const) {
        clock.advance(ms);
        await listOf(peer);
        await gateway.settled();
        expect(asked()).toEqual(expected);
      }
    });

    test('is asked for each time when the operator wants it so, and nothing of it is kept', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(
        { one: { era: 'legacy', tools: tools('a'), config: { listTtlMs: 0 } }, two: specsOf('legacy').two },
        { leg, clock },
      );
      const peer = await gateway.client.connect(LEGACY);
      for (const name of ['b', 'c', 'd']) {
        upstreams.one.lists = { tools: tools(name) };
        expect((await namesIn(peer))[0]).toBe(`one__${name}`);
        await gateway.settled();
      }
      expect(upstreams.two.of('tools/list')).toHaveLength(1);
    });
  });
});
