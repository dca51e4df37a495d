import { connectV2 } from '../support/sdk-clients.ts';
import { startEverything } from '../support/upstreams.ts';
import { fastTest } from '../../lib/local/demo/fast-test.ts';
import { fastTime } from '../../lib/local/demo/fast-time.ts';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import type { Era } from '../../lib/protocol/era.ts';

/** An upstream that shares its virtual server with the one that the suite is about. */
export interface Neighbour {
  /** As the configuration names it; its tools go by this prefix. */
  readonly name: string;
  readonly url: string;
  /** A call that shows that it is reached, by the tool's own name. */
  readonly call: { readonly name: string; readonly arguments: Readonly<Record<string, string>> };
}

export interface Neighbours {
  readonly all: readonly Neighbour[];
  close(): Promise<void>;
}

/**
 * Starts one upstream of each kind: a modern one, an independent legacy one with sessions, and one of HTTP+SSE. The
 * first two have resources and prompts as well, under URIs that the suite does not use.
 */
export async function startNeighbours(): Promise<Neighbours> {
  const [time, everything, test] = await Promise.all([
    serveUpstream(fastTime, { eras: ['modern'] }),
    startEverything(),
    serveUpstream(fastTest(), { transport: 'sse' }),
  ]);
  return {
    all: [
      { name: 'time', url: time.url, call: { name: 'get_system_time', arguments: { timezone: 'UTC' } } },
      { name: 'everything', url: everything.url, call: { name: 'echo', arguments: { message: 'hello' } } },
      { name: 'test', url: test.url, call: { name: 'echo', arguments: { message: 'hello' } } },
    ],
    close: async () => {
      await Promise.all([time.close(), everything.close(), test.close()]);
    },
  };
}

/** Through the gateway, as a client of the era: those whose tools are not listed or do not answer, with the reason. */
export async function findUnreached(url: string, era: Era, neighbours: readonly Neighbour[]): Promise<string[]> {
  const { client, close } = await connectV2(url, era);
  try {
    const { tools } = await client.listTools();
    const listed = new Set(tools.map(({ name }) => name));
    const reached = async ({ name, call }: Neighbour): Promise<string[]> => {
      const tool = `${name}__${call.name}`;
      if (!listed.has(tool)) return [`${tool} is not listed`];
      const result = await client.callTool({ name: tool, arguments: call.arguments }).catch(String);
      return typeof result === 'string' || result.isError === true ? [`${tool}: ${JSON.stringify(result)}`] : [];
    };
    return (await Promise.all(neighbours.map(reached))).flat();
  } finally {
    await close();
  }
}
