/** What is kept of a list that an upstream has just given, and what the operator hears of it. */
import { cacheText, isVersionOf, itemsOf, textsOf, versionOf } from '../catalog/listing.ts';
import { compareLists } from '../catalog/merge.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import type { CatalogHead, CatalogKey, CatalogMember, CatalogState, NewCatalogHead } from '../ports/catalog.ts';
import { isModernVersion } from '../protocol/era.ts';
import type { Work } from './work.ts';

/** A list that nobody can use any more is kept for a while: to say what changed, and where a URI went. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** A list that is stale at once is written down this often all the same, in milliseconds. */
const RENEW_AFTER_MS = 30_000;

/**
 * What is stale at once is asked for with every use. One that differs each time, and whose users ask again once they are
 * told so, is found to have changed this seldom at most, in milliseconds.
 */
const FOUND_AFTER_MS = 5000;

/** Names as the operator should see them, no more than this many of each kind. */
const MAX_NAMED = 20;

/** Where a list is kept, and what is there. */
export interface Place extends Pick<CatalogHead, 'shared' | 'asked'> {
  readonly upstream: ServerUpstream;
  readonly member: CatalogMember;
  readonly key: CatalogKey;
  /** As it was before the upstream was asked. */
  readonly state: CatalogState;
}

export interface NewList extends Pick<CatalogHead, 'fetchedAt' | 'wantedAt'> {
  readonly text: string;
  readonly ttlMs: number;
}

/**
 * Keeps what is news, without making anyone wait. An operator who sets `listTtlMs` to 0 wants nothing kept but what pins
 * are compared with.
 */
export function keepList(work: Work, place: Place, list: NewList): void {
  const { ids } = work.ports;
  const { upstream, state, shared, asked } = place;
  const { head: before, changes } = state;
  const { text, ttlMs, fetchedAt, wantedAt } = list;
  if (ttlMs === 0 && upstream.config.listTtlMs === 0 && !upstream.config.pin) return;
  const isSame = before !== undefined && isVersionOf(before.version, text, ids);
  // What is stale at once gains nothing by being written again, except that it still says where things are.
  const isRecent = isSame && before.changes >= changes && fetchedAt - before.fetchedAt < RENEW_AFTER_MS;
  if (isRecent && ttlMs === 0) return;
  const isFound = before !== undefined && !isSame && before.changes >= changes && !isOfEachSession(place);
  const isTooSoon = isFound && ttlMs === 0 && fetchedAt - before.fetchedAt < FOUND_AFTER_MS;
  // Pins are compared with what was found last.
  if (isTooSoon && !upstream.config.pin) return;
  const head: NewCatalogHead = {
    version: isSame ? before.version : versionOf(text, ids),
    changes,
    fetchedAt,
    freshUntil: fetchedAt + ttlMs,
    wantedAt,
    shared,
    asked,
  };
  // Before it is replaced: what was there may not be readable for long.
  if (before !== undefined && !isSame) work.defer(() => tellChange(work, place, before, text));
  work.defer(async () => {
    const counted = isFound && !isTooSoon ? await countFound(work, place) : changes;
    await writeList(work, place, { ...head, changes: counted }, text, isSame ? before : undefined);
  });
}

/** Whether the operator says, by not having them kept, that lists are each session's own: they differ without a change. */
function isOfEachSession({ upstream, asked }: Place): boolean {
  return upstream.config.listTtlMs === 0 && !isModernVersion(asked.version);
}

/**
 * A list that turns out to be another one has changed, although nobody has said so; where a change was counted already,
 * it is the one that was expected. So lists that differ in each session of one audience make those of the others stale
 * once in the time for which they are fresh, and not with each use. Returns the count that the new list has seen: another
 * change that was counted meanwhile may be one that it has not.
 */
async function countFound(work: Work, { key, member, state }: Place): Promise<number> {
  if (member === 'introduction') return state.changes;
  const counted = await work.stores.catalog.countChange(key.upstream, member);
  return counted === state.changes + 1 ? counted : state.changes;
}

async function writeList(
  work: Work,
  { key }: Place,
  head: NewCatalogHead,
  text: string,
  same: CatalogHead | undefined,
): Promise<void> {
  const { catalog } = work.stores;
  const expiresAt = head.fetchedAt + Math.max(head.freshUntil - head.fetchedAt, KEPT_MS);
  if (same !== undefined && (await catalog.renew(key, { ...head, bytes: same.bytes }, expiresAt))) return;
  // The text that was to be renewed is no longer in place, or not for long enough.
  const version = same === undefined ? head.version : versionOf(text, work.ports.ids);
  cacheText(version, text, work.shared.catalogCache);
  await catalog.write(key, { ...head, version }, text, expiresAt);
}

async function tellChange(
  work: Work,
  { upstream, member, key }: Place,
  head: CatalogHead,
  text: string,
): Promise<void> {
  if (member === 'introduction') return;
  const [before] = await textsOf([{ key, head }], work.stores.catalog, work.shared.catalogCache);
  if (before === undefined) return;
  const { added, changed, removed } = compareLists(member, itemsOf(before), itemsOf(text));
  work.ports.actionLog.notice(work.invocation.requestId, {
    kind: 'list-changed',
    upstream: upstream.name,
    member,
    added: added.slice(0, MAX_NAMED),
    changed: changed.slice(0, MAX_NAMED),
    removed: removed.slice(0, MAX_NAMED),
  });
}

/** What nobody has asked for in a while is not kept fresh; that somebody has is written down this seldom, in milliseconds. */
const WANTED_EVERY_MS = 15 * 60 * 1000;

/** A client uses a list that is kept. */
export function noteWanted(work: Work, key: CatalogKey, head: CatalogHead, now: number): void {
  if (now - head.wantedAt < WANTED_EVERY_MS) return;
  const expiresAt = Math.max(head.freshUntil, head.fetchedAt + KEPT_MS);
  work.defer(() => work.stores.catalog.renew(key, { ...head, wantedAt: now }, expiresAt));
}
