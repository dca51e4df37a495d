/** Which upstream a URI leads to, where several have resources. */
import { describe, expect, test } from 'vitest';
import { LEGS } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { prompts, resources, templates, tools } from '../support/listing-upstream.ts';
import {
  complete,
  LEGACY,
  namesIn,
  MODERN,
  openListing,
  PAIRS,
  readResource,
  type ListingSpec,
} from './listing-fixtures.ts';

/** What a client of either era is told of a resource that nobody has. */
const NOT_FOUND: Readonly<Record<string, number>> = { [MODERN]: -32602, [LEGACY]: -32002 };

const SAME: ListingSpec = { resources: resources('doc://one'), resourceTemplates: templates('doc://{id}') };

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of $revision on upstreams of the kind $era', ({ revision, era }) => {
    test('reads a URI that two upstreams list at the first of them', async () => {
      const { gateway, upstreams } = await openListing({ one: { era, ...SAME }, two: { era, ...SAME } }, { leg });
      const peer = await gateway.client.connect(revision);
      for (let time = 0; time < 2; time += 1) expect(await readResource(peer, 'doc://one')).toBe('one:doc://one');
      expect(upstreams.two.of('resources/read')).toEqual([]);
    });

    test('reads it at the one that is first in the virtual server, whatever the order of the file', async () => {
      const world = { leg, fileOrder: ['one', 'two'], servers: { default: { upstreams: ['two', 'one'] } } };
      const { gateway, upstreams } = await openListing({ one: { era, ...SAME }, two: { era, ...SAME } }, world);
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'doc://one')).toBe('two:doc://one');
      expect(await readResource(peer, 'doc://by-template')).toBe('two:doc://by-template');
      expect(upstreams.one.of('resources/read')).toEqual([]);
    });

    test('reads a URI at the upstream that lists it, though an earlier one has a template for it', async () => {
      const specs = {
        one: { era, resourceTemplates: templates('doc://{id}') },
        two: { era, resources: resources('doc://listed') },
      };
      const { gateway, upstreams } = await openListing(specs, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'doc://listed')).toBe('two:doc://listed');
      expect(upstreams.one.of('resources/read')).toEqual([]);
    });

    test('reads an unlisted URI at the first upstream with a template for it', async () => {
      const specs = {
        one: { era, resources: resources('other://x') },
        two: { era, resourceTemplates: templates('doc://{id}') },
        three: { era, resourceTemplates: templates('doc://{id}') },
      };
      const { gateway, upstreams } = await openListing(specs, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'doc://7')).toBe('two:doc://7');
      expect(upstreams.one.of('resources/read')).toEqual([]);
      expect(upstreams.three.of('resources/read')).toEqual([]);
    });

    test('has a URI of which nothing is known looked for in order, until an upstream knows it', async () => {
      const specs = {
        tools: { era, tools: tools('a') },
        one: { era, resources: resources('x://1') },
        two: { era, resources: resources('x://2') },
        three: { era, resources: resources('x://3') },
      };
      const { gateway, upstreams } = await openListing(specs, { leg });
      upstreams.two.unlisted = ['hidden://it'];
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'hidden://it')).toBe('two:hidden://it');
      const asked = Object.values(upstreams).map((upstream) => upstream.of('resources/read').length);
      expect(asked).toEqual([0, 1, 1, 0]);
    });

    test('is told in the words of its own era when nobody knows the URI', async () => {
      const { gateway, upstreams } = await openListing(
        { one: { era, resources: resources('x://1') }, two: { era, resources: resources('x://2') } },
        { leg },
      );
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'hidden://nobody')).toMatchObject({ code: NOT_FOUND[revision] });
      expect(upstreams.one.of('resources/read')).toHaveLength(1);
      expect(upstreams.two.of('resources/read')).toHaveLength(1);
    });

    test('completes the arguments of a template at the upstream that has it', async () => {
      const specs = {
        one: { era, prompts: prompts('p'), resources: resources('x://1') },
        two: { era, resourceTemplates: templates('doc://{id}') },
      };
      const { gateway, upstreams } = await openListing(specs, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await complete(peer, { type: 'ref/resource', uri: 'doc://{id}' })).toBe('two:doc://{id}');
      expect(upstreams.one.of('completion/complete')).toEqual([]);
    });
  });

  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    test('is told so when no upstream of the virtual server has resources at all', async () => {
      const specs = { one: { tools: tools('a') }, two: { prompts: prompts('p') } };
      const { gateway, upstreams } = await openListing(specs, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'x://1')).toMatchObject({ code: expect.any(Number) });
      expect(upstreams.one.of('resources/read')).toEqual([]);
      expect(upstreams.two.of('resources/read')).toEqual([]);
    });

    test('reads what it sees listed, whoever lost it', async () => {
      const specs = {
        one: { resources: resources('a://1', 'b://1') },
        two: { resources: resources('b://1', 'c://1') },
        three: { resources: resources('c://1', 'a://1', 'd://1') },
      };
      const { gateway } = await openListing(specs, { leg });
      const peer = await gateway.client.connect(revision);
      const listed = await namesIn(peer, 'resources');
      const read = await Promise.all(listed.map((uri): Promise<unknown> => readResource(peer, uri)));
      expect(read).toEqual(['one:a://1', 'one:b://1', 'two:c://1', 'three:d://1']);
    });

    test('finds a resource that has moved to another upstream at its second try', async () => {
      const specs = {
        one: { resources: resources('doc://a'), ttlMs: 3_600_000 },
        two: { resources: resources('x://1'), ttlMs: 3_600_000 },
      };
      const config = { listTtlMs: 3_600_000 };
      const { gateway, upstreams } = await openListing(
        { one: { ...specs.one, config }, two: { ...specs.two, config } },
        { leg },
      );
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'doc://a')).toBe('one:doc://a');
      await gateway.settled();
      upstreams.one.lists = { resources: [] };
      upstreams.two.lists = { resources: resources('doc://a') };
      await readResource(peer, 'doc://a');
      await gateway.settled();
      expect(await readResource(peer, 'doc://a')).toBe('two:doc://a');
    });

    test('keeps reading from an upstream whose lists have just grown old, without asking for them again', async () => {
      const clock = createManualClock();
      const specs = { one: { resources: resources('doc://a') }, two: { resources: resources('x://1') } };
      const { gateway, upstreams } = await openListing(specs, { leg, clock });
      const peer = await gateway.client.connect(revision);
      await readResource(peer, 'doc://a');
      await gateway.settled();
      const before = upstreams.two.heard.length;
      clock.advance(59_000);
      expect(await readResource(peer, 'doc://a')).toBe('one:doc://a');
      expect(upstreams.two.heard.length - before).toBe(0);
    });

    test('reads from an upstream that is up, while another one is down', async () => {
      const specs = { down: { resources: resources('x://1') }, up: { resources: resources('doc://a') } };
      const { gateway, upstreams } = await openListing(specs, { leg });
      await upstreams.down.stop();
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'doc://a')).toBe('up:doc://a');
    });

    test('hears that an upstream is down when the URI may be there, rather than that nobody has it', async () => {
      const specs = { up: { resources: resources('doc://a') }, down: { resources: resources('x://1') } };
      const { gateway, upstreams } = await openListing(specs, { leg });
      await upstreams.down.stop();
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'x://1')).toMatchObject({ code: 1001, data: { upstream: 'down' } });
    });

    test('hears of the upstream that is down also when an upstream after it does not know the URI', async () => {
      const specs = { down: { resources: resources('x://1') }, up: { resources: resources('doc://a') } };
      const { gateway, upstreams } = await openListing(specs, { leg });
      await upstreams.down.stop();
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'x://1')).toMatchObject({ code: 1001, data: { upstream: 'down' } });
    });

    test('reads a URI of the second upstream that nobody lists, while the first is down', async () => {
      const specs = { down: { resources: resources('x://1') }, up: { resources: resources('doc://a') } };
      const { gateway, upstreams } = await openListing(specs, { leg });
      upstreams.up.unlisted = ['hidden://it'];
      await upstreams.down.stop();
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'hidden://it')).toBe('up:hidden://it');
    });
  });
});
