/**
 * An MCP server in a process of its own that takes down when each call began and ended there, and tells its parent. The
 * arguments of a call say what becomes of it: `{ "call": ID, "ms": N, "as": "json" | "sse" | "hang" | 503, "times": N }`;
 * `times` is after how many calls of that ID it is answered as JSON instead.
 */
import type { AddressInfo } from 'node:net';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** What the parent is told; times in milliseconds since the epoch, with a fraction. */
export type Testimony =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'began'; readonly call: string; readonly at: number }
  /** It has answered, or the connection has gone. */
  | { readonly kind: 'ended'; readonly call: string; readonly began: number; readonly ended: number };

export interface CallArguments {
  readonly call: string;
  readonly ms: number;
  readonly as: 'json' | 'sse' | 'hang' | number;
  readonly times?: number;
}

const seen = new Map<string, number>();

function now(): number {
  return performance.timeOrigin + performance.now();
}

function testify(testimony: Testimony): void {
  process.send?.(testimony);
}

function answer(response: ServerResponse, result: object, id: unknown, asEvent = false): void {
  const message = JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...result } });
  if (!response.headersSent) response.setHeader('content-type', asEvent ? 'text/event-stream' : 'application/json');
  response.end(asEvent ? `data: ${message}\n\n` : message);
}

const HELLO = { capabilities: { tools: {} }, serverInfo: { name: 'witness', version: '1.0.0' } };

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const began = now();
  const body = await text(request);
  const { id, method, params } = (body === '' ? {} : JSON.parse(body)) as {
    id?: unknown;
    method?: string;
    params?: any;
  };
  switch (method) {
    case 'server/discover':
      return answer(response, { ...HELLO, supportedVersions: ['2026-07-28'], ttlMs: 0, cacheScope: 'private' }, id);
    case 'initialize':
      return answer(response, { ...HELLO, protocolVersion: params.protocolVersion }, id);
    case 'tools/call':
      return call(began, id, params.arguments as CallArguments, response);
    default:
      response.writeHead(request.method === 'POST' ? 202 : 405).end();
  }
}

function call(
  began: number,
  id: unknown,
  { call, ms, as, times = Infinity }: CallArguments,
  response: ServerResponse,
): void {
  testify({ kind: 'began', call, at: began });
  const before = seen.get(call) ?? 0;
  seen.set(call, before + 1);
  response.once('close', () => {
    if (!response.writableFinished) testify({ kind: 'ended', call, began, ended: now() });
  });
  // Before the client can have heard of it.
  const end = (write: () => void): void => {
    const ended = now();
    write();
    testify({ kind: 'ended', call, began, ended });
  };
  const how = before < times ? as : 'json';
  if (how === 'hang') return;
  if (how === 'sse') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': begun\n\n');
  }
  setTimeout(() => {
    if (typeof how === 'number') end(() => response.writeHead(how).end());
    else end(() => answer(response, { content: [{ type: 'text', text: call }] }, id, how === 'sse'));
  }, ms);
}

const server = createServer((request, response) => void serve(request, response));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => testify({ kind: 'ready', port: (server.address() as AddressInfo).port }));
process.once('disconnect', () => process.exit());
