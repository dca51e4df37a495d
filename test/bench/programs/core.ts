/** The core behind a plain Node server, with the real transport and the action log as the deployed function writes it. */
import { once } from 'node:events';
import { openSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import { createActionLog } from '../../../lib/adapters/logging/action-log.ts';
import { createLineWriter } from '../../../lib/adapters/logging/line-writer.ts';
import { createMemoryStores } from '../../../lib/adapters/memory/stores.ts';
import { systemClock } from '../../../lib/adapters/node/clock.ts';
import { createHttpTransport } from '../../../lib/adapters/node/http-transport.ts';
import { cryptoIds } from '../../../lib/adapters/node/ids.ts';
import { createNodeServer } from '../../../lib/adapters/node/server.ts';
import { noopTracer } from '../../../lib/adapters/xray/tracer.ts';
import { createGateway } from '../../../lib/gateway.ts';
import { gatewayConfig, type GatewayData } from './gateway-data.ts';
import { runProgram } from './program.ts';

function openStores({ dynamodb }: GatewayData) {
  if (dynamodb === undefined) return createMemoryStores();
  const { endpoint, tableName } = dynamodb;
  return createDynamoStores({ client: createDynamoClient({ endpoint, region: 'us-east-1' }), tableName });
}

await runProgram(async (given) => {
  const data = given as GatewayData;
  const config = gatewayConfig(data);
  const gateway = createGateway(config, {
    clock: systemClock,
    ids: cryptoIds,
    openStores: openStores(data),
    transport: createHttpTransport(),
    tracer: noopTracer,
    actionLog: createActionLog({ format: 'json', write: createLineWriter(openSync('/dev/null', 'w')) }),
  });
  const server = createNodeServer(gateway, {
    allowedHosts: ['127.0.0.1'],
    requestBytes: config.limits.requestBytes,
    onError: (error) => console.error(error),
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});
