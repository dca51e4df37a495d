import type { Stores, StoreTally } from '../../ports/stores.ts';
import type { DynamoClient } from './client.ts';
import { createBreakerStore } from './breakers.ts';
import { createClientSessionStore } from './client-sessions.ts';
import { createMailboxStore } from './mailbox.ts';
import { openRecords } from './records.ts';
import { createUpstreamEraStore } from './upstream-eras.ts';
import { createUpstreamSessionStore } from './upstream-sessions.ts';

interface DynamoStoresOptions {
  /** Called for each request, so that the environment's client is made when it is first needed. */
  readonly client: () => Promise<DynamoClient>;
  readonly tableName: string;
}

/** The stores that only some requests need: what they are made of is loaded when one of their methods is first called. */
function seldom<Store extends { readonly [Method in keyof Store]: (...args: never[]) => Promise<unknown> }>(
  methods: readonly (keyof Store)[],
  load: () => Promise<Store>,
): Store {
  const lazily = methods.map((method) => [method, async (...args: never[]) => (await load())[method](...args)]);
  return Object.fromEntries(lazily) as Store;
}

/** Every store in one DynamoDB table, laid out as `table.ts` says. */
export function createDynamoStores({ client, tableName }: DynamoStoresOptions): (tally: StoreTally) => Stores {
  return (tally) => {
    const records = openRecords(client, tableName, tally);
    return {
      clientSessions: createClientSessionStore(records),
      mailbox: createMailboxStore(records),
      upstreamEras: createUpstreamEraStore(records),
      upstreamSessions: createUpstreamSessionStore(records),
      catalog: seldom(['heads', 'texts', 'write', 'renew', 'countChange', 'headsOf', 'changesOf'], async () =>
        (await import('./catalog.ts')).createCatalogStore(records),
      ),
      pins: seldom(['read', 'write'], async () => (await import('./pins.ts')).createPinStore(records)),
      idempotency: seldom(['begin', 'read', 'overtake', 'complete', 'leaveUnknown', 'release'], async () =>
        (await import('./idempotency.ts')).createIdempotencyStore(records),
      ),
      breakers: createBreakerStore(records),
      slots: seldom(['claim', 'release'], async () => (await import('./slots.ts')).createSlotStore(records)),
      streams: seldom(['begin', 'append', 'handOver', 'takeOver', 'read'], async () =>
        (await import('./streams.ts')).createStreamStore(records),
      ),
      listening: seldom(
        [
          'read',
          'claim',
          'tell',
          'reach',
          'subscribe',
          'unsubscribe',
          'renew',
          'withdraw',
          'noteUpdate',
          'clearUpdates',
          'touch',
        ],
        async () => (await import('./listening.ts')).createListeningStore(records),
      ),
    };
  };
}
