/** How middy runs a handler whose answer is streamed. */
import type { PluginExecutionMode } from '@middy/core';
import type { StreamingResult } from './event.ts';

type Middlewares = readonly unknown[];

/** What middy knows of an invocation. */
interface MiddyRequest {
  readonly response?: unknown;
}

interface Plugin {
  requestStart(request: MiddyRequest): void;
  requestEnd(request: MiddyRequest): Promise<void> | void;
}

/** What middy hands to an execution mode besides the handler and its middlewares. */
interface Middy {
  middyRequest(event: unknown, context: unknown): MiddyRequest;
  runRequest(
    request: MiddyRequest,
    before: Middlewares,
    handler: unknown,
    after: Middlewares,
    onError: Middlewares,
    plugin: Plugin,
  ): Promise<StreamingResult>;
}

const { once } = process.getBuiltinModule('node:events');

function stream(
  { middyRequest, runRequest }: Middy,
  before: Middlewares,
  handler: unknown,
  after: Middlewares,
  onError: Middlewares,
  plugin: Plugin,
): unknown {
  return awslambda.streamifyResponse(async (event, stream, context) => {
    const request = middyRequest(event, context);
    plugin.requestStart(request);
    const { body, ...head } = await runRequest(request, before, handler, after, onError, plugin);
    const response = awslambda.HttpResponseStream.from(stream, head);
    try {
      await writeBody(response, body);
    } finally {
      await plugin.requestEnd(request);
    }
  });
}

/**
 * In the place of middy's own mode, which destroys the response when a body breaks off. AWS's runtime does not survive
 * that: its process ends, in the middle of the work that was to be done after the answer. Here the response is left as it
 * is. The runtime hears of the failure when the promise is rejected, tells the platform, and goes on.
 */
export const streamingMode = stream as unknown as PluginExecutionMode;

/** Resolves when the runtime has taken all of it. The response is ended only if the body was whole. */
async function writeBody(response: awslambda.HttpResponseStream, body: StreamingResult['body']): Promise<void> {
  // Status and headers leave with the first write, and would not leave at all without one.
  response.write('');
  for await (const chunk of typeof body === 'string' ? [body] : body) {
    if (!response.write(chunk)) await once(response, 'drain');
  }
  await new Promise<void>((resolve, reject) => {
    response.once('error', reject);
    response.end(resolve);
  });
}
