/** The gateway behind a Lambda function URL with response streaming. */
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import { createFunctionUrl } from '../lib/adapters/lambda/function-url.ts';
import { createFunctionPorts } from '../lib/adapters/lambda/ports.ts';
import { createGateway } from '../lib/gateway.ts';
import { readConfig } from './config.ts';

const ports = createFunctionPorts(process.env);
const { handle, requestEnd } = createFunctionUrl(createGateway(readConfig(import.meta.url), ports), ports.actionLog);

/** The gateway keeps its deadlines itself, so middy's own early end is switched off. */
export const handler = middy(handle, {
  executionMode: executionModeStreamifyResponse,
  timeoutEarlyInMillis: 0,
  requestEnd,
});
