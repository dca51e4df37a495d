/**
 * A client that marks everything it sends with its tag, and looks at everything it receives for the tags of others. Its
 * request ids and progress tokens are small numbers, the same that every other client uses.
 */
import { createParser } from 'eventsource-parser';
import { tagsIn, type Stage } from '../support/tagged-upstream.ts';
import { modernRequest } from '../support/wire.ts';
import type { Revision } from './script.ts';

/** JSON as tests look into it. */
type AnyJson = any;

export interface TaggedClientOptions {
  readonly url: string;
  readonly revision: Revision;
  readonly tag: string;
  /** A log level that no other client sets. */
  readonly level: string;
  /** Called when something of another owner reaches this client, or its own things do not. */
  readonly onWrong: (what: string) => void;
}

/** One call, from its request to its last message. */
export interface Conversation {
  readonly call: number;
  readonly stages: readonly Stage[];
  /** Resolves with the last message; undefined when the client has left before it. */
  readonly end: Promise<AnyJson>;
  readonly leaving: AbortController;
  /** The client has given it up. */
  cancelled: boolean;
  ended: boolean;
}

/** What the upstream says of a call in its result. */
interface Outcome {
  readonly owner: string;
  readonly answers: readonly string[];
  readonly notes: readonly string[];
  readonly level: string | null;
}

const JSON_AND_SSE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

export class TaggedClient {
  readonly tag: string;
  readonly modern: boolean;
  /** Calls under way. */
  readonly conversations = new Set<Conversation>();
  /** The gateway's session ids that this client has held. */
  readonly sessionIds: string[] = [];

  readonly #options: TaggedClientOptions;
  #session: Record<string, string> = {};
  #calls = 0;

  constructor(options: TaggedClientOptions) {
    this.#options = options;
    this.tag = options.tag;
    this.modern = options.revision === '2026-07-28';
  }

  async connect(): Promise<void> {
    if (this.modern) return;
    const { revision, tag } = this.#options;
    const params = {
      protocolVersion: revision,
      capabilities: { sampling: { com_example: tag } },
      clientInfo: { name: tag, version: '1.0.0' },
    };
    const response = await this.#post({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    const sessionId = response.headers.get('mcp-session-id') ?? '';
    this.#hear(await response.text());
    this.sessionIds.push(sessionId);
    this.#session = { 'mcp-session-id': sessionId, 'mcp-protocol-version': revision };
    await this.#say({ jsonrpc: '2.0', method: 'notifications/initialized' }, [202]);
  }

  /** Ends the session. */
  async disconnect(): Promise<void> {
    if (this.modern) return;
    const response = await fetch(this.#options.url, { method: 'DELETE', headers: this.#session });
    this.#hear(await response.text());
    this.#expectStatus(response, [204]);
  }

  begin(stages: readonly Stage[]): Conversation {
    this.#calls += 1;
    const call = this.#calls;
    const leaving = new AbortController();
    const end = this.#converse(call, stages, leaving.signal);
    const conversation = { call, stages, leaving, end, cancelled: false, ended: false };
    this.conversations.add(conversation);
    const finish = (): void => {
      conversation.ended = true;
      this.conversations.delete(conversation);
    };
    end.then(finish, finish);
    return conversation;
  }

  async cancel(conversation: Conversation): Promise<void> {
    if (this.modern) conversation.leaving.abort();
    else await this.cancelRequest(conversation.call);
  }

  async cancelRequest(requestId: number): Promise<void> {
    if (this.modern) return;
    const params = { requestId, reason: this.tag };
    await this.#say({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, [202]);
  }

  /**
   * Answers a question that this client may not have been asked, as the gateway numbers those of the upstream `tagged`.
   * Nobody can have asked in a session that the upstream has not (400), or has forgotten (502).
   */
  async answerUnasked(id: string): Promise<void> {
    if (!this.modern) await this.#answer(id, [202, 400, 502]);
  }

  async setLevel(): Promise<void> {
    if (this.modern) return;
    const params = { level: this.#options.level };
    const response = await this.#post({ jsonrpc: '2.0', id: 99, method: 'logging/setLevel', params });
    this.#hear(await response.text());
    this.#expectStatus(response, [200]);
  }

  async #answer(id: string, statuses: readonly number[]): Promise<void> {
    const { tag } = this;
    const result = { role: 'assistant', model: tag, content: { type: 'text', text: `${tag} answers ${id}` } };
    await this.#say({ jsonrpc: '2.0', id, result }, statuses);
  }

  async #converse(call: number, stages: readonly Stage[], signal: AbortSignal): Promise<AnyJson> {
    const said: AnyJson[] = [];
    const args = { owner: this.tag, call, stages };
    let params: AnyJson = { name: 'tagged__chat', arguments: args };
    for (let round = 0; ; round += 1) {
      const last = await this.#request(call + 10 * round, call, params, said, signal);
      if (last?.result?.resultType !== 'input_required') {
        if (last?.result !== undefined) this.#check(call, stages, said, last.result);
        return last;
      }
      const answer = { role: 'assistant', model: this.tag, content: { type: 'text', text: `${this.tag} answers` } };
      const inputResponses = { question: answer };
      params = { name: 'tagged__chat', arguments: args, requestState: last.result.requestState, inputResponses };
    }
  }

