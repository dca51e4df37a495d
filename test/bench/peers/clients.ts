/** Who calls: the bench's own client, which costs next to nothing, or the official SDK's. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { McpClient, type Place } from '../mcp-client.ts';
import type { Tool } from '../workload.ts';
import type { PeerClient } from './peer.ts';

/** A legacy client, as every peer serves one. */
export async function connectBench(place: Place): Promise<PeerClient> {
  const client = await McpClient.connect(place, 'legacy');
  const close = async (): Promise<void> => client.close();
  // A server ends what has been idle for some seconds, perhaps at the moment when the next call is sent.
  const renew = async (): Promise<void> => {
    client.disconnect();
    await client.call('small');
  };
  return { call: (tool) => client.call(tool), renew, close };
}

/** The same by the official SDK. */
export async function connectSdk({ url, prefix }: Place): Promise<PeerClient> {
  const client = new Client({ name: 'bench', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const call = async (tool: Tool): Promise<void> => {
    const { content } = await client.callTool({ name: prefix + tool, arguments: { text: 'ping' } });
    const [first] = content;
    if (first?.type !== 'text' || first.text !== 'pong') throw new Error(`The SDK got ${JSON.stringify(content)}`);
  };
  // The platform's fetch lets go of idle connections a second before the server does.
  return { call, renew: () => call('small'), close: () => client.close() };
}

/** Resolves once a new client's first call is answered. */
export async function answersAt(place: Place): Promise<void> {
  const client = await connectBench(place);
  try {
    await client.call('small');
  } finally {
    await client.close();
  }
}
