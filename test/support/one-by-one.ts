/** For gateways with one environment: it takes a request when all that the one before has left to do is done. */
import { postModern, type WireResponse } from './wire.ts';

/** Until then, the platform turns requests away. */
export async function postOneByOne(
  url: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<WireResponse> {
  for (;;) {
    const response = await postModern(url, method, params);
    if (response.status !== 429) return response;
  }
}

/** Of the tools that are listed. */
export async function toolNamesAt(url: string): Promise<string[]> {
  const { messages } = await postOneByOne(url, 'tools/list');
  const tools: readonly { readonly name: string }[] = messages[0].result.tools;
  return tools.map(({ name }) => name);
}
