/** What an operator can look up and decide, over the stores of a gateway that serves meanwhile. */
import { describe, expect, test } from 'vitest';
import { allUpstreams } from '../../lib/gateway/work.ts';
import { Operator } from '../../lib/operator.ts';
import { upstreamKey } from '../../lib/upstream/eras.ts';
import { callTool, LEGACY, MODERN, namesIn } from '../gateway/listing-fixtures.ts';
import { newInvocation, openHouse, type House } from '../housekeeping/kit.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { prompts, tool, tools } from '../support/listing-upstream.ts';

const PINNED = { config: { pin: true, listTtlMs: 60_000 } };

/** One that remembers nothing. */
const operatorOf = ({ config, ports, clock }: House<string>) => new Operator(config, ports, newInvocation(clock));

describe.each(LEGS)('$name', (leg) => {
  test('surveys upstreams in configured order, with what is wrong with each', async () => {
    const house = await openHouse(
      {
        modern: { era: 'modern', tools: tools('a'), prompts: prompts('p') },
        gone: {},
        legacy: { era: 'legacy', tools: tools('a', 'b') },
        liar: { tools: tools('a'), capabilities: { tools: {}, prompts: {} } },
      },
      leg,
    );
    await house.upstreams.gone.stop();
    house.upstreams.liar.on('tools/list', (asked) => asked.fail(-32603, 'Out of order'));
    const operator = operatorOf(house);
    const surveys = await operator.survey();
    await operator.settle();
    expect(
      surveys.map(({ upstream, era, lists, troubles }) => [upstream.name, era, lists.tools?.length, troubles]),
    ).toEqual([
      ['modern', 'modern', 1, []],
      ['gone', undefined, undefined, ['Upstream gone could not be reached']],
      ['legacy', 'legacy', 2, []],
      ['liar', 'modern', undefined, [expect.stringMatching(/^tools: .*Out of order/)]],
    ]);
    expect(house.upstreams.legacy.of('initialize')).toHaveLength(1);
    expect(house.upstreams.legacy.sessions).toBe(0);
  });

  test('judges a tool by the list that the upstream gave last, whoever asked for it', async () => {
    const house = await openHouse({ up: { era: 'legacy', tools: tools('a'), ...PINNED } }, leg);
    const { gateway, upstreams, clock } = house;
    const plain = await gateway.client.connect(LEGACY);
    const able = await gateway.client.connect(LEGACY, { capabilities: { sampling: {} } });
    await namesIn(plain);
    await gateway.settled();
    upstreams.up.lists = { tools: [tool('a', { description: 'New' })] };
    clock.advance(1);
    expect(await namesIn(able)).toEqual([]);
    await gateway.settled();
    const held = await operatorOf(house).heldTools();
    expect(held).toEqual([
      expect.objectContaining({ upstream: 'up', name: 'up__a', upstreamName: 'a', revision: LEGACY }),
    ]);
    expect(await operatorOf(house).accept(held)).toBe(true);
    expect(await namesIn(able)).toEqual(['up__a']);
    expect(await operatorOf(house).heldTools()).toEqual([]);
  });

  test('accepts what was looked at, not what the tool has become meanwhile', async () => {
    const house = await openHouse({ up: { era: 'modern', tools: tools('a'), ttlMs: 0, ...PINNED } }, leg);
    const { gateway, upstreams, clock } = house;
    const client = await gateway.client.connect(MODERN);
    await namesIn(client);
    await gateway.settled();
    const change = async (description: string) => {
      clock.advance(60_000);
      upstreams.up.lists = { tools: [tool('a', { description })] };
      expect(await namesIn(client)).toEqual([]);
      await gateway.settled();
    };
    await change('Harmless');
    const held = await operatorOf(house).heldTools();
    await change('Harmful');
    await operatorOf(house).accept(held);
    expect(await namesIn(client)).toEqual([]);
    const [still] = await operatorOf(house).heldTools();
    expect([still?.accepted, still?.found].map((text) => JSON.parse(text!) as unknown)).toEqual([
      expect.objectContaining({ description: 'Harmless' }),
      expect.objectContaining({ description: 'Harmful' }),
    ]);
    expect(still?.digest).not.toBe(held[0]?.digest);
  });

  test('knows a definition by its digest, which is another one for each upstream', async () => {
    const changed = [tool('a', { description: 'New' })];
    const house = await openHouse(
      {
        one: { era: 'modern', tools: tools('a'), ttlMs: 0, config: { ...PINNED.config, prefix: '' } },
        two: { era: 'modern', tools: tools('a'), ttlMs: 0, config: PINNED.config },
      },
      leg,
    );
    const { gateway, upstreams, clock } = house;
    const client = await gateway.client.connect(MODERN);
    await namesIn(client);
    await gateway.settled();
    clock.advance(60_000);
    upstreams.one.lists = { tools: changed };
    upstreams.two.lists = { tools: changed };
    expect(await namesIn(client)).toEqual([]);
    await gateway.settled();
    const [one, two] = await operatorOf(house).heldTools();
    expect(one?.found).toBe(two?.found);
    expect(one?.digest).toMatch(/^[\w-]{43}$/);
    expect(one?.digest).not.toBe(two?.digest);
    expect((await operatorOf(house).heldTools()).map(({ digest }) => digest)).toEqual([one?.digest, two?.digest]);
  });

  test('accepts for each of two operators at the same time', async () => {
    const house = await openHouse({ up: { era: 'modern', tools: tools('a', 'b'), ttlMs: 0, ...PINNED } }, leg);
    const { gateway, upstreams, clock } = house;
    const client = await gateway.client.connect(MODERN);
    await namesIn(client);
    await gateway.settled();
    clock.advance(60_000);
    upstreams.up.lists = { tools: ['a', 'b'].map((name) => tool(name, { description: 'New' })) };
    expect(await namesIn(client)).toEqual([]);
    await gateway.settled();
    const [a, b] = await operatorOf(house).heldTools();
    const accepted = await Promise.all([operatorOf(house).accept([a!]), operatorOf(house).accept([b!])]);
    expect(accepted).toEqual([true, true]);
    expect(await namesIn(client)).toEqual(['up__a', 'up__b']);
  });

  test('tells what is kept of each upstream, and whether it is known to have changed since', async () => {
    const house = await openHouse(
      {
        one: { era: 'modern', tools: tools('a'), ttlMs: 60_000 },
        two: { era: 'modern', tools: tools('a', 'b'), ttlMs: 60_000 },
      },
      leg,
    );
    const { gateway, clock, stores, config, ports } = house;
    expect(await operatorOf(house).keptLists()).toEqual([]);
    const fetchedAt = clock.now();
    await namesIn(await gateway.client.connect(MODERN));
    await gateway.settled();
    const [, two] = allUpstreams(config);
    await stores.catalog.countChange(upstreamKey(two!, ports.ids), 'tools');
    const lists = (await operatorOf(house).keptLists()).filter(({ member }) => member === 'tools');
    expect(lists).toEqual([
      {
        upstream: 'one',
        member: 'tools',
        fetchedAt,
        freshUntil: fetchedAt + 60_000,
        isStale: false,
        bytes: lists[0]?.bytes,
      },
      {
        upstream: 'two',
        member: 'tools',
        fetchedAt,
        freshUntil: fetchedAt + 60_000,
        isStale: true,
        bytes: lists[1]?.bytes,
      },
    ]);
    expect(Math.min(...lists.map(({ bytes }) => bytes))).toBeGreaterThan(0);
  });

  test('tells how the breaker of each upstream is', async () => {
    const house = await openHouse({ one: { tools: tools('a') }, two: { tools: tools('a') } }, leg);
    const { clock, stores, config, ports } = house;
    const closed = { state: 'closed', openUntil: undefined };
    expect(await operatorOf(house).breakers()).toEqual([
      { upstream: 'one', ...closed, failures: 0 },
      { upstream: 'two', ...closed, failures: 0 },
    ]);
    const [one, two] = allUpstreams(config).map((upstream) => upstreamKey(upstream, ports.ids));
    const openUntil = clock.now() + 1000;
    await stores.breakers.countFailure(one!, 2, openUntil, openUntil + 100_000, clock.now());
    await stores.breakers.countFailure(two!, 1, openUntil, openUntil + 100_000, clock.now());
    expect(await operatorOf(house).breakers()).toEqual([
      { upstream: 'one', ...closed, failures: 1 },
      { upstream: 'two', state: 'open', openUntil, failures: 1 },
    ]);
    clock.advance(1000);
    expect((await operatorOf(house).breakers())[1]).toEqual({
      upstream: 'two',
      state: 'half-open',
      openUntil: undefined,
      failures: 1,
    });
  });

  test('reads no more sessions than it is asked for', async () => {
    const house = await openHouse({ up: { era: 'legacy', tools: tools('a') } }, leg);
    for (let count = 0; count < 3; count += 1) await house.gateway.client.connect(LEGACY);
    const { sessions, hasMore } = await operatorOf(house).latestSessions(2);
    expect([sessions.length, hasMore]).toEqual([2, true]);
  });

  test('ends a session once, with its upstream sessions', async () => {
    const house = await openHouse({ up: { era: 'legacy', tools: tools('a') } }, leg);
    const { gateway, upstreams } = house;
    const client = await gateway.client.connect(LEGACY);
    await callTool(client, 'up__a');
    await gateway.settled();
    const operator = operatorOf(house);
    const [session] = (await operator.sessions()).sessions;
    expect(session).toMatchObject({ server: 'default', protocolVersion: LEGACY });
    const ended = await Promise.all([operator.endSession(session!.key), operator.endSession(session!.key)]);
    await operator.settle();
    expect(ended.filter((one) => one !== undefined)).toHaveLength(1);
    expect(upstreams.up.sessions).toBe(0);
    expect((await client.request('tools/list')).status).toBe(404);
    expect(await operator.sessions()).toEqual({ sessions: [], hasMore: false });
  });
});
