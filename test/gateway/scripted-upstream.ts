/**
 * An MCP server over raw HTTP in both eras whose answers a test writes itself: it sees each request as it came, can say
 * something before its answer, and can ask a legacy client questions under ids of its choice.
 */
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** JSON as tests look into it. */
type AnyJson = any;

/** One message that came in. */
export interface Received {
  readonly httpMethod: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly message: AnyJson;
  readonly sessionId: string | undefined;
}

/** A request that waits for its answer. */
export interface Incoming extends Received {
  readonly modern: boolean;
  readonly params: AnyJson;
  readonly response: ServerResponse;
  /** Says something before the answer, which makes it a stream. */
  say(message: object): void;
  progress(count: number, more?: object): void;
  log(data: unknown): void;
  /** Asks the client under this id, and resolves with its answer. */
  ask(id: string | number, method: string, params?: object): Promise<AnyJson>;
  /** Answers with a result; the era's own fields are added. */
  answer(result: object): void;
  fail(code: number, message: string, data?: unknown): void;
  /** Answers with this text as the whole message. */
  answerText(text: string): void;
}

type Script = (incoming: Incoming) => void | Promise<void>;

const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26'];
const MODERN = '2026-07-28';
const VERSION_META = 'io.modelcontextprotocol/protocolVersion';

export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const upstream = new ScriptedUpstream();
  await upstream.start();
  return upstream;
}

export class ScriptedUpstream {
  /** Everything that came in, in order. */
  readonly received: Received[] = [];
  capabilities: object = { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} };
  /** More fields of the result of `initialize` and of `server/discover`. */
  hello: object = {};
  /** What it does about a notification, or an answer to a question. */
  take: (response: ServerResponse) => void = (response) => void response.writeHead(202).end();

  readonly #server: Server = createServer((request, response) => {
    void readText(request).then(
      (text) => this.#serve(request.method ?? '', request.headers, text, response),
      // The sender went before the end.
      () => response.destroy(),
    );
  });
  readonly #scripts = new Map<string, Script>();
  /** Questions that wait for an answer, by the JSON text of their id. */
  readonly #questions = new Map<string, (answer: AnyJson) => void>();
  readonly #waiting = new Set<() => void>();

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  /** What it does for a method. */
  on(method: string, script: Script): void {
    this.#scripts.set(method, script);
  }

  /** What it does for any call of a tool. */
  onCall(script: Script): void {
    this.on('tools/call', script);
  }

  /** Forgets what it was to do for a method. */
  asUsual(method: string): void {
    this.#scripts.delete(method);
  }

  of(method: string): readonly Received[] {
    return this.received.filter(({ message }) => message?.method === method);
  }

  /** Resolves with the first message that matches, as soon as it is there. */
  async receive(matches: (received: Received) => boolean): Promise<Received> {
    for (;;) {
      const found = this.received.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async start(): Promise<void> {
    this.#server.keepAliveTimeout = 0;
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(httpMethod: string, headers: IncomingHttpHeaders, text: string, response: ServerResponse): void {
    const message: AnyJson = text === '' ? undefined : JSON.parse(text);
    const session = headers['mcp-session-id'];
    const sessionId = typeof session === 'string' ? session : undefined;
    const received: Received = { httpMethod, headers, text, message, sessionId };
    this.received.push(received);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    if (httpMethod === 'DELETE') return void response.writeHead(200).end();
    // It offers no stream beside its answers.
    if (httpMethod === 'GET') return void response.writeHead(405).end();
    if (message.method === undefined) {
      this.#questions.get(JSON.stringify(message.id))?.(message);
      return this.take(response);
    }
    if (message.id === undefined) return this.take(response);
    const incoming = this.#incoming(received, response);
    const script = this.#scripts.get(message.method) ?? defaultScript(this);
    void Promise.resolve(script(incoming)).catch((error: unknown) => incoming.fail(-32603, String(error)));
  }

  #incoming(received: Received, response: ServerResponse): Incoming {
    const { message } = received;
    const modern = message.params?._meta?.[VERSION_META] !== undefined;
    const say = (said: object): void => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(said)}\n\n`);
    };
    const answerText = (text: string): void => {
      if (response.headersSent) return void response.end(`data: ${text}\n\n`);
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    };
    const notify = (method: string, params: object): void => say({ jsonrpc: '2.0', method, params });
    return {
      ...received,
      modern,
      params: message.params,
      response,
      say,
      answerText,
      progress(count, more = {}) {
        const progressToken = message.params?._meta?.progressToken ?? 'nobody';
        notify('notifications/progress', { progressToken, progress: count, ...more });
      },
      log: (data) => notify('notifications/message', { level: 'info', data }),
      ask: (id, method, params) =>
        new Promise((resolve) => {
          this.#questions.set(JSON.stringify(id), resolve);
          say({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
        }),
      answer: (result) =>
        answerText(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: complete(result, modern) })),
      fail: (code, words, data) =>
        answerText(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code, message: words, data } })),
    };
  }
}

function complete(result: object, modern: boolean): object {
  return modern ? { resultType: 'complete', ...result } : result;
}

/** Handshakes, and an echo of the arguments for everything else. */
function defaultScript(upstream: ScriptedUpstream): Script {
  return (incoming) => {
    const { message, params, response } = incoming;
    const { capabilities, hello } = upstream;
    if (message.method === 'initialize') {
      const protocolVersion = LEGACY.includes(params.protocolVersion) ? params.protocolVersion : LEGACY[0];
      response.setHeader('mcp-session-id', randomUUID());
      incoming.answer({ protocolVersion, capabilities, serverInfo: { name: 'scripted', version: '1.0.0' }, ...hello });
    } else if (message.method === 'server/discover') {
      incoming.answer({
        supportedVersions: [MODERN, ...LEGACY],
        capabilities,
        ttlMs: 0,
        cacheScope: 'private',
        ...hello,
      });
    } else {
      incoming.answer({ content: [{ type: 'text', text: JSON.stringify(params?.arguments ?? null) }] });
    }
  };
}
