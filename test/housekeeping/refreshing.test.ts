/** Lists that callers share are kept fresh on nobody's behalf, as long as somebody wants them. */
import { describe, expect, test } from 'vitest';
import { LEGACY, listOf, MODERN, namesIn, UNAVAILABLE } from '../gateway/listing-fixtures.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { tool, tools } from '../support/listing-upstream.ts';
import { openHouse } from './kit.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Fresh for hours, so that nothing but the schedule brings a change about. */
const LONG = { ttlMs: 10 * HOUR_MS, cacheScope: 'public', config: { listTtlMs: 10 * HOUR_MS } } as const;

describe.each(LEGS)('$name', (leg) => {
  test('everything that is kept of a legacy upstream is asked for in one upstream session, which is closed', async () => {
    const { gateway, upstreams, keepHouse, clock } = await openHouse(
      { up: { era: 'legacy', tools: tools('a'), ...LONG } },
      leg,
    );
    const client = await gateway.client.connect(LEGACY);
    await namesIn(client);
    await client.request('prompts/list');
    await gateway.settled();
    const before = { opened: upstreams.up.of('initialize').length, sessions: upstreams.up.sessions };
    clock.advance(MINUTE_MS);
    const { refreshed } = await keepHouse();
    expect(refreshed).toEqual([{ upstream: 'up', lists: 3, failed: 0 }]);
    expect(upstreams.up.of('initialize').length - before.opened).toBe(1);
    expect(upstreams.up.sessions).toBe(before.sessions);
  });

  describe.each([
    { era: 'modern', revision: MODERN },
    { era: 'legacy', revision: LEGACY },
    { era: 'legacy', revision: MODERN },
  ] as const)('for clients of $revision, a list of a $era upstream', ({ era, revision }) => {
    test('shows a change at another environment before it would have grown old', async () => {
      const { gateway, upstreams, keepHouse, clock, notices } = await openHouse(
        { up: { era, tools: tools('a', 'b'), ...LONG } },
        leg,
      );
      const [one, two] = [
        await gateway.environments[0]!.connect(revision),
        await gateway.environments[1]!.connect(revision),
      ];
      expect(await namesIn(one)).toEqual(['up__a', 'up__b']);
      await gateway.settled();
      upstreams.up.lists = { tools: [tool('a', { description: 'New' }), tool('c')] };
      expect(await namesIn(two)).toEqual(['up__a', 'up__b']);
      await gateway.settled();
      clock.advance(MINUTE_MS);
      const { refreshed } = await keepHouse();
      expect(refreshed).toEqual([{ upstream: 'up', lists: expect.any(Number), failed: 0 }]);
      expect(refreshed[0]!.lists).toBeGreaterThan(0);
      expect(await namesIn(two)).toEqual(['up__a', 'up__c']);
      expect(await namesIn(one)).toEqual(['up__a', 'up__c']);
      expect(notices).toEqual([
        { kind: 'list-changed', upstream: 'up', member: 'tools', added: ['c'], changed: ['a'], removed: ['b'] },
      ]);
    });

    test('has the operator hear once of a pinned tool that has changed, whose clients find the list kept', async () => {
      const pinned = { ...LONG, config: { ...LONG.config, pin: true } };
      const { gateway, upstreams, keepHouse, clock, notices } = await openHouse(
        { up: { era, tools: tools('a', 'b'), ...pinned } },
        leg,
      );
      const client = await gateway.client.connect(revision);
      expect(await namesIn(client)).toEqual(['up__a', 'up__b']);
      await gateway.settled();
      const told = () => [...notices, ...gateway.notices].filter(({ kind }) => kind === 'tool-held');
      clock.advance(MINUTE_MS);
      await keepHouse();
      expect(told()).toEqual([]);
      upstreams.up.lists = { tools: [tool('a', { description: 'New' }), ...tools('b', 'c')] };
      for (let run = 0; run < 2; run += 1) {
        clock.advance(MINUTE_MS);
        await keepHouse();
      }
      expect(told()).toEqual([{ kind: 'tool-held', upstream: 'up', tool: 'a' }]);
      expect(await namesIn(client)).toEqual(['up__b', 'up__c']);
      expect(told()).toHaveLength(1);
    });

    test('stays as it is when the upstream fails, and is fresh again when it is back', async () => {
      const { gateway, upstreams, keepHouse, clock } = await openHouse(
        { up: { era, tools: tools('a'), ...LONG } },
        leg,
      );
      const client = await gateway.client.connect(revision);
      await namesIn(client);
      await gateway.settled();
      await upstreams.up.stop();
      clock.advance(MINUTE_MS);
      const { refreshed } = await keepHouse();
      expect(refreshed[0]!.failed).toBe(refreshed[0]!.lists);
      const kept = await listOf(client);
      expect(kept.tools).toEqual([expect.objectContaining({ name: 'up__a' })]);
      expect(kept._meta?.[UNAVAILABLE]).toBeUndefined();
      await upstreams.up.start();
      upstreams.up.lists = { tools: tools('a', 'b') };
      clock.advance(MINUTE_MS);
      expect((await keepHouse()).refreshed[0]!.failed).toBe(0);
      expect(await namesIn(client)).toEqual(['up__a', 'up__b']);
    });

    test('is not wiped by an error, nor by a page that is missing', async () => {
      const { gateway, upstreams, keepHouse, clock } = await openHouse(
        { up: { era, tools: tools('a', 'b'), pageSize: 1, ...LONG } },
        leg,
      );
      const client = await gateway.client.connect(revision);
      await namesIn(client);
      await gateway.settled();
      upstreams.up.on('tools/list', (asked) => {
        if (asked.params?.cursor === undefined) upstreams.up.usual(asked);
        else asked.fail(-32603, 'Out of order');
      });
      clock.advance(MINUTE_MS);
      expect((await keepHouse()).refreshed[0]!.failed).toBeGreaterThan(0);
      expect(await namesIn(client)).toEqual(['up__a', 'up__b']);
    });

    test('is not asked for when nobody has wanted it for an hour', async () => {
      const { gateway, upstreams, keepHouse, clock } = await openHouse(
        { up: { era, tools: tools('a'), ...LONG } },
        leg,
      );
      await namesIn(await gateway.client.connect(revision));
      await gateway.settled();
      clock.advance(HOUR_MS + 1);
      const heard = upstreams.up.heard.length;
      expect((await keepHouse()).refreshed).toEqual([{ upstream: 'up', lists: 0, failed: 0 }]);
      expect(upstreams.up.heard).toHaveLength(heard);
    });

    test('leaves no session open at the upstream', async () => {
      const { gateway, upstreams, keepHouse } = await openHouse({ up: { era, tools: tools('a'), ...LONG } }, leg);
      const client = await gateway.client.connect(revision);
      await namesIn(client);
      await gateway.settled();
      const open = upstreams.up.sessions;
      await keepHouse();
      expect(upstreams.up.of('tools/list')).toHaveLength(2);
      expect(upstreams.up.sessions).toBe(open);
    });
  });

  test('refreshes what works beside what does not', async () => {
    const house = await openHouse({ gone: { tools: tools('a'), ...LONG }, up: { tools: tools('a'), ...LONG } }, leg);
    const { gateway, upstreams, keepHouse, clock } = house;
    const client = await gateway.client.connect(MODERN);
    await namesIn(client);
    await gateway.settled();
    await upstreams.gone.stop();
    upstreams.up.lists = { tools: tools('b') };
    clock.advance(MINUTE_MS);
    const { refreshed } = await keepHouse();
    expect(refreshed.map(({ upstream, failed }) => [upstream, failed > 0])).toEqual([
      ['gone', true],
      ['up', false],
    ]);
    expect(await namesIn(client)).toEqual(['gone__a', 'up__b']);
  });

  test('asks for nothing when no list is kept', async () => {
    const { upstreams, keepHouse } = await openHouse({ up: { tools: tools('a') } }, leg);
    expect((await keepHouse()).refreshed).toEqual([{ upstream: 'up', lists: 0, failed: 0 }]);
    expect(upstreams.up.heard).toEqual([]);
  });
});
