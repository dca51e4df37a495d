import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import {
  cacheText,
  catalogKey,
  isFresh,
  isVersionOf,
  itemsOf,
  modernAudiences,
  newCatalogCache,
  NO_LIST,
  textsOf,
  versionOf,
  type Audience,
} from '../../lib/catalog/listing.ts';
import type { CatalogHead, CatalogMember } from '../../lib/ports/catalog.ts';

const LEGACY: Audience = {
  era: 'legacy',
  version: '2025-11-25',
  clientCapabilities: {},
  caller: 'alice',
  shared: false,
};

const keyOf = (audience: Audience, member: CatalogMember = 'tools', upstream = 'u') =>
  JSON.stringify(catalogKey(upstream, audience, member, cryptoIds));

const HEAD: CatalogHead = {
  version: 'v',
  changes: 2,
  fetchedAt: 1000,
  freshUntil: 2000,
  wantedAt: 1000,
  shared: true,
  asked: { version: '2025-11-25', clientCapabilities: {} },
  bytes: 2,
};

describe('the place where a list is kept', () => {
  test.each<[string, Audience, Audience]>([
    ['callers', LEGACY, { ...LEGACY, caller: 'bob' }],
    ['a caller and everyone', LEGACY, { ...LEGACY, caller: undefined }],
    ['revisions', LEGACY, { ...LEGACY, version: '2025-06-18' }],
    ['eras', LEGACY, { ...LEGACY, era: 'modern' }],
    ['client capabilities', LEGACY, { ...LEGACY, clientCapabilities: { sampling: {} } }],
    [
      'details of client capabilities',
      { ...LEGACY, clientCapabilities: { roots: {} } },
      { ...LEGACY, clientCapabilities: { roots: { a: 1 } } },
    ],
  ])('is another for different %s', (_what, one, other) => {
    expect(keyOf(one)).not.toBe(keyOf(other));
  });

  test('is another for each upstream and each list', () => {
    expect(keyOf(LEGACY, 'tools', 'u')).not.toBe(keyOf(LEGACY, 'tools', 'v'));
    expect(keyOf(LEGACY, 'tools')).not.toBe(keyOf(LEGACY, 'prompts'));
  });

  test('is the same for the same audience, whether or not the list can be asked for on nobody\u2019s behalf', () => {
    expect(keyOf({ ...LEGACY, shared: true })).toBe(keyOf(LEGACY));
  });

  test('cannot be guessed into that of another caller', () => {
    const names = ['null', '', 'everyone', '"alice"', 'alice'].map((caller) => keyOf({ ...LEGACY, caller }));
    expect(new Set([...names, keyOf({ ...LEGACY, caller: undefined })]).size).toBe(6);
  });

  test('says nothing of the caller in the open', () => {
    expect(keyOf(LEGACY)).not.toContain('alice');
  });
});

describe('lists of modern upstreams', () => {
  test('are kept for everyone, and for each caller', () => {
    const [everyone, alice] = modernAudiences('alice', false);
    const [others, bob] = modernAudiences('bob', false);
    expect(keyOf(everyone)).toBe(keyOf(others));
    expect(keyOf(alice)).not.toBe(keyOf(bob));
    expect(keyOf(alice)).not.toBe(keyOf(everyone));
  });

  test('can be asked for on nobody\u2019s behalf when they are for everyone, or for callers without a name', () => {
    expect(modernAudiences('alice', false).map(({ shared }) => shared)).toEqual([true, false]);
    expect(modernAudiences('anonymous', true).map(({ shared }) => shared)).toEqual([true, true]);
  });
});

describe('a kept list', () => {
  test('is fresh until its time, and not at it', () => {
    expect(isFresh({ head: HEAD, changes: 2 }, 1999)).toBe(true);
    expect(isFresh({ head: HEAD, changes: 2 }, 2000)).toBe(false);
  });

  test('is stale once more changes are known than it has seen', () => {
    expect(isFresh({ head: HEAD, changes: 3 }, 1500)).toBe(false);
    expect(isFresh({ head: { ...HEAD, changes: 3 }, changes: 3 }, 1500)).toBe(true);
  });

  test('is not fresh when there is none', () => {
    expect(isFresh({ head: undefined, changes: 0 }, 0)).toBe(false);
  });

  test('has a version that says what its text is, and never twice the same one', () => {
    const versions = [versionOf('[1]', cryptoIds), versionOf('[1]', cryptoIds)];
    expect(versions[0]).not.toBe(versions[1]);
    for (const version of versions) {
      expect(isVersionOf(version, '[1]', cryptoIds)).toBe(true);
      expect(isVersionOf(version, '[2]', cryptoIds)).toBe(false);
    }
  });

  test('has no items when the upstream has no such list', () => {
    expect(itemsOf(NO_LIST)).toEqual([]);
    expect(itemsOf('[]')).toEqual([]);
    expect(itemsOf('[{"a":1}, {"b":[2,3]}]')).toEqual(['{"a":1}', '{"b":[2,3]}']);
  });
});

describe('the memory of an environment', () => {
  const key = catalogKey('u', LEGACY, 'tools', cryptoIds);

  async function kept(version: string, text: string) {
    const tally = { requests: 0 };
    const { catalog } = createMemoryStores()(tally);
    await catalog.write(key, { ...HEAD, version }, text, 10_000);
    tally.requests = 0;
    return { catalog, tally };
  }

  test('spares reading a text twice', async () => {
    const { catalog, tally } = await kept('v', '[1]');
    const cache = newCatalogCache();
    for (let time = 0; time < 3; time += 1)
      expect(await textsOf([{ key, head: HEAD }], catalog, cache)).toEqual(['[1]']);
    expect(tally.requests).toBe(1);
  });

  test('is no answer to what has been replaced, unless it was read before', async () => {
    const { catalog } = await kept('new', '[2]');
    const cache = newCatalogCache();
    expect(await textsOf([{ key, head: HEAD }], catalog, cache)).toEqual([undefined]);
    cacheText('v', '[1]', cache);
    expect(
      await textsOf(
        [
          { key, head: HEAD },
          { key, head: { ...HEAD, version: 'new' } },
        ],
        catalog,
        cache,
      ),
    ).toEqual(['[1]', '[2]']);
  });

  test('asks the store for nothing when nothing is wanted', async () => {
    const { catalog, tally } = await kept('v', '[1]');
    expect(await textsOf([], catalog, newCatalogCache())).toEqual([]);
    expect(tally.requests).toBe(0);
  });

  test('forgets the oldest texts when there are too many', () => {
    const cache = newCatalogCache();
    const text = 'x'.repeat(4 * 1024 * 1024 - 1);
    for (let version = 0; version < 10; version += 1) cacheText(String(version), `${version}${text}`, cache);
    expect([...cache.texts.keys()]).toEqual(['6', '7', '8', '9']);
  });
});
