/** The core behind a plain Node server, with the real transport and the action log as the deployed function writes it. */
import { openSync } from 'node:fs';
import { createActionLog } from '../../../lib/adapters/logging/action-log.ts';
import { createLineWriter } from '../../../lib/adapters/logging/line-writer.ts';
import { measure, type MeasuredLog } from '../../../lib/adapters/powertools/measured-log.ts';
import { createGateway, type Gateway } from '../../../lib/gateway.ts';
import type { Ports } from '../../../lib/ports.ts';
import type { ActionLog } from '../../../lib/ports/action-log.ts';
import type { CoreCounts } from '../core-counts.ts';
import { FINDS_HEADER, type Finds } from '../fleet.ts';
import { corePorts } from './core-ports.ts';
import { serveCore } from './core-server.ts';
import { gatewayConfig, type GatewayData } from './gateway-data.ts';
import { mostMemoryBytes } from './memory.ts';
import { runProgram } from './program.ts';
import { countTraffic } from './traffic.ts';

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

/** Counts the requests that are under way, with what they leave to be done after their answers, and how long that takes. */
function counting(gateway: Gateway, counts: CoreCounts, publish: MeasuredLog['publish']): Gateway {
  return async (request, invocation) => {
    counts.underway += 1;
    const response = await gateway(request, invocation);
    const after = async (): Promise<void> => {
      const began = performance.now();
      await response.after();
      await publish(invocation.requestId);
      counts.afterMs += performance.now() - began;
      counts.underway -= 1;
    };
    return { ...response, after };
  };
}

function countingLog(counts: CoreCounts, hasMetrics: boolean): MeasuredLog {
  const writeLine = createLineWriter(openSync('/dev/null', 'w'));
  const write = (line: string): void => {
    counts.logBytes += Buffer.byteLength(line) + 1;
    writeLine(line);
  };
  const log = createActionLog({ format: 'json', write });
  const counted: ActionLog = {
    ...log,
    write: (action) => {
      counts.loggedUpstream += action.upstreamRequests;
      counts.loggedDynamodb += action.dynamodbRequests;
      counts.gatewayMs += action.gatewayMs;
      log.write(action);
    },
    // Figures with a defect behind them are none.
    defect: (_requestId, error) => console.error(error),
  };
  return hasMetrics ? measure(counted, 'bench', write) : { actionLog: counted, publish: async () => undefined };
}

await runProgram(async (given) => {
  const data = given as GatewayData;
  const traffic = countTraffic();
  const upstreamPort = Number(new URL(data.upstream).port);
  const counts: CoreCounts = {
    underway: 0,
    loggedUpstream: 0,
    loggedDynamodb: 0,
    gatewayMs: 0,
    afterMs: 0,
    logBytes: 0,
    get sentBytes() {
      return traffic.toClients() + traffic.toPort(upstreamPort);
    },
    get mostMemoryBytes() {
      return mostMemoryBytes();
    },
  };
  const { actionLog, publish } = countingLog(counts, data.metrics === true);
  const gateway = openGateway(data, corePorts(data.dynamodb, actionLog));
  return { origin: await serveCore(counting(gateway, counts, publish), gatewayConfig(data)), counts };
});
