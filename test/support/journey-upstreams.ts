/**
 * The upstreams of `test/journeys`: one surface, served by both SDKs, in either era or both, over every transport. Each
 * tells its witness of sessions, waiting calls and cancellations.
 */
import type { AddressInfo } from 'node:net';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import type { Era } from '../../lib/protocol/era.ts';
import { WITNESS_PORT } from '../journeys/remote-watch.ts';
import { createV1Server } from '../journeys/server-v1.ts';
import { createV2Server } from '../journeys/server-v2.ts';
import { Witness } from '../journeys/witness.ts';

/** How a client reaches a server itself. */
export type Address =
  | { readonly kind: 'http' | 'sse'; readonly url: string }
  | {
      readonly kind: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    };

export interface JourneyUpstream {
  readonly address: Address;
  /** As the configuration file has it; more than the address says where it is to be said. */
  readonly config: object;
  readonly eras: readonly Era[];
  readonly witness: Witness;
  close(): Promise<void>;
}

/** Whether sessions are noted when they begin; what a process says of them may come later than its answers. */
export function countsSessions({ address }: JourneyUpstream): boolean {
  return address.kind !== 'stdio';
}

interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** SDK v2 over Streamable HTTP; legacy clients have sessions. */
export async function startV2Upstream(eras: readonly Era[]): Promise<JourneyUpstream> {
  const witness = new Witness();
  const create = (request?: { readonly era: Era }) => createV2Server(witness, request?.era ?? 'legacy');
  return atUrl('http', await serveUpstream(create, { eras }), eras, witness);
}

/** SDK v1 over Streamable HTTP, a server for each message: no session ids, nothing kept. */
export async function startStatelessUpstream(): Promise<JourneyUpstream> {
  const witness = new Witness();
  const served = await serveHttp('/mcp', async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const server = createV1Server(witness);
    const transport = new StreamableHTTPServerTransport();
    response.once('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response);
  });
  return atUrl('http', served, ['legacy'], witness);
}

/** SDK v1 over HTTP+SSE. */
export async function startV1SseUpstream(): Promise<JourneyUpstream> {
  const witness = new Witness();
  const transports = new Map<string, SSEServerTransport>();
  const served = await serveHttp('/sse', async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/sse' && request.method === 'GET') {
      const transport = new SSEServerTransport('/messages', response);
      transports.set(transport.sessionId, transport);
      response.once('close', () => transports.delete(transport.sessionId));
      return await createV1Server(witness).connect(transport);
    }
    if (pathname === '/sse') return void response.writeHead(405).end();
    const transport = transports.get(searchParams.get('sessionId') ?? '');
    if (transport === undefined) return void response.writeHead(404).end();
    await transport.handlePostMessage(request, response);
  });
  return { ...atUrl('sse', served, ['legacy'], witness), config: { url: served.url, transport: 'sse' } };
}

/** SDK v2 over HTTP+SSE; that it is so is for the gateway to find out. */
export async function startV2SseUpstream(): Promise<JourneyUpstream> {
  const witness = new Witness();
  const served = await serveUpstream(() => createV2Server(witness, 'legacy'), { transport: 'sse' });
  return atUrl('sse', served, ['legacy'], witness);
}

/** A process for each session: SDK v1, or v2 in both eras. */
export async function startStdioUpstream(sdk: 'v1' | 'v2'): Promise<JourneyUpstream> {
  const witness = new Witness();
  const port = await witness.listen();
  const path = fileURLToPath(new URL(`../journeys/stdio-${sdk}.ts`, import.meta.url));
  const command = { command: process.execPath, args: [path], env: { [WITNESS_PORT]: String(port) } };
  return {
    address: { kind: 'stdio', ...command },
    config: command,
    eras: sdk === 'v1' ? ['legacy'] : ['modern', 'legacy'],
    witness,
    close: async () => witness.close(),
  };
}

function atUrl(kind: 'http' | 'sse', served: Served, eras: readonly Era[], witness: Witness): JourneyUpstream {
  const { url } = served;
  return { address: { kind, url }, config: { url }, eras, witness, close: () => served.close() };
}

async function serveHttp(
  path: string,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Served> {
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  // Clients decide how long they keep a connection.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
