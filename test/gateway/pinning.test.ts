/** Pinned upstreams: a tool is trusted as it was first seen, and held back when it says something else. */
import { describe, expect, test } from 'vitest';
import type { PinStore } from '../../lib/ports/pins.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import { LEGS, type Harness } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { prompts, tool, tools, type ListingUpstream } from '../support/listing-upstream.ts';
import {
  callTool,
  getPrompt,
  LEGACY,
  listOf,
  MODERN,
  membersOf,
  namesIn,
  namesOf,
  openListing,
  PAIRS,
} from './listing-fixtures.ts';

const TTL_MS = 30_000;

const SCHEMA = { type: 'object', properties: { x: { type: 'string' }, y: { type: 'number' } }, required: ['x'] };
const PAY = tool('pay', { inputSchema: SCHEMA, annotations: { readOnlyHint: true, title: 'Pay' } });

/** A pinned upstream whose tool `pay` a test changes, beside one that is not pinned. */
function specsOf(era: 'modern' | 'legacy' | 'both', pin = true) {
  const fresh = { era, ttlMs: TTL_MS, cacheScope: 'public' as const };
  return {
    shop: { ...fresh, tools: [PAY, tool('look')], config: { pin, listTtlMs: TTL_MS } },
    two: { ...fresh, tools: tools('a'), config: { listTtlMs: TTL_MS } },
  };
}

const ALL = ['shop__pay', 'shop__look', 'two__a'];
const WITHOUT_PAY = ['shop__look', 'two__a'];

const CHANGES: readonly (readonly [what: string, changed: object])[] = [
  ['description', tool('pay', { ...PAY, description: 'Pays twice' })],
  [
    'description that is missing',
    { name: 'pay', inputSchema: SCHEMA, annotations: { readOnlyHint: true, title: 'Pay' } },
  ],
  ['title', { ...PAY, title: 'Free of charge' }],
  [
    'input schema, deep inside',
    { ...PAY, inputSchema: { ...SCHEMA, properties: { x: { type: 'string' }, y: { type: 'integer' } } } },
  ],
  ['required arguments', { ...PAY, inputSchema: { ...SCHEMA, required: ['x', 'y'] } }],
  ['output schema', { ...PAY, outputSchema: { type: 'object' } }],
  ['annotations', { ...PAY, annotations: { readOnlyHint: false, title: 'Pay' } }],
];

/** The same definition, with its keys in another order. */
const REORDERED = {
  annotations: { title: 'Pay', readOnlyHint: true },
  inputSchema: { required: ['x'], properties: { y: { type: 'number' }, x: { type: 'string' } }, type: 'object' },
  description: 'Does pay',
  name: 'pay',
};

function heldNotices(gateway: Harness) {
  return gateway.notices.filter(({ kind }) => kind === 'tool-held');
}

function changeNotices(gateway: Harness) {
  return gateway.notices.filter(({ kind }) => kind === 'list-changed');
}

function change({ lists }: ListingUpstream, ...now: object[]): void {
  lists.tools = now;
}

