/**
 * An MCP server that costs next to nothing: `/modern`, `/legacy` with sessions, `/both`, and `/sse` (HTTP+SSE). Its tools
 * answer at once with a little (`small`) or with 100 KB (`large`), or with a little after 500 ms (`slow`). At `/both/7`
 * and the like it is one of many, with lists of its own; at `/both/few` it lists `small` and `slow`, and at
 * `/both/single` the former alone. What comes to `/both/few/one` is counted as that of `one`, apart from all others. With `?roundTripMs=20` each request waits that long, and with
 * `?initializeMs=300` one that opens a session so much longer.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FEW_LISTS, FLEET, fleetLists, LIST_TTL_MS, SINGLE_LISTS } from '../fleet.ts';
import { countedAs, LARGE_CHARS, SLOW_MS, VERSIONS } from '../workload.ts';
import { listen, runProgram } from './program.ts';

interface Incoming {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: { readonly name?: string; readonly uri?: string };
}

/** Sends one answer: the status, and the JSON text if there is any. */
type Reply = (status: number, text: string) => void;

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

const CAPABILITIES = { tools: {}, resources: {} };

/** By what follows the form in the path. */
const LISTS: Readonly<Record<string, Lists>> = {
  ...Object.fromEntries(Array.from({ length: FLEET }, (_, index) => [String(index), fleetLists(index)])),
  few: FEW_LISTS,
  single: SINGLE_LISTS,
};

const counts: Record<string, number> = {};
const sessions = new Set<string>();
/** Of HTTP+SSE, by session. */
const streams = new Map<string, ServerResponse>();

function handle(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    const url = new URL(request.url ?? '', 'http://127.0.0.1');
    const waitMs = waitOf(url, body);
    if (waitMs === 0) answer(request, response, url, body);
    else setTimeout(() => answer(request, response, url, body), waitMs);
  });
}

function waitOf({ searchParams }: URL, body: string): number {
  const opens = body.includes('"method":"initialize"');
  return Number(searchParams.get('roundTripMs') ?? 0) + (opens ? Number(searchParams.get('initializeMs') ?? 0) : 0);
}

function answer(request: IncomingMessage, response: ServerResponse, url: URL, body: string): void {
  const [form = '', lister = '', caller = ''] = url.pathname.slice(1).split('/');
  const reply: Reply = (status, text) => end(response, status, text);
  if (request.method === 'DELETE') {
    count('DELETE', caller);
    sessions.delete(sessionOf(request));
    return reply(204, '');
  }
  if (request.method === 'GET') {
    count('GET', caller);
    return form === 'sse' ? openStream(response) : reply(405, '');
  }
  const message = JSON.parse(body) as Incoming;
  count(message.method, caller);
  if (form === 'sse') return answerOnStream(url.searchParams.get('session') ?? '', response, message);
  const lists = LISTS[lister] ?? {};
  const modern = request.headers['mcp-protocol-version'] === VERSIONS.modern;
  if (modern === (form === 'legacy') && form !== 'both') return refuseEra(reply, message, modern);
  return modern ? answerModern(reply, message, lists) : answerLegacy(request, response, reply, message, lists);
}

type Lists = Readonly<Record<string, string>>;

const MODERN_START = '"resultType":"complete",';

function answerModern(reply: Reply, message: Incoming, lists: Lists): void {
  const list = lists[message.method];
  if (list !== undefined) {
    return succeed(reply, message, `${MODERN_START}"ttlMs":${LIST_TTL_MS},"cacheScope":"public",${list}`);
  }
  if (message.method !== 'server/discover') return call(reply, message, MODERN_START);
  const about = {
    supportedVersions: [VERSIONS.modern],
    capabilities: CAPABILITIES,
    ttlMs: LIST_TTL_MS,
    cacheScope: 'public',
  };
  succeed(reply, message, MODERN_START + JSON.stringify(about).slice(1, -1));
}

function answerLegacy(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  message: Incoming,
  lists: Lists,
): void {
  if (message.method === 'initialize') {
    const session = randomUUID();
    sessions.add(session);
    response.setHeader('mcp-session-id', session);
    return welcome(reply, message);
  }
  if (!sessions.has(sessionOf(request))) return fail(reply, 404, message, -32001, 'Session not found');
  if (message.id === undefined) return reply(202, '');
  const list = lists[message.method];
  return list === undefined ? call(reply, message, '') : succeed(reply, message, list);
}

function welcome(reply: Reply, message: Incoming): void {
  const serverInfo = { name: 'bench', version: '1.0.0' };
  const hello = { protocolVersion: VERSIONS.legacy, capabilities: CAPABILITIES, serverInfo };
  succeed(reply, message, JSON.stringify(hello).slice(1, -1));
}

function openStream(response: ServerResponse): void {
  const session = randomUUID();
  streams.set(session, response);
  response.on('close', () => streams.delete(session));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`event: endpoint\ndata: /sse?session=${session}\n\n`);
}

function answerOnStream(session: string, response: ServerResponse, message: Incoming): void {
  const stream = streams.get(session);
  if (stream === undefined)
    return fail((status, text) => end(response, status, text), 404, message, -32001, 'No session');
  end(response, 202, '');
  if (message.id === undefined) return;
  const reply: Reply = (_status, text) => void stream.write(`event: message\ndata: ${text}\n\n`);
  if (message.method === 'initialize') welcome(reply, message);
  else call(reply, message, '');
}

function call(reply: Reply, message: Incoming, start: string): void {
  const { name = '', uri } = message.params ?? {};
  if (message.method === 'ping') return succeed(reply, message, '');
  if (message.method === 'resources/read') {
    const contents = JSON.stringify([{ uri, mimeType: 'text/markdown', text: '# pong' }]);
    const caching = start === '' ? '' : '"ttlMs":0,"cacheScope":"public",';
    return succeed(reply, message, `${start}${caching}"contents":${contents}`);
  }
  const result = RESULTS.get(name);
  if (message.method !== 'tools/call') return fail(reply, 200, message, -32601, `No ${message.method} here`);
  if (result === undefined) return fail(reply, 200, message, -32602, `Unknown tool: ${name}`);
  if (name === 'slow') setTimeout(() => succeed(reply, message, start + result), SLOW_MS);
  else succeed(reply, message, start + result);
}

/** As servers of one era answer to the other one. */
function refuseEra(reply: Reply, message: Incoming, modern: boolean): void {
  if (modern) return fail(reply, 400, message, -32000, 'Bad Request: No valid session ID provided');
  return fail(reply, 400, message, -32022, 'Unsupported protocol version');
}

function succeed(reply: Reply, message: Incoming, result: string): void {
  reply(200, `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{${result}}}`);
}

function fail(reply: Reply, status: number, { id }: Incoming, code: number, message: string): void {
  reply(status, JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }));
}

function end(response: ServerResponse, status: number, text: string): void {
  const headers = text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, headers);
  response.end(text);
}

function sessionOf(request: IncomingMessage): string {
  return String(request.headers['mcp-session-id']);
}

function count(method: string, caller: string): void {
  const what = caller === '' ? method : countedAs(method, caller);
  counts[what] = (counts[what] ?? 0) + 1;
}

await runProgram(async () => ({ origin: await listen(handle), counts }));
