/**
 * Lists of upstreams as they are kept: for whom, for how long, and where they come from. Whether a kept list may still be
 * used is decided by what the store says, never by what this environment remembers: a change that any environment has
 * learned of makes older lists stale everywhere. Module memory only spares reading the same text twice.
 */
import type { Ids } from '../ports.ts';
import type { CatalogHead, CatalogKey, CatalogMember, CatalogState, CatalogStore } from '../ports/catalog.ts';
import { LATEST_MODERN, type Era } from '../protocol/era.ts';
import { elementTexts } from '../protocol/json-text.ts';
import type { JsonObject } from '../protocol/message.ts';
import type { ClientItem } from './merge.ts';

/** Text of a list that the upstream does not have. */
export const NO_LIST = 'null';

/** Text of a list that the upstream has, with nothing in it. */
const EMPTY_LIST = '[]';

/** Those who get the same list of an upstream. */
export interface Audience {
  readonly era: Era;
  /** The revision spoken upstream. */
  readonly version: string;
  /** What the upstream is told that its client can do; the same for all modern callers, who say so with each call. */
  readonly clientCapabilities: JsonObject;
  /** Whose authorization counts; undefined when it makes no difference. */
  readonly caller: string | undefined;
  /** Stands for the headers of the client's own that the upstream is sent; absent for none. */
  readonly forwarded?: string;
  /** Whether the list can be asked for on nobody's behalf. */
  readonly shared: boolean;
}

/** What the gateway declares when it lists on nobody's behalf: the list is for clients of every kind. */
export const LISTING_CAPABILITIES: JsonObject = { sampling: {}, elicitation: {}, roots: {} };

/** The audiences of a modern upstream's lists: everyone for public ones, the caller for the others. */
export function modernAudiences(caller: string, anonymous: boolean): readonly [everyone: Audience, own: Audience] {
  const audience = { era: 'modern', version: LATEST_MODERN, clientCapabilities: LISTING_CAPABILITIES } as const;
  return [
    { ...audience, caller: undefined, shared: true },
    { ...audience, caller, shared: anonymous },
  ];
}

export function catalogKey(upstream: string, audience: Audience, member: CatalogMember, ids: Ids): CatalogKey {
  const { era, version, clientCapabilities, caller = null, forwarded } = audience;
  const parts = [era, version, clientCapabilities, caller, ...(forwarded === undefined ? [] : [forwarded])];
  return { upstream, audience: ids.digest(JSON.stringify(parts)), member };
}

/** Whether a kept list is as good as a new one at `now`. */
export function isFresh({ head, changes }: CatalogState, now: number): boolean {
  return head !== undefined && now < head.freshUntil && head.changes >= changes;
}

/** Whether a list of this era and scope belongs to an audience: a legacy one is for whoever its session is for. */
export function suits({ era, caller }: Audience, listEra: Era, scope: 'public' | 'private'): boolean {
  return era === listEra && (era === 'legacy' || (caller === undefined) === (scope === 'public'));
}

/**
 * A server that has just been restarted may list nothing for a moment, or not know the list at all. That does not take
 * the place of a list with items while that one is kept: the upstream is asked again until it has something, or a day is
 * over.
 */
export function isDoubtful(text: string, before: CatalogHead | undefined, ids: Ids): boolean {
  const hasNothing = (version: string): boolean =>
    isVersionOf(version, EMPTY_LIST, ids) || isVersionOf(version, NO_LIST, ids);
  return (text === EMPTY_LIST || text === NO_LIST) && before !== undefined && !hasNothing(before.version);
}

/** The text's name: equal beginnings mean equal texts, and no two writers use the same one. */
export function versionOf(text: string, ids: Ids): string {
  return `${ids.digest(text)}.${ids.random()}`;
}

export function isVersionOf(version: string, text: string, ids: Ids): boolean {
  return version.startsWith(`${ids.digest(text)}.`);
}

// ----------------------------------------------------------------------------------------------------------- memory

/** Lost with the environment, and bounded. */
export interface CatalogCache {
  /** By version. */
  readonly texts: Map<string, string>;
  /** What clients see of these texts: by the text, and then by who sees it and how. */
  readonly seen: Map<string, Map<string, readonly ClientItem[]>>;
}

/** Enough for several thousand tools, in characters. */
export const MAX_CACHED_CHARS = 16 * 1024 * 1024;

export function newCatalogCache(): CatalogCache {
  return { texts: new Map(), seen: new Map() };
}

/** The texts behind these heads; undefined for one that has been replaced meanwhile. */
export async function textsOf(
  wanted: readonly { readonly key: CatalogKey; readonly head: CatalogHead }[],
  store: CatalogStore,
  cache: CatalogCache,
): Promise<readonly (string | undefined)[]> {
  const unknown = wanted.filter(({ head }) => !cache.texts.has(head.version));
  const read = unknown.length === 0 ? [] : await store.texts(unknown);
  const news = new Map(unknown.map(({ head }, index) => [head.version, read[index]]));
  const texts = wanted.map(({ head }) => cache.texts.get(head.version) ?? news.get(head.version));
  for (const [version, text] of news) if (text !== undefined) cacheText(version, text, cache);
  return texts;
}

export function cacheText(version: string, text: string, cache: CatalogCache): void {
  cache.texts.set(version, text);
  if (!cache.seen.has(text)) cache.seen.set(text, new Map());
  evictOldest(cache);
}

/**
 * What clients see of a text. `view` stands for everything that decides it beside the text: while the text is in memory,
 * `make` runs once for each.
 */
export function seenThrough(
  view: string,
  text: string,
  cache: CatalogCache,
  make: () => readonly ClientItem[],
): readonly ClientItem[] {
  const known = cache.seen.get(text)?.get(view);
  if (known !== undefined) return known;
  const items = make();
  cache.seen.get(text)?.set(view, items);
  evictOldest(cache);
  return items;
}

function evictOldest(cache: CatalogCache): void {
  let chars = 0;
  for (const [text, views] of cache.seen) chars += charsOf(text, views);
  for (const [version, text] of cache.texts) {
    if (chars <= MAX_CACHED_CHARS) break;
    cache.texts.delete(version);
    // Another version may have the same text.
    if ([...cache.texts.values()].includes(text)) continue;
    chars -= charsOf(text, cache.seen.get(text));
    cache.seen.delete(text);
  }
}

function charsOf(text: string, views: ReadonlyMap<string, readonly ClientItem[]> | undefined): number {
  let chars = text.length;
  for (const items of views?.values() ?? []) for (const item of items) chars += item.text.length;
  return chars;
}

/** The items of a list, as texts. */
export function itemsOf(text: string): readonly string[] {
  return text === NO_LIST ? [] : elementTexts(text);
}
