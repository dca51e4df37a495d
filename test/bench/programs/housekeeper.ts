/** The scheduled function's work over DynamoDB, done once for each request. */
import { openSync } from 'node:fs';
import { createActionLog } from '../../../lib/adapters/logging/action-log.ts';
import { createLineWriter } from '../../../lib/adapters/logging/line-writer.ts';
import { createHousekeeper } from '../../../lib/housekeeping.ts';
import type { HousekeeperCounts } from '../core-counts.ts';
import { corePorts } from './core-ports.ts';
import { gatewayConfig, type GatewayData } from './gateway-data.ts';
import { listen, runProgram } from './program.ts';
import { countTraffic } from './traffic.ts';

/** More than a run takes. */
const INVOCATION_MS = 60_000;

await runProgram(async (given) => {
  const data = given as GatewayData;
  const traffic = countTraffic();
  const upstreamPort = Number(new URL(data.upstream).port);
  const counts: HousekeeperCounts = {
    ms: 0,
    logBytes: 0,
    get sentBytes() {
      return traffic.toPort(upstreamPort);
    },
  };
  const writeLine = createLineWriter(openSync('/dev/null', 'w'));
  const log = createActionLog({
    format: 'json',
    write: (line) => {
      counts.logBytes += Buffer.byteLength(line) + 1;
      writeLine(line);
    },
  });
  const keepHouse = createHousekeeper(gatewayConfig(data), corePorts(data.dynamodb, log));
  const run = async (): Promise<void> => {
    const began = performance.now();
    const arrivedAt = Date.now();
    await keepHouse({
      requestId: 'bench',
      trace: undefined,
      environment: 'bench',
      cold: false,
      arrivedAt,
      endsAt: arrivedAt + INVOCATION_MS,
    });
    counts.ms += performance.now() - began;
  };
  const origin = await listen((_request, response) => {
    run().then(
      () => response.end(),
      (error: unknown) => {
        console.error(error);
        response.writeHead(500).end();
      },
    );
  });
  return { origin, counts };
});
