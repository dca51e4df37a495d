/** The pages of an upstream's list, put together (2026-07-28, server/utilities/pagination). */
import { elementTexts, memberText } from '../protocol/json-text.ts';
import { isObject, type ResponseMessage } from '../protocol/message.ts';
import type { ListMember } from '../protocol/methods.ts';

/** A list that goes on beyond these does not end. */
export const MAX_PAGES = 100;
export const MAX_ITEMS = 10_000;

/** What comes of a page: the next one is to be asked for, the list is whole, or it can never be. */
export type Progress =
  | { readonly kind: 'more'; readonly cursor: string }
  | { readonly kind: 'complete'; readonly list: WholeList }
  | { readonly kind: 'unusable'; readonly reason: string };

export interface WholeList {
  /** JSON text of the array. */
  readonly text: string;
  /** The smallest of the pages, as the upstream gave it; undefined when a page does not say. */
  readonly ttlMs: number | undefined;
  /** Public when every page is. */
  readonly scope: 'public' | 'private';
}

export class Pages {
  readonly #member: ListMember;
  readonly #maxChars: number;
  readonly #items: string[] = [];
  #chars = 0;
  readonly #cursors = new Set<string>();
  #pages = 0;
  #ttlMs: number | undefined = Infinity;
  #isPublic = true;

  /** `maxChars` is how long the whole list may be, in characters. */
  constructor(member: ListMember, maxChars: number) {
    this.#member = member;
    this.#maxChars = maxChars;
  }

  add({ text, body }: ResponseMessage): Progress {
    const result = 'result' in body ? body.result : undefined;
    const list = result?.[this.#member];
    if (result === undefined || !Array.isArray(list)) return unusable('it is not a list');
    if (this.#items.length + list.length > MAX_ITEMS) return unusable(`its list has more than ${MAX_ITEMS} items`);
    if (list.some((item) => !isObject(item))) return unusable('its list holds something that is no object');
    const listText = memberText(memberText(text, 'result') ?? '{}', this.#member) ?? '[]';
    this.#chars += listText.length;
    if (this.#chars > this.#maxChars) return unusable(`its list is longer than ${this.#maxChars} characters`);
    this.#pages += 1;
    for (const item of elementTexts(listText)) this.#items.push(item);
    this.#noteCaching(result['ttlMs'], result['cacheScope']);
    const cursor = result['nextCursor'];
    if (cursor === undefined || cursor === null) return { kind: 'complete', list: this.#whole() };
    if (typeof cursor !== 'string') return unusable('its cursor is no string');
    if (this.#cursors.has(cursor)) return unusable('its list comes back to a page that was read already');
    if (this.#pages === MAX_PAGES) return unusable(`its list has more than ${MAX_PAGES} pages`);
    this.#cursors.add(cursor);
    return { kind: 'more', cursor };
  }

  #noteCaching(ttlMs: unknown, scope: unknown): void {
    const said = usableTtl(ttlMs);
    this.#ttlMs = said === undefined || this.#ttlMs === undefined ? undefined : Math.min(this.#ttlMs, said);
    this.#isPublic &&= scope === 'public';
  }

  #whole(): WholeList {
    return { text: `[${this.#items.join(',')}]`, ttlMs: this.#ttlMs, scope: this.#isPublic ? 'public' : 'private' };
  }
}

function unusable(reason: string): Progress {
  return { kind: 'unusable', reason };
}

/** A server that promises more than a day is asked all the same, in milliseconds. */
const LONGEST_TTL_MS = 24 * 60 * 60 * 1000;

/** How long a list is fresh, as its upstream says; undefined when it does not. */
export function usableTtl(ttlMs: unknown): number | undefined {
  if (typeof ttlMs !== 'number' || Number.isNaN(ttlMs)) return undefined;
  return Math.min(Math.max(0, Math.floor(ttlMs)), LONGEST_TTL_MS);
}
