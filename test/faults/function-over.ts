/** The function of `functions/mcp.ts`, over a gateway that a test has wrapped. */
import middy from '@middy/core';
import { readConfig } from '../../functions/config.ts';
import { createFunctionUrl } from '../../lib/adapters/lambda/function-url.ts';
import { createFunctionPorts } from '../../lib/adapters/lambda/ports.ts';
import { streamingMode } from '../../lib/adapters/lambda/streaming-mode.ts';
import { createGateway, type Gateway } from '../../lib/gateway.ts';
import type { Ports } from '../../lib/ports.ts';

/** `moduleUrl` is that of the function's own module. */
export function functionOver(
  moduleUrl: string,
  wrap: (create: (ports: Ports) => Gateway, ports: Ports) => Gateway,
): unknown {
  const config = readConfig(moduleUrl);
  const ports = createFunctionPorts(process.env);
  const gateway = wrap((wrapped) => createGateway(config, wrapped), ports);
  const { handle, requestEnd } = createFunctionUrl(gateway, ports.actionLog, ports.publishMetrics);
  return middy(handle, { executionMode: streamingMode, timeoutEarlyInMillis: 0, requestEnd });
}
