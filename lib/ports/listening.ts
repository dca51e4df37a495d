import type { AnnouncedList } from '../protocol/methods.ts';

/** How often the lists of a virtual server are known to have changed, those of all its upstreams together. */
export type ListCounts = Readonly<Record<AnnouncedList, number>>;

/** A resource that a client session wants to hear about. */
export interface Subscription {
  readonly uri: string;
  /** Name of the upstream that has it: nobody else's word counts. */
  readonly upstream: string;
  /** The upstream session that knows of it; null for an upstream without. */
  readonly generation: string | null;
}

/** A subscribed resource that has changed, which the client has not been told yet. */
export interface ResourceUpdate {
  readonly uri: string;
  /** Unguessable; tells it from a later change of the same resource. */
  readonly token: string;
}

/** How far the stream beside the calls of an upstream session has been read and told. */
export interface HeardPosition {
  readonly generation: string;
  readonly eventId: string;
}

/** By upstream. */
export type HeardPositions = Readonly<Record<string, HeardPosition>>;

export interface Listening {
  /** The counts that the client was last told of; undefined before it first listened. */
  readonly told: ListCounts | undefined;
  /** Whoever began to listen last on behalf of the client; undefined before somebody claimed to. */
  readonly listener: string | undefined;
  readonly subscriptions: readonly Subscription[];
  readonly updates: readonly ResourceUpdate[];
  /** From where the next listener goes on; upstreams whose streams cannot be resumed are not there. */
  readonly positions: HeardPositions;
}

/** What client sessions are to be told beside their calls. `session` is the key of a client session. */
export interface ListeningStore {
  /** A consistent read. Expiry is that of the client session. */
  read(session: string): Promise<Listening>;
  /** Makes `listener`, which is unguessable, the one that the client is told by. */
  claim(session: string, listener: string, expiresAt: number): Promise<void>;
  /** Keeps what the client has been told. */
  tell(session: string, told: ListCounts, expiresAt: number): Promise<void>;
  /** Keeps how far upstreams have been heard, in place of what was kept. */
  reach(session: string, positions: HeardPositions, expiresAt: number): Promise<void>;
  /** Keeps a subscription, in place of one to the same resource. False when there are `most` others already. */
  subscribe(session: string, subscription: Subscription, most: number, expiresAt: number): Promise<boolean>;
  unsubscribe(session: string, uri: string): Promise<void>;
  /**
   * Keeps that the upstream session of `subscription` knows of it, in place of the one of generation `replaces`; nothing
   * happens when the subscription has ended or is another one by now. An update that the client was not told stays.
   */
  renew(session: string, subscription: Subscription, replaces: string | null): Promise<void>;
  /** Ends a subscription that its upstream refuses; nothing happens when it is another one by now. */
  withdraw(session: string, subscription: Subscription): Promise<void>;
  /** Keeps an update for the client; nothing happens unless it has subscribed to the resource at this upstream. */
  noteUpdate(session: string, upstream: string, update: ResourceUpdate): Promise<void>;
  /** Forgets updates that the client has been told, except those that have been replaced by later ones. */
  clearUpdates(session: string, updates: readonly ResourceUpdate[]): Promise<void>;
  /** Moves the expiry of what there is. */
  touch(session: string, expiresAt: number): Promise<void>;
}
