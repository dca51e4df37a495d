import type { IncomingMessage, ServerResponse } from 'node:http';
import { createAnswerSink, refuse } from './answer.ts';
import { toInvocation, type UrlSettings } from './event.ts';
import type { Pool } from './pool.ts';

/** The most that a function URL takes in a request, in bytes. */
const LARGEST_REQUEST = 6 * 1024 * 1024;

/** Serves one HTTP request by one invocation, as a function URL does. */
export async function serveFunctionUrl(
  pool: Pool,
  request: IncomingMessage,
  response: ServerResponse,
  settings: UrlSettings,
): Promise<void> {
  const arrived = new Date();
  const body = await readBody(request);
  if (body === 'aborted') return;
  if (body === 'too-large') return refuseTooLarge(request, response);
  const environment = await pool.take().catch(() => 'unusable' as const);
  if (environment === 'unusable') return refuse(response, 502, 'Internal Server Error');
  if (environment === undefined) return refuseThrottled(response);
  const invocation = toInvocation(request, body, arrived, settings);
  environment.invoke(invocation, createAnswerSink(response, invocation.requestId), () => pool.release(environment));
}

function readBody(request: IncomingMessage): Promise<Buffer | 'too-large' | 'aborted'> {
  if (Number(request.headers['content-length'] ?? 0) > LARGEST_REQUEST) return Promise.resolve('too-large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > LARGEST_REQUEST) resolve('too-large');
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on('error', () => resolve('aborted'));
    request.on('close', () => resolve('aborted'));
  });
}

/** The rest of the body is not read, so the connection cannot be used again. */
function refuseTooLarge(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('connection', 'close');
  refuse(
    response,
    413,
    `{"Message":"Request must be smaller than ${LARGEST_REQUEST} bytes for the InvokeFunction operation"}`,
  );
  request.resume();
}

function refuseThrottled(response: ServerResponse): void {
  refuse(response, 429, '{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}');
}
