/**
 * The whole core in this process: `createGateway` with the real HTTP transport, over a store of the test's choice,
 * called as a function or behind a Node HTTP server. Several environments, each a gateway of its own, share one store;
 * requests go to a different one each time unless a test picks one.
 */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { createParser } from 'eventsource-parser';
import { afterAll } from 'vitest';
import type { Clock } from '../../lib/ports.ts';
import type { Action } from '../../lib/ports/action-log.ts';
import type { Invocation, InvocationTrace } from '../../lib/ports/invocation.ts';
import { UNTRACED } from '../../lib/ports/tracer.ts';
import type { Notice } from '../../lib/ports/action-log.ts';
import type { Stores, StoreTally } from '../../lib/ports/stores.ts';
import type { Tracer } from '../../lib/ports/tracer.ts';
import type { UpstreamTransport } from '../../lib/ports/transport.ts';
import type { Era } from '../../lib/protocol/era.ts';
import type { HttpResponse } from '../../lib/protocol/http.ts';
import type { SseComment, SseEvent, WireResponse, WireStream } from './wire.ts';
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../lib/adapters/dynamodb/create-table.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { createActionLog } from '../../lib/adapters/logging/action-log.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { systemClock } from '../../lib/adapters/node/clock.ts';
import { secretlessTransport } from './http-transport.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { createNodeServer } from '../../lib/adapters/node/server.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { Recording, type RecordedSpan } from '../../lib/adapters/xray/recording.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import { createGateway, type Gateway } from '../../lib/gateway.ts';
import { isModernVersion } from '../../lib/protocol/era.ts';
import { startDynalite, type RunningDynalite } from './dynalite.ts';
import { modernRequest, openStream, send } from './wire.ts';

/** JSON as tests look into it. */
type AnyJson = any;

export type Headers = Readonly<Record<string, string>>;

type OpenStores = (tally: StoreTally) => Stores;

// ------------------------------------------------------------------------------------------------------------- legs

/** How the core runs: what keeps its state and what is in front of it. */
export interface Leg {
  readonly name: string;
  readonly store: 'memory' | 'dynalite';
  readonly platform: 'function' | 'node';
}

export const FUNCTION_LEG: Leg = { name: 'as a function, over memory', store: 'memory', platform: 'function' };
export const NODE_LEG: Leg = { name: 'behind Node HTTP, over dynalite', store: 'dynalite', platform: 'node' };
export const LEGS: readonly Leg[] = [FUNCTION_LEG, NODE_LEG];

/** Every revision that clients speak, newest first. */
export const REVISIONS = ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'] as const;
export const LEGACY_REVISIONS = REVISIONS.slice(1);

export function eraOf(revision: string): Era {
  return isModernVersion(revision) ? 'modern' : 'legacy';
}

// -------------------------------------------------------------------------------------------------------- the store

/** One for all gateways of a test file, started when it is first needed. */
let database: Promise<RunningDynalite> | undefined;

afterAll(async () => {
  const running = await database;
  database = undefined;
  await running?.close();
});

/** State of its own for each harness: a memory, or a table. */
async function openState(store: Leg['store']): Promise<OpenStores> {
  if (store === 'memory') return createMemoryStores();
  database ??= startDynalite();
  const { endpoint } = await database;
  const tableName = `gateway-${randomUUID()}`;
  await createTable({ endpoint, tableName });
  return createDynamoStores({ client: createDynamoClient({ endpoint }), tableName });
}

// ------------------------------------------------------------------------------------------------------ the harness

export interface HarnessOptions {
  readonly leg?: Leg;
  /** Where the one upstream is; its name and prefix are `up` unless `upstream` says otherwise. */
  readonly url: string;
  /** More fields of the upstream. */
  readonly upstream?: object;
  /** More fields of the configuration file; `servers` shows the upstream at `/mcp` unless given. */
  readonly file?: object;
  /** How many environments share the store; 2 by default. */
  readonly environments?: number;
  readonly clock?: Clock;
  /** Shared by all environments; the real one, for each its own, by default. */
  readonly transport?: UpstreamTransport;
  /** Stands in front of the stores. */
  readonly wrapStores?: (stores: Stores) => Stores;
  /** Instead of the leg's own stores. */
  readonly openStores?: OpenStores;
  /** When invocations end, milliseconds since the epoch, perhaps in each environment differently; Infinity by default. Only for the platform `function`. */
  readonly endsAt?: number | ((environment: number) => number);
  /** The trace that every invocation belongs to; none by default. Only for the platform `function`. */
  readonly trace?: InvocationTrace;
}

