/** What the core needs from outside when it runs in this process, rather than in an environment of the function. */
import { createDynamoClient } from '../adapters/dynamodb/client.ts';
import { createDynamoStores } from '../adapters/dynamodb/stores.ts';
import { systemClock } from '../adapters/node/clock.ts';
import type { PlainHttpTransport } from '../adapters/node/http-exchange.ts';
import { createHttpTransport } from '../adapters/node/http-transport.ts';
import { cryptoIds } from '../adapters/node/ids.ts';
import { executeOnce } from '../adapters/powertools/execute-once.ts';
import { noopTracer } from '../adapters/xray/tracer.ts';
import type { GivenSecrets } from '../adapters/secrets/given.ts';
import { openSecrets } from '../adapters/secrets/open.ts';
import { withSecrets } from '../adapters/secrets/transport.ts';
import type { Ports } from '../ports.ts';
import type { ActionLog } from '../ports/action-log.ts';

export type OpenStores = Ports['openStores'];

/** A DynamoDB table. What is left out of its address is found by the AWS SDK. */
export interface TableAddress {
  readonly table: string;
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
}

/** Nothing is sent before the first request to a store. */
export function openTable({ table, endpoint, region }: TableAddress): OpenStores {
  return createDynamoStores({ client: createDynamoClient({ endpoint, region }), tableName: table });
}

/** Secrets that are not given are read from their stores, as the deployed function does. */
export function createLocalPorts(
  openStores: OpenStores,
  actionLog: ActionLog,
  given: GivenSecrets,
  http: PlainHttpTransport = createHttpTransport(),
): Ports {
  const transport = withSecrets(http, async () => openSecrets(given, actionLog));
  return { clock: systemClock, ids: cryptoIds, openStores, transport, executeOnce, tracer: noopTracer, actionLog };
}
