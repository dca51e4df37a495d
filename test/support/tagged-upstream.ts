/**
 * An MCP server over raw HTTP in both eras that knows whose everything is. All that a client sends carries its owner's
 * tag, and so does all that this server says. It keeps state with each session (notes and a log level), asks under ids
 * that repeat in every session, and does each step of a call only once the test allows it.
 */
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** JSON as tests look into it. */
type AnyJson = any;

/** What a call says before its answer, each step on its own: a progress report, a log message, a question. */
export type Stage = 'progress' | 'log' | 'ask';

export interface TaggedUpstreamOptions {
  /** Called when something of one owner turns up where another owner's things belong. */
  readonly onMixed: (what: string) => void;
  /** Gives every client the same session, as no server should. */
  readonly sharesSession?: boolean;
}

const MODERN = '2026-07-28';
const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26'];
const VERSION_META = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = { tools: {}, logging: {} };
const JSON_TYPE = { 'content-type': 'application/json' };

/** The tags in a text. */
export function tagsIn(text: string): Set<string> {
  return new Set(text.match(/owner-[a-z0-9]+/g));
}

/** A tag that nothing else contains. */
export function newTag(): string {
  return `owner-${randomUUID().replaceAll('-', '').slice(0, 12)}`;
}

/** How far a call may go and how far it is. Either side may be first to speak of a call. */
class Progression {
  #allowed = 0;
  #done = 0;
  #begun = false;
  #over = false;
  #news = Promise.withResolvers<void>();

  allow(steps: number): void {
    this.#allowed += steps;
    this.#tell();
  }

  /** The call has arrived. */
  begin(): void {
    this.#begun = true;
    this.#tell();
  }

  /** One step was done. */
  advance(): void {
    this.#done += 1;
    this.#tell();
  }

  /** Nothing more will be done. */
  end(): void {
    this.#over = true;
    this.#tell();
  }