export interface Harness {
  /** Another environment with each request. */
  readonly client: GatewayClient;
  /** One environment each. */
  readonly environments: readonly GatewayClient[];
  /** Addresses of the environments, such as `http://127.0.0.1:8787`; none on the platform `function`. */
  readonly origins: readonly string[];
  /** What the action log was given, in order. */
  readonly actions: readonly Action[];
  /** What else the operator was told, in order. */
  readonly notices: readonly Notice[];
  /** What the tracer was given to send, each batch in the order in which its spans began. */
  readonly spans: readonly (readonly RecordedSpan[])[];
  /** Actions and notices as lines, as JSON and for people; defects included. */
  readonly lines: readonly string[];
  /** The stores, without what stands in front of them. */
  readonly stores: Stores;
  /** Returns the defects that the gateway reported, which are expected from then on. Any other one fails `close`. */
  takeDefects(): readonly unknown[];
  /** Resolves when nothing is under way any more, work after the answers included. */
  settled(): Promise<void>;
  /** Ends it; rejects if a defect was reported that the test did not expect. */
  close(): Promise<void>;
}

export async function startHarness(options: HarnessOptions): Promise<Harness> {
  const { leg = FUNCTION_LEG, environments: count = 2, clock = systemClock } = options;
  const openStores = options.openStores ?? (await openState(leg.store));
  const wrap = options.wrapStores ?? ((stores: Stores): Stores => stores);
  const actions: Action[] = [];
  const lines: string[] = [];
  const notices: Notice[] = [];
  const spans: (readonly RecordedSpan[])[] = [];
  let defects: unknown[] = [];
  const printers = (['json', 'pretty'] as const).map((format) =>
    createActionLog({ format, write: (line) => void lines.push(line) }),
  );
  const actionLog = {
    write(action: Action): void {
      actions.push(action);
      for (const printer of printers) printer.write(action);
    },
    defect(requestId: string, error: unknown): void {
      defects.push(error);
      for (const printer of printers) printer.defect(requestId, error);
    },
    notice(requestId: string, notice: Notice): void {
      notices.push(notice);
      for (const printer of printers) printer.notice(requestId, notice);
    },
  };
  const tracer: Tracer = {
    begin: ({ trace }, name) =>
      trace?.sampled === true
        ? new Recording(
            trace,
            name,
            async (_trace, sent) => void spans.push(sent),
            (error) => defects.push(error),
          )
        : UNTRACED,
  };
  const running = new Set<Promise<void>>();
  const config = configOf(options);
  const platforms = await Promise.all(
    Array.from({ length: count }, async (_, index): Promise<Platform> => {
      const gateway = createGateway(config, {
        clock,
        ids: cryptoIds,
        openStores: (tally) => wrap(openStores(tally)),
        transport: options.transport ?? secretlessTransport(),
        executeOnce,
        tracer,
        actionLog,
      });
      const environment = `environment-${index}`;
      const tracked = trackAfter(gateway, running);
      return leg.platform === 'node'
        ? await serveNode(tracked, environment, config.limits.requestBytes)
        : serveFunction(tracked, environment, clock, options.trace, () => endOf(options.endsAt, index));
    }),
  );
  const clients = platforms.map((platform) => clientOf(platform));
  const settled = async (): Promise<void> => {
    while (running.size > 0) await Promise.all(running);
  };
  return {
    client: clientOf(rotating(platforms)),
    environments: clients,
    origins: platforms.flatMap(({ origin }) => origin ?? []),
    actions,
    notices,
    spans,
    lines,
    stores: openStores({ requests: 0 }),
    takeDefects() {
      const taken = defects;
      defects = [];
      return taken;
    },
    settled,
    async close() {
      await settled();
      await Promise.all(platforms.map((platform) => platform.close()));
      if (defects.length > 0) throw new AggregateError(defects, 'The gateway reported defects');
      const open = [...new Map(spans.flat().map((span) => [span.id, span])).values()].filter(
        ({ endedAt }) => endedAt === undefined,
      );
      if (open.length > 0) throw new Error(`Spans never ended: ${open.map(({ name }) => name).join(', ')}`);
    },
  };
}

