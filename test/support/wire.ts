/**
 * MCP over raw HTTP, for tests that must see, or get wrong, what an SDK hides. Each request has a connection of its own.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';
import { request as httpRequest } from 'node:http';

export type Headers = Readonly<Record<string, string>>;

/** JSON as tests look into it. */
type AnyJson = any;

export interface WireResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The JSON body, a batch flattened; or the data of the SSE events that carry any. Empty when it is neither. */
  readonly messages: readonly AnyJson[];
}

export interface SseEvent {
  readonly kind: 'event';
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: string;
  /** `data` parsed; undefined when it is empty or not JSON. */
  readonly message: AnyJson;
}

export interface SseComment {
  readonly kind: 'comment';
  readonly text: string;
}

export interface WireStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** In the order of the stream. Throws when the connection breaks. */
  readonly events: AsyncIterableIterator<SseEvent | SseComment>;
  /** Disconnects, as a client that has lost interest. */
  close(): void;
}

const ACCEPT_BOTH: Headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

/** A body that is no string is sent as JSON. Headers are added to the usual ones, and replace them. */
export async function post(url: string, body: unknown, headers: Headers = {}): Promise<WireResponse> {
  return await send('POST', url, toText(body), { ...ACCEPT_BOTH, ...headers });
}

/** Any method; nothing is added to the headers but the length of the body, unless it is to be chunked. */
export async function send(method: string, url: string, body: string, headers: Headers = {}): Promise<WireResponse> {
  const incoming = await open(method, url, body, headers);
  const text = await readText(incoming);
  const { statusCode: status = 0, headers: received } = incoming;
  return { status, headers: received, text, messages: readMessages(received['content-type'], text) };
}

/** Posts, and reads the response as an SSE stream while it arrives. */
export function postStream(url: string, body: unknown, headers: Headers = {}): Promise<WireStream> {
  return openStream('POST', url, toText(body), { ...ACCEPT_BOTH, ...headers });
}

/** Any method; nothing is added to the headers. */
export async function openStream(method: string, url: string, body: string, headers: Headers): Promise<WireStream> {
  const incoming = await open(method, url, body, headers);
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    events: readEvents(incoming),
    close: () => incoming.destroy(),
  };
}

export interface ModernOptions {
  readonly id?: string | number;
  readonly version?: string;
  readonly capabilities?: object;
  readonly logLevel?: string;
  readonly progressToken?: string | number;
}

/** A modern request: its body, and the headers that mirror it (2026-07-28, basic/transports/streamable-http). */
export function modernRequest(
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: ModernOptions = {},
): { readonly body: AnyJson; readonly headers: Headers } {
  const { id = 1, version = '2026-07-28', capabilities = {}, logLevel, progressToken } = options;
  const meta = {
    ...(params['_meta'] as object | undefined),
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'wire', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...(logLevel === undefined ? {} : { 'io.modelcontextprotocol/logLevel': logLevel }),
    ...(progressToken === undefined ? {} : { progressToken }),
  };
  const name = method === 'resources/read' ? params['uri'] : params['name'];
  const named = ['tools/call', 'prompts/get', 'resources/read'].includes(method) && typeof name === 'string';
  return {
    body: { jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } },
    headers: {
      'mcp-protocol-version': version,
      'mcp-method': method,
      ...(named ? { 'mcp-name': headerValue(name) } : {}),
    },
  };
}

/** Sends a modern request. */
export async function postModern(
  url: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: ModernOptions = {},
): Promise<WireResponse> {
  const { body, headers } = modernRequest(method, params, options);
  return await post(url, body, headers);
}

export interface LegacySession {
  /** Undefined when the server issued none. */
  readonly sessionId: string | undefined;
  readonly protocolVersion: string;
  /** The result of `initialize`. */
  readonly initialized: AnyJson;
  /** What every message of this session is sent with. */
  readonly headers: Headers;
  /** Ids count from 1 within the session, unless one is given. */
  request(method: string, params?: object, id?: string | number): Promise<WireResponse>;
  stream(method: string, params?: object, id?: string | number): Promise<WireStream>;
  notify(method: string, params?: object): Promise<WireResponse>;
  /** Answers a request of the server. */
  respond(id: string | number, result: object): Promise<WireResponse>;
  terminate(): Promise<WireResponse>;
}

