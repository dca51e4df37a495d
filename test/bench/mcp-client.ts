/** A client that costs next to nothing: JSON-RPC by hand over `node:http` and kept-alive connections. */
import { Agent, request as send } from 'node:http';
import type { Era } from '../../lib/protocol/era.ts';
import { LARGE_CHARS, VERSIONS, type Tool } from './workload.ts';

export interface Place {
  /** With its path. */
  readonly url: string;
  /** What is to go before tool names there, `__` included; may be empty. */
  readonly prefix: string;
  /** Sent with every request, if any. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A stream beside the calls. */
export interface Listening {
  /** Resolves when the stream has ended, from either side. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

interface Connected {
  readonly place: Place;
  readonly era: Era;
  readonly agent: Agent;
  readonly session: string | undefined;
}

/**
 * An answer of which nothing comes for so long, in milliseconds, is none. Longer than a gateway waits for its upstream,
 * so that what it has to say of that is heard.
 */
const PATIENCE_MS = 75_000;

/** Connections that are kept, for as long as the other end says it keeps them, or until they hang. */
function newAgent(): Agent {
  return new Agent({ keepAlive: true, timeout: PATIENCE_MS });
}

const META = {
  'io.modelcontextprotocol/protocolVersion': VERSIONS.modern,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** What became of a call with a key. */
export type KeyedEnd = 'executed' | 'replayed';

/** A connected client: a legacy one holds a session, a modern one nothing. */
export class McpClient {
  readonly #connected: Connected;
  readonly #target: URL;
  #calls = 0;

  private constructor(connected: Connected) {
    this.#connected = connected;
    this.#target = new URL(connected.place.url);
  }

  /** Rejects when a legacy client gets no session. */
  static async connect(place: Place, era: Era): Promise<McpClient> {
    const agent = newAgent();
    const stranger = new McpClient({ place, era, agent, session: undefined });
    if (era === 'modern') return stranger;
    const session = await stranger.#initialize();
    const client = new McpClient({ place, era, agent, session });
    await client.#post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }), client.#headers());
    return client;
  }

  /** The same client by connections of its own, which sends these headers besides. */
  twin(headers: Readonly<Record<string, string>>): McpClient {
    const { place } = this.#connected;
    return new McpClient({
      ...this.#connected,
      agent: newAgent(),
      place: { ...place, headers: { ...place.headers, ...headers } },
    });
  }

  /** The whole call, as it goes over the wire, with a key if it is to have one. */
  message(tool: Tool, key?: string): { readonly headers: Record<string, string>; readonly body: string } {
    const { place } = this.#connected;
    const name = place.prefix + tool;
    const { headers, body } = this.#request('tools/call', { name, arguments: { text: 'ping' } }, name);
    return { headers: { ...headers, ...(key !== undefined && { 'idempotency-key': key }) }, body };
  }

  /** The whole of any request; `name` is what it is for, if it is for something. */
  #request(method: string, given: object, name?: string): { headers: Record<string, string>; body: string } {
    this.#calls += 1;
    const params = { ...given, ...(this.#connected.era === 'modern' && { _meta: META }) };
    const body = JSON.stringify({ jsonrpc: '2.0', id: this.#calls, method, params });
    return { headers: this.#headers(method, name), body };
  }

  /** All tools there are, as they came. Rejects when there is no result. */
  async listTools(): Promise<Answer> {
    return await this.#ask('tools/list', {});
  }

  /** Rejects when there is no result. */
  async readResource(uri: string): Promise<Answer> {
    return await this.#ask('resources/read', { uri }, uri);
  }

  async #ask(method: string, params: object, name?: string): Promise<Answer> {
    const { headers, body } = this.#request(method, params, name);
    const { status, text } = await this.#post(body, headers);
    if (status === 200 && text.includes('"result":{')) return { status, text };
    throw new Error(`${this.#connected.place.url} answered ${method} with ${status} ${text.slice(0, 500)}`);
  }

  /** Whatever the answer is. */
  async send(tool: Tool): Promise<Answer> {
    const { headers, body } = this.message(tool);
    const { status, text } = await this.#post(body, headers);
    return { status, text };
  }

  /** Rejects when the answer is not the tool's result. */
  async call(tool: Tool): Promise<void> {
    const { headers, body } = this.message(tool);
    const id = this.#calls;
    const { status, text } = await this.#post(body, headers);
    if (status !== 200 || !text.includes(`"id":${id}`) || !isResultOf(tool, text)) {
      throw new Error(`${this.#connected.place.url} answered ${tool} with ${status} ${text.slice(0, 500)}`);
    }
  }

  /** Rejects when the answer is not the tool's result, or not come by in that manner. */
  async callKeyed(tool: Tool, key: string, end: KeyedEnd): Promise<void> {
    const actual = await this.endOfKeyed(tool, key);
    if (actual !== end) throw new Error(`${this.#connected.place.url} has ${actual} ${tool}, and not ${end} it`);
  }

  /** Rejects when the answer is not the tool's result. */
  async endOfKeyed(tool: Tool, key: string): Promise<KeyedEnd> {
    const { headers, body } = this.message(tool, key);
    const id = this.#calls;
    const { status, text } = await this.#post(body, headers);
    if (status === 200 && text.includes(`"id":${id}`) && isResultOf(tool, text)) {
      return text.includes('"io.sluice/replayed":true') ? 'replayed' : 'executed';
    }
    throw new Error(`${this.#connected.place.url} answered ${tool} with ${status} ${text.slice(0, 500)}`);
  }

  /** As `call`, without looking into the answer beyond its status and size. */
  async callFast(tool: Tool): Promise<void> {
    const { headers, body } = this.message(tool);
    const { status, chars } = await this.#exchange(body, headers);
    if (status !== 200 || (tool === 'large' && chars < LARGE_CHARS)) {
      throw new Error(`${this.#connected.place.url} answered ${tool} with ${status} and ${chars} bytes`);
    }
  }

  /**
   * Listens for changes: by `subscriptions/listen` of a modern client, by GET of a legacy one. Resolves once something has
   * come, if no more than the headers. Rejects when it is refused.
   */
  async listen(): Promise<Listening> {
    if (this.#connected.era === 'legacy') return await this.#open('GET', this.#headers());
    const { headers, body } = this.#request('subscriptions/listen', { notifications: { toolsListChanged: true } });
    return await this.#open('POST', headers, body);
  }

  #open(method: 'GET' | 'POST', headers: Record<string, string>, body = ''): Promise<Listening> {
    return new Promise((resolve, reject) => {
      const { hostname, port, pathname } = this.#target;
      const { url } = this.#connected.place;
      const options = { agent: this.#connected.agent, method, hostname, port, path: pathname, headers };
      const outgoing = send(options, (incoming) => {
        incoming.resume();
        if (incoming.statusCode !== 200) {
          return reject(new Error(`${url} answered a listener with ${incoming.statusCode}`));
        }
        const ended = new Promise<void>((resolve) => void incoming.once('close', resolve));
        const close = (): Promise<void> => {
          outgoing.destroy();
          return ended;
        };
        resolve({ ended, close });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** Lets go of its connections, and keeps its session: the next calls open others. */
  disconnect(): void {
    this.#connected.agent.destroy();
  }

  close(): void {
    this.#connected.agent.destroy();
  }

  async #initialize(): Promise<string> {
    const clientInfo = { name: 'bench', version: '1.0.0' };
    const params = { protocolVersion: VERSIONS.legacy, capabilities: {}, clientInfo };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
    const { session, status, text } = await this.#post(body, this.#headers());
    if (session !== undefined) return session;
    throw new Error(`${this.#connected.place.url} gave no session: ${status} ${text.slice(0, 500)}`);
  }

  #headers(method?: string, name?: string): Record<string, string> {
    const { era, session, place } = this.#connected;
    return {
      ...place.headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(era === 'modern' || session !== undefined ? { 'mcp-protocol-version': VERSIONS[era] } : {}),
      ...(era === 'modern' && method !== undefined && { 'mcp-method': method }),
      ...(era === 'modern' && name !== undefined && { 'mcp-name': name }),
      ...(session !== undefined && { 'mcp-session-id': session }),
    };
  }

  async #post(body: string, headers: Record<string, string>): Promise<Answer & { session: string | undefined }> {
    const chunks: Buffer[] = [];
    const { status, session } = await this.#exchange(body, headers, (chunk) => chunks.push(chunk));
    return { status, session, text: Buffer.concat(chunks).toString() };
  }

  #exchange(
    body: string,
    headers: Record<string, string>,
    onChunk?: (chunk: Buffer) => void,
  ): Promise<{ status: number; chars: number; session: string | undefined }> {
    return new Promise((resolve, reject) => {
      const { hostname, port, pathname } = this.#target;
      const length = { 'content-length': String(Buffer.byteLength(body)) };
      const options = { agent: this.#connected.agent, method: 'POST', hostname, port, path: pathname };
      const outgoing = send({ ...options, headers: { ...headers, ...length } }, (incoming) => {
        let chars = 0;
        incoming.on('data', (chunk: Buffer) => {
          chars += chunk.length;
          onChunk?.(chunk);
        });
        incoming.on('end', () => {
          const session = incoming.headers['mcp-session-id'];
          resolve({
            status: incoming.statusCode ?? 0,
            chars,
            session: typeof session === 'string' ? session : undefined,
          });
        });
        incoming.on('error', reject);
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`No answer came within ${PATIENCE_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

function isResultOf(tool: Tool, text: string): boolean {
  return tool === 'large' ? text.length > LARGE_CHARS : text.includes('"text":"pong"');
}
