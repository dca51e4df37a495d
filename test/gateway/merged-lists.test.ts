/** The lists of several upstreams as one, and what their names lead to. */
import { describe, expect, test } from 'vitest';
import { LEGS } from '../support/gateway-harness.ts';
import { prompts, resources, templates, tool, tools, type ListName } from '../support/listing-upstream.ts';
import {
  callTool,
  complete,
  getPrompt,
  LEGACY,
  listOf,
  LOST,
  membersOf,
  MODERN,
  namesIn,
  namesOf,
  openListing,
  PAIRS,
  UNAVAILABLE,
  type ListingSpec,
  type ListingWorld,
} from './listing-fixtures.ts';

const SAME: ListingSpec = {
  tools: tools('add', 'find'),
  prompts: prompts('greet'),
  resources: resources('doc://one', 'doc://two'),
  resourceTemplates: templates('doc://{id}'),
};

/** Two upstreams with the same names for everything. */
function openTwins(era: 'modern' | 'legacy' | 'both', world: ListingWorld = {}) {
  return openListing({ one: { era, ...SAME }, two: { era, ...SAME } }, world);
}

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of $revision on upstreams of the kind $era', ({ revision, era }) => {
    test('reaches the tools of two upstreams that name them alike, each behind its prefix', async () => {
      const { gateway, upstreams } = await openTwins(era, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await namesIn(peer)).toEqual(['one__add', 'one__find', 'two__add', 'two__find']);
      expect(await callTool(peer, 'one__add')).toBe('one:add');
      expect(await callTool(peer, 'two__add')).toBe('two:add');
      expect(upstreams.one.called).toEqual(['add']);
      expect(upstreams.two.called).toEqual(['add']);
    });

    test('reaches the prompts of two upstreams that name them alike, and completes their arguments', async () => {
      const { gateway } = await openTwins(era, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await namesIn(peer, 'prompts')).toEqual(['one__greet', 'two__greet']);
      expect(await getPrompt(peer, 'one__greet')).toBe('one:greet');
      expect(await getPrompt(peer, 'two__greet')).toBe('two:greet');
      expect(await complete(peer, { type: 'ref/prompt', name: 'two__greet' })).toBe('two:greet');
    });

    test.each<[ListName, string[]]>([
      ['resources', ['doc://one', 'doc://two']],
      ['resourceTemplates', ['doc://{id}']],
    ])('sees %s that two upstreams list once, and is told who lost them', async (list, uris) => {
      const { gateway } = await openTwins(era, { leg });
      const peer = await gateway.client.connect(revision);
      const result = await listOf(peer, list);
      expect(await namesIn(peer, list)).toEqual(uris);
      expect(result._meta[LOST]).toEqual(uris.map((name) => ({ upstream: 'two', owner: 'one', name })));
      expect(gateway.notices.filter(({ kind }) => kind === 'claim-lost').slice(0, uris.length)).toEqual(
        uris.map((name) => ({ kind: 'claim-lost', server: 'default', upstream: 'two', owner: 'one', name })),
      );
    });
  });

  test('the order of the virtual server decides who owns a URI, whatever the order of the file', async () => {
    const world = { leg, fileOrder: ['one', 'two'], servers: { default: { upstreams: ['two', 'one'] } } };
    const { gateway } = await openTwins('both', world);
    for (const revision of [MODERN, LEGACY]) {
      const peer = await gateway.client.connect(revision);
      expect((await listOf(peer, 'resources'))._meta[LOST]).toEqual(
        ['doc://one', 'doc://two'].map((name) => ({ upstream: 'one', owner: 'two', name })),
      );
      expect(await namesIn(peer)).toEqual(['two__add', 'two__find', 'one__add', 'one__find']);
    }
  });

  test('nothing is said of lost claims where none is lost, or of upstreams where all are there', async () => {
    const { gateway } = await openListing({ one: { tools: tools('a') }, two: { tools: tools('a') } }, { leg });
    const modern = await listOf(await gateway.client.connect(MODERN));
    expect(Object.keys(modern._meta)).toEqual(['io.modelcontextprotocol/serverInfo']);
    expect(await listOf(await gateway.client.connect(LEGACY))).not.toHaveProperty('_meta');
    expect(gateway.notices).toEqual([]);
  });

  test('a claim is told of once while the lists come from the table', async () => {
    const specs = { one: { ...SAME, ttlMs: 60_000 }, two: { ...SAME, ttlMs: 60_000 } };
    const { gateway } = await openListing(specs, { leg });
    const peer = await gateway.client.connect(MODERN);
    for (let time = 0; time < 3; time += 1) {
      expect((await listOf(peer, 'resourceTemplates'))._meta[LOST]).toHaveLength(1);
      await gateway.settled();
    }
    expect(gateway.notices).toHaveLength(1);
  });

  test('items keep every other member as the upstream wrote it', async () => {
    const odd = tool('odd', { 'x-new': { y: [1, null, 'ü'] }, title: 'two__odd', annotations: { readOnlyHint: true } });
    const { gateway } = await openListing({ one: { tools: [odd] }, two: { tools: tools('a') } }, { leg });
    for (const revision of [MODERN, LEGACY]) {
      const { tools: listed } = await listOf(await gateway.client.connect(revision));
      expect(listed[0]).toEqual({ ...odd, name: 'one__odd' });
    }
  });

  test('an item without a name is left out, and takes nothing else with it', async () => {
    const list = [{ description: 'nameless' }, tool('a'), { name: 7 }, tool('b')];
    const { gateway } = await openListing({ one: { tools: list }, two: { tools: tools('c') } }, { leg });
    expect(await namesIn(await gateway.client.connect(MODERN))).toEqual(['one__a', 'one__b', 'two__c']);
  });

  test('a name that an upstream lists twice is there once, and counts as no lost claim', async () => {
    const list = [tool('a', { description: 'first' }), tool('a', { description: 'second' }), tool('b')];
    const { gateway } = await openListing({ one: { tools: list }, two: { tools: tools('a') } }, { leg });
    const result = await listOf(await gateway.client.connect(MODERN));
    expect(namesOf(result)).toEqual(['one__a', 'one__b', 'two__a']);
    expect(membersOf(result, 'tools', 'description')).toEqual(['first', 'Does b', 'Does a']);
    expect(result._meta).not.toHaveProperty(LOST);
  });

  test('names longer than 64 characters are listed, can be called, and are told to the operator', async () => {
    const long = 'x'.repeat(60);
    const { gateway } = await openListing({ one: { tools: tools(long) }, two: { tools: tools('a') } }, { leg });
    const peer = await gateway.client.connect(MODERN);
    expect(await namesIn(peer)).toEqual([`one__${long}`, 'two__a']);
    expect(gateway.notices).toEqual([
      { kind: 'name-too-long', server: 'default', upstream: 'one', name: `one__${long}` },
    ]);
    expect(await callTool(peer, `one__${long}`)).toBe(`one:${long}`);
  });

  test('an upstream that knows no such list adds nothing to it, and is not missing', async () => {
    const { gateway } = await openListing({ one: { tools: tools('a') }, two: { prompts: prompts('p') } }, { leg });
    for (const revision of [MODERN, LEGACY]) {
      const peer = await gateway.client.connect(revision);
      expect(await namesIn(peer)).toEqual(['one__a']);
      expect(await namesIn(peer, 'prompts')).toEqual(['two__p']);
      expect(await namesIn(peer, 'resources')).toEqual([]);
      for (const list of ['tools', 'prompts', 'resources', 'resourceTemplates'] as const) {
        expect((await listOf(peer, list))._meta ?? {}).not.toHaveProperty(UNAVAILABLE);
      }
    }
    expect(gateway.notices).toEqual([]);
  });

  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    describe('on an upstream without prefix beside one with the prefix time', () => {
      const specs = {
        plain: {
          tools: tools('now', 'time__x', 'other__y', '__z'),
          prompts: prompts('time__p'),
          config: { prefix: '' },
        },
        time: { tools: tools('now', 'x') },
      };

      test('sees each name of which a call would reach it', async () => {
        const { gateway } = await openListing(specs, { leg });
        const result = await listOf(await gateway.client.connect(revision));
        expect(namesOf(result)).toEqual(['now', 'other__y', '__z', 'time__now', 'time__x']);
        expect(result._meta[LOST]).toEqual([{ upstream: 'plain', owner: 'time', name: 'time__x' }]);
      });

      test('reaches the upstream that has the prefix, and the other one with any other name', async () => {
        const { gateway, upstreams } = await openListing(specs, { leg });
        const peer = await gateway.client.connect(revision);
        expect(await callTool(peer, 'time__x')).toBe('time:x');
        expect(await callTool(peer, 'other__y')).toBe('plain:other__y');
        expect(await callTool(peer, '__z')).toBe('plain:__z');
        expect(await callTool(peer, 'now')).toBe('plain:now');
        expect(upstreams.plain.called).toEqual(['other__y', '__z', 'now']);
      });

      test('is told that a name behind the prefix belongs there, even while that upstream has it not', async () => {
        const { gateway } = await openListing(specs, { leg });
        const peer = await gateway.client.connect(revision);
        const result = await listOf(peer, 'prompts');
        expect(result.prompts).toEqual([]);
        expect(result._meta[LOST]).toEqual([{ upstream: 'plain', owner: 'time', name: 'time__p' }]);
        expect(await getPrompt(peer, 'time__p')).toMatchObject({ code: expect.any(Number) });
      });
    });

    describe('of a virtual server with patterns', () => {
      const specs = { one: { tools: tools('get', 'drop') }, two: { tools: tools('get', 'drop') } };
      const servers = { default: { upstreams: ['one', 'two'], tools: ['one__*', '*__get'] } };

      test('sees the tools of all upstreams that a pattern shows', async () => {
        const { gateway } = await openListing(specs, { leg, servers });
        expect(await namesIn(await gateway.client.connect(revision))).toEqual(['one__get', 'one__drop', 'two__get']);
      });

      test('cannot call what they do not show, and no upstream hears of it', async () => {
        const { gateway, upstreams } = await openListing(specs, { leg, servers });
        const peer = await gateway.client.connect(revision);
        expect(await callTool(peer, 'two__drop')).toEqual({ code: -32602, message: 'Unknown tool: two__drop' });
        expect(upstreams.two.called).toEqual([]);
        expect(await callTool(peer, 'two__get')).toBe('two:get');
      });
    });

    test('gets no cursor, and the one it makes up is invalid', async () => {
      const { gateway, upstreams } = await openListing(
        { one: { tools: tools('a', 'b', 'c'), pageSize: 1 }, two: { tools: tools('d') } },
        { leg },
      );
      const peer = await gateway.client.connect(revision);
      expect(await listOf(peer)).not.toHaveProperty('nextCursor');
      const before = upstreams.one.heard.length;
      const { status, messages } = await peer.request('tools/list', { cursor: '1' });
      expect(status).toBe(200);
      expect(messages[0].error.code).toBe(-32602);
      expect(upstreams.one.heard).toHaveLength(before);
    });
  });
});
