/**
 * Where a list may be kept, depending on who asks: a client of one era may be served in the other, and a list may be for
 * everyone or for one caller.
 */
import { catalogKey, isFresh, modernAudiences, type Audience } from '../catalog/listing.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import { DeadlineExpired, startDeadline } from '../policies/deadline.ts';
import type { CatalogKey, CatalogState } from '../ports/catalog.ts';
import { isFreshMemory, lacksLegacy, modernVersions, upstreamKey } from '../upstream/eras.ts';
import { newTally } from '../upstream/fault.ts';
import type { Asker, Reader, Wanted } from './asker.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { forwardedDigest } from './forwarded.ts';
import type { Work } from './work.ts';

/** How long to find out about an upstream whose list is at hand, in milliseconds. The others have not been asked yet. */
const PROBE_MS = 2000;

/** A place where a list may be kept. */
export interface Shelf {
  readonly key: CatalogKey;
  readonly audience: Audience;
}

export interface FilledShelf extends Shelf {
  readonly state: CatalogState;
}

export type FullShelf = Shelf & { readonly head: NonNullable<CatalogState['head']> };

/** Those of the client's own era first. */
export function shelvesFor(work: Work, asker: Asker, { upstream, member }: Wanted): readonly Shelf[] {
  const { ports, shared } = work;
  const { era, isolation } = upstream.config;
  const forwarded = forwardedDigest(work, upstream);
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
  const known = shared.eraCache.get(place);
  const speaksOwn =
    known !== undefined && isFreshMemory(known, ports.clock.now()) && (known.versions[asker.era]?.length ?? 0) > 0;
  return audiences
    .map((audience) => (forwarded === undefined ? audience : { ...audience, forwarded, shared: false }))
    .filter((audience) => (era === 'auto' ? !speaksOwn || audience.era === asker.era : era === audience.era))
    .map((audience) => ({ audience, key: catalogKey(place, audience, member, ports.ids) }));
}

/** A list in the other era serves only when the upstream lacks the client's own: calls will then go there as well. */
export async function chooseShelf(
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

/**
 * Whether calls of the client will go to the upstream in the other era. One that cannot be asked now is believed to be
 * what it was when it gave its list: a fresh list is better than none.
 */
async function isLacking({ work, asker, patienceMs, tally }: Reader, upstream: ServerUpstream): Promise<boolean> {
  const deadline = startDeadline(work.ports.clock, {
    totalMs: Math.min(patienceMs / 2, PROBE_MS),
    idleMs: undefined,
    endsAt: work.invocation.endsAt,
  });
  try {
    const eras = eraTools(work, connectionTools(work, deadline, newTally(tally)));
    if (asker.era === 'legacy') return await work.within(deadline, lacksLegacy(upstream, eras));
    const offered = await work.within(deadline, modernVersions(upstream, eras));
    return offered.kind === 'end' || offered.versions.length === 0;
  } catch (error) {
    if (error instanceof DeadlineExpired) return true;
    throw error;
  } finally {
    deadline.stop();
  }
}
