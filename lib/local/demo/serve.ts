import type { AddressInfo } from 'node:net';
import type { NodeIncomingMessageLike } from '@modelcontextprotocol/node';
import type { McpServer, ServerEventBus } from '@modelcontextprotocol/server';
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, isJsonContentType, isLegacyRequest } from '@modelcontextprotocol/server';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Era } from '../../protocol/era.ts';
import type { LegacySessionLimits } from './legacy-sessions.ts';
import { LegacySessions } from './legacy-sessions.ts';

export interface ServedUpstream {
  /** Ends in `/mcp`; over HTTP+SSE in `/sse`. */
  readonly url: string;
  close(): Promise<void>;
}

const BODY_LIMIT_BYTES = 20 * 1024 * 1024;

interface Service {
  readonly path: string;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** Streamable HTTP unless it is `sse`: HTTP+SSE, as of 2024-11-05, to which the other options do not apply. */
  readonly transport?: 'http' | 'sse';
  /** Where change events for `subscriptions/listen` streams are published; one of its own when left out. */
  readonly bus?: ServerEventBus;
  /** Leave one out to serve the other era only. */
  readonly eras?: readonly Era[];
  readonly sessionLimits?: LegacySessionLimits;
}

/** Serves an MCP server on a free port of the loopback interface. */
export async function serveUpstream(
  createMcpServer: () => McpServer,
  options: ServeOptions = {},
): Promise<ServedUpstream> {
  const service = await (options.transport === 'sse'
    ? httpSseService(createMcpServer)
    : streamableHttpService(createMcpServer, options));
  const allowHost = localhostHostValidation();
  const allowOrigin = localhostOriginValidation();
  const http = createServer((request, response) => {
    if (!allowHost(request, response) || !allowOrigin(request, response)) return;
    service.handle(request, response).catch((error: unknown) => response.destroy(asError(error)));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');

  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}${service.path}`,
    close: async () => {
      const closed = once(http, 'close');
      http.close();
      await service.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

/** A modern request gets a server of its own (the revision is stateless), a legacy client one per session. */
function streamableHttpService(
  createMcpServer: () => McpServer,
  { bus, eras = ['modern', 'legacy'], sessionLimits }: ServeOptions,
): Service {
  const sessions = new LegacySessions(createMcpServer, sessionLimits);
  const modern = createMcpHandler(createMcpServer, { legacy: 'reject', ...(bus === undefined ? {} : { bus }) });

  const route = async (request: Request): Promise<Response> => {
    if (new URL(request.url).pathname !== '/mcp') return new Response(null, { status: 404 });
    if (request.method !== 'POST') return await (eras.includes('legacy') ? sessions : modern).fetch(request);
    if (!isJsonContentType(request.headers.get('content-type'))) return new Response(null, { status: 415 });
    const body = parseJson(await request.text());
    if (body === undefined) return parseError();
    const legacy = eras.length === 1 ? eras.includes('legacy') : await isLegacyRequest(request, body);
    return await (legacy ? sessions.fetch(request, body) : modern.fetch(request, { parsedBody: body }));
  };

  const handle = toNodeHandler({ fetch: route }, { maxRequestBodySize: BODY_LIMIT_BYTES });
  return {
    path: '/mcp',
    handle: async (request, response) => {
      const id = request.headers['mcp-session-id'];
      sessions.hold(Array.isArray(id) ? id[0] : id, response);
      // The adapter's type says the same as Node's, but without `undefined` for absent properties.
      await handle(request as NodeIncomingMessageLike, response);
    },
    close: async () => {
      await Promise.all([sessions.close(), modern.close()]);
    },
  };
}

/** The SDK that has this transport is loaded only when it is asked for. */
async function httpSseService(createMcpServer: () => McpServer): Promise<Service> {
  const { HttpSseSessions } = await import('./http-sse-sessions.ts');
  const sessions = new HttpSseSessions(createMcpServer);
  return {
    path: '/sse',
    handle: (request, response) => sessions.handle(request, response, '/sse'),
    close: () => sessions.close(),
  };
}

/** Undefined for text that is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function parseError(): Response {
  const error = { code: -32700, message: 'Parse error: the body is not JSON' };
  return Response.json({ jsonrpc: '2.0', id: null, error }, { status: 400 });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
