import type { Stores, StoreTally } from '../../ports.ts';
import type { DynamoClient } from './client.ts';
import { createBreakerStore } from './breakers.ts';
import { createCatalogStore } from './catalog.ts';
import { createClientSessionStore } from './client-sessions.ts';
import { createIdempotencyStore } from './idempotency.ts';
import { createMailboxStore } from './mailbox.ts';
import { createPinStore } from './pins.ts';
import { openRecords } from './records.ts';
import { createSlotStore } from './slots.ts';
import { createStreamStore } from './streams.ts';
import { createUpstreamEraStore } from './upstream-eras.ts';
import { createUpstreamSessionStore } from './upstream-sessions.ts';

interface DynamoStoresOptions {
  /** Called for each request, so that the environment's client is made when it is first needed. */
  readonly client: () => Promise<DynamoClient>;
  readonly tableName: string;
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
      catalog: createCatalogStore(records),
      pins: createPinStore(records),
      idempotency: createIdempotencyStore(records),
      breakers: createBreakerStore(records),
      slots: createSlotStore(records),
      streams: createStreamStore(records),
    };
  };
}
