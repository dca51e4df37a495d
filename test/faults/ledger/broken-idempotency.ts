/** Stores of keyed calls that are broken on purpose, each in one way, so that it shows whether anybody notices. */
import type { Gateway } from '../../../lib/gateway.ts';
import type { Ports } from '../../../lib/ports.ts';
import type { IdempotencyRecord, IdempotencyStore } from '../../../lib/ports/idempotency.ts';

export const BREAKAGES = ['fence', 'release', 'expiry'] as const;

export type Breakage =
  /** Whoever says how a call ended is believed, whether or not it still owns the record. */
  | 'fence'
  /** Whatever fails is forgotten, as if it could not have run. */
  | 'release'
  /** A record in progress is free once its owner's deadline has passed. */
  | 'expiry';

/** The header of requests that are to meet a broken store. */
export const BROKEN_HEADER = 'x-broken';

/** `wrap` gets ports whose store of keyed calls is as broken as the request that is served wants it. */
export function withBrokenIdempotency(ports: Ports, wrap: (ports: Ports) => Gateway): Gateway {
  let breakage: string | undefined;
  const gateway = wrap({
    ...ports,
    openStores: (tally) => {
      const stores = ports.openStores(tally);
      return { ...stores, idempotency: broken(breakage, stores.idempotency, ports.clock) };
    },
  });
  // An environment serves one request at a time.
  return async (request, invocation) => {
    breakage = request.headers[BROKEN_HEADER];
    return await gateway(request, invocation);
  };
}

function broken(breakage: string | undefined, store: IdempotencyStore, clock: Ports['clock']): IdempotencyStore {
  switch (breakage) {
    case 'fence':
      return withoutFence(store, clock);
    case 'release':
      return { ...store, leaveUnknown: (key, owner) => store.release(key, owner) };
    case 'expiry':
      return withExpiry(store);
    default:
      return store;
  }
}

function withoutFence(store: IdempotencyStore, clock: Ports['clock']): IdempotencyStore {
  const ownerOf = async (key: string, owner: string) => (await store.read(key, clock.now()))?.owner ?? owner;
  return {
    ...store,
    complete: async (key, owner, text, expiresAt) =>
      await store.complete(key, await ownerOf(key, owner), text, expiresAt),
    leaveUnknown: async (key, owner, expiresAt) => await store.leaveUnknown(key, await ownerOf(key, owner), expiresAt),
    release: async (key, owner) => await store.release(key, await ownerOf(key, owner)),
  };
}

function withExpiry(store: IdempotencyStore): IdempotencyStore {
  const isFree = ({ state }: IdempotencyRecord, now: number) => state.kind === 'in-progress' && state.deadlineAt <= now;
  return {
    ...store,
    begin: async (key, claim, now) => {
      const outcome = await store.begin(key, claim, now);
      const free = outcome.kind === 'exists' && isFree(outcome.record, now) ? outcome.record : undefined;
      return free !== undefined && (await store.overtake(key, free.owner, claim, now)) ? { kind: 'begun' } : outcome;
    },
    read: async (key, now) => {
      const record = await store.read(key, now);
      return record === undefined || isFree(record, now) ? undefined : record;
    },
  };
}