  /** Resolves with the final message; what comes before it is added to `said`. */
  async #request(id: number, token: number, params: object, said: AnyJson[], signal: AbortSignal): Promise<AnyJson> {
    const { body, headers } = this.#callMessage(id, token, params);
    try {
      const response = await this.#post(body, headers, signal);
      for await (const message of this.#messages(response)) {
        if (message.method === undefined) {
          if (message.id !== id) this.#wrong(`is answered under the id ${message.id} instead of ${id}`);
          return message;
        }
        said.push(message);
        if (message.id !== undefined) await this.#answer(message.id, [202]);
      }
      return this.#wrong(`gets no answer to call ${token}`);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  #callMessage(id: number, token: number, params: object) {
    const { tag } = this;
    if (!this.modern) {
      const meta = { ...params, _meta: { progressToken: token, 'com.example/tag': tag } };
      return { body: { jsonrpc: '2.0', id, method: 'tools/call', params: meta }, headers: this.#session };
    }
    const request = modernRequest(
      'tools/call',
      { ...params, _meta: { 'com.example/tag': tag } },
      { id, progressToken: token, logLevel: 'debug', capabilities: { sampling: { com_example: tag } } },
    );
    return { body: request.body, headers: { ...request.headers, 'mcp-param-tag': tag } };
  }

  /** The messages of a response, in order, whatever form it has. */
  async *#messages(response: Response): AsyncGenerator<AnyJson, void> {
    if (response.headers.get('content-type') !== 'text/event-stream') {
      const text = await response.text();
      this.#hear(text);
      yield JSON.parse(text);
      return;
    }
    const ready: string[] = [];
    const parser = createParser({ onEvent: ({ data }) => ready.push(data) });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      for (const data of ready.splice(0)) {
        this.#hear(data);
        // An empty event only says where the stream can be resumed.
        if (data !== '') yield JSON.parse(data);
      }
    }
  }

  /** All that the upstream was to say in a call, and nothing else. */
  #check(call: number, stages: readonly Stage[], said: readonly AnyJson[], { structuredContent }: AnyJson): void {
    const own = `${this.tag}/${call}`;
    const expected = stages.flatMap((stage, at) => {
      if (stage === 'progress') return [`${call} ${own}/${at}`];
      if (stage === 'log') return [`${own}/${at}`];
      return this.modern ? [] : [own];
    });
    const heard = said.map(({ method, params }) =>
      method === 'notifications/progress'
        ? `${params.progressToken} ${params.message}`
        : String(method === 'notifications/message' ? params.data : params.systemPrompt),
    );
    if (JSON.stringify(heard) !== JSON.stringify(expected)) {
      this.#wrong(`hears ${JSON.stringify(heard)} instead of ${JSON.stringify(expected)}`);
    }
    const { owner, answers, notes, level } = structuredContent as Outcome;
    const questions = stages.filter((stage) => stage === 'ask').length;
    if (`${owner}/${structuredContent.call}` !== own)
      this.#wrong(`gets the result of ${owner}/${structuredContent.call}`);
    if (answers.length !== questions)
      this.#wrong(`answered ${questions} questions, of which ${answers.length} arrived`);
    if (!notes.includes(own)) this.#wrong(`does not find its note of ${own} in its session`);
    if (level !== null && level !== this.#options.level) this.#wrong(`finds the log level of another, ${level}`);
  }

  /** Everything that reaches this client goes through here. */
  #hear(text: string): void {
    for (const tag of tagsIn(text)) {
      if (tag !== this.tag) this.#wrong(`receives something of ${tag}: ${text.slice(0, 300)}`);
    }
  }

  #post(body: object, headers: object = this.#session, signal: AbortSignal | null = null): Promise<Response> {
    const all = { ...JSON_AND_SSE, ...headers };
    return fetch(this.#options.url, { method: 'POST', headers: all, body: JSON.stringify(body), signal });
  }

  async #say(message: object, statuses: readonly number[]): Promise<void> {
    const response = await this.#post(message);
    this.#hear(await response.text());
    this.#expectStatus(response, statuses);
  }

  #expectStatus({ status }: Response, expected: readonly number[]): void {
    if (!expected.includes(status)) this.#wrong(`gets the status ${status} instead of ${expected.join(' or ')}`);
  }

  #wrong(what: string): void {
    this.#options.onWrong(`${this.tag} ${what}`);
  }
}
