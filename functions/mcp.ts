/** The gateway behind a Lambda function URL with response streaming. */
import middy from '@middy/core';
import { createFunctionUrl } from '../lib/adapters/lambda/function-url.ts';
import { createFunctionPorts } from '../lib/adapters/lambda/ports.ts';
import { streamingMode } from '../lib/adapters/lambda/streaming-mode.ts';
import { createGateway } from '../lib/gateway.ts';
import { readConfig } from './config.ts';

const ports = createFunctionPorts(process.env);
const gateway = createGateway(readConfig(import.meta.url), ports);
const { handle, requestEnd } = createFunctionUrl(gateway, ports.actionLog, ports.publishMetrics);

/** The gateway keeps its deadlines itself, so middy's own early end is switched off. */
export const handler = middy(handle, {
  executionMode: streamingMode,
  timeoutEarlyInMillis: 0,
  requestEnd,
});
