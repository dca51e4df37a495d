/** The function of `functions/mcp.ts`, with a fault point at everything that it waits for. */
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import { createFunctionUrl } from '../../lib/adapters/lambda/function-url.ts';
import { CONFIG_FILE } from '../../lib/adapters/lambda/names.ts';
import { createFunctionPorts } from '../../lib/adapters/lambda/ports.ts';
import type { GatewayConfig } from '../../lib/config/schema.ts';
import { seal } from '../../lib/config/seal.ts';
import { createGateway } from '../../lib/gateway.ts';
import { withFaultPoints } from './fault-points.ts';

const { readFileSync } = process.getBuiltinModule('node:fs');

const config = seal(JSON.parse(readFileSync(new URL(CONFIG_FILE, import.meta.url), 'utf8')) as GatewayConfig);
const ports = createFunctionPorts(process.env);
const gateway = withFaultPoints((pointed) => createGateway(config, pointed), ports);
const { handle, requestEnd } = createFunctionUrl(gateway, ports.actionLog);

export const handler = middy(handle, {
  executionMode: executionModeStreamifyResponse,
  timeoutEarlyInMillis: 0,
  requestEnd,
});
