/**
 * What upstreams list, from the store while it is fresh and from themselves otherwise. A list that cannot be had is a
 * failure of its upstream alone; it is never kept as an empty one.
 */
import { isDoubtful, itemsOf, NO_LIST, suits, textsOf } from '../catalog/listing.ts';
import { nameOf } from '../catalog/merge.ts';
import type { WholeList } from '../catalog/pages.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import type { Failure } from '../errors.ts';
import type { CatalogKey, CatalogState } from '../ports/catalog.ts';
import { StoreError } from '../ports/stores.ts';
import { inSpan } from '../ports/tracer.ts';
import { LATEST_MODERN, type Era } from '../protocol/era.ts';
import { newTally } from '../upstream/fault.ts';
import { askerOf, type Reader, type Wanted } from './asker.ts';
import { failureOfEnd } from './ending.ts';
import type { Scope } from './errand.ts';
import { inquire } from './fetching.ts';
import { noteChange } from './changes.ts';
import { keepList, noteWanted } from './keeping.ts';
import { chooseShelf, shelvesFor, type FilledShelf, type FullShelf } from './shelves.ts';
import type { Work } from './work.ts';

/** An upstream that lists more slowly than this is left out of a merged list. */
export const LISTING_MS = 20_000;

/** A list of one upstream, or why it cannot be had. */
export type Listed =
  | {
      readonly kind: 'listed';
      readonly upstream: ServerUpstream;
      /** JSON text, in the upstream's words; `NO_LIST` when the upstream knows no such list. */
      readonly text: string;
      /** The era in which the upstream said it, and the revision. */
      readonly era: Era;
      readonly version: string;
      /** For how much longer it may be used. */
      readonly ttlMs: number;
      readonly scope: 'public' | 'private';
      /** Whether the upstream was asked just now. */
      readonly isNew: boolean;
    }
  | { readonly kind: 'unavailable'; readonly upstream: ServerUpstream; readonly failure: Failure };

/** In the order of what is wanted. A store that does not answer costs requests to upstreams, and fails no list. */
export async function listsOf(reader: Reader, wanted: readonly Wanted[]): Promise<readonly Listed[]> {
  return inCatalog(reader, async (own) => Promise.all(await askForLists(own, wanted)));
}

/** Reads under a span of its own, the upstreams that have to be asked included. */
function inCatalog<T>(reader: Reader, read: (reader: Reader) => Promise<T>): Promise<T> {
  return inSpan(reader.tally.span, 'catalog', (span) =>
    read({ ...reader, tally: newTally({ ...reader.tally, span }) }),
  );
}

/** As `listsOf`, one by one as they become known. Each must be waited for, before the invocation ends if not before. */
export async function askForLists(reader: Reader, wanted: readonly Wanted[]): Promise<readonly Promise<Listed>[]> {
  const { work, asker } = reader;
  const shelves = wanted.map((want) => shelvesFor(work, asker, want));
  const states = await statesOf(
    work,
    shelves.flat().map(({ key }) => key),
  );
  let at = 0;
  const filled = shelves.map((own) => own.map((shelf): FilledShelf => ({ ...shelf, state: states[at++]! })));
  const chosen = await Promise.all(filled.map((own, index) => chooseShelf(reader, wanted[index]!, own)));
  const texts = await keptTexts(
    work,
    chosen.flatMap((shelf) => shelf ?? []),
  );
  let next = 0;
  const asking = new Map<ServerUpstream, Promise<Listed>>();
  return wanted.map(async (want, index) => {
    const shelf = chosen[index];
    const text = shelf === undefined ? undefined : texts[next++];
    if (shelf !== undefined && text !== undefined) return recalled(work, want.upstream, shelf, text);
    const listed = fetchAfter(asking.get(want.upstream), () => fetchList(reader, want, filled[index]!));
    asking.set(want.upstream, listed);
    return listed;
  });
}

/** Lists of one upstream are asked for one after another, in one session; one that fails speaks for those after it. */
async function fetchAfter(before: Promise<Listed> | undefined, fetch: () => Promise<Listed>): Promise<Listed> {
  const earlier = await before;
  return earlier?.kind === 'unavailable' ? earlier : fetch();
}

