import { describe, expect, test } from 'vitest';
import { cacheText, itemsOf, MAX_CACHED_CHARS, newCatalogCache, seenThrough } from '../../lib/catalog/listing.ts';
import { mergeItems, mergeLists, toClientItems, type ClientItem } from '../../lib/catalog/merge.ts';
import { virtualServers, type VirtualServer } from '../../lib/catalog/plan.ts';
import { configOf } from '../config/sample.ts';

/** Makes one item of a text, and counts how often. */
class Maker {
  made = 0;
  readonly #text: string;

  constructor(text = '{"name":"a"}') {
    this.#text = text;
  }

  readonly make = (): readonly ClientItem[] => {
    this.made += 1;
    return [{ name: 'a', text: this.#text }];
  };
}

const HALF = 'x'.repeat(MAX_CACHED_CHARS / 2);

describe('what clients see of a text', () => {
  test('is made once while the text is in memory', () => {
    const cache = newCatalogCache();
    cacheText('v1', 'text', cache);
    const maker = new Maker();
    const first = seenThrough('view', 'text', cache, maker.make);
    expect(seenThrough('view', 'text', cache, maker.make)).toBe(first);
    expect(maker.made).toBe(1);
  });

  test('is made for each view of its own', () => {
    const cache = newCatalogCache();
    cacheText('v1', 'text', cache);
    expect(seenThrough('one', 'text', cache, new Maker('{"name":"one"}').make)).toEqual([
      { name: 'a', text: '{"name":"one"}' },
    ]);
    expect(seenThrough('two', 'text', cache, new Maker('{"name":"two"}').make)).toEqual([
      { name: 'a', text: '{"name":"two"}' },
    ]);
  });

  test('is made for each text of its own', () => {
    const cache = newCatalogCache();
    cacheText('v1', 'before', cache);
    cacheText('v2', 'after', cache);
    const maker = new Maker();
    seenThrough('view', 'before', cache, maker.make);
    seenThrough('view', 'after', cache, maker.make);
    expect(maker.made).toBe(2);
  });

  test('is not kept for a text that is not in memory', () => {
    const cache = newCatalogCache();
    const maker = new Maker();
    seenThrough('view', 'text', cache, maker.make);
    seenThrough('view', 'text', cache, maker.make);
    expect(maker.made).toBe(2);
    expect(cache.seen.size).toBe(0);
  });

  test('is forgotten with its text', () => {
    const cache = newCatalogCache();
    const maker = new Maker();
    cacheText('v1', 'old', cache);
    seenThrough('view', 'old', cache, maker.make);
    cacheText('v2', `1${HALF}`, cache);
    cacheText('v3', `2${HALF}`, cache);
    expect([...cache.texts.keys()]).toEqual(['v3']);
    seenThrough('view', 'old', cache, maker.make);
    expect(maker.made).toBe(2);
    expect(cache.seen.size).toBe(1);
  });

  test('outlives one of two versions with the same text', () => {
    const cache = newCatalogCache();
    const maker = new Maker();
    const text = `same ${HALF}`;
    cacheText('v1', text, cache);
    cacheText('v2', 'small', cache);
    cacheText('v3', text, cache);
    seenThrough('view', text, cache, maker.make);
    // A few characters too many: the oldest versions go until there is room.
    cacheText('v4', 'x'.repeat(MAX_CACHED_CHARS / 2 - 20), cache);
    expect([...cache.texts.keys()]).toEqual(['v3', 'v4']);
    seenThrough('view', text, cache, maker.make);
    expect(maker.made).toBe(1);
  });

  test('counts towards what memory may hold', () => {
    const cache = newCatalogCache();
    cacheText('v1', 'first', cache);
    cacheText('v2', 'second', cache);
    seenThrough('one', 'second', cache, new Maker(HALF).make);
    expect([...cache.texts.keys()]).toEqual(['v1', 'v2']);
    seenThrough('two', 'second', cache, new Maker(HALF).make);
    expect(cache.texts.size).toBe(0);
    expect(cache.seen.size).toBe(0);
  });

  test('is no less for not being remembered', () => {
    const cache = newCatalogCache();
    cacheText('v1', 'text', cache);
    const tooLarge = new Maker('x'.repeat(MAX_CACHED_CHARS + 1));
    expect(seenThrough('view', 'text', cache, tooLarge.make)).toHaveLength(1);
  });
});

describe('what is merged of what clients see', () => {
  const config = configOf({
    upstreams: {
      time: { url: 'http://127.0.0.1:9081/mcp', prefix: 'time' },
      plain: { url: 'http://127.0.0.1:9082/mcp', prefix: '' },
    },
    servers: { default: { upstreams: ['plain', 'time'], tools: ['time__n*', 'w*'] } },
  });
  const server: VirtualServer = virtualServers(config).get('default')!;
  const [plain, time] = [server.upstreams[0]!, server.upstreams[1]!];

  test('is what is merged of what upstreams say', () => {
    const shares = [
      { upstream: plain, items: itemsOf('[{"name":"where","x":1.0},{"name":"time__now"},{"nameless":true}]') },
      { upstream: time, items: itemsOf('[{ "name" : "now" },{"name":"zone"},{"name":"now"}]') },
    ];
    const seen = shares.map(({ upstream, items }) => ({ upstream, items: toClientItems('tools', items, upstream) }));
    expect(mergeItems('tools', seen, server)).toEqual(mergeLists('tools', shares, server));
    expect(mergeItems('tools', seen, server)).toEqual({
      items: ['{"name":"where","x":1.0}', '{"name":"time__now"}'],
      lost: [{ upstream: 'plain', owner: 'time', name: 'time__now' }],
      tooLong: [],
    });
  });

  test('goes by the name that clients see, under the prefix', () => {
    const [item] = toClientItems('prompts', ['{"name":"now","title":"Now"}'], time);
    expect(item).toEqual({ name: 'time__now', text: '{"name":"time__now","title":"Now"}' });
  });

  test('goes by the URI, whatever the prefix', () => {
    const text = '{"uri":"note://one","name":"one"}';
    expect(toClientItems('resources', [text], time)).toEqual([{ name: 'note://one', text }]);
  });
});
