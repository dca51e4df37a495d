/** What every implementation must do with the lists of upstreams. */
import { describe, expect, test } from 'vitest';

import type { CatalogHead, CatalogKey, CatalogState, CatalogStore, NewCatalogHead } from '../../lib/ports/catalog.ts';
import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { catalogKey, freshKey, newHead, randomJson } from './samples.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const EXPIRY = 1_780_100_000_000;
/** Enough for races to fall out either way. */
const ROUNDS = 25;

describe.each(legs)('the catalog in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const catalog = () => environment().catalog;

  const stateOf = async (key: CatalogKey): Promise<CatalogState> => (await catalog().heads([key]))[0]!;

  const headOf = async (key: CatalogKey): Promise<CatalogHead> => {
    const { head } = await stateOf(key);
    expect(head).toBeDefined();
    return head!;
  };

  /** The head that is in place, and its text. */
  const listOf = async (key: CatalogKey) => {
    const head = await headOf(key);
    const [text] = await catalog().texts([{ key, head }]);
    return { head, text };
  };

  const written = async (key: CatalogKey, changes: Partial<NewCatalogHead> = {}, text = '[]') => {
    const head = newHead(changes);
    expect(await catalog().write(key, head, text, EXPIRY)).toBe(true);
    return headOf(key);
  };

  describe('reading', () => {
    test('finds nothing of an upstream that was never asked, and no changes', async () => {
      expect(await stateOf(catalogKey())).toEqual({ head: undefined, changes: 0 });
    });

    test('finds a list as it was written, with its size', async () => {
      const key = catalogKey();
      const head = newHead({ shared: false, asked: { version: '', clientCapabilities: { a: { '': [null, 'é'] } } } });
      expect(await catalog().write(key, head, '{"名前":"🦉","\\ud800":1e400}', EXPIRY)).toBe(true);
      const list = await listOf(key);
      expect(list).toEqual({ head: { ...head, bytes: expect.any(Number) }, text: '{"名前":"🦉","\\ud800":1e400}' });
      expect(list.head.bytes).toBeGreaterThan(0);
    });

    test.each([0, 1, 299_000, 400_000, 2_000_000])('finds a text of %i characters as it was', async (chars) => {
      const key = catalogKey();
      const text = chars < 20 ? 'x'.repeat(chars) : randomJson(chars);
      await written(key, {}, text);
      expect((await listOf(key)).text === text).toBe(true);
    });

    test('finds lists in the order in which they are asked for, absent ones and repeated ones included', async () => {
      const [first, second, absent] = [catalogKey(), catalogKey({ member: 'introduction' }), catalogKey()];
      const heads = [await written(first, {}, 'one'), await written(second, {}, 'two')] as const;
      const found = await catalog().heads([second, absent, first, second]);
      expect(found.map(({ head }) => head)).toEqual([heads[1], undefined, heads[0], heads[1]]);
      const texts = await catalog().texts([
        { key: second, head: heads[1] },
        { key: absent, head: heads[1] },
        { key: first, head: heads[0] },
        { key: second, head: heads[1] },
      ]);
      expect(texts).toEqual(['two', undefined, 'one', 'two']);
    });

    test('finds nothing when asked for nothing', async () => {
      expect(await catalog().heads([])).toEqual([]);
      expect(await catalog().texts([])).toEqual([]);
    });

    test('finds the heads of 130 upstreams at once, and their changes', async () => {
      const keys = Array.from({ length: 130 }, () => catalogKey());
      const heads = await Promise.all(
        keys.map(async (key, index) => (index % 3 === 0 ? written(key, { fetchedAt: 1000 + index }) : undefined)),
      );
      const changed = keys.filter((_, index) => index % 2 === 0);
      await Promise.all(changed.map(({ upstream }) => catalog().countChange(upstream, 'tools')));
      expect(await catalog().heads(keys)).toEqual(
        heads.map((head, index) => ({ head, changes: index % 2 === 0 ? 1 : 0 })),
      );
    });

    test('finds many texts at once, more than come in one answer', async () => {
      const keys = Array.from({ length: 110 }, () => catalogKey());
      const texts = keys.map((_, index) => randomJson(index % 20 === 0 ? 700_000 : 100 + index));
      const heads = await Promise.all(keys.map((key, index) => written(key, {}, texts[index])));
      const found = await catalog().texts(keys.map((key, index) => ({ key, head: heads[index]! })));
      expect(found.map((text, index) => text === texts[index])).toEqual(keys.map(() => true));
    });

    test('does not confuse audiences, members and upstreams', async () => {
      const key = catalogKey();
      const neighbours = [
        { ...key, audience: freshKey() },
        { ...key, upstream: freshKey() },
        { ...key, member: 'prompts' },
        { ...key, member: 'resources' },
        { ...key, member: 'resourceTemplates' },
        { ...key, member: 'introduction' },
      ] as const;
      await written(key);
      expect((await catalog().heads(neighbours)).map(({ head }) => head)).toEqual(neighbours.map(() => undefined));
    });

    test.each(HOSTILE)('takes %j for an upstream and an audience like any other', async (word) => {
      const upstream = `${freshKey()}${word}`;
      const keys = [
        catalogKey({ upstream, audience: word }),
        catalogKey({ upstream, audience: `${word}#` }),
        catalogKey({ upstream: `${upstream}#`, audience: word }),
      ];
      const heads = await Promise.all(keys.map((key, index) => written(key, {}, `[${index}]`)));
      expect((await catalog().heads(keys)).map(({ head }) => head)).toEqual(heads);
      const wanted = keys.map((key, index) => ({ key, head: heads[index]! }));
      expect(await catalog().texts(wanted)).toEqual(['[0]', '[1]', '[2]']);
      const found = await catalog().headsOf(upstream);
      expect(found).toHaveLength(2);
      expect(found).toEqual(expect.arrayContaining(wanted.slice(0, 2)));
    });

    test('does not give out what belongs to what was given or read', async () => {
      const key = catalogKey();
      const clientCapabilities = { roots: {} };
      const head = newHead({ asked: { version: '1', clientCapabilities } });
      await catalog().write(key, head, '[]', EXPIRY);
      Object.assign(clientCapabilities, { vandal: {} });
      Object.assign((await headOf(key)).asked.clientCapabilities, { vandal: {} });
      Object.assign((await catalog().headsOf(key.upstream))[0]!.head, { version: 'vandal' });
      expect(await headOf(key)).toMatchObject({ version: head.version, asked: { clientCapabilities: { roots: {} } } });
      expect((await headOf(key)).asked.clientCapabilities).toEqual({ roots: {} });
    });
  });

  describe('writing', () => {
    test.each([
      { changes: 3, fetchedAt: 2001 },
      { changes: 4, fetchedAt: 2000 },
      { changes: 4, fetchedAt: 1 },
    ])('puts what was asked for later in place: %o after 3 changes at 2000', async (later) => {
      const key = catalogKey();
      await written(key, { changes: 3, fetchedAt: 2000 }, 'old');
      const head = newHead(later);
      expect(await catalog().write(key, head, 'new', EXPIRY)).toBe(true);
      expect(await listOf(key)).toMatchObject({ head, text: 'new' });
    });

    test.each([
      { changes: 3, fetchedAt: 2000 },
      { changes: 3, fetchedAt: 1999 },
      { changes: 2, fetchedAt: 2001 },
      { changes: 2, fetchedAt: 2000 },
    ])('refuses what was asked for earlier: %o after 3 changes at 2000', async (earlier) => {
      const key = catalogKey();
      const head = await written(key, { changes: 3, fetchedAt: 2000 }, 'old');
      expect(await catalog().write(key, newHead(earlier), 'new', EXPIRY)).toBe(false);
      expect(await listOf(key)).toEqual({ head, text: 'old' });
    });

    test('the same list once more leaves it in place', async () => {
      const key = catalogKey();
      const head = newHead();
      expect(await catalog().write(key, head, '[1]', EXPIRY)).toBe(true);
      expect(await catalog().write(key, head, '[1]', EXPIRY)).toBe(true);
      expect(await listOf(key)).toMatchObject({ head, text: '[1]' });
    });

    test('in many environments at once leaves the list with the most changes, then the latest, whole', async () => {
      for (let round = 0; round < 5; round += 1) {
        const key = catalogKey();
        const heads = Array.from({ length: RACERS }, (_, racer) => {
          const order = (racer * 7) % RACERS;
          return newHead({
            changes: Math.floor(order / 5),
            fetchedAt: 1000 - Math.floor(order / 5) * 100 + (order % 5),
          });
        });
        const outcomes = await race((stores, racer) =>
          stores.catalog.write(key, heads[racer]!, heads[racer]!.version, EXPIRY),
        );
        const last = heads.find(({ changes, fetchedAt }) => changes === 3 && fetchedAt === 704)!;
        expect(await listOf(key)).toMatchObject({ head: last, text: last.version });
        expect(outcomes[heads.indexOf(last)]).toBe(true);
      }
    });

    test('of the same moment in many environments at once succeeds exactly once', async () => {
      const key = catalogKey();
      const heads = Array.from({ length: RACERS }, () => newHead());
      const outcomes = await race((stores, racer) =>
        stores.catalog.write(key, heads[racer]!, heads[racer]!.version, EXPIRY),
      );
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      const winner = heads[outcomes.indexOf(true)]!;
      expect(await listOf(key)).toMatchObject({ head: winner, text: winner.version });
    });

    test('never gives a reader one head and the text of another', async () => {
      const key = catalogKey();
      const texts = new Map<string, string>();
      const write = async () => {
        for (let step = 0; step < 15; step += 1) {
          const head = newHead({ fetchedAt: 1000 + step });
          const text = randomJson(step % 4 === 0 ? 400_000 : 1000 + step);
          texts.set(head.version, text);
          expect(await catalog().write(key, head, text, EXPIRY)).toBe(true);
        }
      };
      const progress = { written: false };
      const read = async () => {
        while (!progress.written) {
          const { head } = await stateOf(key);
          if (head === undefined) continue;
          const [text] = await catalog().texts([{ key, head }]);
          expect(text === undefined || text === texts.get(head.version)).toBe(true);
        }
      };
      const writing = write().finally(() => {
        progress.written = true;
      });
      await Promise.all([writing, read(), read(), read()]);
      expect((await headOf(key)).fetchedAt).toBe(1014);
    });
  });

  describe('renewing', () => {
    test('writes the head anew over the same text', async () => {
      const key = catalogKey();
      const head = await written(key, {}, '[1]');
      const renewed = {
        ...head,
        changes: 2,
        fetchedAt: head.fetchedAt + 1,
        freshUntil: head.freshUntil + 1,
        wantedAt: head.wantedAt + 1,
        shared: false,
        asked: { version: '2025-11-25', clientCapabilities: {} },
      };
      expect(await catalog().renew(key, renewed, EXPIRY + 1)).toBe(true);
      expect(await listOf(key)).toEqual({ head: renewed, text: '[1]' });
    });

    test('of the same moment changes what else is known of the list', async () => {
      const key = catalogKey();
      const head = await written(key);
      expect(await catalog().renew(key, { ...head, wantedAt: 5 }, EXPIRY)).toBe(true);
      expect(await headOf(key)).toEqual({ ...head, wantedAt: 5 });
    });

    test('is refused when another text is in place, and when there is none', async () => {
      const key = catalogKey();
      const old = await written(key, { fetchedAt: 1000 }, 'old');
      const head = await written(key, { fetchedAt: 2000 }, 'new');
      expect(await catalog().renew(key, { ...old, fetchedAt: 3000 }, EXPIRY)).toBe(false);
      expect(await listOf(key)).toEqual({ head, text: 'new' });
      const absent = catalogKey();
      expect(await catalog().renew(absent, head, EXPIRY)).toBe(false);
      expect((await stateOf(absent)).head).toBeUndefined();
    });

    test.each([
      { changes: 3, fetchedAt: 1999 },
      { changes: 2, fetchedAt: 2001 },
    ])('is refused when it comes late: %o after 3 changes at 2000', async (earlier) => {
      const key = catalogKey();
      const head = await written(key, { changes: 3, fetchedAt: 2000 });
      expect(await catalog().renew(key, { ...head, ...earlier }, EXPIRY)).toBe(false);
      expect(await headOf(key)).toEqual(head);
    });

    test('never lets a head outlive its text, which is kept for a day longer than what it was written for', async () => {
      const key = catalogKey();
      const head = await written(key, { fetchedAt: 1000 });
      expect(await catalog().renew(key, { ...head, fetchedAt: 2000 }, EXPIRY + DAY_MS + 1)).toBe(false);
      expect(await headOf(key)).toEqual(head);
      expect(await catalog().renew(key, { ...head, fetchedAt: 2000 }, EXPIRY + DAY_MS)).toBe(true);
      expect(await catalog().renew(key, { ...head, fetchedAt: 3000 }, EXPIRY + DAY_MS + 1)).toBe(false);
      expect(await headOf(key)).toEqual({ ...head, fetchedAt: 2000 });
    });

    test('meets a list that was asked for before it: one of them is in place, the other refused', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const key = catalogKey();
        const head = await written(key, { fetchedAt: 1000 }, 'old');
        const other = newHead({ fetchedAt: 2000 });
        const renew = (store: CatalogStore) => store.renew(key, { ...head, fetchedAt: 3000 }, EXPIRY);
        const write = (store: CatalogStore) => store.write(key, other, 'new', EXPIRY);
        const [renewed, replaced] =
          round % 2 === 0
            ? await Promise.all([renew(catalog()), write(catalog())])
            : await Promise.all([write(catalog()), renew(catalog())]).then(([first, second]) => [second, first]);
        expect(renewed).not.toBe(replaced);
        const expected = renewed ? { head: { fetchedAt: 3000 }, text: 'old' } : { head: other, text: 'new' };
        expect(await listOf(key)).toMatchObject(expected);
      }
    });

    test('meets a list that was asked for after it: the list is in place whatever comes first', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const key = catalogKey();
        const head = await written(key, { fetchedAt: 1000 }, 'old');
        const other = newHead({ fetchedAt: 3000 });
        const write = () => catalog().write(key, other, 'new', EXPIRY);
        const renew = () => catalog().renew(key, { ...head, fetchedAt: 2000 }, EXPIRY);
        const outcomes = await Promise.all(round % 2 === 0 ? [write(), renew()] : [renew(), write()]);
        expect(outcomes[round % 2]).toBe(true);
        expect(await listOf(key)).toMatchObject({ head: other, text: 'new' });
      }
    });

    test('in many environments at once leaves the latest renewal', async () => {
      const key = catalogKey();
      const head = await written(key, { fetchedAt: 1000 });
      const fetchedAt = (racer: number) => 2000 + ((racer * 7) % RACERS);
      await race((stores, racer) => stores.catalog.renew(key, { ...head, fetchedAt: fetchedAt(racer) }, EXPIRY));
      expect(await headOf(key)).toEqual({ ...head, fetchedAt: 2000 + RACERS - 1 });
    });
  });

  describe('changes', () => {
    test('are counted, every one of many at once', async () => {
      const key = catalogKey();
      await race((stores) => stores.catalog.countChange(key.upstream, 'tools'));
      expect(await stateOf(key)).toEqual({ head: undefined, changes: RACERS });
    });

    test('are those of the member and the upstream, for every audience', async () => {
      const key = catalogKey();
      await catalog().countChange(key.upstream, 'tools');
      await catalog().countChange(key.upstream, 'tools');
      await catalog().countChange(key.upstream, 'introduction');
      const found = await catalog().heads([
        key,
        { ...key, audience: freshKey() },
        { ...key, member: 'introduction' },
        { ...key, member: 'prompts' },
        catalogKey(),
      ]);
      expect(found.map(({ changes }) => changes)).toEqual([2, 2, 1, 0, 0]);
    });

    test('do not touch what is kept', async () => {
      const key = catalogKey();
      const head = await written(key);
      await catalog().countChange(key.upstream, key.member);
      expect(await stateOf(key)).toEqual({ head, changes: 1 });
    });
  });

  describe('everything of an upstream', () => {
    test('is every audience and member of it, and nothing of another', async () => {
      const { upstream } = catalogKey();
      const members = ['tools', 'prompts', 'resources', 'resourceTemplates', 'introduction'] as const;
      const keys = [freshKey(), freshKey()].flatMap((audience) =>
        members.map((member) => ({ upstream, audience, member })),
      );
      const wanted = await Promise.all(keys.map(async (key) => ({ key, head: await written(key) })));
      await written(catalogKey());
      await catalog().countChange(upstream, 'tools');
      const found = await catalog().headsOf(upstream);
      expect(found).toHaveLength(wanted.length);
      expect(found).toEqual(expect.arrayContaining(wanted));
    });

    test('is found although it is more than comes in one answer', async () => {
      const { upstream } = catalogKey();
      const clientCapabilities = { experimental: { text: 'x'.repeat(60_000) } };
      const keys = Array.from({ length: 40 }, () => catalogKey({ upstream }));
      await Promise.all(keys.map((key) => written(key, { asked: { version: '1', clientCapabilities } })));
      const found = await catalog().headsOf(upstream);
      expect(new Set(found.map(({ key }) => key.audience))).toEqual(new Set(keys.map(({ audience }) => audience)));
    });

    test('is nothing for an upstream that was never asked', async () => {
      expect(await catalog().headsOf(freshKey())).toEqual([]);
    });
  });

  test('heads and texts cost one request, however many, and a list as many as it has parts and one', async () => {
    const tally = { requests: 0 };
    const { catalog: store } = environment(tally);
    const keys = Array.from({ length: 50 }, () => catalogKey());
    const heads = await Promise.all(keys.map((key) => written(key)));
    const operations: readonly (() => Promise<unknown>)[] = [
      () => store.heads(keys),
      () => store.heads(Array.from({ length: 99 }, () => catalogKey({ upstream: keys[0]!.upstream }))),
      () => store.texts(keys.map((key, index) => ({ key, head: heads[index]! }))),
      () => store.renew(keys[0]!, heads[0]!, EXPIRY),
      () => store.countChange(keys[0]!.upstream, 'tools'),
      () => store.headsOf(keys[0]!.upstream),
      () => store.write(keys[0]!, newHead({ fetchedAt: Number.MAX_SAFE_INTEGER }), '[]', EXPIRY),
      () => store.write(keys[0]!, newHead({ changes: 1 }), randomJson(1_000_000), EXPIRY),
      () => store.heads([]),
      () => store.texts([]),
    ];
    const costs: number[] = [];
    for (const operation of operations) {
      const before = tally.requests;
      await operation();
      costs.push(tally.requests - before);
    }
    // Base64 is compressed by a quarter: three parts in the database, and four in memory, where it is kept as it is.
    expect(costs).toEqual([1, 1, 1, 1, 1, 1, 2, leg.name === 'memory' ? 5 : 4, 0, 0]);
  });
});
