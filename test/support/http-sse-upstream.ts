/**
 * A real server of HTTP+SSE, the transport of 2024-11-05, as the older SDK has it: a server of its own for each stream.
 * Tests can hold a call, see who is connected, and look at what was sent.
 */
import type { AddressInfo } from 'node:net';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CreateMessageResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import * as z from 'zod/v4';

export interface HeardRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export async function startHttpSseUpstream(): Promise<HttpSseUpstream> {
  const upstream = new HttpSseUpstream();
  await upstream.start();
  return upstream;
}

/**
 * Tools: `echo` (`text`), `steps` (reports progress `count` times), `log` (says `text` as a log message first), `slow`
 * (until `release`), `ask` (puts `question` to the client's model and answers with what it says). A resource
 * `note://one`, a template `note://{name}`, a prompt `greet` (`name`).
 */
export class HttpSseUpstream {
  /** Every HTTP request that has come, in order. */
  readonly heard: HeardRequest[] = [];
  /** How many calls of `slow` have been cancelled by their client, or by its going away. */
  cancelled = 0;
  readonly #server: Server = createServer((request, response) => {
    void this.#handle(request, response);
  });
  readonly #transports = new Map<string, SSEServerTransport>();
  readonly #gate = Promise.withResolvers<void>();
  #slowCalls = 0;
  #news = Promise.withResolvers<void>();

  /** Ends in `/sse`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/sse`;
  }

  /** How many streams are open. */
  get streams(): number {
    return this.#transports.size;
  }

  /** Lets every call of `slow` have its answer, now and from now on. */
  release(): void {
    this.#gate.resolve();
  }

  /** Resolves when so many calls of `slow` have begun. */
  async slowCalls(count: number): Promise<void> {
    await this.#until(() => this.#slowCalls >= count);
  }

  /** Resolves when so many calls of `slow` have been cancelled. */
  async cancellations(count: number): Promise<void> {
    await this.#until(() => this.cancelled >= count);
  }

  /** Resolves when no stream is open. */
  async deserted(): Promise<void> {
    await this.#until(() => this.streams === 0);
  }

  /** Ends every stream, as a server that is restarted. */
  async endStreams(): Promise<void> {
    await Promise.all([...this.#transports.values()].map(async (transport) => await transport.close()));
  }

  async start(): Promise<void> {
    // Clients decide how long they keep a connection.
    this.#server.keepAliveTimeout = 0;
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.release();
    this.#server.close();
    await this.endStreams();
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    this.heard.push({ method: request.method ?? '', path: pathname, headers: request.headers });
    if (pathname === '/sse' && request.method === 'GET') return await this.#open(response);
    // A Streamable HTTP client that tries its luck, among others.
    if (pathname === '/sse') return void response.writeHead(405, { allow: 'GET' }).end();
    const transport = this.#transports.get(searchParams.get('sessionId') ?? '');
    if (transport === undefined) return void response.writeHead(404).end('Unknown session');
    await transport.handlePostMessage(request, response);
  }

  async #open(response: ServerResponse): Promise<void> {
    const transport = new SSEServerTransport('/messages', response);
    this.#transports.set(transport.sessionId, transport);
    response.once('close', () => {
      this.#transports.delete(transport.sessionId);
      this.#tell();
    });
    await this.#createMcpServer().connect(transport);
  }

  #createMcpServer(): McpServer {
    const server = new McpServer({ name: 'http-sse-upstream', version: '1.0.0' }, { capabilities: { logging: {} } });
    server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text }) => says(text));
    server.registerTool(
      'steps',
      { inputSchema: { count: z.number() } },
      async ({ count }, { _meta, sendNotification }) => {
        const progressToken = _meta?.progressToken;
        if (progressToken === undefined) return says('no steps');
        for (let progress = 1; progress <= count; progress += 1) {
          const params = { progressToken, progress, total: count };
          await sendNotification({ method: 'notifications/progress', params });
        }
        return says(`${count} steps`);
      },
    );
    server.registerTool('log', { inputSchema: { text: z.string() } }, async ({ text }) => {
      await server.sendLoggingMessage({ level: 'info', data: text });
      return says('logged');
    });
    server.registerTool('slow', {}, async ({ signal }) => {
      this.#slowCalls += 1;
      signal.addEventListener('abort', () => {
        this.cancelled += 1;
        this.#tell();
      });
      this.#tell();
      await this.#gate.promise;
      return says('at last');
    });
    server.registerTool('ask', { inputSchema: { question: z.string() } }, async ({ question }, { sendRequest }) => {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: question } }];
      const request = { method: 'sampling/createMessage' as const, params: { messages, maxTokens: 10 } };
      const { content } = await sendRequest(request, CreateMessageResultSchema);
      return says(content.type === 'text' ? content.text : '');
    });
    const note = (uri: URL) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: `About ${uri.href}` }] });
    server.registerResource('one', 'note://one', {}, note);
    server.registerResource('note', new ResourceTemplate('note://{name}', { list: undefined }), {}, note);
    server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => ({
      messages: [{ role: 'user', content: { type: 'text', text: `Hello, ${name}` } }],
    }));
    return server;
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#news.promise;
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

function says(text: string): { content: [{ type: 'text'; text: string }] } {
  return { content: [{ type: 'text', text }] };
}
