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
    const [answered] = await Promise.allSettled([writeBody(response, body)]);
    const [ended] = await Promise.allSettled([(async () => plugin.requestEnd(request))()]);
    throwFailures([answered, ended]);
  });
}

/** Throws what failed; where both did, neither hides the other. */
function throwFailures(outcomes: readonly PromiseSettledResult<void>[]): void {
  const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (reasons.length > 1) throw new AggregateError(reasons, reasons.map(String).join('; then '));
  if (reasons.length === 1) throw reasons[0];
}

/**
 * In the place of middy's own mode, which destroys the response when a body breaks off. AWS's runtime does not survive
 * that: its process ends, in the middle of the work that was to be done after the answer. Here the response is left as it
 * is. The runtime hears of the failure when the promise is rejected, tells the platform, and goes on.
 */
export const streamingMode = stream as unknown as PluginExecutionMode;

/**
 * Resolves when the runtime has taken all of it. The response is ended only if the body was whole. Rejects when the response
 * fails, or is destroyed, before that.
 */
async function writeBody(response: awslambda.HttpResponseStream, body: StreamingResult['body']): Promise<void> {
  const broken = whenBroken(response);
  // Status and headers leave with the first write, and would not leave at all without one.
  response.write('');
  for await (const chunk of typeof body === 'string' ? [body] : body) {
    broken.throwIfAborted();
    if (!response.write(chunk)) await next(response, 'drain', broken);
  }
  const finished = next(response, 'finish', broken);
  response.end();
  await finished;
}

/**
 * Aborted, with the reason, once nothing can be written to the response any more. It is watched all the time: it may break
 * while the body is being made, and an error that nobody listens for would end the process.
 */
function whenBroken(response: awslambda.HttpResponseStream): AbortSignal {
  const broken = new AbortController();
  const close = (): void => broken.abort(new Error('The response was closed before all of it was written'));
  response.on('error', (error) => broken.abort(error));
  response.once('close', close);
  if (response.destroyed) close();
  return broken.signal;
}

/** Resolves with the next event of that name; rejects with the reason of `broken`. */
async function next(response: awslambda.HttpResponseStream, event: string, broken: AbortSignal): Promise<void> {
  try {
    await once(response, event, { signal: broken });
  } catch (error) {
    broken.throwIfAborted();
    throw error;
  }
}
