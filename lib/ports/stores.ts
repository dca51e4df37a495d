import type { BreakerStore } from './breakers.ts';
import type { CatalogStore } from './catalog.ts';
import type { ClientSessionStore } from './client-sessions.ts';
import type { IdempotencyStore } from './idempotency.ts';
import type { ListeningStore } from './listening.ts';
import type { MailboxStore } from './mailbox.ts';
import type { PinStore } from './pins.ts';
import type { SlotStore } from './slots.ts';
import type { StreamStore } from './streams.ts';
import type { UpstreamEraStore } from './upstream-eras.ts';
import type { UpstreamSessionStore } from './upstream-sessions.ts';

/** Counts the requests sent to the database on behalf of one HTTP request. */
export interface StoreTally {
  requests: number;
}

/**
 * A store could not do its work: it is unreachable, too slow or throttled, or it holds a record that cannot be read. The
 * message names the store's method and the kind of trouble, never what was stored. A write that ends like this may
 * still have happened.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** Store and method, such as `clientSessions.read`. */
  readonly operation: string;

  constructor(operation: string, trouble: string, cause: unknown) {
    super(`${operation}: ${trouble}`, { cause });
    this.operation = operation;
  }
}

/** Every method of every store rejects with `StoreError`, and with nothing else. */
export interface Stores {
  readonly clientSessions: ClientSessionStore;
  readonly mailbox: MailboxStore;
  readonly upstreamEras: UpstreamEraStore;
  readonly upstreamSessions: UpstreamSessionStore;
  readonly catalog: CatalogStore;
  readonly pins: PinStore;
  readonly listening: ListeningStore;
  readonly idempotency: IdempotencyStore;
  readonly breakers: BreakerStore;
  readonly slots: SlotStore;
  readonly streams: StreamStore;
}
