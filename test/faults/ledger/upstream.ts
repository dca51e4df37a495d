/**
 * An MCP server over raw HTTP that executes calls and answers with a receipt, and fails where it is told to. It speaks
 * both eras or the legacy one only, and issues sessions.
 */
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ToExecute } from './ledger.ts';
import type { UpstreamFault } from './plan.ts';

/** JSON as tests look into it. */
type AnyJson = any;

/** What it does with calls, and where it keeps what it has done. */
export interface Behaviour {
  /** What happens to this request for a call; undefined when it is just answered. */
  faultOf(call: string): UpstreamFault | undefined;
  /** Returns the receipt. */
  execute(execution: ToExecute): string;
  /** Waited for when a request for the call has arrived, and when it has been executed. */
  reached?(moment: 'arrived' | 'executed', call: string): Promise<void>;
  /** From 0 up to 1, for what is left open. */
  fraction(): number;
}

export interface LedgerUpstreamOptions {
  readonly eras: 'both' | 'legacy';
  /** How late an answer is that comes too late, in milliseconds. */
  readonly lateMs: number;
}

const MODERN_VERSION = '2026-07-28';
const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'];
const VERSION_META = 'io.modelcontextprotocol/protocolVersion';
const SERVER_INFO = { name: 'ledger', version: '1.0.0' };
const CAPABILITIES = { tools: {} };
const COMPLETE = { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': SERVER_INFO } };
const CACHEABLE = { ttlMs: 0, cacheScope: 'public' };
const SCHEMA = { type: 'object' };
const TOOLS = [
  { name: 'pay', inputSchema: SCHEMA },
  { name: 'send', inputSchema: SCHEMA, annotations: { idempotentHint: true } },
  { name: 'put', inputSchema: SCHEMA, annotations: { idempotentHint: true } },
  { name: 'book', inputSchema: SCHEMA },
  { name: 'look', inputSchema: SCHEMA, annotations: { readOnlyHint: true } },
];

export class LedgerUpstream {
  readonly #options: LedgerUpstreamOptions;
  readonly #behaviour: Behaviour;
  /** Sessions that are open. */
  readonly #sessions = new Set<string>();
  /** Those of them in which nothing has been said yet. */
  readonly #unused = new Set<string>();
  #opened = 0;
  #server: Server | undefined;
  #port = 0;

  constructor(options: LedgerUpstreamOptions, behaviour: Behaviour) {
    this.#options = options;
    this.#behaviour = behaviour;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  /** Sessions opened so far. */
  get opened(): number {
    return this.#opened;
  }

  /** Sessions that nobody has ended. */
  get open(): number {
    return this.#sessions.size;
  }

  /** Those of them in which nothing was ever said, not even that they are open: whoever asked had gone, and knows of none. */
  get openUnused(): number {
    return this.#unused.size;
  }

  /** Listens, on the same port as before; sessions are as they were. */
  async start(): Promise<void> {
    const server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch((error: unknown) => response.destroy(error as Error));
    });
    // Clients decide how long they keep a connection, so that a reused one is never closed by this side on its own.
    server.keepAliveTimeout = 0;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Nobody listens any more, and every connection is closed. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  /** A session is unknown from now on; one of those that are open. Not counted as ended by anybody. */
  forgetOne(): void {
    const [oldest] = this.#sessions;
    if (oldest !== undefined) this.#drop(oldest);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrivedAt = performance.now();
    const text = await readText(incoming);
    // Cut off by its sender: nothing has been asked.
    if (text === undefined) return;
    const session = incoming.headers['mcp-session-id'];
    this.#unused.delete(String(session));
    if (incoming.method === 'DELETE') return this.#end(String(session), response);
    if (incoming.method !== 'POST') return respond(response, 405, { allow: 'POST, DELETE' }, '');
    const message: AnyJson = JSON.parse(text);
    const modern = this.#options.eras === 'both' && message.params?._meta?.[VERSION_META] !== undefined;
    if (!modern && message.method === 'initialize') return this.#initialize(message, response);
    if (!modern && !this.#sessions.has(String(session))) {
      return session === undefined
        ? refuse(response, 400, null, -32000, 'Bad Request: Server not initialized')
        : refuse(response, 404, null, -32001, 'Session not found');
    }
    if (message.id === undefined || message.method === undefined) return respond(response, 202, {}, '');
    if (message.method === 'tools/call') return await this.#call(message, modern, arrivedAt, response);
    const result = resultOf(message.method);
    if (result === undefined) return refuse(response, modern ? 404 : 200, message.id, -32601, 'Method not found');
    const whole = modern ? { ...result, ...COMPLETE, ...CACHEABLE } : result;
    respondJson(response, { jsonrpc: '2.0', id: message.id, result: whole });
  }

  #initialize({ id, params }: AnyJson, response: ServerResponse): void {
    const asked: unknown = params?.protocolVersion;
    const protocolVersion = LEGACY_VERSIONS.find((version) => version === asked) ?? LEGACY_VERSIONS[0];
    const session = randomUUID();
    this.#sessions.add(session);
    this.#unused.add(session);
    this.#opened += 1;
    const result = { protocolVersion, capabilities: CAPABILITIES, serverInfo: SERVER_INFO };
    respondJson(response, { jsonrpc: '2.0', id, result }, { 'mcp-session-id': session });
  }

  #end(session: string, response: ServerResponse): void {
    if (!this.#drop(session)) return refuse(response, 404, null, -32001, 'Session not found');
    respond(response, 200, {}, '');
  }

  #drop(session: string): boolean {
    this.#unused.delete(session);
    return this.#sessions.delete(session);
  }

  async #call(message: AnyJson, modern: boolean, arrivedAt: number, response: ServerResponse): Promise<void> {
    const { name: tool, arguments: args, _meta: meta } = message.params;
    const { call, amount } = args as { readonly call: string; readonly amount: number };
    const attempt = String(meta?.traceparent).split('-')[1] ?? '';
    const behaviour = this.#behaviour;
    const fault = behaviour.faultOf(call);
    await behaviour.reached?.('arrived', call);
    const execute = () => behaviour.execute({ call, attempt, tool, amount, arrivedAt });
    const answer = (receipt: string) => finalMessage(message.id, { call, amount, receipt }, modern);
    switch (fault) {
      case 'reset-before':
        return void response.socket?.resetAndDestroy();
      case 'reset-after':
        execute();
        return void response.socket?.resetAndDestroy();
      case 'throttle':
        return respond(response, 429, { 'retry-after': behaviour.fraction() < 0.5 ? '0' : '1' }, '');
      case 'error-before':
        return respond(response, 500, { 'content-type': 'text/plain' }, 'Internal Server Error');
      case 'error-after':
        execute();
        return respond(response, 500, { 'content-type': 'text/plain' }, 'Internal Server Error');
      case 'unavailable':
        return respond(response, 503, {}, '');
      case 'cut-json':
        return cutShort(response, JSON.stringify(answer(execute())));
      case 'cut-stream':
        execute();
        return respond(response, 200, SSE_TYPE, progress(meta));
      case 'delay':
        return await this.#answerLate(response, execute, answer);
      case undefined: {
        const receipt = execute();
        await behaviour.reached?.('executed', call);
        if (behaviour.fraction() < 0.75) return respondJson(response, answer(receipt));
        return respond(response, 200, SSE_TYPE, progress(meta) + sse(answer(receipt)));
      }
    }
  }

  async #answerLate(
    response: ServerResponse,
    execute: () => string,
    answer: (receipt: string) => object,
  ): Promise<void> {
    const early = this.#behaviour.fraction() < 0.5 ? execute() : undefined;
    await sleep(this.#options.lateMs);
    // It goes on even if nobody listens any more.
    respondJson(response, answer(early ?? execute()));
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };
const SSE_TYPE = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };

