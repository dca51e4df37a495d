/** Several upstreams behind one gateway: what keeps them apart, who shares their lists, and what they cost. */
import { describe, expect, test } from 'vitest';
import { LEGS, type Harness } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { prompts, resources, templates, tool, tools } from '../support/listing-upstream.ts';
import {
  callTool,
  complete,
  getPrompt,
  LEGACY,
  listOf,
  MODERN,
  namesIn,
  openListing,
  readResource,
  type ListingSpec,
} from './listing-fixtures.ts';

function everything(name: string): ListingSpec {
  return {
    tools: tools('a'),
    prompts: prompts('p'),
    resources: resources(`${name}://1`),
    resourceTemplates: templates(`${name}://{id}`),
  };
}

/** Twenty upstreams, of which one is called, or that one alone. */
function upstreamsOf(count: number, fields: ListingSpec): Record<string, ListingSpec> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`u${index}`, { ...everything(`u${index}`), ...fields }]),
  );
}

function costOf(gateway: Harness) {
  const { upstreamRequests, dynamodbRequests, attempt, method } = gateway.actions.at(-1)!;
  return { upstreamRequests, dynamodbRequests, attempt, method };
}

describe.each(LEGS)('$name', (leg) => {
  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    describe('of a virtual server with two upstreams of three', () => {
      const specs = { one: everything('one'), two: everything('two'), hidden: everything('hidden') };
      const servers = { default: { upstreams: ['one', 'two'] }, other: { upstreams: ['hidden'] } };
      const UNKNOWN = { code: expect.any(Number), message: expect.stringMatching(/./) };

      test('sees nothing of the third', async () => {
        const { gateway } = await openListing(specs, { leg, servers });
        const peer = await gateway.client.connect(revision);
        for (const list of ['tools', 'prompts', 'resources', 'resourceTemplates'] as const) {
          const names = await namesIn(peer, list);
          expect(names).toHaveLength(2);
          for (const name of names) expect(name).not.toContain('hidden');
        }
      });

      test('reaches nothing of the third by its name, its URIs or a completion', async () => {
        const { gateway, upstreams } = await openListing(specs, { leg, servers });
        upstreams.hidden.unlisted = ['unlisted://it'];
        const peer = await gateway.client.connect(revision);
        expect(await callTool(peer, 'hidden__a')).toEqual({ code: -32602, message: 'Unknown tool: hidden__a' });
        expect(await getPrompt(peer, 'hidden__p')).toEqual({ code: -32602, message: 'Unknown prompt: hidden__p' });
        expect(await readResource(peer, 'hidden://1')).toEqual(UNKNOWN);
        expect(await readResource(peer, 'hidden://by-template')).toEqual(UNKNOWN);
        expect(await readResource(peer, 'unlisted://it')).toEqual(UNKNOWN);
        expect(await complete(peer, { type: 'ref/prompt', name: 'hidden__p' })).toEqual(UNKNOWN);
        await complete(peer, { type: 'ref/resource', uri: 'hidden://{id}' });
        await gateway.settled();
        expect(upstreams.hidden.heard).toEqual([]);
      });

      test('reaches the third through the virtual server that shows it, and the others not', async () => {
        const { gateway, upstreams } = await openListing(specs, { leg, servers });
        const peer = await gateway.client.connect(revision, { path: '/mcp/other' });
        expect(await namesIn(peer)).toEqual(['hidden__a']);
        expect(await callTool(peer, 'hidden__a')).toBe('hidden:a');
        expect(await getPrompt(peer, 'hidden__p')).toBe('hidden:p');
        expect(await readResource(peer, 'hidden://1')).toBe('hidden:hidden://1');
        expect(await callTool(peer, 'one__a')).toMatchObject({ code: -32602 });
        await gateway.settled();
        expect(upstreams.one.heard).toEqual([]);
      });

      test('is not led to the third by a name that an upstream without prefix takes', async () => {
        const plain = { tools: tools('a', 'hidden__a'), config: { prefix: '' } };
        const { gateway, upstreams } = await openListing(
          { ...specs, plain },
          { leg, servers: { ...servers, default: { upstreams: ['one', 'plain'] } } },
        );
        const peer = await gateway.client.connect(revision);
        expect(await namesIn(peer)).toEqual(['one__a', 'a', 'hidden__a']);
        expect(await callTool(peer, 'hidden__a')).toBe('plain:hidden__a');
        expect(upstreams.hidden.heard).toEqual([]);
      });
    });

    test('calls twenty tools of twenty upstreams at once, and each reaches its own', async () => {
      const { gateway, upstreams } = await openListing(upstreamsOf(20, {}), { leg });
      const peer = await gateway.client.connect(revision);
      const names = Object.keys(upstreams);
      expect(await Promise.all(names.map((name) => callTool(peer, `${name}__a`)))).toEqual(
        names.map((name) => `${name}:a`),
      );
      for (const upstream of Object.values(upstreams)) expect(upstream.called).toEqual(['a']);
    });

    describe.each(['modern', 'legacy', 'both'] as const)('on upstreams of the kind %s', (era) => {
      test('has a call cost the same with twenty upstreams as with one', async () => {
        const costs = [];
        for (const count of [1, 20]) {
          const fields = { era, ttlMs: 60_000, config: { isolation: 'shared' } };
          const { gateway } = await openListing(upstreamsOf(count, fields), { leg, clock: createManualClock() });
          const [first, second] = gateway.environments;
          const peer = await first!.connect(revision);
          const own = [];
          for (const environment of [first, first, second, second]) {
            expect(await callTool(peer.through(environment!), 'u0__a')).toBe('u0:a');
            await gateway.settled();
            own.push(costOf(gateway));
          }
          costs.push(own);
        }
        expect(costs[1]).toEqual(costs[0]);
        const warm = costs[0]!.at(-1)!;
        expect(warm.upstreamRequests).toBe(1);
        // What holds the session: the client's own, or the one on the upstream that all share.
        expect(warm.dynamodbRequests).toBe(revision === MODERN && era !== 'legacy' ? 0 : 1);
      });

      test('has a list from the table cost one request to it, and none to twenty upstreams', async () => {
        const fields = { era, ttlMs: 60_000 };
        const { gateway } = await openListing(upstreamsOf(20, fields), { leg, clock: createManualClock() });
        const peer = (await gateway.environments[0]!.connect(revision)).through(gateway.environments[0]!);
        await listOf(peer);
        await gateway.settled();
        await listOf(peer);
        await gateway.settled();
        expect((await listOf(peer)).tools).toHaveLength(20);
        // A legacy client's session is read as well.
        const dynamodbRequests = revision === MODERN ? 1 : 2;
        expect(costOf(gateway)).toEqual({ upstreamRequests: 0, dynamodbRequests, attempt: 0, method: 'tools/list' });
      });

      test('has a list at an environment that never saw it cost one request more', async () => {
        const { gateway } = await openListing(upstreamsOf(20, { era, ttlMs: 60_000 }), {
          leg,
          clock: createManualClock(),
        });
        const [first, second] = gateway.environments;
        const peer = await first!.connect(revision);
        await listOf(peer);
        await gateway.settled();
        expect((await listOf(peer.through(second!))).tools).toHaveLength(20);
        const { upstreamRequests, dynamodbRequests } = costOf(gateway);
        expect(upstreamRequests).toBe(0);
        // The heads and the texts; which eras an upstream lacks is read once for each that lacks the client's.
        const lacking = era === 'both' || (era === 'modern') === (revision === MODERN) ? 0 : 20;
        expect(dynamodbRequests).toBe((revision === MODERN ? 2 : 3) + lacking);
      });
    });
  });

  describe('the list of a modern upstream', () => {
    test.each([
      ['public', 'public'],
      ['private', 'private'],
      [undefined, 'private'],
    ] as const)('that is %s reaches a client as %s, new and from the table', async (cacheScope, expected) => {
      const kept = { tools: tools('a'), ttlMs: 60_000 };
      const one = cacheScope === undefined ? kept : { ...kept, cacheScope };
      const { gateway, upstreams } = await openListing(
        { one, two: { ...kept, cacheScope: 'public' as const } },
        { leg },
      );
      const peer = await gateway.client.connect(MODERN);
      for (let time = 0; time < 2; time += 1) {
        expect((await listOf(peer)).cacheScope).toBe(expected);
        await gateway.settled();
      }
      expect(upstreams.one.of('tools/list')).toHaveLength(1);
    });

    test('that is first public and then private is not served from what was public', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(
        {
          one: { tools: tools('a'), ttlMs: 1000, cacheScope: 'public' },
          two: { tools: tools('a'), ttlMs: 60_000, cacheScope: 'public' },
        },
        { leg, clock },
      );
      const peer = await gateway.client.connect(MODERN);
      expect((await listOf(peer)).cacheScope).toBe('public');
      await gateway.settled();
      clock.advance(1000);
      upstreams.one.cacheScope = 'private';
      upstreams.one.lists = { tools: tools('b') };
      for (let time = 0; time < 2; time += 1) {
        const result = await listOf(peer);
        expect(result).toMatchObject({ cacheScope: 'private', tools: [{ name: 'one__b' }, { name: 'two__a' }] });
        await gateway.settled();
      }
    });

    test('is shared by clients of any capabilities, because it is asked for with all of them', async () => {
      const { gateway, upstreams } = await openListing(
        { one: { tools: tools('a'), ttlMs: 60_000, cacheScope: 'public' }, two: { tools: tools('a') } },
        { leg },
      );
      for (const capabilities of [{}, { sampling: {} }, { elicitation: {}, roots: {} }]) {
        await listOf(await gateway.client.connect(MODERN, { capabilities }));
        await gateway.settled();
      }
      const asked = upstreams.one.of('tools/list');
      expect(asked).toHaveLength(1);
      const meta = asked[0]!.message.params._meta;
      expect(Object.keys(meta['io.modelcontextprotocol/clientCapabilities']).toSorted()).toEqual([
        'elicitation',
        'roots',
        'sampling',
      ]);
      expect(meta['io.modelcontextprotocol/clientInfo'].name).toBe('sluice');
    });
  });

  describe('the list of a legacy upstream', () => {
    /** An upstream that lists a tool named after how often it was asked. */
    async function openCounting() {
      const kept = { era: 'legacy', tools: tools('a'), config: { listTtlMs: 60_000 } } as const;
      const world = await openListing({ one: kept, two: kept }, { leg, clock: createManualClock() });
      const { one } = world.upstreams;
      one.on('tools/list', ({ answer }) => answer({ tools: [tool(`t${one.of('tools/list').length}`)] }));
      const listAs = async (revision: string, capabilities: object): Promise<string> => {
        const [name] = await namesIn(await world.gateway.client.connect(revision, { capabilities }));
        await world.gateway.settled();
        return name!;
      };
      return listAs;
    }

    test('is not shared by sessions whose clients can do different things', async () => {
      const listAs = await openCounting();
      expect(await listAs(LEGACY, {})).toBe('one__t1');
      expect(await listAs(LEGACY, { sampling: {} })).toBe('one__t2');
      expect(await listAs(LEGACY, { elicitation: { form: {} } })).toBe('one__t3');
      expect(await listAs(LEGACY, { elicitation: { url: {} } })).toBe('one__t4');
      expect(await listAs(LEGACY, {})).toBe('one__t1');
      expect(await listAs(LEGACY, { sampling: {} })).toBe('one__t2');
    });

    test('is not shared by sessions of different revisions', async () => {
      const listAs = await openCounting();
      expect(await listAs('2025-11-25', {})).toBe('one__t1');
      expect(await listAs('2025-06-18', {})).toBe('one__t2');
      expect(await listAs('2025-03-26', {})).toBe('one__t3');
      expect(await listAs('2025-11-25', {})).toBe('one__t1');
    });

    test('is shared by sessions whose clients differ in what no upstream is told', async () => {
      const listAs = await openCounting();
      expect(await listAs(LEGACY, { tasks: { list: {} } })).toBe('one__t1');
      expect(await listAs(LEGACY, { experimental: { x: {} } })).toBe('one__t1');
      expect(await listAs(LEGACY, {})).toBe('one__t1');
    });
  });

  test('a tool that is called through two virtual servers is one upstream, with one catalog', async () => {
    const servers = { default: { upstreams: ['one', 'two'] }, other: { upstreams: ['two', 'one'], tools: ['one__*'] } };
    const kept = { tools: tools('a', 'b'), ttlMs: 60_000, cacheScope: 'public' } as const;
    const { gateway, upstreams } = await openListing({ one: kept, two: kept }, { leg, servers });
    const peer = await gateway.client.connect(MODERN);
    const other = await gateway.client.connect(MODERN, { path: '/mcp/other' });
    expect(await namesIn(peer)).toEqual(['one__a', 'one__b', 'two__a', 'two__b']);
    await gateway.settled();
    expect(await namesIn(other)).toEqual(['one__a', 'one__b']);
    expect(upstreams.one.of('tools/list')).toHaveLength(1);
    expect(await callTool(other, 'two__a')).toMatchObject({ code: -32602 });
  });
});
