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
import { secretlessTransport } from '../../support/http-transport.ts';
import { cryptoIds } from '../../../lib/adapters/node/ids.ts';
import { createNodeServer } from '../../../lib/adapters/node/server.ts';
import { executeOnce } from '../../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../../lib/adapters/xray/tracer.ts';
import { createGateway, type Gateway } from '../../../lib/gateway.ts';
import type { Ports } from '../../../lib/ports.ts';
import { FINDS_HEADER, type Finds } from '../fleet.ts';
import { gatewayConfig, type GatewayData } from './gateway-data.ts';
import { runProgram } from './program.ts';

function openStores({ dynamodb }: GatewayData) {
  if (dynamodb === undefined) return createMemoryStores();
  const { endpoint, tableName } = dynamodb;
  return createDynamoStores({ client: createDynamoClient({ endpoint, region: 'us-east-1' }), tableName });
}

/** An environment that has served before, unless a request asks for another, a new one, or upstreams that are new. */
function openGateway(data: GatewayData, ports: Ports): Gateway {
  const config = gatewayConfig(data);
  const same = createGateway(config, ports);
  const other = createGateway(config, ports);
  let generation = 0;
  const gateways: Readonly<Record<Finds, () => Gateway>> = {
    memory: () => same,
    elsewhere: () => other,
    table: () => createGateway(config, ports),
    nothing: () => createGateway(gatewayConfig(data, (generation += 1)), ports),
  };
  return (request, invocation) => gateways[(request.headers[FINDS_HEADER] ?? 'memory') as Finds]()(request, invocation);
}

/** Counts the requests that are under way, with what they leave to be done after their answers. */
function counting(gateway: Gateway, counts: { underway: number }): Gateway {
  return async (request, invocation) => {
    counts.underway += 1;
    const response = await gateway(request, invocation);
    const after = async (): Promise<void> => {
      await response.after();
      counts.underway -= 1;
    };
    return { ...response, after };
  };
}

await runProgram(async (given) => {
  const data = given as GatewayData;
  const log = createActionLog({ format: 'json', write: createLineWriter(openSync('/dev/null', 'w')) });
  const counts = { underway: 0, loggedUpstream: 0, loggedDynamodb: 0 };
  const gateway = openGateway(data, {
    clock: systemClock,
    ids: cryptoIds,
    openStores: openStores(data),
    transport: secretlessTransport(),
    executeOnce,
    tracer: noopTracer,
    actionLog: {
      ...log,
      write: (action) => {
        counts.loggedUpstream += action.upstreamRequests;
        counts.loggedDynamodb += action.dynamodbRequests;
        log.write(action);
      },
      // Figures with a defect behind them are none.
      defect: (_requestId, error) => console.error(error),
    },
  });
  const server = createNodeServer(counting(gateway, counts), {
    allowedHosts: ['127.0.0.1'],
    requestBytes: gatewayConfig(data).limits.requestBytes,
    onError: (error) => console.error(error),
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, counts };
});
