/**
 * The official SDK v1 as an upstream whose streams can be resumed: sessions, an event store, and one tool that does each
 * of its steps only once the test asks for it.
 */
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitResultSchema, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

export interface RunningCall {
  /** Reports this much progress. */
  progress(count: number): Promise<void>;
  answer(text: string): void;
  /** Says that a resource has changed. */
  updated(uri: string): Promise<void>;
  /** Asks the client which one; resolves with its action. */
  ask(): Promise<string>;
  /** Ends the connection, so that the rest has to be asked for (2025-11-25, basic/transports). */
  closeStream(): void;
  /** Aborted when the upstream was told that the call is cancelled. */
  readonly signal: AbortSignal;
}

export interface ResumableUpstream {
  readonly url: string;
  /** Resolves with the next call that arrives. */
  nextCall(): Promise<RunningCall>;
  /** How many calls have arrived. */
  readonly calls: number;
  /** HTTP methods of the requests that named a last event. */
  readonly resumptions: readonly string[];
  /** Resolves with the first request that names a last event. */
  readonly resumed: Promise<void>;
  /** Breaks the connections over which something is being answered. */
  cut(): void;
  /** Forgets every session, as a restart does. */
  forget(): void;
  stop(): Promise<void>;
}

interface SdkSession {
  readonly transport: StreamableHTTPServerTransport;
  readonly server: McpServer;
}

/** In the order in which they were stored. */
function createEventStore(): EventStore {
  const events: { readonly id: string; readonly stream: string; readonly message: JSONRPCMessage }[] = [];
  return {
    async storeEvent(stream, message) {
      const id = randomUUID();
      events.push({ id, stream, message });
      return id;
    },
    getStreamIdForEventId: async (id) => events.find((event) => event.id === id)?.stream,
    async replayEventsAfter(id, { send }) {
      const from = events.findIndex((event) => event.id === id);
      const stream = events[from]?.stream ?? '';
      for (const event of events.slice(from + 1)) {
        // What primes a stream says nothing.
        if (event.stream === stream && 'jsonrpc' in event.message) await send(event.id, event.message);
      }
      return stream;
    },
  };
}

/** `retryMs`: how long it wants to be left alone before a stream is resumed. */
export async function startResumableUpstream(retryMs?: number): Promise<ResumableUpstream> {
  const answering = new Set<ServerResponse>();
  const sessions = new Map<string, SdkSession>();
  const arrived: RunningCall[] = [];
  const waiting: ((call: RunningCall) => void)[] = [];
  const resumptions: string[] = [];
  const resumed = Promise.withResolvers<void>();
  let calls = 0;

  function arrive(call: RunningCall): void {
    calls += 1;
    const taker = waiting.shift();
    if (taker === undefined) arrived.push(call);
    else taker(call);
  }

  async function openSession(): Promise<SdkSession> {
    const server = new McpServer({ name: 'resumable', version: '1.0.0' });
    server.server.registerCapabilities({ resources: { subscribe: true } });
    server.registerTool(
      'steps',
      { description: 'Does what it is told' },
      async ({ _meta, sendNotification, sendRequest, closeSSEStream, signal }) => {
        const text = await new Promise<string>((resolve) => {
          arrive({
            signal,
            answer: resolve,
            updated: (uri) => sendNotification({ method: 'notifications/resources/updated', params: { uri } }),
            async ask() {
              const params = { message: 'Which?', requestedSchema: { type: 'object', properties: {} } } as const;
              return (await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema)).action;
            },
            closeStream: () => closeSSEStream?.(),
            async progress(progress) {
              const progressToken = _meta?.progressToken ?? 'nobody';
              await sendNotification({ method: 'notifications/progress', params: { progressToken, progress } });
            },
          });
        });
        return { content: [{ type: 'text', text }] };
      },
    );
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: createEventStore(),
      ...(retryMs !== undefined && { retryInterval: retryMs }),
      onsessioninitialized: (id) => void sessions.set(id, { transport, server }),
    });
    await server.connect(transport);
    return { transport, server };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = request.headers['mcp-session-id'];
    if (request.headers['last-event-id'] !== undefined) {
      resumptions.push(request.method ?? '');
      resumed.resolve();
    }
    answering.add(response);
    response.once('close', () => answering.delete(response));
    const body = await readText(request);
    const session = typeof id === 'string' ? sessions.get(id) : await openSession();
    if (session === undefined) return void response.writeHead(404).end();
    await session.transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body));
  }

  const http: Server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    get calls() {
      return calls;
    },
    resumptions,
    resumed: resumed.promise,
    nextCall() {
      const call = arrived.shift();
      return call === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(call);
    },
    cut() {
      for (const response of answering) response.destroy();
    },
    forget: () => sessions.clear(),
    async stop() {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
      await Promise.all([...sessions.values()].map(({ server }) => server.close()));
    },
  };
}