/** What is kept saves asking, no more: a store that does not answer costs upstreams a request, and no client its list. */
function statesOf(work: Work, keys: readonly CatalogKey[]): Promise<readonly CatalogState[]> {
  return orElse(work, work.stores.catalog.heads(keys), () => keys.map(() => ({ head: undefined, changes: 0 })));
}

function keptTexts(work: Work, wanted: readonly FullShelf[]): Promise<readonly (string | undefined)[]> {
  const reading = textsOf(wanted, work.stores.catalog, work.shared.catalogCache);
  return orElse(work, reading, () => wanted.map(() => undefined));
}

async function orElse<T>(work: Work, reading: Promise<T>, otherwise: () => T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    work.ports.actionLog.defect(work.invocation.requestId, error);
    return otherwise();
  }
}

function recalled(work: Work, upstream: ServerUpstream, { key, audience, head }: FullShelf, text: string): Listed {
  const { era, version, caller } = audience;
  const now = work.ports.clock.now();
  noteWanted(work, key, head, now);
  return {
    kind: 'listed',
    upstream,
    text,
    era,
    version,
    ttlMs: Math.max(0, head.freshUntil - now),
    scope: caller === undefined ? 'public' : 'private',
    isNew: false,
  };
}

async function fetchList(reader: Reader, want: Wanted, shelves: readonly FilledShelf[]): Promise<Listed> {
  const { work, asker } = reader;
  const { upstream, member } = want;
  const tally = newTally(reader.tally);
  const fetchedAt = work.ports.clock.now();
  const fetched = await inquire(work, {
    upstream,
    member,
    preferred: asker.era,
    keeper: (deadline, span) => asker.keeper(upstream, deadline, span),
    patienceMs: reader.patienceMs,
    spentMs: work.elapsedMs,
    tally,
  });
  const unavailable = (failure: Failure): Listed => ({ kind: 'unavailable', upstream, failure });
  if (fetched.kind === 'failed') return unavailable(fetched.failure);
  const { era, list } = fetched;
  const shelf = shelves.find(({ audience }) => suits(audience, era, list.scope));
  const doubtful = isDoubtful(list.text, shelf?.state.head, work.ports.ids);
  if (doubtful && list.text === NO_LIST) {
    const end = { kind: 'upstream-garbled', reason: 'it no longer knows a list that it had' } as const;
    return unavailable(failureOfEnd(work, end, upstream.name, null, tally));
  }
  const ttlMs = doubtful ? 0 : ttlOf(list, era, upstream);
  if (shelf !== undefined && !doubtful) {
    const { version, clientCapabilities, shared } = shelf.audience;
    const place = { ...want, key: shelf.key, state: shelf.state, shared, asked: { version, clientCapabilities } };
    keepList(work, place, { text: list.text, ttlMs, fetchedAt, wantedAt: fetchedAt });
  }
  return {
    kind: 'listed',
    upstream,
    text: list.text,
    era,
    version: era === 'modern' ? LATEST_MODERN : asker.legacy.version,
    ttlMs,
    scope: shelf !== undefined && shelf.audience.caller === undefined ? 'public' : 'private',
    isNew: true,
  };
}

/** A modern list says how long it is fresh; for one that says nothing, the operator does. */
export function ttlOf(list: WholeList, era: Era, { config }: ServerUpstream): number {
  return era === 'modern' && list.text !== NO_LIST ? (list.ttlMs ?? 0) : config.listTtlMs;
}

/** An upstream does not know a tool: if it is listed, the list is not what it was. */
export function noteUnknownTool(work: Work, scope: Scope, upstream: ServerUpstream, tool: string): void {
  work.defer(async () => {
    const { catalog } = work.stores;
    const shelves = shelvesFor(work, askerOf(work, scope), { upstream, member: 'tools' });
    const states = await catalog.heads(shelves.map(({ key }) => key));
    const fresh = states.flatMap(({ head, changes }, index) =>
      head === undefined || head.changes < changes ? [] : [{ key: shelves[index]!.key, head }],
    );
    const texts = await textsOf(fresh, catalog, work.shared.catalogCache);
    const isListed = texts.some((text) => itemsOf(text ?? NO_LIST).some((item) => nameOf('tools', item) === tool));
    if (isListed) noteChange(work, upstream, ['tools']);
  });
}