function configOf({ url, upstream, file }: HarnessOptions) {
  const result = resolveConfig(
    {
      upstreams: { up: { url, ...upstream } },
      servers: { default: { upstreams: ['up'] } },
      ...file,
    },
    UNSAID.local,
  );
  if (!result.ok) throw new Error(formatProblems(result.problems, 'the configuration of a test'));
  return result.config;
}

/** Notes each request from its arrival to the end of the work after its answer. */
function trackAfter(gateway: Gateway, running: Set<Promise<void>>): Gateway {
  return async (request, invocation) => {
    const done = Promise.withResolvers<void>();
    running.add(done.promise);
    const end = (): void => {
      running.delete(done.promise);
      done.resolve();
    };
    try {
      const response = await gateway(request, invocation);
      return { ...response, after: () => response.after().finally(end) };
    } catch (error) {
      end();
      throw error;
    }
  };
}

// -------------------------------------------------------------------------------------------------------- platforms

/** One environment as HTTP reaches it. */
interface Platform {
  readonly origin?: string;
  send(method: string, path: string, body: string, headers: Headers): Promise<WireResponse>;
  stream(method: string, path: string, body: string, headers: Headers): Promise<WireStream>;
  close(): Promise<void>;
}

async function serveNode(gateway: Gateway, environment: string, requestBytes: number): Promise<Platform> {
  const errors: unknown[] = [];
  const server = createNodeServer(gateway, {
    allowedHosts: ['127.0.0.1'],
    requestBytes,
    environment,
    onError: (error) => errors.push(error),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    send: (method, path, body, headers) => send(method, origin + path, body, headers),
    stream: (method, path, body, headers) => openStream(method, origin + path, body, headers),
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
      if (errors.length > 0) throw new AggregateError(errors, 'Exceptions escaped the gateway');
    },
  };
}

function endOf(endsAt: HarnessOptions['endsAt'] = Infinity, environment: number): number {
  return typeof endsAt === 'number' ? endsAt : endsAt(environment);
}

/** As Lambda does it: a client that goes is not noticed, so the body is read to its end whoever listens. */
function serveFunction(
  gateway: Gateway,
  environment: string,
  clock: Clock,
  trace: InvocationTrace | undefined,
  endsAt: () => number,
): Platform {
  let cold = true;
  const errors: unknown[] = [];
  const invoke = async (method: string, path: string, body: string, headers: Headers) => {
    const arrivedAt = clock.now();
    const invocation: Invocation = {
      requestId: randomUUID(),
      trace,
      environment,
      cold,
      arrivedAt,
      endsAt: endsAt(),
    };
    cold = false;
    const response = await gateway(
      {
        method,
        path: path.replace(/\?.*$/s, ''),
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        body,
        bodyBytes: Buffer.byteLength(body),
      },
      invocation,
    );
    return { response, chunks: readToEnd(response, errors) };
  };
  return {
    async send(method, path, body, headers) {
      const { response, chunks } = await invoke(method, path, body, headers);
      let text = '';
      for await (const chunk of chunks) text += chunk;
      const { status, headers: received } = response;
      return { status, headers: received, text, messages: messagesIn(received['content-type'], text) };
    },
    async stream(method, path, body, headers) {
      const { response, chunks } = await invoke(method, path, body, headers);
      const { status, headers: received } = response;
      return { status, headers: received, events: eventsIn(chunks), close: () => {} };
    },
    close() {
      if (errors.length > 0) throw new AggregateError(errors, 'A response body threw');
      return Promise.resolve();
    },
  };
}

/** Reads a body at once and hands it on at the reader's pace; then has the work after it done. */
function readToEnd(response: HttpResponse, errors: unknown[]): AsyncIterable<string> {
  const ready: string[] = [];
  let done = false;
  let news = Promise.withResolvers<void>();
  const tell = (): void => {
    news.resolve();
    news = Promise.withResolvers<void>();
  };
  const read = async (): Promise<void> => {
    try {
      for await (const chunk of typeof response.body === 'string' ? [response.body] : response.body) {
        ready.push(chunk);
        tell();
      }
    } finally {
      done = true;
      tell();
      await response.after();
    }
  };
  read().catch((error: unknown) => errors.push(error));
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const chunk = ready.shift();
        if (chunk !== undefined) yield chunk;
        else if (done) return;
        else await news.promise;
      }
    },
  };
}

