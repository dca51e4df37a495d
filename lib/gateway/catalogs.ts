/**
 * What upstreams list, from the store while it is fresh and from themselves otherwise. A list that cannot be had is a
 * failure of its upstream alone; it is never kept as an empty one.
 */
import type { Caller } from '../auth/caller.ts';
import {
  catalogKey,
  EMPTY_LIST,
  isFresh,
  isVersionOf,
  itemsOf,
  modernAudiences,
  NO_LIST,
  textsOf,
  type Audience,
} from '../catalog/listing.ts';
import { nameOf } from '../catalog/merge.ts';
import type { WholeList } from '../catalog/pages.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import type { Failure } from '../errors.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import { StoreError, type CatalogHead, type CatalogKey, type CatalogMember, type CatalogState } from '../ports.ts';
import { announcedClientCapabilities } from '../protocol/capabilities.ts';
import { LATEST_LEGACY, LATEST_MODERN, type Era } from '../protocol/era.ts';
import { lacksLegacy, modernVersions, upstreamKey } from '../upstream/eras.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import type { SessionKeeper } from '../upstream/legacy.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { failureOfEnd } from './ending.ts';
import type { Scope } from './errand.ts';
import { fetchMember } from './fetching.ts';
import { keepList, noteChange } from './keeping.ts';
import type { Line } from './upstream-call.ts';
import { keeperFor } from './upstream-sessions.ts';
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

/** A list to be had of an upstream. */
export interface Wanted {
  readonly upstream: ServerUpstream;
  readonly member: CatalogMember;
}

/** On whose behalf upstreams are asked. */
export interface Asker {
  /** The client's. */
  readonly era: Era;
  readonly caller: Caller;
  /** The revision that the client speaks. */
  readonly version: string;
  /** What legacy upstreams are told: the revision, and what the client can do. */
  readonly legacy: Pick<Audience, 'version' | 'clientCapabilities'>;
  readonly keeper: (upstream: ServerUpstream, deadline: Deadline) => SessionKeeper;
}

export function askerOf(work: Work, scope: Scope): Asker {
  const { era, caller } = scope;
  const keeper: Asker['keeper'] = (upstream, deadline) => keeperFor(work, scope, upstream, deadline);
  if (scope.era === 'modern') {
    const legacy = { version: LATEST_LEGACY, clientCapabilities: {} };
    return { era, caller, version: scope.envelope.version, legacy, keeper };
  }
  const { protocolVersion: version, clientCapabilities } = scope.session;
  const legacy = { version, clientCapabilities: announcedClientCapabilities(clientCapabilities) };
  return { era, caller, version, legacy, keeper };
}

/** On whose behalf lists are read, how old they may be, and how long they may take. */
export interface Reader {
  readonly work: Work;
  readonly asker: Asker;
  /** An upstream that takes longer counts as unavailable, in milliseconds. */
  readonly patienceMs: number;
  readonly tally: UpstreamTally;
  /** Lists no older than this are good enough even when they are no longer fresh, in milliseconds. */
  readonly toleranceMs: number;
}

