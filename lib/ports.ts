/**
 * What the core needs from outside. Every port has an implementation for production under `adapters/` and, where state
 * is kept, an in-memory twin; one contract suite (`test/contract/`) runs on all of them.
 * Time, chance and the whole are here; each of the others is in a file of its own in `ports/`.
 */
import type { ActionLog } from './ports/action-log.ts';
import type { ExecuteOnce } from './ports/idempotency.ts';
import type { StoreTally, Stores } from './ports/stores.ts';
import type { Tracer } from './ports/tracer.ts';
import type { UpstreamTransport } from './ports/transport.ts';

export interface Ports {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Stores for one request; every request they send to the database is counted on `tally`. */
  readonly openStores: (tally: StoreTally) => Stores;
  readonly executeOnce: ExecuteOnce;
  readonly transport: UpstreamTransport;
  readonly tracer: Tracer;
  readonly actionLog: ActionLog;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** A clock that never steps back, milliseconds with a fraction; only differences mean anything. */
  elapsed(): number;
  /** The moment that an HTTP date names (RFC 9110, section 5.6.7), milliseconds since the epoch; NaN for anything else. */
  readDate(text: string): number;
  /** Calls back once after `ms`, unless the returned function is called first. */
  schedule(ms: number, callback: () => void): () => void;
}

export interface Ids {
  /** An unguessable id: 192 random bits as 32 characters of base64url. */
  random(): string;
  /** SHA-256 of the text, as 43 characters of base64url. */
  digest(text: string): string;
  /** A random number, 0 included and 1 not: spreads what would otherwise happen at the same moment. */
  fraction(): number;
}