function rotating(platforms: readonly Platform[]): Platform {
  let turn = 0;
  const next = (): Platform => platforms[turn++ % platforms.length]!;
  return {
    send: (...request) => next().send(...request),
    stream: (...request) => next().stream(...request),
    close: () => Promise.resolve(),
  };
}

function messagesIn(contentType: string | undefined, text: string): AnyJson[] {
  if (contentType?.startsWith('text/event-stream') === true) {
    const messages: AnyJson[] = [];
    const parser = createParser({
      // An event without data only says from where the stream can be resumed.
      onEvent: ({ data }) => data !== '' && messages.push(JSON.parse(data)),
    });
    parser.feed(text);
    return messages;
  }
  return contentType === 'application/json' && text !== '' ? [JSON.parse(text)].flat() : [];
}

async function* eventsIn(chunks: AsyncIterable<string>): AsyncGenerator<SseEvent | SseComment, undefined> {
  const ready: (SseEvent | SseComment)[] = [];
  const parser = createParser({
    onEvent: ({ event, id, data }) =>
      ready.push({ kind: 'event', event, id, data, message: data === '' ? undefined : JSON.parse(data) }),
    onComment: (text) => ready.push({ kind: 'comment', text }),
  });
  for await (const chunk of chunks) {
    parser.feed(chunk);
    yield* ready.splice(0);
  }
}

// ---------------------------------------------------------------------------------------------------------- clients

export const JSON_AND_SSE: Headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export interface RequestOptions {
  readonly id?: string | number;
  readonly progressToken?: string | number;
  /** Modern: with this request. */
  readonly logLevel?: string;
  /** Modern: with this request. */
  readonly capabilities?: object;
  /** Added to what the revision demands, and in place of it. */
  readonly headers?: Headers;
}

export interface ConnectOptions {
  /** The virtual server's path; `/mcp` by default. */
  readonly path?: string;
  readonly capabilities?: object;
}

/** Speaks raw HTTP with one environment, or with all of them in turn. */
export interface GatewayClient {
  /** Nothing is added to the headers. */
  send(method: string, path: string, body?: string, headers?: Headers): Promise<WireResponse>;
  /** JSON to `/mcp`, accepting both forms of an answer. Text is sent as it is. */
  post(body: unknown, headers?: Headers, path?: string): Promise<WireResponse>;
  stream(body: unknown, headers?: Headers, path?: string): Promise<WireStream>;
  /** The stream beside the calls. */
  listen(headers?: Headers, path?: string): Promise<WireStream>;
  /** A client of this revision, ready to call; a legacy one has a session. Throws when it is refused. */
  connect(revision: string, options?: ConnectOptions): Promise<Peer>;
}

/** A client of one revision. */
export interface Peer {
  readonly revision: string;
  readonly era: Era;
  /** What every message of it is sent with. */
  readonly headers: Headers;
  /** The result of `initialize`; undefined for a modern client. */
  readonly initialized: AnyJson;
  /** The gateway's session id; undefined for a modern client. */
  readonly sessionId: string | undefined;
  /** Ids count from 1, unless one is given. */
  request(method: string, params?: object, options?: RequestOptions): Promise<WireResponse>;
  stream(method: string, params?: object, options?: RequestOptions): Promise<WireStream>;
  /** A tool by the name the client knows; resolves with the final message. */
  call(tool: string, args?: unknown, options?: RequestOptions): Promise<AnyJson>;
  /** What came after this event on its stream. */
  resume(lastEventId: string): Promise<WireStream>;
  notify(method: string, params?: object): Promise<WireResponse>;
  /** Legacy: the stream beside the calls. */
  listen(): Promise<WireStream>;
  /** Answers a question of the server with a result, or with whatever `answer` holds. */
  respond(id: unknown, answer: object): Promise<WireResponse>;
  terminate(): Promise<WireResponse>;
  /** The same client, in the same session, through another environment. */
  through(client: GatewayClient): Peer;
}

function clientOf(platform: Platform): GatewayClient {
  const client: GatewayClient = {
    send: (method, path, body = '', headers = {}) => platform.send(method, path, body, headers),
    post: (body, headers = {}, path = '/mcp') =>
      platform.send('POST', path, toText(body), { ...JSON_AND_SSE, ...headers }),
    stream: (body, headers = {}, path = '/mcp') =>
      platform.stream('POST', path, toText(body), { ...JSON_AND_SSE, ...headers }),
    listen: (headers = {}, path = '/mcp') =>
      platform.stream('GET', path, '', { accept: 'text/event-stream', ...headers }),
    connect: (revision, options = {}) => connect(client, revision, options),
  };
  return client;
}

