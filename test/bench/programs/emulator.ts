/** The local gateway: the built function in emulated Lambda environments, as `npm start` runs it. */
import { openSync } from 'node:fs';
import { startLocalGateway } from '../../../lib/local/gateway.ts';
import { gatewayConfig, type GatewayData } from './gateway-data.ts';
import { runProgram } from './program.ts';

/** More than there are callers, because an environment is busy for a moment after its answer. */
const ENVIRONMENTS = 14;

/** Of a fleet's gateway, which has one caller. */
const FLEET_ENVIRONMENTS = 3;

await runProgram(async (given) => {
  const data = given as GatewayData;
  const { origin } = await startLocalGateway({
    config: gatewayConfig(data),
    port: 0,
    environments: data.fleet === true ? FLEET_ENVIRONMENTS : ENVIRONMENTS,
    affinity: false,
    dynamodbEndpoint: data.dynamodb?.endpoint,
    log: 'json',
    logFd: openSync('/dev/null', 'w'),
    report: (line) => console.error(line),
  });
  return { origin };
});
