/**
 * An MCP server over real HTTP, in either era or both, whose lists a test makes and changes while it runs: their items,
 * pages, freshness and audience. What it answers to a call says who answered and under which name it was asked. It can
 * be stopped and started again at the same address, hold requests until the test lets them go, announce changes on the
 * stream of a call, and answer any method as a test likes.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** JSON as tests look into it. */
type AnyJson = any;

export const LISTS = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;
export type ListName = (typeof LISTS)[number];

/** The method that lists these. */
export const METHODS: Readonly<Record<ListName, string>> = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  resourceTemplates: 'resources/templates/list',
};

export type Lists = Partial<Record<ListName, readonly object[]>>;

export interface ListingOptions extends Lists {
  readonly era?: 'modern' | 'legacy' | 'both';
  /** What its answers begin with. */
  readonly label?: string;
  /** What it declares; by default, what it has lists for. */
  readonly capabilities?: object;
  readonly instructions?: string;
  /** Items in each page; all in one by default. */
  readonly pageSize?: number;
  /** What a modern list says; left out when undefined. */
  readonly ttlMs?: number | undefined;
  readonly cacheScope?: 'public' | 'private';
}

/** One message that came in. */
export interface Heard {
  readonly httpMethod: string;
  readonly headers: IncomingHttpHeaders;
  readonly sessionId: string | undefined;
  readonly message: AnyJson;
  /** The method of the message; undefined for what has none. */
  readonly method: string | undefined;
  readonly modern: boolean;
}

/** A request that waits for its answer. */
export interface Asked extends Heard {
  readonly params: AnyJson;
  readonly response: ServerResponse;
  /** Answers with a result; what the era demands is added where it is missing. */
  answer(result: object): void;
  fail(code: number, message: string): void;
}

export type Script = (asked: Asked) => void | Promise<void>;

/** Requests that are held until the test lets them go. */
export interface Gate {
  /** Resolves once a request is being held. */
  readonly entered: Promise<unknown>;
  /** Lets those held go, and later ones pass. */
  release(): void;
}

const MODERN = '2026-07-28';
const LEGACY: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];
const VERSION_META = 'io.modelcontextprotocol/protocolVersion';
const JSON_TYPE = { 'content-type': 'application/json' };

/** A tool of this name; more fields take the place of its own. */
export function tool(name: string, more: object = {}): object {
  return { name, description: `Does ${name}`, inputSchema: { type: 'object' }, ...more };
}

export function tools(...names: string[]): object[] {
  return names.map((name) => tool(name));
}

export function prompts(...names: string[]): object[] {
  return names.map((name) => ({ name }));
}

export function resources(...uris: string[]): object[] {
  return uris.map((uri) => ({ uri, name: uri }));
}

export function templates(...uriTemplates: string[]): object[] {
  return uriTemplates.map((uriTemplate) => ({ uriTemplate, name: uriTemplate }));
}

export async function startListingUpstream(options: ListingOptions = {}): Promise<ListingUpstream> {
  const upstream = new ListingUpstream(options);
  await upstream.start();
  return upstream;
}

export class ListingUpstream {
  /** Everything that came in, in order. */
  readonly heard: Heard[] = [];
  readonly label: string;
  /** A list that is absent is one that it does not know. */
  lists: Lists;
  pageSize: number;
  ttlMs: number | undefined;
  cacheScope: 'public' | 'private' | undefined;
  instructions: string | undefined;
  capabilities: object;
  /** Notifications that go before the answer to the next call of a tool. */
  announcing: readonly string[] = [];
  /** How it says that it does not know a tool. */
  unknownTool: 'error' | 'result' = 'error';
  /** URIs that it knows without listing them or having a template for them. */
  unlisted: readonly string[] = [];
  /** Serves the stream beside the calls of a session; without it, that is 405. */
  onStream: ((asked: Asked) => void) | undefined;
  /** Takes what is no request, such as answers to its questions; without it, that is 202. */
  onAnswer: ((asked: Asked) => void) | undefined;

  readonly #era: 'modern' | 'legacy' | 'both';
  readonly #scripts = new Map<string, Script>();
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();
  readonly #sessions = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;

