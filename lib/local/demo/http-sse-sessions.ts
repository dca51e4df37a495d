import type { IncomingMessage, ServerResponse } from 'node:http';
import type { McpServer } from '@modelcontextprotocol/server';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';

/** Where messages are posted. */
const MESSAGES_PATH = '/messages';

/**
 * Sessions of HTTP+SSE, the transport of 2024-11-05: each is a stream of events, with a server of its own, and ends with
 * it. Only the older SDK still has the transport; a server does not mind which one carries its messages.
 */
export class HttpSseSessions {
  readonly #createServer: () => McpServer;
  readonly #transports = new Map<string, SSEServerTransport>();

  constructor(createServer: () => McpServer) {
    this.#createServer = createServer;
  }

  /** A GET of `streamPath` opens a session. */
  async handle(request: IncomingMessage, response: ServerResponse, streamPath: string): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== streamPath && pathname !== MESSAGES_PATH) return refuse(response, 404);
    if (pathname === streamPath) return request.method === 'GET' ? await this.#open(response) : refuse(response, 405);
    if (request.method !== 'POST') return refuse(response, 405);
    const transport = this.#transports.get(searchParams.get('sessionId') ?? '');
    if (transport === undefined) return refuse(response, 404);
    await transport.handlePostMessage(request, response);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#transports.values()].map(async (transport) => await transport.close()));
  }

  async #open(response: ServerResponse): Promise<void> {
    const transport = new SSEServerTransport(MESSAGES_PATH, response);
    this.#transports.set(transport.sessionId, transport);
    response.once('close', () => this.#transports.delete(transport.sessionId));
    await this.#createServer().connect(transport);
  }
}

function refuse(response: ServerResponse, status: 404 | 405): void {
  response.writeHead(status).end();
}
