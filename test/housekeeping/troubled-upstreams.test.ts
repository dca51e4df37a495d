/** What goes wrong with one upstream, or with what clients ask of it, does not keep house from being kept for the others. */
import { describe, expect, test } from 'vitest';
import { Operator } from '../../lib/operator.ts';
import { StoreError } from '../../lib/ports/stores.ts';
import { LEGACY, listOf, MODERN, namesIn, namesOf } from '../gateway/listing-fixtures.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { prompts, tool, tools } from '../support/listing-upstream.ts';
import { turn } from '../support/turn.ts';
import { newInvocation, openHouse, type House } from './kit.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** An upstream that hangs is given up long before the others are. */
const IMPATIENT = { timeoutMs: 5000, idleTimeoutMs: 5000 };

function operatorOf({ config, ports, clock }: House<string>): Operator {
  return new Operator(config, ports, newInvocation(clock));
}

describe.each(LEGS)('$name', (leg) => {
  test('the lists of others are refreshed beside an upstream that hangs', async () => {
    const house = await openHouse(
      {
        hang: { era: 'legacy', tools: tools('a'), prompts: prompts('p'), config: IMPATIENT },
        good: { era: 'legacy', tools: tools('b') },
      },
      leg,
    );
    const { gateway, upstreams, clock } = house;
    const peer = await gateway.client.connect(LEGACY);
    await namesIn(peer);
    await namesIn(peer, 'prompts');
    await gateway.settled();
    upstreams.good.lists = { tools: tools('c') };
    clock.advance(1000);
    const gate = upstreams.hang.hold('initialize');
    const keeping = house.keepHouse();
    await gate.entered;
    clock.advance(5000);
    const { refreshed } = await keeping;
    const [hang, good] = refreshed;
    expect(hang).toMatchObject({ upstream: 'hang', failed: hang!.lists });
    expect(hang!.lists).toBeGreaterThan(1);
    expect(good).toMatchObject({ upstream: 'good', failed: 0 });
    expect(await namesIn(peer)).toContain('good__c');
  });

  test('an operator sees the other upstreams beside one that hangs', async () => {
    const house = await openHouse(
      { hang: { era: 'modern', tools: tools('a'), config: IMPATIENT }, good: { era: 'modern', tools: tools('b') } },
      leg,
    );
    const gate = house.upstreams.hang.hold('server/discover');
    const operator = operatorOf(house);
    const surveying = operator.survey();
    await gate.entered;
    house.clock.advance(5000);
    const surveys = await surveying;
    expect(
      surveys.map(({ upstream, troubles, lists }) => [upstream.name, troubles.length, lists.tools?.length]),
    ).toEqual([
      ['hang', 1, undefined],
      ['good', 0, 1],
    ]);
    gate.release();
    await operator.settle();
  });

  test('a store that fails for one upstream lets the others finish before the housekeeper ends', async () => {
    const house = await openHouse(
      { bad: { era: 'legacy', tools: tools('a') }, slow: { era: 'legacy', tools: tools('b'), prompts: prompts('p') } },
      leg,
    );
    const { gateway, upstreams, clock } = house;
    const peer = await gateway.client.connect(LEGACY);
    await namesIn(peer);
    await namesIn(peer, 'prompts');
    await gateway.settled();
    const { sessions } = upstreams.slow;
    clock.advance(1000);
    const gate = upstreams.slow.hold('tools/list');
    const failing = Promise.withResolvers<void>();
    let reads = 0;
    let isOver = false;
    const keeping = house
      .keepHouse((stores) => ({
        ...stores,
        catalog: {
          ...stores.catalog,
          async headsOf(upstream) {
            reads += 1;
            if (reads > 1) return stores.catalog.headsOf(upstream);
            await failing.promise;
            throw new StoreError('catalog.headsOf', 'throttled', undefined);
          },
        },
      }))
      .catch((error: unknown) => {
        isOver = true;
        return error;
      });
    await gate.entered;
    failing.resolve();
    await turn();
    expect(isOver).toBe(false);
    gate.release();
    expect(await keeping).toBeInstanceOf(StoreError);
    expect(upstreams.slow.of('tools/list')).toHaveLength(2);
    expect(upstreams.slow.of('prompts/list')).toHaveLength(2);
    expect(upstreams.slow.sessions).toBe(sessions);
  });

  test('a list that has become private is not served as public when the schedule has seen it', async () => {
    const house = await openHouse(
      { up: { era: 'modern', tools: tools('a'), ttlMs: HOUR_MS, cacheScope: 'public' } },
      leg,
    );
    const { gateway, upstreams, clock } = house;
    const peer = await gateway.client.connect(MODERN);
    expect((await listOf(peer)).cacheScope).toBe('public');
    await gateway.settled();
    upstreams.up.cacheScope = 'private';
    upstreams.up.lists = { tools: tools('a', 'secret') };
    clock.advance(1000);
    await house.keepHouse();
    const result = await listOf(peer);
    expect(namesOf(result)).toEqual(['up__a', 'up__secret']);
    expect(result.cacheScope).toBe('private');
  });

  test('a list that is used every minute stays wanted', async () => {
    const house = await openHouse(
      { up: { era: 'modern', tools: tools('a'), ttlMs: 24 * HOUR_MS, cacheScope: 'public' } },
      leg,
    );
    const { gateway, upstreams, clock } = house;
    const peer = await gateway.client.connect(MODERN);
    const pass = async (minutes: number): Promise<void> => {
      for (let minute = 0; minute < minutes; minute += 1) {
        await listOf(peer);
        await gateway.settled();
        clock.advance(MINUTE_MS);
      }
    };
    // Nothing but its use keeps it wanted: the schedule does not see it until then.
    await pass(65);
    upstreams.up.lists = { tools: tools('a', 'new') };
    await house.keepHouse();
    expect(await namesIn(peer)).toEqual(['up__a', 'up__new']);
  });

  test('60 clients that make up details of what they can do share one list', async () => {
    const house = await openHouse({ up: { era: 'legacy', tools: tools('a') } }, leg);
    const { gateway, upstreams, clock } = house;
    for (let index = 0; index < 60; index += 1) {
      const capabilities = { sampling: { [`made-up-${index}`]: {} }, elicitation: { form: { index } } };
      expect(await namesIn(await gateway.client.connect(LEGACY, { capabilities }))).toEqual(['up__a']);
      await gateway.settled();
    }
    expect(upstreams.up.of('tools/list')).toHaveLength(1);
    clock.advance(1000);
    // What it lists, and how it introduces itself.
    expect((await house.keepHouse()).refreshed).toEqual([{ upstream: 'up', lists: 2, failed: 0 }]);
  });

  test('a changed tool of a pinned upstream whose lists are not kept can be found and accepted', async () => {
    const house = await openHouse(
      { up: { era: 'legacy', tools: tools('a'), config: { pin: true, listTtlMs: 0 } } },
      leg,
    );
    const { gateway, upstreams, clock } = house;
    const peer = await gateway.client.connect(LEGACY);
    expect(await namesIn(peer)).toEqual(['up__a']);
    await gateway.settled();
    upstreams.up.lists = { tools: [tool('a', { description: 'New' })] };
    clock.advance(1000);
    expect(await namesIn(peer)).toEqual([]);
    await gateway.settled();
    const held = await operatorOf(house).heldTools();
    expect(held.map(({ name }) => name)).toEqual(['up__a']);
    expect(await operatorOf(house).accept(held)).toBe(true);
    expect(await namesIn(peer)).toEqual(['up__a']);
  });
});
