import type { JsonObject } from '../protocol/message.ts';
import type { ListMember } from '../protocol/methods.ts';

/** What is kept of an upstream: its lists, and how it introduces itself. */
export type CatalogMember = ListMember | 'introduction';

/** One list of one upstream, as one kind of caller gets it. */
export interface CatalogKey {
  /** Digest of everything that decides who answers, as in `UpstreamEraStore`. */
  readonly upstream: string;
  /**
   * Digest of the authorization context, the revision spoken upstream, the client capabilities declared there, and the
   * headers of the client's own that are sent on.
   */
  readonly audience: string;
  readonly member: CatalogMember;
}

/** What is known of a kept list without reading it. */
export interface CatalogHead {
  /** Unguessable; names the text, so that nobody reads half of one and half of another. */
  readonly version: string;
  /** How often the upstream's list was known to have changed when this one was asked for. */
  readonly changes: number;
  /** When it was asked for, milliseconds since the epoch. */
  readonly fetchedAt: number;
  /** Until when it need not be asked for again, unless it changes. */
  readonly freshUntil: number;
  /** When a client last had it asked for: what nobody asks for need not be kept fresh. */
  readonly wantedAt: number;
  /** Whether every caller of its audience gets the same one, so that it can be asked for on nobody's behalf. */
  readonly shared: boolean;
  /** What to tell the upstream when it is asked again: the revision to speak, and the client capabilities. */
  readonly asked: { readonly version: string; readonly clientCapabilities: JsonObject };
  /** Size of the text as it is kept, in bytes. */
  readonly bytes: number;
}

/** What the writer of a list decides; the store adds the rest. */
export type NewCatalogHead = Omit<CatalogHead, 'bytes'>;

export interface CatalogState {
  readonly head: CatalogHead | undefined;
  /** How often the upstream's list is known to have changed. */
  readonly changes: number;
}

/**
 * Lists of upstreams: compressed, in parts that fit in a record, behind a head that is written last. What is kept is
 * replaced only by what was asked for later, so that a slow answer never undoes a newer one.
 */
export interface CatalogStore {
  /** In the order of the keys; consistent reads. */
  heads(keys: readonly CatalogKey[]): Promise<readonly CatalogState[]>;
  /** The texts, in the order given; undefined for one that has been replaced or removed meanwhile. */
  texts(
    wanted: readonly { readonly key: CatalogKey; readonly head: CatalogHead }[],
  ): Promise<readonly (string | undefined)[]>;
  /** False when what is in place has seen more changes, or as many and was fetched later. */
  write(key: CatalogKey, head: NewCatalogHead, text: string, expiresAt: number): Promise<boolean>;
  /** Writes the head anew over the same text (`head.version`); false when that is no longer in place. */
  renew(key: CatalogKey, head: CatalogHead, expiresAt: number): Promise<boolean>;
  /**
   * Counts a change of the upstream's list: whatever was asked for before is stale now, whoever it was for. Returns the
   * count after it.
   */
  countChange(upstream: string, member: CatalogMember): Promise<number>;
  /** How often the lists of each upstream are known to have changed, in the order given; consistent reads. */
  changesOf(upstreams: readonly string[]): Promise<readonly ChangeCounts[]>;
  /** Everything kept of an upstream. */
  headsOf(upstream: string): Promise<readonly { readonly key: CatalogKey; readonly head: CatalogHead }[]>;
}

/** By list; one that is absent is not known to have changed. */
export type ChangeCounts = Readonly<Partial<Record<ListMember, number>>>;