  /** Resolves with whether the next step may be done; false when the call is over. */
  async next(): Promise<boolean> {
    while (!this.#over && this.#done >= this.#allowed) await this.#news.promise;
    return !this.#over;
  }

  /** Resolves once all that is allowed was done. */
  async caughtUp(): Promise<void> {
    while (!this.#over && this.#done < this.#allowed) await this.#news.promise;
  }

  async begun(): Promise<void> {
    while (!this.#begun) await this.#news.promise;
  }

  async over(): Promise<void> {
    while (!this.#over) await this.#news.promise;
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}

interface Session {
  readonly id: string;
  readonly owners: Set<string>;
  readonly notes: string[];
  /** By the JSON text of the question's id. */
  readonly questions: Map<string, (answer: AnyJson) => void>;
  /** Calls under way, by the JSON text of the request's id. */
  readonly running: Map<string, Progression>;
  level: string | null;
  lastQuestion: number;
}

/** A call of `chat`, as far as it has come. */
interface Chat {
  readonly owner: string;
  readonly call: number;
  readonly stages: readonly Stage[];
  readonly answers: string[];
  at: number;
}

export async function startTaggedUpstream(options: TaggedUpstreamOptions): Promise<TaggedUpstream> {
  const upstream = new TaggedUpstream(options);
  await upstream.start();
  return upstream;
}

export class TaggedUpstream {
  /** The owners that were seen in each session, by its id; sessions that have ended included. */
  readonly ownersOf = new Map<string, ReadonlySet<string>>();
  /** The owners whose calls came in each session, by its id. Sessions that were only opened are not among them. */
  readonly callersOf = new Map<string, Set<string>>();

  readonly #options: TaggedUpstreamOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #calls = new Map<string, Progression>();
  #sessionEnd = Promise.withResolvers<void>();
  readonly #server: Server = createServer((request, response) => {
    readText(request).then(
      (text) => this.#serve(request, text, response),
      () => response.destroy(),
    );
  });

  constructor(options: TaggedUpstreamOptions) {
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  /** Lets a call do so many more of its steps; its answer is the last one. */
  allow(owner: string, call: number, steps: number): void {
    this.#call(owner, call).allow(steps);
  }

  /** Resolves once a call has done all that it may. */
  caughtUp(owner: string, call: number): Promise<void> {
    return this.#call(owner, call).caughtUp();
  }

  /** Resolves once a call has arrived. */
  begun(owner: string, call: number): Promise<void> {
    return this.#call(owner, call).begun();
  }

  /** Resolves once a call has ended here, in whatever way. */
  over(owner: string, call: number): Promise<void> {
    return this.#call(owner, call).over();
  }

  /** Resolves once no session is open any more, but for one that everyone has. */
  async allSessionsEnded(): Promise<void> {
    while (this.#sessions.size > 0 && this.#options.sharesSession !== true) await this.#sessionEnd.promise;
  }

  /** Forgets every session. */
  forgetAll(): void {
    this.#sessions.clear();
    this.ownersOf.clear();
    this.callersOf.clear();
  }

  /** Forgets the sessions of an owner: the next message in one of them is answered with 404. */
  forget(owner: string): void {
    for (const [id, { owners }] of this.#sessions) if (owners.has(owner)) this.#sessions.delete(id);
  }

  async start(): Promise<void> {
    this.#server.keepAliveTimeout = 0;
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #call(owner: string, call: number): Progression {
    const key = `${owner}/${call}`;
    const known = this.#calls.get(key) ?? new Progression();
    this.#calls.set(key, known);
    return known;
  }

  #serve({ method: httpMethod, headers }: IncomingMessage, text: string, response: ServerResponse): void {
    const id = headers['mcp-session-id'];
    const session = typeof id === 'string' ? this.#sessions.get(id) : undefined;
    this.#watch(session, text + JSON.stringify(headers));
    if (typeof id === 'string' && session === undefined) {
      return refuse(response, 404, null, -32001, 'Session not found');
    }
    if (httpMethod === 'DELETE') {
      this.#end(session);
      return void response.writeHead(200).end();
    }
    const message: AnyJson = JSON.parse(text);
    const modern = message.params?._meta?.[VERSION_META] === MODERN;
    if (message.method === undefined) session?.questions.get(JSON.stringify(message.id))?.(message);
    if (message.method === 'notifications/cancelled') this.#cancel(session, message.params);
    if (message.method === undefined || message.id === undefined) return void response.writeHead(202).end();
    switch (message.method) {
      case 'initialize':
        return this.#initialize(message, text, response);
      case 'server/discover':
        return answer(response, message.id, {
          resultType: 'complete',
          supportedVersions: [MODERN, ...LEGACY],
          capabilities: CAPABILITIES,
          ttlMs: 0,
          cacheScope: 'private',
        });
      case 'logging/setLevel':
        if (session !== undefined) session.level = message.params.level;
        return answer(response, message.id, {});
      case 'tools/call':
        return void this.#chat(message, modern ? undefined : session, modern, response);
      default:
        return refuse(response, modern ? 404 : 200, message.id, -32601, `Method not found: ${message.method}`);
    }
  }

  /** A session that everyone has ends with nobody. */
  #end(session: Session | undefined): void {
    if (session === undefined || this.#options.sharesSession === true) return;
    this.#sessions.delete(session.id);
    this.#sessionEnd.resolve();
    this.#sessionEnd = Promise.withResolvers<void>();
  }

  /** No message carries things of two owners, and no session messages of two. */
  #watch(session: Session | undefined, text: string): void {
    const tags = tagsIn(text);
    if (tags.size > 1) this.#options.onMixed(`one message to the upstream carries ${[...tags].join(' and ')}`);
    for (const tag of tags) session?.owners.add(tag);
    if (session !== undefined && session.owners.size > 1) {
      this.#options.onMixed(`one upstream session is used by ${[...session.owners].join(' and ')}`);
    }
  }

  #initialize(message: AnyJson, text: string, response: ServerResponse): void {
    const asked = message.params.protocolVersion;
    const id = this.#options.sharesSession === true ? 'shared' : randomUUID();
    const session = this.#sessions.get(id) ?? newSession(id);
    this.#sessions.set(id, session);
    this.ownersOf.set(id, session.owners);
    this.#watch(session, text);
    response.setHeader('mcp-session-id', id);
    const protocolVersion = LEGACY.includes(asked) ? asked : LEGACY[0];
    answer(response, message.id, {
      protocolVersion,
      capabilities: CAPABILITIES,
      serverInfo: { name: 'tagged', version: '1' },
    });
  }

  #cancel(session: Session | undefined, params: AnyJson): void {
    const requestId = JSON.stringify(params.requestId);
    session?.running.get(requestId)?.end();
    for (const other of this.#sessions.values()) {
      if (other !== session && other.running.has(requestId)) {
        this.#options.onMixed(
          `a cancellation in one session is for a call in the one of ${[...other.owners].join(', ')}`,
        );
      }
    }
  }

  async #chat(
    message: AnyJson,
    session: Session | undefined,
    modern: boolean,
    response: ServerResponse,
  ): Promise<void> {
    const chat = chatOf(message.params);
    const { owner, call, stages } = chat;
    const progression = this.#call(owner, call);
    progression.begin();
    if (message.params.requestState !== undefined) progression.advance();
    const requestId = JSON.stringify(message.id);
    session?.running.set(requestId, progression);
    session?.notes.push(`${owner}/${call}`);
    if (session !== undefined) {
      this.callersOf.set(session.id, (this.callersOf.get(session.id) ?? new Set()).add(owner));
    }
    response.once('close', () => {
      session?.running.delete(requestId);
      if (!response.writableFinished) progression.end();
    });
    for (; chat.at < stages.length; chat.at += 1) {
      if (!(await progression.next())) return void response.destroy();
      if (stages[chat.at] === 'ask' && modern) return answer(response, message.id, inputRequired(chat));
      if (stages[chat.at] === 'ask') chat.answers.push(await ask(chat, session, response));
      else say(response, notification(chat, message.params._meta.progressToken));
      progression.advance();
    }
    if (!(await progression.next())) return void response.destroy();
    const { notes, level } = session ?? { notes: [`${owner}/${call}`], level: null };
    const structuredContent = { owner, call, answers: chat.answers, notes, level };
    answer(response, message.id, { ...(modern ? { resultType: 'complete' } : {}), content: [], structuredContent });
    progression.advance();
    progression.end();
  }
}