describe.each(LEGS)('$name', (leg) => {
  async function openPinned(era: 'modern' | 'legacy' | 'both', revision: string, pin = true) {
    const clock = createManualClock();
    const world = await openListing(specsOf(era, pin), { leg, clock });
    const peer = await world.gateway.client.connect(revision);
    /** As a client sees them once the lists have grown old. */
    const seeAnew = async (): Promise<string[]> => {
      await world.gateway.settled();
      clock.advance(TTL_MS);
      return await namesIn(peer);
    };
    return { ...world, clock, peer, seeAnew };
  }

  describe.each(PAIRS)('a client of $revision on upstreams of the kind $era', ({ revision, era }) => {
    test.each(CHANGES)(
      'neither sees nor calls a tool that has another %s than when it was first seen',
      async (_what, changed) => {
        const { gateway, upstreams, peer, seeAnew } = await openPinned(era, revision);
        expect(await namesIn(peer)).toEqual(ALL);
        expect(await callTool(peer, 'shop__pay')).toBe('shop:pay');
        change(upstreams.shop, changed, tool('look'));
        expect(await seeAnew()).toEqual(WITHOUT_PAY);
        expect(heldNotices(gateway)).toEqual([{ kind: 'tool-held', upstream: 'shop', tool: 'pay' }]);
        expect(await callTool(peer, 'shop__pay')).toEqual({
          code: 1021,
          message: expect.stringContaining('shop__pay'),
          data: { upstream: 'shop', tool: 'shop__pay', mayHaveRun: false },
        });
        expect(upstreams.shop.called).toEqual(['pay']);
        expect(gateway.actions.at(-1)).toMatchObject({
          outcome: 'refused',
          errorKind: 'tool-held',
          tool: 'shop__pay',
          upstream: 'shop',
        });
        expect(await callTool(peer, 'shop__look')).toBe('shop:look');
        expect(await callTool(peer, 'two__a')).toBe('two:a');
      },
    );

    test('sees and calls a tool again that is again as it was first seen', async () => {
      const { upstreams, peer, seeAnew } = await openPinned(era, revision);
      await namesIn(peer);
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('look'));
      expect(await seeAnew()).toEqual(WITHOUT_PAY);
      change(upstreams.shop, PAY, tool('look'));
      expect(await seeAnew()).toEqual(ALL);
      expect(await callTool(peer, 'shop__pay')).toBe('shop:pay');
    });

    test('sees a tool as unchanged when only its keys are in another order', async () => {
      const { gateway, upstreams, peer, seeAnew } = await openPinned(era, revision);
      await namesIn(peer);
      change(upstreams.shop, REORDERED, tool('look'));
      expect(await seeAnew()).toEqual(ALL);
      expect(await callTool(peer, 'shop__pay')).toBe('shop:pay');
      expect(heldNotices(gateway)).toEqual([]);
    });

    test('sees a tool as unchanged when it is written with other spaces, or has more beside its definition', async () => {
      const { gateway, upstreams, peer, seeAnew } = await openPinned(era, revision);
      await namesIn(peer);
      upstreams.shop.on('tools/list', ({ message, modern, response }) => {
        const result = {
          tools: [{ ...PAY, _meta: { build: 7 }, icons: [] }, tool('look')],
          ...(modern ? { resultType: 'complete', ttlMs: TTL_MS, cacheScope: 'public' } : {}),
        };
        const text = JSON.stringify({ jsonrpc: '2.0', id: message.id, result }, null, 4);
        response.writeHead(200, { 'content-type': 'application/json' }).end(text);
      });
      expect(await seeAnew()).toEqual(ALL);
      expect(heldNotices(gateway)).toEqual([]);
    });

    test('sees tools that are new, which are then pinned as well', async () => {
      const { gateway, upstreams, peer, seeAnew } = await openPinned(era, revision);
      await namesIn(peer);
      change(upstreams.shop, PAY, tool('look'), tool('new'));
      expect(await seeAnew()).toEqual(['shop__pay', 'shop__look', 'shop__new', 'two__a']);
      expect(await callTool(peer, 'shop__new')).toBe('shop:new');
      change(upstreams.shop, PAY, tool('look'), tool('new', { description: 'Old' }));
      expect(await seeAnew()).toEqual(ALL);
      expect(heldNotices(gateway)).toEqual([{ kind: 'tool-held', upstream: 'shop', tool: 'new' }]);
    });

    test('does not see a tool that was removed and comes back as another', async () => {
      const { upstreams, peer, seeAnew } = await openPinned(era, revision);
      await namesIn(peer);
      change(upstreams.shop, tool('look'));
      expect(await seeAnew()).toEqual(WITHOUT_PAY);
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('look'));
      expect(await seeAnew()).toEqual(WITHOUT_PAY);
      change(upstreams.shop, PAY, tool('look'));
      expect(await seeAnew()).toEqual(ALL);
    });

    test('does not call a tool that has changed since another environment listed it', async () => {
      const { gateway, upstreams, clock, peer } = await openPinned(era, revision);
      const [first, second] = gateway.environments;
      await namesIn(peer.through(first!));
      await gateway.settled();
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('look'));
      clock.advance(TTL_MS);
      expect(await callTool(peer.through(second!), 'shop__pay')).toMatchObject({ code: 1021 });
      expect(upstreams.shop.called).toEqual([]);
    });

    test('does not call a tool that changes, once the upstream has announced the change', async () => {
      const { gateway, upstreams, peer } = await openPinned(era, revision);
      await namesIn(peer);
      await gateway.settled();
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('look'));
      upstreams.shop.announcing = ['notifications/tools/list_changed'];
      await callTool(peer, 'shop__look');
      await gateway.settled();
      expect(await callTool(peer, 'shop__pay')).toMatchObject({ code: 1021 });
      expect(upstreams.shop.called).toEqual(['look']);
    });

    test('has a first call pin what is called, when nothing was listed before', async () => {
      const { upstreams, peer, seeAnew } = await openPinned(era, revision);
      expect(await callTool(peer, 'shop__pay')).toBe('shop:pay');
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('look'));
      expect(await seeAnew()).toEqual(WITHOUT_PAY);
    });

    test('cannot call a tool that the upstream does not list, because nothing can be said of it', async () => {
      const { upstreams, peer } = await openPinned(era, revision);
      expect(await callTool(peer, 'shop__secret')).toEqual({ code: -32602, message: 'Unknown tool: shop__secret' });
      expect(upstreams.shop.called).toEqual([]);
    });

    test('sees and calls a changed tool of an upstream that is not pinned, and the operator hears of it', async () => {
      const { gateway, upstreams, peer, seeAnew } = await openPinned(era, revision, false);
      expect(await namesIn(peer)).toEqual(ALL);
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('new'));
      expect(await seeAnew()).toEqual(['shop__pay', 'shop__new', 'two__a']);
      expect(await callTool(peer, 'shop__pay')).toBe('shop:pay');
      await gateway.settled();
      expect(gateway.notices).toEqual([
        {
          kind: 'list-changed',
          upstream: 'shop',
          member: 'tools',
          added: ['new'],
          changed: ['pay'],
          removed: ['look'],
        },
      ]);
    });

    test('has the operator hear of changes to a pinned upstream as well', async () => {
      const { gateway, upstreams, peer, seeAnew } = await openPinned(era, revision);
      await namesIn(peer);
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('new'));
      await seeAnew();
      await gateway.settled();
      expect(changeNotices(gateway)).toEqual([
        {
          kind: 'list-changed',
          upstream: 'shop',
          member: 'tools',
          added: ['new'],
          changed: ['pay'],
          removed: ['look'],
        },
      ]);
    });
  });

  describe.each(['modern', 'legacy', 'both'] as const)('on upstreams of the kind %s', (era) => {
    test('pins last while clients of other revisions come and go', async () => {
      const { gateway, upstreams, peer, seeAnew } = await openPinned(era, MODERN);
      await namesIn(peer);
      await gateway.settled();
      const others = ['2025-11-25', '2025-06-18', '2025-03-26'];
      for (const revision of others) {
        expect(await namesIn(await gateway.client.connect(revision))).toEqual(ALL);
        await gateway.settled();
      }
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('look'));
      expect(await seeAnew()).toEqual(WITHOUT_PAY);
      for (const revision of others) {
        const other = await gateway.client.connect(revision);
        expect(await namesIn(other)).toEqual(WITHOUT_PAY);
        expect(await callTool(other, 'shop__pay')).toMatchObject({ code: 1021 });
      }
    });

    test('a tool that has changed is held from clients of a revision that nobody spoke before', async () => {
      const { gateway, upstreams, peer, seeAnew } = await openPinned(era, MODERN);
      await namesIn(peer);
      change(upstreams.shop, { ...PAY, description: 'Pays twice' }, tool('look'));
      expect(await seeAnew()).toEqual(WITHOUT_PAY);
      const other = await gateway.client.connect(LEGACY);
      expect(await namesIn(other)).toEqual(WITHOUT_PAY);
      expect(await callTool(other, 'shop__pay')).toMatchObject({ code: 1021 });
    });
  });

  test('of two environments that see different definitions first, one pins its own and the other holds it back', async () => {
    const bothHaveRead = Promise.withResolvers<void>();
    let reads = 0;
    const wrapStores = (stores: Stores): Stores => {
      const pins: PinStore = {
        ...stores.pins,
        async read(upstream) {
          const record = await stores.pins.read(upstream);
          reads += 1;
          if (reads === 2) bothHaveRead.resolve();
          await bothHaveRead.promise;
          return record;
        },
      };
      return { ...stores, pins };
    };
    const { shop, two } = specsOf('modern');
    const { gateway, upstreams } = await openListing({ shop: { ...shop, ttlMs: 0 }, two }, { leg, wrapStores });
    let asked = 0;
    upstreams.shop.on('tools/list', ({ answer }) => {
      asked += 1;
      answer({ tools: [tool('pay', { description: `Version ${asked}` })], ttlMs: 0 });
    });
    const peers = await Promise.all(gateway.environments.map((environment) => environment.connect(MODERN)));
    const lists = await Promise.all(peers.map((peer) => listOf(peer)));
    const winners = lists.flatMap((result) => {
      const at = namesOf(result).indexOf('shop__pay');
      return at === -1 ? [] : [membersOf(result, 'tools', 'description')[at]];
    });
    expect(winners).toHaveLength(1);
    // From now on that one is the tool, wherever it is listed.
    for (const version of ['Version 1', 'Version 2']) {
      upstreams.shop.on('tools/list', ({ answer }) =>
        answer({ tools: [tool('pay', { description: version })], ttlMs: 0 }),
      );
      for (const peer of peers) {
        expect(await namesIn(peer)).toEqual(version === winners[0] ? ['shop__pay', 'two__a'] : ['two__a']);
      }
    }
  });

  test('of two environments that see different new tools at once, both are pinned', async () => {
    const bothHaveRead = Promise.withResolvers<void>();
    let reads = 0;
    const wrapStores = (stores: Stores): Stores => ({
      ...stores,
      pins: {
        ...stores.pins,
        async read(upstream) {
          const record = await stores.pins.read(upstream);
          reads += 1;
          if (reads === 2) bothHaveRead.resolve();
          await bothHaveRead.promise;
          return record;
        },
      },
    });
    const { shop, two } = specsOf('modern');
    const { gateway, upstreams } = await openListing({ shop: { ...shop, ttlMs: 0 }, two }, { leg, wrapStores });
    let asked = 0;
    upstreams.shop.on('tools/list', ({ answer }) => {
      asked += 1;
      answer({ tools: tools(`t${asked}`), ttlMs: 0 });
    });
    const peers = await Promise.all(gateway.environments.map((environment) => environment.connect(MODERN)));
    await Promise.all(peers.map((peer) => listOf(peer)));
    const changed = ['t1', 't2'].map((name) => tool(name, { description: 'Another' }));
    upstreams.shop.on('tools/list', ({ answer }) => answer({ tools: changed, ttlMs: 0 }));
    expect(await namesIn(peers[0]!)).toEqual(['two__a']);
  });

  test('the operator hears of a held tool each time the upstream is asked, and not from the table', async () => {
    const { gateway, upstreams, peer, seeAnew } = await openPinned('modern', MODERN);
    await namesIn(peer);
    change(upstreams.shop, { ...PAY, description: 'Pays twice' });
    await seeAnew();
    await gateway.settled();
    await namesIn(peer);
    await callTool(peer, 'shop__pay');
    expect(heldNotices(gateway)).toHaveLength(1);
  });

  test('pins that cannot be read hold everything back, rather than nothing', async () => {
    const { gateway, upstreams, peer } = await openPinned('modern', MODERN);
    await gateway.stores.pins.write('shop', { version: 'x', text: '{"not": "pins"}' }, undefined);
    const listed = await peer.request('tools/list');
    expect(listed.messages[0].result.tools).toMatchObject([{ name: 'two__a' }]);
    expect(listed.messages[0].result._meta['io.sluice/unavailable']).toMatchObject([{ upstream: 'shop' }]);
    expect(await callTool(peer, 'shop__pay')).toMatchObject({ code: 1030 });
    expect(upstreams.shop.called).toEqual([]);
    expect(await callTool(peer, 'two__a')).toBe('two:a');
    expect(gateway.takeDefects().length).toBeGreaterThan(0);
  });

  test('a prompt with the name of a held tool is nobody else\u2019s business', async () => {
    const { gateway, upstreams, peer, seeAnew } = await openPinned('both', MODERN);
    upstreams.shop.lists.prompts = prompts('pay');
    await namesIn(peer);
    upstreams.shop.lists.tools = [{ ...PAY, description: 'Pays twice' }];
    expect(await seeAnew()).toEqual(['two__a']);
    expect(await namesIn(peer, 'prompts')).toEqual(['shop__pay']);
    expect(await getPrompt(peer, 'shop__pay')).toBe('shop:pay');
    expect(gateway.takeDefects()).toEqual([]);
  });

  test('a pinned upstream that cannot be asked has its tools refused, because nothing can be said of them', async () => {
    const { upstreams, peer } = await openPinned('modern', MODERN);
    upstreams.shop.on('tools/list', ({ fail }) => fail(-32603, 'Out of order'));
    expect(await callTool(peer, 'shop__pay')).toMatchObject({ code: -32603 });
    expect(upstreams.shop.called).toEqual([]);
    upstreams.shop.asUsual('tools/list');
    expect(await callTool(peer, 'shop__pay')).toBe('shop:pay');
  });
});
