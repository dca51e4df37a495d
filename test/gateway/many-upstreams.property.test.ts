/** Whatever upstreams list, what a client sees is theirs in order, and leads to them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LEGS, startHarness, type Leg, type Peer } from '../support/gateway-harness.ts';
import { ListingUpstream, prompts, resources, tools } from '../support/listing-upstream.ts';
import { seeded } from '../support/property.ts';
import { callTool, getPrompt, LEGACY, MODERN, namesIn, readResource } from './listing-fixtures.ts';

interface Spec {
  readonly name: string;
  readonly prefix: string;
  readonly era: 'modern' | 'legacy' | 'both';
  readonly tools: readonly string[];
  readonly prompts: readonly string[];
  readonly uris: readonly string[];
  readonly pageSize: number;
}

/** Prefixes that are also parts of names, so that names without a prefix may look as if they had one. */
const PREFIXES = ['', 'a', 'b', 'c-d', 'A'];
const NAMES = ['a', 'b__x', 'a__', '__a', 'a__a', 'a__b__c', 'c-d__x', 'x', 'A__x', 'e__y', 'ü', 'get_it', '_', 'b_'];
const URIS = ['x://1', 'x://2', 'x://3', 'a__x://1', 'file:///ü%20', 'x://1?q#f'];

const spec = fc.record({
  era: fc.constantFrom('modern' as const, 'legacy' as const, 'both' as const),
  tools: fc.array(fc.constantFrom(...NAMES), { maxLength: 6 }),
  prompts: fc.array(fc.constantFrom(...NAMES), { maxLength: 4 }),
  uris: fc.array(fc.constantFrom(...URIS), { maxLength: 4 }),
  pageSize: fc.integer({ min: 1, max: 4 }),
});

const world = fc
  .tuple(fc.shuffledSubarray(PREFIXES, { minLength: 1 }), fc.array(spec, { minLength: 5, maxLength: 5 }))
  .map(([prefixes, specs]): Spec[] =>
    prefixes.map((prefix, index) => ({ name: `u${index}`, prefix, ...specs[index]! })),
  );

/** What is to be seen: the client's name of each item, and who is to answer to it under which name. */
interface Expected {
  readonly shown: string;
  readonly answer: string;
}

function expectedNames(specs: readonly Spec[], list: 'tools' | 'prompts'): Expected[] {
  const seen = new Set<string>();
  const taken = new Set(specs.map(({ prefix }) => prefix).filter((prefix) => prefix !== ''));
  return specs.flatMap(({ name, prefix, [list]: own }) =>
    own.flatMap((item): Expected[] => {
      const shown = prefix === '' ? item : `${prefix}__${item}`;
      const [head, ...rest] = item.split('__');
      const isAnothers = prefix === '' && rest.length > 0 && taken.has(head!);
      if (isAnothers || seen.has(shown)) return [];
      seen.add(shown);
      return [{ shown, answer: `${name}:${item}` }];
    }),
  );
}

function expectedUris(specs: readonly Spec[]): Expected[] {
  const seen = new Set<string>();
  return specs.flatMap(({ name, uris }) =>
    uris.flatMap((uri): Expected[] => {
      if (seen.has(uri)) return [];
      seen.add(uri);
      return [{ shown: uri, answer: `${name}:${uri}` }];
    }),
  );
}

/** The upstreams and a gateway in front of them, for as long as `use` takes. */
async function withWorld(
  specs: readonly Spec[],
  leg: Leg,
  use: (peers: readonly Peer[]) => Promise<void>,
): Promise<void> {
  const upstreams = specs.map(
    ({ name, era, pageSize, tools: own, prompts: ownPrompts, uris }) =>
      new ListingUpstream({
        label: name,
        era,
        pageSize,
        tools: tools(...own),
        prompts: prompts(...ownPrompts),
        resources: resources(...uris),
        resourceTemplates: [],
      }),
  );
  await Promise.all(upstreams.map((upstream) => upstream.start()));
  try {
    const file = {
      upstreams: Object.fromEntries(
        specs.map(({ name, prefix }, index) => [name, { url: upstreams[index]!.url, prefix }]),
      ),
      servers: { default: { upstreams: specs.map(({ name }) => name) } },
    };
    const gateway = await startHarness({ leg, url: '', file });
    try {
      await use(await Promise.all([MODERN, LEGACY].map((revision) => gateway.client.connect(revision))));
    } finally {
      await gateway.close();
    }
  } finally {
    await Promise.all(upstreams.map((upstream) => upstream.stop()));
  }
}

const RUNS = { function: 120, node: 30 };

describe.each(LEGS)('$name', (leg) => {
  const options = (what: string) => seeded(`many upstreams, ${leg.name}, ${what}`, RUNS[leg.platform]);

  test.each(['tools', 'prompts'] as const)(
    'a merged list of %s is those of all upstreams in order without losers, and each leads to its upstream',
    async (list) => {
      const reach = list === 'tools' ? callTool : getPrompt;
      await fc.assert(
        fc.asyncProperty(world, (specs) =>
          withWorld(specs, leg, async (peers) => {
            const expected = expectedNames(specs, list);
            for (const peer of peers) {
              expect(await namesIn(peer, list)).toEqual(expected.map(({ shown }) => shown));
              const answers = await Promise.all(expected.map(({ shown }) => reach(peer, shown)));
              expect(answers).toEqual(expected.map(({ answer }) => answer));
            }
          }),
        ),
        options(list),
      );
    },
    120_000,
  );

  test('a merged list of resources has each URI once, and reading it leads to the first that lists it', async () => {
    await fc.assert(
      fc.asyncProperty(world, (specs) =>
        withWorld(specs, leg, async (peers) => {
          const expected = expectedUris(specs);
          for (const peer of peers) {
            expect(await namesIn(peer, 'resources')).toEqual(expected.map(({ shown }) => shown));
            const answers = await Promise.all(expected.map(({ shown }) => readResource(peer, shown)));
            expect(answers).toEqual(expected.map(({ answer }) => answer));
          }
        }),
      ),
      options('resources'),
    );
  }, 120_000);
});
