import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import { createMemoryStores } from '../../../lib/adapters/memory/stores.ts';
import { systemClock } from '../../../lib/adapters/node/clock.ts';
import { secretlessTransport } from '../../support/http-transport.ts';
import { cryptoIds } from '../../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../../lib/adapters/xray/tracer.ts';
import type { Ports } from '../../../lib/ports.ts';
import type { ActionLog } from '../../../lib/ports/action-log.ts';
import type { GatewayData } from './gateway-data.ts';

/** The ports of the deployed function, but for the stores of `dynamodb`, which are in memory when it is left out. */
export function corePorts(dynamodb: GatewayData['dynamodb'], actionLog: ActionLog): Ports {
  return {
    clock: systemClock,
    ids: cryptoIds,
    openStores: openStores(dynamodb),
    transport: secretlessTransport(),
    executeOnce,
    tracer: noopTracer,
    actionLog,
  };
}

function openStores(dynamodb: GatewayData['dynamodb']): Ports['openStores'] {
  if (dynamodb === undefined) return createMemoryStores();
  const { endpoint, tableName } = dynamodb;
  return createDynamoStores({ client: createDynamoClient({ endpoint, region: 'us-east-1' }), tableName });
}