export interface LegacyOptions {
  readonly version?: string;
  readonly capabilities?: object;
  readonly headers?: Headers;
}

/** Initializes a legacy session and says `notifications/initialized`. Throws when the server refuses. */
export async function openLegacySession(url: string, options: LegacyOptions = {}): Promise<LegacySession> {
  const { version = '2025-11-25', capabilities = {}, headers: extra = {} } = options;
  const params = { protocolVersion: version, capabilities, clientInfo: { name: 'wire', version: '1.0.0' } };
  const opening = await post(url, { jsonrpc: '2.0', id: 'initialize', method: 'initialize', params }, extra);
  const initialized = opening.messages.find((message) => message.id === 'initialize')?.result;
  if (initialized === undefined) throw new Error(`initialize was refused: ${opening.status} ${opening.text}`);

  const sessionId = single(opening.headers['mcp-session-id']);
  const headers: Headers = {
    ...extra,
    'mcp-protocol-version': initialized.protocolVersion,
    ...(sessionId === undefined ? {} : { 'mcp-session-id': sessionId }),
  };
  let lastId = 0;
  const toRequest = (method: string, requestParams?: object, id: string | number = ++lastId) => ({
    jsonrpc: '2.0',
    id,
    method,
    ...(requestParams === undefined ? {} : { params: requestParams }),
  });
  const notify = (method: string, notifyParams?: object) =>
    post(url, { jsonrpc: '2.0', method, ...(notifyParams === undefined ? {} : { params: notifyParams }) }, headers);

  const accepted = await notify('notifications/initialized');
  if (accepted.status !== 202) throw new Error(`notifications/initialized was refused: ${accepted.status}`);
  return {
    sessionId,
    protocolVersion: initialized.protocolVersion,
    initialized,
    headers,
    notify,
    request: (method, requestParams, id) => post(url, toRequest(method, requestParams, id), headers),
    stream: (method, requestParams, id) => postStream(url, toRequest(method, requestParams, id), headers),
    respond: (id, result) => post(url, { jsonrpc: '2.0', id, result }, headers),
    terminate: () => send('DELETE', url, '', headers),
  };
}

/** Text as a header value, in the Base64 sentinel where it must be (2026-07-28, "Value Encoding"). */
function headerValue(text: string): string {
  const plain = /^[\x20-\x7e\t]*$/.test(text) && text.trim() === text && !/^=\?base64\?.*\?=$/.test(text);
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

function open(method: string, url: string, body: string, headers: Headers): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const unsized = 'transfer-encoding' in headers || (body === '' && method !== 'POST');
    const length = unsized ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = httpRequest(url, { method, agent: false, headers: { ...length, ...headers } });
    outgoing.once('response', resolve);
    // After the response, the reader of its body hears of a broken connection.
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function readMessages(contentType: string | undefined, text: string): AnyJson[] {
  if (contentType?.startsWith('text/event-stream') === true) {
    const messages: AnyJson[] = [];
    const parser = createParser({
      onEvent: ({ data }) => {
        const message = parse(data);
        if (message !== undefined) messages.push(message);
      },
    });
    parser.feed(text);
    return messages;
  }
  const json = contentType?.startsWith('application/json') === true ? parse(text) : undefined;
  return json === undefined ? [] : [json].flat();
}

async function* readEvents(incoming: IncomingMessage): AsyncGenerator<SseEvent | SseComment, undefined> {
  const decoder = new TextDecoder();
  const ready: (SseEvent | SseComment)[] = [];
  const parser = createParser({
    onEvent: ({ event, id, data }) => ready.push({ kind: 'event', event, id, data, message: parse(data) }),
    onComment: (text) => ready.push({ kind: 'comment', text }),
  });
  for await (const chunk of incoming) {
    parser.feed(decoder.decode(chunk as Buffer, { stream: true }));
    yield* ready.splice(0);
  }
}

function toText(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function parse(text: string): AnyJson {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
