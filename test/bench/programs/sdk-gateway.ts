/**
 * A gateway of the official SDK's objects: a server for each client session, and behind it a client with a session of its
 * own at the upstream, which is connected with the first call and kept.
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { serveUpstream } from '../../../lib/local/demo/serve.ts';
import { runProgram } from './program.ts';

interface Data {
  /** The upstream's endpoint. */
  readonly url: string;
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

await runProgram(async (given) => {
  const { url } = given as Data;
  const first = await connect(url);
  const { tools } = await first.listTools();
  await first.close();
  const createServer = (): McpServer => {
    const server = new McpServer({ name: 'bench', version: '1.0.0' });
    let connecting: Promise<Client> | undefined;
    for (const { name } of tools) {
      server.registerTool(name, { inputSchema: z.looseObject({}) }, async (args) => {
        const client = await (connecting ??= connect(url));
        return await client.callTool({ name, arguments: args });
      });
    }
    return server;
  };
  return { origin: new URL((await serveUpstream(createServer)).url).origin };
});
