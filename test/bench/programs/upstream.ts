/**
 * An MCP server that costs next to nothing: `/modern`, `/legacy` with sessions, and `/both`. Its tools answer at once
 * with a little (`small`) or with 100 KB (`large`), or with a little after 500 ms (`slow`).
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LARGE_CHARS, SLOW_MS, VERSIONS } from '../workload.ts';
import { listen, runProgram } from './program.ts';

interface Incoming {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: { readonly name?: string };
}

const LINE = 'The quick brown fox says "hello" and jumps over the lazy dog.\n';
const TEXTS: Readonly<Record<string, string>> = {
  small: 'pong',
  slow: 'pong',
  large: LINE.repeat(Math.ceil(LARGE_CHARS / LINE.length)).slice(0, LARGE_CHARS),
};

/** Everything of a result but its braces, as JSON text. */
const RESULTS = new Map(
  Object.entries(TEXTS).map(([tool, text]) => [tool, `"content":${JSON.stringify([{ type: 'text', text }])}`]),
);

const counts: Record<string, number> = {};
const sessions = new Set<string>();

function handle(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => answer(request, response, body));
}

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  if (request.method === 'DELETE') {
    count('DELETE');
    sessions.delete(sessionOf(request));
    return end(response, 204, '');
  }
  const message = JSON.parse(body) as Incoming;
  count(message.method);
  const modern = request.headers['mcp-protocol-version'] === VERSIONS.modern;
  if (modern === (request.url === '/legacy') && request.url !== '/both') return refuseEra(response, message, modern);
  return modern ? answerModern(response, message) : answerLegacy(request, response, message);
}

function answerModern(response: ServerResponse, message: Incoming): void {
  if (message.method !== 'server/discover') return call(response, message, '"resultType":"complete",');
  const about = { supportedVersions: [VERSIONS.modern], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'public' };
  succeed(response, message, `"resultType":"complete",${JSON.stringify(about).slice(1, -1)}`);
}

function answerLegacy(request: IncomingMessage, response: ServerResponse, message: Incoming): void {
  if (message.method === 'initialize') {
    const session = randomUUID();
    sessions.add(session);
    response.setHeader('mcp-session-id', session);
    const serverInfo = { name: 'bench', version: '1.0.0' };
    const hello = { protocolVersion: VERSIONS.legacy, capabilities: { tools: {} }, serverInfo };
    return succeed(response, message, JSON.stringify(hello).slice(1, -1));
  }
  if (!sessions.has(sessionOf(request))) return fail(response, 404, message, -32001, 'Session not found');
  return message.id === undefined ? end(response, 202, '') : call(response, message, '');
}

function call(response: ServerResponse, message: Incoming, start: string): void {
  const tool = message.params?.name ?? '';
  const result = RESULTS.get(tool);
  if (result === undefined) return fail(response, 200, message, -32602, `Unknown tool: ${tool}`);
  if (tool === 'slow') setTimeout(() => succeed(response, message, start + result), SLOW_MS);
  else succeed(response, message, start + result);
}

/** As servers of one era answer to the other one. */
function refuseEra(response: ServerResponse, message: Incoming, modern: boolean): void {
  if (modern) return fail(response, 400, message, -32000, 'Bad Request: No valid session ID provided');
  return fail(response, 400, message, -32022, 'Unsupported protocol version');
}

function succeed(response: ServerResponse, message: Incoming, result: string): void {
  end(response, 200, `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{${result}}}`);
}

function fail(response: ServerResponse, status: number, { id }: Incoming, code: number, message: string): void {
  end(response, status, JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }));
}

function end(response: ServerResponse, status: number, text: string): void {
  const headers = text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, headers);
  response.end(text);
}

function sessionOf(request: IncomingMessage): string {
  return String(request.headers['mcp-session-id']);
}

function count(what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

await runProgram(async () => ({ origin: await listen(handle), counts }));
