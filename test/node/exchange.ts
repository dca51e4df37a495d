import type { PlainHttpRequest, PlainHttpTransport } from '../../lib/adapters/node/http-exchange.ts';
import type { TransportFailure, UpstreamHttpResponse } from '../../lib/ports/transport.ts';

/** A request that matters only by its address and by what is given. */
export function requestTo(url: string, given: Partial<PlainHttpRequest> = {}): PlainHttpRequest {
  return {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    connectTimeoutMs: 10_000,
    signal: new AbortController().signal,
    ...given,
  };
}

export function assertResponse(answer: UpstreamHttpResponse | TransportFailure): UpstreamHttpResponse {
  if (answer.kind === 'failure') throw new Error(`no response: ${answer.cause}, sent: ${answer.sent}`);
  return answer;
}

/** Sends, expects a response, and reads it to its end. */
export async function fetchText(
  transport: PlainHttpTransport,
  url: string,
  given: Partial<PlainHttpRequest> = {},
): Promise<string> {
  return await readText(assertResponse(await transport.send(requestTo(url, given))));
}

export async function readText(response: UpstreamHttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