function newSession(id: string): Session {
  return {
    id,
    owners: new Set(),
    notes: [],
    questions: new Map(),
    running: new Map(),
    level: null,
    lastQuestion: 0,
  };
}

/** From its beginning, or, when the client has answered what was asked, from behind the question. */
function chatOf({ arguments: args, requestState, inputResponses }: AnyJson): Chat {
  if (requestState === undefined) return { ...(args as Chat), answers: [], at: 0 };
  const state = JSON.parse(requestState) as Chat;
  return { ...state, answers: [...state.answers, inputResponses.question.content.text], at: state.at + 1 };
}

function inputRequired(chat: Chat): object {
  const params = { messages: [], maxTokens: 1, systemPrompt: `${chat.owner}/${chat.call}` };
  return {
    resultType: 'input_required',
    inputRequests: { question: { method: 'sampling/createMessage', params } },
    requestState: JSON.stringify(chat),
  };
}

/** Ids of questions count from 1 in every session, so that they are the same for all owners. */
function ask({ owner, call }: Chat, session: Session | undefined, response: ServerResponse): Promise<string> {
  if (session === undefined) throw new Error('Only a session can be asked');
  session.lastQuestion += 1;
  const id = session.lastQuestion;
  const params = { messages: [], maxTokens: 1, systemPrompt: `${owner}/${call}` };
  return new Promise((resolve) => {
    session.questions.set(JSON.stringify(id), ({ result }) => resolve(String(result?.content.text)));
    say(response, { jsonrpc: '2.0', id, method: 'sampling/createMessage', params });
  });
}

function notification({ owner, call, stages, at }: Chat, progressToken: unknown): object {
  const said = `${owner}/${call}/${at}`;
  return stages[at] === 'progress'
    ? { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: at, message: said } }
    : { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'emergency', data: said } };
}

function say(response: ServerResponse, message: object): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`data: ${JSON.stringify(message)}\n\n`);
}

function answer(response: ServerResponse, id: unknown, result: object): void {
  const message = { jsonrpc: '2.0', id, result };
  if (response.headersSent) return void response.end(`data: ${JSON.stringify(message)}\n\n`);
  response.writeHead(200, JSON_TYPE).end(JSON.stringify(message));
}

function refuse(response: ServerResponse, status: number, id: unknown, code: number, message: string): void {
  response.writeHead(status, JSON_TYPE).end(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }));
}