/** In the order of what is wanted. Rejects with what the stores throw. */
export async function listsOf(reader: Reader, wanted: readonly Wanted[]): Promise<readonly Listed[]> {
  return Promise.all(await askForLists(reader, wanted));
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

// ------------------------------------------------------------------------------------------------------ what is kept

/** A place where a list may be kept. */
interface Shelf {
  readonly key: CatalogKey;
  readonly audience: Audience;
}

interface FilledShelf extends Shelf {
  readonly state: CatalogState;
}

type FullShelf = Shelf & { readonly head: NonNullable<CatalogState['head']> };

/** Those of the client's own era first. */
function shelvesFor({ ports, shared }: Work, asker: Asker, { upstream, member }: Wanted): readonly Shelf[] {
  const { era, isolation } = upstream.config;
  const { caller } = asker;
  const anonymous = caller.kind === 'anonymous';
  const modern = modernAudiences(caller.key, anonymous);
  const legacy: Audience = {
    era: 'legacy',
    ...asker.legacy,
    caller: isolation === 'shared' ? undefined : caller.key,
    shared: isolation === 'shared' || anonymous,
  };
  const audiences = asker.era === 'modern' ? [...modern, legacy] : [legacy, ...modern];
  const place = upstreamKey(upstream, ports.ids);
  // What is known to speak the client's own era is called in it: nothing that is kept in the other one will do.
  const speaksOwn = (shared.eraCache.get(place)?.versions[asker.era]?.length ?? 0) > 0;
  return audiences
    .filter((audience) => (era === 'auto' ? !speaksOwn || audience.era === asker.era : era === audience.era))
    .map((audience) => ({ audience, key: catalogKey(place, audience, member, ports.ids) }));
}

/** A list in the other era serves only when the upstream lacks the client's own: calls will then go there as well. */
async function chooseShelf(
  reader: Reader,
  { upstream }: Wanted,
  shelves: readonly FilledShelf[],
): Promise<FullShelf | undefined> {
  const { asker } = reader;
  const usable = shelves.flatMap((shelf) => usableShelf(reader, shelf));
  const own = usable.find(({ audience }) => audience.era === asker.era);
  const [other] = usable;
  if (own !== undefined || other === undefined) return own;
  return (await isLacking(reader, upstream)) ? other : undefined;
}

function usableShelf({ work, toleranceMs }: Reader, { key, audience, state }: FilledShelf): FullShelf[] {
  const now = work.ports.clock.now();
  const { head, changes } = state;
  if (head === undefined) return [];
  const tolerated = head.changes >= changes && now < head.fetchedAt + toleranceMs;
  return isFresh(state, now) || tolerated ? [{ key, audience, head }] : [];
}

/** Whether it is known that the upstream lacks the client's era. */
async function isLacking(reader: Reader, upstream: ServerUpstream): Promise<boolean> {
  const { work, asker, tally } = reader;
  const deadline = startListing(reader, upstream);
  try {
    const eras = eraTools(work, connectionTools(work, deadline, tally));
    if (asker.era === 'legacy') return await work.within(deadline, lacksLegacy(upstream, eras));
    const offered = await work.within(deadline, modernVersions(upstream, eras));
    return offered.kind === 'known' && offered.versions.length === 0;
  } finally {
    deadline.stop();
  }
}

function recalled({ ports }: Work, upstream: ServerUpstream, { audience, head }: FullShelf, text: string): Listed {
  const { era, version, caller } = audience;
  return {
    kind: 'listed',
    upstream,
    text,
    era,
    version,
    ttlMs: Math.max(0, head.freshUntil - ports.clock.now()),
    scope: caller === undefined ? 'public' : 'private',
    isNew: false,
  };
}

// ----------------------------------------------------------------------------------------------- what is asked for

async function fetchList(reader: Reader, want: Wanted, shelves: readonly FilledShelf[]): Promise<Listed> {
  const { work, asker } = reader;
  const tally = newTally(reader.tally.cost);
  const { upstream, member } = want;
  const fetchedAt = work.ports.clock.now();
  const deadline = startListing(reader, upstream);
  const connection = connectionTools(work, deadline, tally);
  const line: Line = {
    work,
    upstream,
    preferred: asker.era,
    requestedVersion: asker.version,
    keeper: asker.keeper(upstream, deadline),
    deadline,
    connection,
    eras: eraTools(work, connection),
  };
  try {
    const fetched = await fetchMember(line, member);
    if (fetched.kind === 'failed') return { kind: 'unavailable', upstream, failure: fetched.failure };
    const { era, list } = fetched;
    const shelf = shelves.find(({ audience }) => audience.era === era && suits(audience, list));
    const isDoubtful = list.text === EMPTY_LIST && hadItems(work, shelf?.state.head);
    const ttlMs = isDoubtful ? 0 : ttlOf(list, era, upstream);
    if (shelf !== undefined && !isDoubtful) {
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
      scope: shelf?.audience.caller === undefined ? 'public' : 'private',
      isNew: true,
    };
  } catch (error) {
    const expiry = deadline.expiry();
    if (expiry === undefined) throw error;
    return { kind: 'unavailable', upstream, failure: failureOfEnd(work, expiry, upstream.name, null, tally) };
  } finally {
    deadline.stop();
  }
}

/**
 * A server that has just been restarted may list nothing for a moment. An empty list is passed on, but does not take the
 * place of one with items while that is kept: the upstream is asked again until it has something, or a day is over.
 */
export function hadItems({ ports }: Work, before: CatalogHead | undefined): boolean {
  if (before === undefined) return false;
  return ![EMPTY_LIST, NO_LIST].some((text) => isVersionOf(before.version, text, ports.ids));
}

/** A modern list says how long it is fresh; for one that says nothing, the operator does. */
export function ttlOf(list: WholeList, era: Era, { config }: ServerUpstream): number {
  return era === 'modern' && list.text !== NO_LIST ? (list.ttlMs ?? 0) : config.listTtlMs;
}

/** Modern lists say whom they are for; a legacy one is for whoever its session is for. */
function suits({ era, caller }: Audience, { scope }: WholeList): boolean {
  return era === 'legacy' || (caller === undefined) === (scope === 'public');
}

function startListing({ work, patienceMs }: Reader, { config }: ServerUpstream) {
  return startDeadline(work.ports.clock, {
    totalMs: Math.min(config.timeoutMs, patienceMs),
    spentMs: work.elapsedMs,
    idleMs: config.idleTimeoutMs,
    endsAt: work.invocation.endsAt,
  });
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
