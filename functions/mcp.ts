/** The gateway behind a Lambda function URL with response streaming. */
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import { createFunctionUrl } from '../lib/adapters/lambda/function-url.ts';
import { CONFIG_FILE } from '../lib/adapters/lambda/names.ts';
import { createFunctionPorts } from '../lib/adapters/lambda/ports.ts';
import type { GatewayConfig } from '../lib/config/schema.ts';
import { seal } from '../lib/config/seal.ts';
import { createGateway } from '../lib/gateway.ts';

const { readFileSync } = process.getBuiltinModule('node:fs');

const config = seal(JSON.parse(readFileSync(new URL(CONFIG_FILE, import.meta.url), 'utf8')) as GatewayConfig);
const ports = createFunctionPorts(process.env);
const { handle, requestEnd } = createFunctionUrl(createGateway(config, ports), ports.actionLog);

/** The gateway keeps its deadlines itself, so middy's own early end is switched off. */
export const handler = middy(handle, {
  executionMode: executionModeStreamifyResponse,
  timeoutEarlyInMillis: 0,
  requestEnd,
});
