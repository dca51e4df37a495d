import type { ClientSession } from '../../ports/client-sessions.ts';
import type { Cancellation } from '../../ports/mailbox.ts';
import type { PinRecord } from '../../ports/pins.ts';
import type { Stores, StoreTally } from '../../ports/stores.ts';
import type { UpstreamEras } from '../../ports/upstream-eras.ts';
import type { SharedUpstreamSession } from '../../ports/upstream-sessions.ts';
import { breakersIn, type KeptBreaker } from './breakers.ts';
import { catalogIn, type CatalogState } from './catalog.ts';
import { clientSessionsIn } from './client-sessions.ts';
import { idempotencyIn, type KeptCall } from './idempotency.ts';
import { listeningIn, type KeptListening } from './listening.ts';
import { mailboxIn } from './mailbox.ts';
import { pinsIn } from './pins.ts';
import { countingOn } from './request.ts';
import { type Leases, slotsIn } from './slots.ts';
import { streamsIn, type StreamsState } from './streams.ts';
import { upstreamErasIn } from './upstream-eras.ts';
import { upstreamSessionsIn } from './upstream-sessions.ts';

/**
 * Every store in the memory of this process, in the semantics of the database: what goes in and what comes out are
 * copies, and an operation counts on the tally as the requests that it would have been. Nothing is ever deleted because
 * it expired, as the database may be two days late with that.
 */
export function createMemoryStores(): (tally: StoreTally) => Stores {
  const sessions = new Map<string, ClientSession>();
  const cancellations = new Map<string, Cancellation>();
  const eras = new Map<string, UpstreamEras>();
  const sharedSessions = new Map<string, SharedUpstreamSession>();
  const catalog: CatalogState = { lists: new Map(), changes: new Map() };
  const listening = new Map<string, KeptListening>();
  const pins = new Map<string, PinRecord>();
  const calls = new Map<string, KeptCall>();
  const breakers = new Map<string, KeptBreaker>();
  const slots = new Map<string, Leases>();
  const streams: StreamsState = { heads: new Map(), batches: new Map() };
  return (tally) => {
    const request = countingOn(tally);
    return {
      clientSessions: clientSessionsIn(sessions, request),
      mailbox: mailboxIn(cancellations, request),
      upstreamEras: upstreamErasIn(eras, request),
      upstreamSessions: upstreamSessionsIn(sharedSessions, request),
      catalog: catalogIn(catalog, request),
      pins: pinsIn(pins, request),
      idempotency: idempotencyIn(calls, request),
      breakers: breakersIn(breakers, request),
      slots: slotsIn(slots, request),
      streams: streamsIn(streams, request),
      listening: listeningIn(listening, request),
    };
  };
}