/** Undefined for a method that it lacks. */
function resultOf(method: string): object | undefined {
  switch (method) {
    case 'server/discover':
      return { supportedVersions: [MODERN_VERSION, ...LEGACY_VERSIONS], capabilities: CAPABILITIES };
    case 'tools/list':
      return { tools: TOOLS };
    case 'ping':
      return {};
    default:
      return undefined;
  }
}

function finalMessage(id: unknown, said: object, modern: boolean): object {
  const content = [{ type: 'text', text: JSON.stringify(said) }];
  return { jsonrpc: '2.0', id, result: modern ? { content, ...COMPLETE } : { content } };
}

/** Nothing for a call that did not ask for it. */
function progress(meta: AnyJson): string {
  const progressToken: unknown = meta?.progressToken;
  if (progressToken === undefined) return ': nothing to say yet\n\n';
  return sse({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } });
}

function sse(message: unknown): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

/** Says how long the text is, sends half of it, and goes. */
function cutShort(response: ServerResponse, text: string): void {
  response.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(text) });
  response.write(text.slice(0, text.length / 2), () => response.socket?.destroy());
}

function respondJson(response: ServerResponse, message: unknown, headers: Record<string, string> = {}): void {
  respond(response, 200, { ...JSON_TYPE, ...headers }, JSON.stringify(message));
}

function respond(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  if (response.closed) return;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function refuse(response: ServerResponse, status: number, id: AnyJson, code: number, message: string): void {
  respond(response, status, JSON_TYPE, JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }));
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
