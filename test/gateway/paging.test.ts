/** Lists of upstreams that come in pages: all of them make one, and pages that go wrong wipe nothing. */
import { describe, expect, test } from 'vitest';
import { LEGS } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { prompts, resources, templates, tool, tools, type ListName, type Script } from '../support/listing-upstream.ts';
import {
  callTool,
  LEGACY,
  listOf,
  MODERN,
  namesIn,
  namesOf,
  openListing,
  PAIRS,
  UNAVAILABLE,
} from './listing-fixtures.ts';

const TTL_MS = 30_000;

function specsOf(era: 'modern' | 'legacy' | 'both') {
  const fresh = { era, ttlMs: TTL_MS, cacheScope: 'public' as const, config: { listTtlMs: TTL_MS } };
  return { one: { ...fresh, tools: tools('a', 'b') }, two: { ...fresh, tools: tools('a') } };
}

const many = (count: number): object[] => Array.from({ length: count }, (_, index) => ({ name: `t${index}` }));

/** Pages by their cursors; the first one has the cursor `undefined`. */
function pages(page: (cursor: string | undefined) => object): Script {
  return ({ params, answer }) => answer({ ttlMs: TTL_MS, cacheScope: 'public', ...page(params?.cursor) });
}

const FAULTS: readonly (readonly [what: string, script: Script, words: RegExp])[] = [
  [
    'a failing second page',
    (asked) =>
      asked.params?.cursor === undefined
        ? asked.answer({ tools: tools('x'), nextCursor: '2' })
        : asked.fail(-32603, 'Lost the rest'),
    /^Lost the rest$/,
  ],
  [
    'a second page that it says not to have',
    (asked) =>
      asked.params?.cursor === undefined
        ? asked.answer({ tools: tools('x'), nextCursor: '2' })
        : asked.fail(-32601, 'No such method'),
    /^No such method$/,
  ],
  [
    'a second page that is cut off',
    (asked) => {
      if (asked.params?.cursor === undefined) asked.answer({ tools: tools('x'), nextCursor: '2' });
      else asked.response.socket?.destroy();
    },
    /^Upstream one broke the connection/,
  ],
  [
    'a second page of garbage',
    (asked) => {
      if (asked.params?.cursor === undefined) return asked.answer({ tools: tools('x'), nextCursor: '2' });
      asked.response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","result":{"too');
    },
    /^Upstream one sent an answer that cannot be used/,
  ],
  [
    'a second page that is no list',
    pages((cursor) => (cursor === undefined ? { tools: [], nextCursor: '2' } : {})),
    /it is not a list$/,
  ],
  [
    'a cursor that leads back to the first page',
    pages(() => ({ tools: tools('x'), nextCursor: 'again' })),
    /read already$/,
  ],
  [
    'a loop of three pages',
    pages((cursor) => ({ tools: tools('x'), nextCursor: String((Number(cursor ?? 0) + 1) % 3) })),
    /read already$/,
  ],
  [
    '101 pages',
    pages((cursor) => ({ tools: tools('x'), nextCursor: String(Number(cursor ?? 0) + 1) })),
    /more than 100 pages$/,
  ],
  [
    '10,001 items',
    pages((cursor) => (cursor === undefined ? { tools: many(6000), nextCursor: '2' } : { tools: many(4001) })),
    /more than 10000 items$/,
  ],
  ['a cursor that is no text', pages(() => ({ tools: tools('x'), nextCursor: 2 })), /cursor is no string$/],
];

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of $revision on upstreams of the kind $era', ({ revision, era }) => {
    test.each<[ListName, object[], string[]]>([
      ['tools', tools('a', 'b', 'c'), ['one__a', 'one__b', 'one__c']],
      ['prompts', prompts('a', 'b', 'c'), ['one__a', 'one__b', 'one__c']],
      ['resources', resources('x://1', 'x://2', 'x://3'), ['x://1', 'x://2', 'x://3']],
      ['resourceTemplates', templates('x://{a}', 'x://{b}', 'x://{c}'), ['x://{a}', 'x://{b}', 'x://{c}']],
    ])('sees all pages of %s as one, in the order of the upstream', async (list, items, names) => {
      const { gateway, upstreams } = await openListing(
        { one: { era, [list]: items, pageSize: 1 }, two: { era, tools: tools('z') } },
        { leg },
      );
      const peer = await gateway.client.connect(revision);
      const result = await listOf(peer, list);
      expect(result).not.toHaveProperty('nextCursor');
      expect(await namesIn(peer, list)).toEqual(list === 'tools' ? [...names, 'two__z'] : names);
      const cursors = upstreams.one.heard
        .filter(({ method }) => method?.endsWith('/list'))
        .map(({ message }): unknown => message.params?.cursor);
      expect(cursors.slice(0, 3)).toEqual([undefined, '1', '2']);
    });

    test('sees the pages before and after an empty one', async () => {
      const { gateway, upstreams } = await openListing(specsOf(era), { leg });
      const found = [tools('a'), [], [], tools('b')];
      upstreams.one.on(
        'tools/list',
        pages((cursor) => {
          const at = Number(cursor ?? 0);
          return { tools: found[at], ...(at < 3 ? { nextCursor: String(at + 1) } : {}) };
        }),
      );
      expect(await namesIn(await gateway.client.connect(revision))).toEqual(['one__a', 'one__b', 'two__a']);
    });

    describe.each(FAULTS)('of an upstream with %s', (_what, script, words) => {
      test('keeps seeing its last good list while that is fresh, and then not an empty one but none', async () => {
        const clock = createManualClock();
        const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
        const peer = await gateway.client.connect(revision);
        await listOf(peer);
        await gateway.settled();
        upstreams.one.on('tools/list', script);
        clock.advance(TTL_MS - 1);
        expect(await namesIn(peer)).toEqual(['one__a', 'one__b', 'two__a']);
        clock.advance(1);
        for (let time = 0; time < 2; time += 1) {
          const result = await listOf(peer);
          expect(namesOf(result)).toEqual(['two__a']);
          expect(result._meta[UNAVAILABLE]).toEqual([{ upstream: 'one', reason: expect.stringMatching(words) }]);
          if (revision === MODERN) expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
          await gateway.settled();
        }
        expect(await callTool(peer, 'one__b')).toBe('one:b');
        upstreams.one.asUsual('tools/list');
        expect(await namesIn(peer)).toEqual(['one__a', 'one__b', 'two__a']);
      });
    });
  });

  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    test('sees 100 pages and 10,000 items, which is as far as the gateway follows', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      upstreams.one.on(
        'tools/list',
        pages((cursor) => {
          const at = Number(cursor ?? 0);
          const own = Array.from({ length: 100 }, (_, index) => ({ name: `t${100 * at + index}` }));
          return { tools: own, ...(at < 99 ? { nextCursor: String(at + 1) } : {}) };
        }),
      );
      const result = await listOf(await gateway.client.connect(revision));
      expect(result.tools).toHaveLength(10_001);
      expect(result._meta ?? {}).not.toHaveProperty(UNAVAILABLE);
      expect(upstreams.one.of('tools/list')).toHaveLength(100);
    });

    test('does not wait longer for 101 pages than for what the gateway follows', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      upstreams.one.on('tools/list', FAULTS.find(([what]) => what === '101 pages')![1]);
      await listOf(await gateway.client.connect(revision));
      expect(upstreams.one.of('tools/list')).toHaveLength(100);
    });

    test('sees an item that two pages repeat once', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      upstreams.one.on(
        'tools/list',
        pages((cursor) => ({
          tools: [tool('a'), tool(`b${cursor}`)],
          ...(cursor === undefined ? { nextCursor: '2' } : {}),
        })),
      );
      expect(await namesIn(await gateway.client.connect(revision))).toEqual([
        'one__a',
        'one__bundefined',
        'one__b2',
        'two__a',
      ]);
    });

    test('does not see the pages of a list that takes longer than 20 s', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg, clock });
      upstreams.one.on('tools/list', (asked) => {
        clock.advance(5001);
        return pages((cursor) => ({ tools: tools('x'), nextCursor: String(Number(cursor ?? 0) + 1) }))(asked);
      });
      const result = await listOf(await gateway.client.connect(revision));
      expect(result._meta[UNAVAILABLE]).toContainEqual({
        upstream: 'one',
        reason: 'Upstream one did not finish within 20000 ms',
      });
      expect(upstreams.one.of('tools/list').length).toBeLessThanOrEqual(4);
    });
  });

  test('the smallest ttlMs of the pages counts, and they are public when all are', async () => {
    const { gateway, upstreams } = await openListing(specsOf('modern'), { leg });
    const peer = await gateway.client.connect(MODERN);
    const said = { first: { ttlMs: 9000, cacheScope: 'public' }, second: { ttlMs: 8000, cacheScope: 'private' } };
    upstreams.one.on('tools/list', ({ params, answer }) =>
      params?.cursor === undefined
        ? answer({ tools: tools('x'), nextCursor: '2', ...said.first })
        : answer({ tools: tools('y'), ...said.second }),
    );
    expect(await listOf(peer)).toMatchObject({ ttlMs: 8000, cacheScope: 'private' });
  });

  test('the pages of a legacy upstream are asked for in one upstream session', async () => {
    const { gateway, upstreams } = await openListing(
      { one: { era: 'legacy', tools: tools('a', 'b', 'c'), pageSize: 1 }, two: { era: 'legacy', tools: tools('z') } },
      { leg },
    );
    const peer = await gateway.client.connect(MODERN);
    expect(await namesIn(peer)).toEqual(['one__a', 'one__b', 'one__c', 'two__z']);
    await gateway.settled();
    expect(new Set(upstreams.one.of('tools/list').map(({ sessionId }) => sessionId)).size).toBe(1);
    expect(upstreams.one.sessions).toBe(0);
  });
});
