/** Gateways of each size, all in one process, so that what they run is the same compiled code. */
import { openSync } from 'node:fs';
import { createActionLog } from '../../../lib/adapters/logging/action-log.ts';
import { createLineWriter } from '../../../lib/adapters/logging/line-writer.ts';
import { createGateway, type Gateway } from '../../../lib/gateway.ts';
import { SIZE_HEADER, SIZES, sizeConfiguration, type Size } from '../sizes.ts';
import { corePorts } from './core-ports.ts';
import { serveCore } from './core-server.ts';
import { resolvedConfig } from './gateway-data.ts';
import { runProgram } from './program.ts';

interface Data {
  /** Origin of the upstream. */
  readonly upstream: string;
  /** Endpoint of the DynamoDB with the tables of all sizes. */
  readonly dynamodb: string;
}

await runProgram(async (given) => {
  const { upstream, dynamodb } = given as Data;
  const counts = { underway: 0 };
  const log = {
    ...createActionLog({ format: 'json', write: createLineWriter(openSync('/dev/null', 'w')) }),
    defect: (_requestId: string, error: unknown) => console.error(error),
  };
  const open = (size: Size): Gateway => {
    const config = resolvedConfig(sizeConfiguration(upstream, SIZES[size]));
    return createGateway(config, corePorts({ endpoint: dynamodb, tableName: SIZES[size].tableName }, log));
  };
  const gateways: Readonly<Record<Size, Gateway>> = {
    small: open('small'),
    tools: open('tools'),
    sessions: open('sessions'),
  };
  const gateway: Gateway = async (request, invocation) => {
    counts.underway += 1;
    const response = await gateways[request.headers[SIZE_HEADER] as Size](request, invocation);
    const after = async (): Promise<void> => {
      await response.after();
      counts.underway -= 1;
    };
    return { ...response, after };
  };
  return { origin: await serveCore(gateway, resolvedConfig(sizeConfiguration(upstream, SIZES.small))), counts };
});