  constructor({ era = 'both', label = 'upstream', pageSize = Infinity, ...options }: ListingOptions) {
    this.#era = era;
    this.label = label;
    this.lists = Object.fromEntries(
      LISTS.flatMap((list) => (options[list] === undefined ? [] : [[list, options[list]]])),
    );
    this.pageSize = pageSize;
    this.ttlMs = 'ttlMs' in options ? options.ttlMs : 0;
    this.cacheScope = options.cacheScope;
    this.instructions = options.instructions;
    this.capabilities = options.capabilities ?? this.#declared();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  /** Upstream sessions that are open. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** What it does for a method from now on. */
  on(method: string, script: Script): void {
    this.#scripts.set(method, script);
  }

  /** Forgets what it was to do for a method. */
  asUsual(method: string): void {
    this.#scripts.delete(method);
  }

  /** Holds requests of this method. */
  hold(method: string): Gate {
    const opened = Promise.withResolvers<void>();
    const count = this.of(method).length + 1;
    this.#gates.set(method, opened);
    return {
      entered: this.receive(method, count),
      release: () => {
        this.#gates.delete(method);
        opened.resolve();
      },
    };
  }

  /** Lets everything go that is held. */
  release(): void {
    for (const opened of this.#gates.values()) opened.resolve();
    this.#gates.clear();
  }

  /** Without a method: answers to what it asked. */
  of(method: string | undefined): readonly Heard[] {
    return this.heard.filter((heard) => heard.method === method);
  }

  /** Names of the tools that were called, in order. */
  get called(): readonly string[] {
    return this.of('tools/call').map(({ message }) => message.params.name as string);
  }

  /** Resolves with the `count`th message of a method, as soon as it is there. */
  async receive(method: string | undefined, count = 1): Promise<Heard> {
    for (;;) {
      const found = this.of(method)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Answers as it does when no script is set. */
  usual(asked: Asked): void {
    const { method, modern } = asked;
    if (method === (modern ? 'server/discover' : 'initialize')) return this.#introduce(asked);
    const list = LISTS.find((one) => METHODS[one] === method);
    if (list !== undefined) return this.#list(list, asked);
    switch (method) {
      case 'tools/call':
        return this.#callTool(asked);
      case 'prompts/get':
        return this.#getPrompt(asked);
      case 'resources/read':
        return this.#readResource(asked);
      case 'completion/complete':
        return asked.answer({
          completion: { values: [`${this.label}:${asked.params.ref.name ?? asked.params.ref.uri}`] },
        });
      case 'ping':
      case 'logging/setLevel':
        return asked.answer({});
      default:
        return asked.fail(-32601, `Method not found: ${method}`);
    }
  }

  /** Listens, on the same port as before. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      void readText(request).then(
        (text) => this.#serve(request, text, response),
        // The sender went before the end.
        () => response.destroy(),
      );
    });
    server.keepAliveTimeout = 0;
    this.#port = this.#port === 0 ? await listenSomewhere(server) : await listenAt(server, this.#port);
    this.#server = server;
  }

  /** Dies: every connection breaks, every session is lost. What was scripted and heard stays. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#sessions.clear();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  #declared(): object {
    const { tools: own, prompts: ownPrompts, resources: ownResources, resourceTemplates } = this.lists;
    return {
      ...(own === undefined ? {} : { tools: { listChanged: true } }),
      ...(ownPrompts === undefined ? {} : { prompts: {}, completions: {} }),
      ...(ownResources === undefined && resourceTemplates === undefined ? {} : { resources: {}, completions: {} }),
    };
  }

  async #serve(request: IncomingMessage, text: string, response: ServerResponse): Promise<void> {
    const message: AnyJson = text === '' ? undefined : JSON.parse(text);
    const session = request.headers['mcp-session-id'];
    const method = typeof message?.method === 'string' ? (message.method as string) : undefined;
    const asked = this.#asked(response, {
      httpMethod: request.method ?? '',
      headers: request.headers,
      sessionId: typeof session === 'string' ? session : undefined,
      message,
      method,
      modern: this.#era !== 'legacy' && message?.params?._meta?.[VERSION_META] !== undefined,
    });
    this.heard.push(asked);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    if (method !== undefined) await this.#gates.get(method)?.promise;
    if (asked.httpMethod === 'DELETE') return this.#endSession(asked);
    if (asked.httpMethod === 'GET' && this.onStream !== undefined) {
      if (!this.#sessions.has(asked.sessionId ?? '')) return void response.writeHead(404).end();
      return this.onStream(asked);
    }
    if (asked.httpMethod !== 'POST') return void response.writeHead(405).end();
    if (this.#isTurnedAway(asked)) return;
    if (message.id === undefined || method === undefined) {
      if (this.onAnswer !== undefined) return this.onAnswer(asked);
      return void response.writeHead(202).end();
    }
    const script = this.#scripts.get(method) ?? ((one: Asked) => this.usual(one));
    try {
      await script(asked);
    } catch (error) {
      asked.fail(-32603, String(error));
    }
  }

  #asked(response: ServerResponse, heard: Heard): Asked {
    const { message, modern } = heard;
    const end = (status: number, body: object): void => {
      const text = JSON.stringify({ jsonrpc: '2.0', id: message?.id ?? null, ...body });
      if (response.headersSent) response.end(`data: ${text}\n\n`);
      else response.writeHead(status, JSON_TYPE).end(text);
    };
    return {
      ...heard,
      params: message?.params,
      response,
      answer: (result) => end(200, { result: modern ? { resultType: 'complete', ...result } : result }),
      fail: (code, words) => end(modern && code === -32601 ? 404 : 200, { error: { code, message: words } }),
    };
  }

  /** As servers of one era turn the other away, and those with sessions what belongs to none. */
  #isTurnedAway({ modern, method, sessionId, message, response }: Asked): boolean {
    const refuse = (status: number, code: number, words: string, data?: object): true => {
      const error = { code, message: words, data };
      response.writeHead(status, JSON_TYPE).end(JSON.stringify({ jsonrpc: '2.0', id: message?.id ?? null, error }));
      return true;
    };
    if (modern) return false;
    if (this.#era === 'modern') return refuse(400, -32022, 'Unsupported protocol version', { supported: [MODERN] });
    if (method === 'initialize') return false;
    if (sessionId === undefined) return refuse(400, -32000, 'Bad Request: Server not initialized');
    return this.#sessions.has(sessionId) ? false : refuse(404, -32001, 'Session not found');
  }

  #endSession({ sessionId, response }: Asked): void {
    response.writeHead(sessionId !== undefined && this.#sessions.delete(sessionId) ? 200 : 404).end();
  }

  #introduce(asked: Asked): void {
    const { params, response, modern } = asked;
    const { capabilities, instructions } = this;
    const serverInfo = { name: this.label, version: '1.0.0' };
    const hello = { serverInfo, capabilities, ...(instructions === undefined ? {} : { instructions }) };
    if (modern) {
      const supportedVersions = this.#era === 'both' ? [MODERN, ...LEGACY] : [MODERN];
      return asked.answer({ supportedVersions, ...hello, ...this.#caching() });
    }
    const sessionId = randomUUID();
    this.#sessions.add(sessionId);
    response.setHeader('mcp-session-id', sessionId);
    const protocolVersion = LEGACY.includes(params.protocolVersion) ? params.protocolVersion : LEGACY[0];
    asked.answer({ protocolVersion, ...hello });
  }

  #caching(): object {
    const { ttlMs, cacheScope } = this;
    return { ...(ttlMs === undefined ? {} : { ttlMs }), ...(cacheScope === undefined ? {} : { cacheScope }) };
  }

  #list(list: ListName, asked: Asked): void {
    const items = this.lists[list];
    if (items === undefined) return asked.fail(-32601, `Method not found: ${asked.method}`);
    const from = Number(asked.params?.cursor ?? 0);
    const to = from + this.pageSize;
    asked.answer({
      [list]: items.slice(from, to),
      ...(to < items.length ? { nextCursor: String(to) } : {}),
      ...(asked.modern ? this.#caching() : {}),
    });
  }

  #callTool(asked: Asked): void {
    const { name } = asked.params;
    if (this.announcing.length > 0) {
      asked.response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const method of this.announcing)
        asked.response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method })}\n\n`);
      this.announcing = [];
    }
    if (has(this.lists.tools, 'name', name)) return asked.answer({ content: [this.#say(name)] });
    if (this.unknownTool === 'error') return asked.fail(-32602, `Unknown tool: ${name}`);
    asked.answer({ content: [{ type: 'text', text: `Tool ${name} not found` }], isError: true });
  }

  #getPrompt(asked: Asked): void {
    const { name } = asked.params;
    if (!has(this.lists.prompts, 'name', name)) return asked.fail(-32602, `Unknown prompt: ${name}`);
    asked.answer({ messages: [{ role: 'user', content: this.#say(name) }] });
  }

  #readResource(asked: Asked): void {
    const { resources: own, resourceTemplates } = this.lists;
    const uri: string = asked.params.uri;
    if (own === undefined && resourceTemplates === undefined)
      return asked.fail(-32601, 'Method not found: resources/read');
    const known = has(own, 'uri', uri) || this.unlisted.includes(uri) || this.#matchesTemplate(uri);
    if (!known) return asked.fail(asked.modern ? -32602 : -32002, `Resource not found: ${uri}`);
    asked.answer({ contents: [{ uri, text: `${this.label}:${uri}` }], ...(asked.modern ? this.#caching() : {}) });
  }

  /** Templates with simple expressions only. */
  #matchesTemplate(uri: string): boolean {
    return (this.lists.resourceTemplates ?? []).some((one: AnyJson) =>
      new RegExp(
        `^${String(one.uriTemplate)
          .replace(/[.?+*()[\]\\^$|]/g, '\\$&')
          .replace(/\{\w+\}/g, '[^/?#]+')}$`,
      ).test(uri),
    );
  }

  #say(name: string) {
    return { type: 'text', text: `${this.label}:${name}` };
  }
}

/**
 * Below the ports that systems give out by themselves, one after the other in a range that other processes hardly use:
 * nobody else takes the address while this server is down. Resolves with the port.
 */
async function listenSomewhere(server: Server): Promise<number> {
  for (;;) {
    try {
      lastPort = (lastPort + 1) % PORTS_EACH;
      return await listenAt(server, FIRST_PORT + PORTS_EACH * (process.pid % RANGES) + lastPort);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

const FIRST_PORT = 20_000;
const RANGES = 40;
const PORTS_EACH = 300;
let lastPort = randomInt(PORTS_EACH);

async function listenAt(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return port;
}

function has(items: readonly object[] | undefined, member: string, value: unknown): boolean {
  return (items ?? []).some((item) => (item as AnyJson)[member] === value);
}
