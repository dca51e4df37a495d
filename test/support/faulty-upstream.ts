/**
 * An MCP server over raw HTTP that misbehaves on command, in either era. What it does is decided per tool: a test says
 * `upstream.on('slow', 'hang')` and calls the tool `slow`. It records what reached it, so that a test can wait for a
 * request, or for the caller to give it up, instead of sleeping.
 */
import type { AddressInfo, Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';

export type Fault =
  /** Answers with its arguments. */
  | 'ok'
  /** Like `ok`, as a stream: a progress notification and a log message, if they are asked for, before the response. */
  | 'sse'
  /** Never answers. */
  | 'hang'
  /** Resets the connection after it has read the request. */
  | 'reset'
  /** Closes the connection after it has read the request. */
  | 'close'
  /** Sends headers and half a body, then resets the connection. */
  | 'half'
  /** Says application/json and sends something else. */
  | 'garbage'
  /** Sends JSON that is no JSON-RPC message. */
  | 'not-jsonrpc'
  | 'http-500'
  /** With `Retry-After: 7`. */
  | 'http-429'
  /** 302 to a path of its own that counts its calls in `redirected`. */
  | 'redirect'
  /** A progress notification in a stream, which then ends without a final response. */
  | 'sse-no-final'
  /** A byte of a JSON message every 50 ms, without an end. */
  | 'trickle'
  /** A progress notification every 50 ms, without an end. */
  | 'sse-trickle'
  /** A response to a request that nobody sent. */
  | 'wrong-id'
  /** A web page with status 200. */
  | 'html'
  /** A valid response with this much text in it. */
  | { readonly kind: 'huge'; readonly bytes: number };

export interface RecordedRequest {
  readonly httpMethod: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body parsed; undefined when it is not JSON. */
  readonly message: AnyJson;
  readonly sessionId: string | undefined;
  /** The method of the JSON-RPC message, if it is one. */
  readonly method: string | undefined;
  /** The tool that is called, if it is a call. */
  readonly tool: string | undefined;
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
  /** Resolves when the connection closes before the response has ended; never, if it does not. */
  readonly abandoned: Promise<void>;
}

export interface Gate {
  /** Resolves with the first call that comes in after the gate was set. */
  readonly entered: Promise<RecordedRequest>;
  /** Lets the calls inside, and all later ones, have their answer. */
  release(): void;
}

export interface FaultyUpstreamOptions {
  readonly era: 'modern' | 'legacy' | 'both';
  /** Whether `initialize` issues a session id; true by default. */
  readonly issuesSessions?: boolean;
}

/** JSON as tests look into it. */
type AnyJson = any;

type Script = (call: Call) => void | Promise<void>;

interface Call {
  readonly recorded: RecordedRequest;
  readonly response: ServerResponse;
  readonly modern: boolean;
}

const MODERN_VERSION = '2026-07-28';
const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'];
const VERSION_META = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES_META = 'io.modelcontextprotocol/clientCapabilities';
const LOG_LEVEL_META = 'io.modelcontextprotocol/logLevel';
const SERVER_INFO = { name: 'faulty-upstream', version: '1.0.0' };
const CAPABILITIES = { tools: {}, logging: {} };
const TRICKLE_MS = 50;

export async function startFaultyUpstream(options: FaultyUpstreamOptions): Promise<FaultyUpstream> {
  const upstream = new FaultyUpstream(options);
  await upstream.start();
  return upstream;
}

export class FaultyUpstream {
  /** Everything that reached it, in order. */
  readonly requests: RecordedRequest[] = [];
  /** Sessions ended by DELETE. */
  readonly deleted: string[] = [];
  /** The `params` of every `notifications/cancelled`. */
  readonly cancellations: AnyJson[] = [];
  /** Requests that followed the redirect of the fault `redirect`. */
  redirected = 0;
  /** Connections accepted so far. */
  connections = 0;

  readonly #era: FaultyUpstreamOptions['era'];
  readonly #issuesSessions: boolean;
  /** By tool. */
  readonly #tools = new Map<string, Script>([['ok', answerOk]]);
  /** By method, before anything else is done for it. */
  readonly #methods = new Map<string, Script>();
  readonly #sessions = new Set<string>();
  readonly #connectionNumbers = new WeakMap<Socket, number>();
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;

  constructor(options: FaultyUpstreamOptions) {
    this.#era = options.era;
    this.#issuesSessions = options.issuesSessions ?? true;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  /** Ids of the sessions that are open. */
  get sessions(): readonly string[] {
    return [...this.#sessions];
  }

  /** Scripts a tool, which `tools/list` shows from then on. */
  on(tool: string, fault: Fault): void {
    this.#tools.set(tool, scriptOf(fault));
  }

  /** Scripts a whole method, such as `initialize` or `tools/list`; `ok` makes it work as usual again. */
  onMethod(method: string, fault: Exclude<Fault, 'sse'>): void {
    if (fault === 'ok') this.#methods.delete(method);
    else this.#methods.set(method, scriptOf(fault));
  }

  /** Makes a tool hold its calls until the test releases them. */
  gate(tool: string): Gate {
    const opened = Promise.withResolvers<void>();
    const entered = this.received((request) => request.tool === tool, this.calls(tool).length + 1);
    this.#tools.set(tool, async (call) => {
      await opened.promise;
      answerOk(call);
    });
    return { entered, release: opened.resolve };
  }

  /** Makes a tool answer only once `count` calls are inside it at the same time. */
  barrier(tool: string, count: number): void {
    const inside = new Set<Call>();
    this.#tools.set(tool, (call) => {
      inside.add(call);
      void call.recorded.abandoned.then(() => inside.delete(call));
      if (inside.size < count) return;
      for (const each of inside) answerOk(each);
      inside.clear();
    });
  }

  calls(tool: string): readonly RecordedRequest[] {
    return this.requests.filter((request) => request.tool === tool);
  }

  /** Resolves with the `count`th recorded request that matches, as soon as there is one. */
  async received(matches: (request: RecordedRequest) => boolean, count = 1): Promise<RecordedRequest> {
    for (;;) {
      const found = this.requests.filter(matches)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** From now on every session is answered with 404. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  /** Listens, on the same port as before. */
  async start(): Promise<void> {
    const server = createServer((incoming, response) => {
      void this.#handle(incoming, response);
    });
    // Clients decide how long they keep a connection, so that a reused one is never closed by this side on its own.
    server.keepAliveTimeout = 0;
    server.on('connection', (socket) => {
      this.connections += 1;
      this.#connectionNumbers.set(socket, this.connections);
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Dies: every connection breaks, every session is lost. What was scripted and recorded stays. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#sessions.clear();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readText(incoming);
    // Cut off by its sender: nothing has been asked.
    if (text === undefined) return;
    if (incoming.url === '/elsewhere') this.redirected += 1;
    const recorded = this.#record(incoming, response, text);
    if (incoming.method === 'DELETE') return this.#delete(recorded, response);
    if (incoming.method !== 'POST') return respond(response, 405, { allow: 'POST, DELETE' }, '');
    const { message } = recorded;
    if (message === undefined) return refuse(response, 400, null, -32700, 'Parse error');
    if (message?.jsonrpc !== '2.0') return refuse(response, 400, null, -32600, 'Invalid Request');
    const scripted = recorded.method === undefined ? undefined : this.#methods.get(recorded.method);
    const modern = this.#era !== 'legacy' && message.params?._meta?.[VERSION_META] !== undefined;
    if (scripted !== undefined) await scripted({ recorded, response, modern });
    else if (modern) await this.#serveModern(recorded, response);
    else if (this.#era === 'modern') refuseOldClient(response, message);
    else await this.#serveLegacy(recorded, response);
  }

  #record(incoming: IncomingMessage, response: ServerResponse, text: string): RecordedRequest {
    const message = parse(text);
    const sessionId = incoming.headers['mcp-session-id'];
    const abandoned = Promise.withResolvers<void>();
    response.once('close', () => {
      if (!response.writableFinished) abandoned.resolve();
    });
    const recorded: RecordedRequest = {
      httpMethod: incoming.method ?? '',
      headers: incoming.headers,
      text,
      message,
      sessionId: typeof sessionId === 'string' ? sessionId : undefined,
      method: typeof message?.method === 'string' ? message.method : undefined,
      tool: message?.method === 'tools/call' ? message.params?.name : undefined,
      connection: this.#connectionNumbers.get(incoming.socket) ?? 0,
      abandoned: abandoned.promise,
    };
    this.requests.push(recorded);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return recorded;
  }

  #delete({ sessionId }: RecordedRequest, response: ServerResponse): void {
    if (sessionId === undefined || !this.#sessions.delete(sessionId)) {
      return refuse(response, 404, null, -32001, 'Session not found');
    }
    this.deleted.push(sessionId);
    respond(response, 200, {}, '');
  }

  async #serveModern(recorded: RecordedRequest, response: ServerResponse): Promise<void> {
    const { headers, message } = recorded;
    const { id, method, params } = message;
    const version = params._meta[VERSION_META];
    if (typeof params._meta[CAPABILITIES_META] !== 'object') {
      return refuse(response, 400, id, -32602, `_meta["${CAPABILITIES_META}"] is required`);
    }
    if (headers['mcp-protocol-version'] !== version || headers['mcp-method'] !== method) {
      return refuse(response, 400, id, -32020, 'Header mismatch');
    }
    const supported = this.#era === 'both' ? [MODERN_VERSION, ...LEGACY_VERSIONS] : [MODERN_VERSION];
    if (version !== MODERN_VERSION) {
      return refuse(response, 400, id, -32022, 'Unsupported protocol version', { supported, requested: version });
    }
    if (method === 'server/discover') {
      const found = { supportedVersions: supported, capabilities: CAPABILITIES };
      return respondJson(response, { jsonrpc: '2.0', id, result: { ...found, ...complete(), ...CACHEABLE } });
    }
    if (method === 'tools/list') {
      return respondJson(response, {
        jsonrpc: '2.0',
        id,
        result: { ...this.#listTools(), ...complete(), ...CACHEABLE },
      });
    }
    if (method === 'tools/call') return await this.#call({ recorded, response, modern: true });
    refuse(response, 404, id, -32601, `Method not found: ${method}`);
  }

  async #serveLegacy(recorded: RecordedRequest, response: ServerResponse): Promise<void> {
    const { message, sessionId, headers } = recorded;
    const { id, method } = message;
    if (method === 'initialize') return this.#initialize(message, response);
    const version = headers['mcp-protocol-version'];
    if (version !== undefined && !LEGACY_VERSIONS.includes(String(version))) {
      const known = LEGACY_VERSIONS.join(', ');
      return refuse(response, 400, null, -32000, `Bad Request: Unsupported protocol version (supported: ${known})`);
    }
    if (this.#issuesSessions) {
      if (sessionId === undefined) return refuse(response, 400, null, -32000, 'Bad Request: Server not initialized');
      if (!this.#sessions.has(sessionId)) return refuse(response, 404, null, -32001, 'Session not found');
    }
    if (id === undefined || method === undefined) {
      if (method === 'notifications/cancelled') this.cancellations.push(message.params);
      return respond(response, 202, {}, '');
    }
    if (method === 'ping' || method === 'logging/setLevel')
      return respondJson(response, { jsonrpc: '2.0', id, result: {} });
    if (method === 'tools/list') return respondJson(response, { jsonrpc: '2.0', id, result: this.#listTools() });
    if (method === 'tools/call') return await this.#call({ recorded, response, modern: false });
    refuse(response, 200, id, -32601, `Method not found: ${method}`);
  }

  #initialize({ id, params }: AnyJson, response: ServerResponse): void {
    const asked = params?.protocolVersion;
    const protocolVersion = LEGACY_VERSIONS.includes(asked) ? asked : LEGACY_VERSIONS[0];
    const result = { protocolVersion, capabilities: CAPABILITIES, serverInfo: SERVER_INFO };
    const sessionId = randomUUID();
    if (this.#issuesSessions) this.#sessions.add(sessionId);
    respondJson(response, { jsonrpc: '2.0', id, result }, this.#issuesSessions ? { 'mcp-session-id': sessionId } : {});
  }

  #listTools() {
    return { tools: [...this.#tools.keys()].map((name) => ({ name, inputSchema: { type: 'object' } })) };
  }

  async #call(call: Call): Promise<void> {
    const { message } = call.recorded;
    const script = this.#tools.get(message.params?.name);
    if (script === undefined)
      return refuse(call.response, 200, message.id, -32602, `Unknown tool: ${message.params?.name}`);
    await script(call);
  }
}

const CACHEABLE = { ttlMs: 0, cacheScope: 'private' };

/** What a modern result says about itself. */
function complete() {
  return { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': SERVER_INFO } };
}

function scriptOf(fault: Fault): Script {
  if (typeof fault !== 'string') return (call) => answerHuge(call, fault.bytes);
  switch (fault) {
    case 'ok':
      return answerOk;
    case 'sse':
      return answerStream;
    case 'hang':
      return () => {};
    case 'reset':
      return ({ response }) => void response.socket?.resetAndDestroy();
    case 'close':
      return ({ response }) => void response.socket?.destroy();
    case 'half':
      return answerHalf;
    case 'garbage':
      return ({ response }) => respond(response, 200, JSON_TYPE, 'this is <not> JSON {');
    case 'not-jsonrpc':
      return ({ response }) => respond(response, 200, JSON_TYPE, '{"hello":"world"}');
    case 'http-500':
      return ({ response }) => respond(response, 500, { 'content-type': 'text/plain' }, 'Internal Server Error');
    case 'http-429':
      return ({ response }) => respond(response, 429, { 'retry-after': '7' }, '');
    case 'redirect':
      return ({ response }) => respond(response, 302, { location: '/elsewhere' }, '');
    case 'sse-no-final':
      return answerWithoutEnd;
    case 'trickle':
      return ({ response }) => trickle(response, 'application/json', '{"jsonrpc":"2.0","never":"', () => 'x');
    case 'sse-trickle':
      return (call) => trickle(call.response, 'text/event-stream', '', (count) => sse(progress(call, count)));
    case 'wrong-id':
      return (call) => respondJson(call.response, { ...finalMessage(call), id: randomUUID() });
    case 'html':
      return ({ response }) => respond(response, 200, { 'content-type': 'text/html' }, '<!doctype html><p>Hello</p>');
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };
const SSE_TYPE = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };

/** Stands for the text of a large result until it is sent. */
const FILLER = '<filler>';

function finalMessage({ recorded: { message }, modern }: Call, text = JSON.stringify(message.params?.arguments ?? {})) {
  const content = [{ type: 'text', text }];
  return { jsonrpc: '2.0', id: message.id, result: modern ? { content, ...complete() } : { content } };
}

function answerOk(call: Call): void {
  respondJson(call.response, finalMessage(call));
}

function answerStream(call: Call): void {
  const meta = call.recorded.message.params?._meta;
  const log = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'half way' } };
  call.response.writeHead(200, SSE_TYPE);
  if (meta?.progressToken !== undefined) call.response.write(sse(progress(call, 1)));
  // A modern client asks for log messages with each request, a legacy one once for all.
  if (!call.modern || meta[LOG_LEVEL_META] !== undefined) call.response.write(sse(log));
  call.response.end(sse(finalMessage(call)));
}

function answerWithoutEnd(call: Call): void {
  call.response.writeHead(200, SSE_TYPE);
  call.response.end(sse(progress(call, 1)));
}

function answerHalf({ response }: Call): void {
  response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' });
  response.write('{"jsonrpc":"2.0",', () => response.socket?.resetAndDestroy());
}

async function answerHuge(call: Call, bytes: number): Promise<void> {
  const { response } = call;
  const chunk = 'x'.repeat(64 * 1024);
  const [start, end] = JSON.stringify(finalMessage(call, FILLER)).split(FILLER);
  response.writeHead(200, JSON_TYPE);
  response.write(start);
  for (let left = bytes; left > 0 && !response.closed; left -= chunk.length) {
    if (!response.write(chunk.slice(0, left))) await drained(response);
  }
  response.end(end);
}

/** Resolves when more can be written, or the connection has closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const proceed = () => {
      response.off('drain', proceed);
      response.off('close', proceed);
      resolve();
    };
    response.on('drain', proceed);
    response.on('close', proceed);
  });
}

function trickle(response: ServerResponse, type: string, start: string, next: (count: number) => string): void {
  let count = 0;
  response.writeHead(200, { 'content-type': type });
  response.write(start + next((count += 1)));
  const timer = setInterval(() => response.write(next((count += 1))), TRICKLE_MS);
  response.once('close', () => clearInterval(timer));
}

/** A progress notification of the call; for a call without a token, one that belongs to nobody. */
function progress({ recorded }: Call, count: number) {
  const progressToken = recorded.message.params?._meta?.progressToken ?? 'nobody';
  return { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: count } };
}

function sse(message: unknown): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

function respondJson(response: ServerResponse, message: unknown, headers: Record<string, string> = {}): void {
  respond(response, 200, { ...JSON_TYPE, ...headers }, JSON.stringify(message));
}

function respond(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  if (response.closed) return;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function refuse(
  response: ServerResponse,
  status: number,
  id: string | number | null,
  code: number,
  message: string,
  data?: unknown,
): void {
  const error = data === undefined ? { code, message } : { code, message, data };
  respond(response, status, JSON_TYPE, JSON.stringify({ jsonrpc: '2.0', id, error }));
}

/** What a modern-only server says to a legacy client: it names what it speaks (2026-07-28, basic/versioning). */
function refuseOldClient(response: ServerResponse, { id, params }: AnyJson): void {
  const data = { supported: [MODERN_VERSION], requested: params?.protocolVersion };
  refuse(response, 400, id ?? null, -32022, 'Unsupported protocol version', data);
}

/** Undefined when the sender went before the end. */
async function readText(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): AnyJson {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
