/**
 * The core behind a plain Node server with stores in memory, once without a tracer and once with the one of X-Ray: each
 * call says in a header how it is to be traced. To be built as the function is, so that what makes traces is what is
 * deployed.
 */
import { openSync } from 'node:fs';
import { createActionLog } from '../../../lib/adapters/logging/action-log.ts';
import { createLineWriter } from '../../../lib/adapters/logging/line-writer.ts';
import { createXRayTracer } from '../../../lib/adapters/xray/tracer.ts';
import { createGateway, type Gateway } from '../../../lib/gateway.ts';
import { TRACE, tracedVariables, TRACING_HEADER, type Tracing } from '../trace-kinds.ts';
import { corePorts } from './core-ports.ts';
import { serveCore } from './core-server.ts';
import { cpuCounts } from './cpu.ts';
import { gatewayConfig } from './gateway-data.ts';
import { runProgram } from './program.ts';

interface Data {
  /** Origin of the upstream. */
  readonly upstream: string;
  readonly xrayDaemon: string;
}

function openGateway({ upstream }: Data): Gateway {
  const log = createActionLog({ format: 'json', write: createLineWriter(openSync('/dev/null', 'w')) });
  const actionLog = { ...log, defect: (_requestId: string, error: unknown) => console.error(error) };
  const ports = corePorts(undefined, actionLog);
  const config = gatewayConfig({ upstream });
  const untraced = createGateway(config, ports);
  const traced = createGateway(config, { ...ports, tracer: createXRayTracer((_, error) => console.error(error)) });
  return (request, invocation) => {
    const tracing = (request.headers[TRACING_HEADER] ?? 'not sampled') as Tracing;
    const gateway = tracing === 'no tracer' ? untraced : traced;
    return gateway(request, { ...invocation, trace: { ...TRACE, sampled: tracing === 'sampled' } });
  };
}

await runProgram(async (given) => {
  const data = given as Data;
  Object.assign(process.env, tracedVariables(data.xrayDaemon, true));
  return { origin: await serveCore(openGateway(data), gatewayConfig(data)), counts: cpuCounts };
});