function toText(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

const CLIENT_INFO = { name: 'harness', version: '1.0.0' };

async function connect(client: GatewayClient, revision: string, options: ConnectOptions): Promise<Peer> {
  const { path = '/mcp', capabilities = {} } = options;
  if (eraOf(revision) === 'modern') {
    return peerOf(client, { revision, path, capabilities, headers: {}, initialized: undefined, sessionId: undefined });
  }
  const opening = await client.post(initializeMessage(revision, capabilities), {}, path);
  const initialized = opening.messages[0]?.result;
  const sessionId = opening.headers['mcp-session-id'];
  if (initialized === undefined || typeof sessionId !== 'string') {
    throw new Error(`initialize was refused: ${opening.status} ${opening.text}`);
  }
  const headers = { 'mcp-session-id': sessionId, 'mcp-protocol-version': initialized.protocolVersion };
  const peer = peerOf(client, { revision, path, capabilities, headers, initialized, sessionId });
  const accepted = await peer.notify('notifications/initialized');
  if (accepted.status !== 202) throw new Error(`notifications/initialized was refused: ${accepted.text}`);
  return peer;
}

export function initializeMessage(revision: string, capabilities: object = {}) {
  const params = { protocolVersion: revision, capabilities, clientInfo: CLIENT_INFO };
  return { jsonrpc: '2.0', id: 'initialize', method: 'initialize', params };
}

interface PeerState extends Required<ConnectOptions> {
  readonly revision: string;
  readonly headers: Headers;
  readonly initialized: AnyJson;
  readonly sessionId: string | undefined;
}

let lastId = 0;

function peerOf(client: GatewayClient, state: PeerState): Peer {
  const { revision, path, headers, initialized, sessionId } = state;
  const era = eraOf(revision);
  const toRequest = (method: string, params: object | undefined, options: RequestOptions) =>
    era === 'modern' ? toModern(method, params, options, state) : toLegacy(method, params, options, headers);
  const request: Peer['request'] = (method, params, options = {}) => {
    const { body, headers: own } = toRequest(method, params, options);
    return client.post(body, { ...own, ...options.headers }, path);
  };
  const post = (body: object): Promise<WireResponse> => client.post(body, headers, path);
  return {
    revision,
    era,
    headers,
    initialized,
    sessionId,
    request,
    stream(method, params, options = {}) {
      const { body, headers: own } = toRequest(method, params, options);
      return client.stream(body, { ...own, ...options.headers }, path);
    },
    async call(tool, args = {}, options): Promise<AnyJson> {
      const answer = await request('tools/call', { name: tool, arguments: args }, options);
      return answer.messages.at(-1);
    },
    resume: (lastEventId) => client.listen({ ...headers, 'last-event-id': lastEventId }, path),
    notify: (method, params) => post({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) }),
    listen: () => client.listen(headers, path),
    respond: (id, answer) => post({ jsonrpc: '2.0', id, ...answer }),
    terminate: () => client.send('DELETE', path, '', headers),
    through: (other) => peerOf(other, state),
  };
}

function toModern(method: string, params: object = {}, options: RequestOptions, state: PeerState) {
  const { id = ++lastId, progressToken, logLevel, capabilities = state.capabilities } = options;
  return modernRequest(method, params as Record<string, unknown>, {
    id,
    version: state.revision,
    capabilities,
    ...(progressToken === undefined ? {} : { progressToken }),
    ...(logLevel === undefined ? {} : { logLevel }),
  });
}

function toLegacy(method: string, params: object | undefined, options: RequestOptions, headers: Headers) {
  const { id = ++lastId, progressToken } = options;
  const meta = progressToken === undefined ? {} : { _meta: { ...(params as AnyJson)?._meta, progressToken } };
  const sent = params === undefined && progressToken === undefined ? {} : { params: { ...params, ...meta } };
  return { body: { jsonrpc: '2.0', id, method, ...sent }, headers };
}

/** The messages of a stream as they come; comments, and events that carry no message, are left out. */
export async function* messagesOf(stream: WireStream): AsyncGenerator<AnyJson, void> {
  for await (const event of stream.events) {
    if (event.kind === 'event' && event.data !== '') yield event.message;
  }
}
