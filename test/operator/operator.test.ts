/** What an operator can look up and decide, over the stores of a gateway that serves meanwhile. */
import { describe, expect, test } from 'vitest';
import { Operator } from '../../lib/operator.ts';
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
