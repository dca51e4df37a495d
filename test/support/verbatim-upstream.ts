/**
 * An MCP server over raw HTTP in both eras that says to the byte what a test gives it, and keeps to the byte what it was
 * sent.
 */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** JSON as tests look into it. */
type AnyJson = any;

/** A message as it came in. */
export interface Heard {
  readonly text: string;
  readonly message: AnyJson;
  readonly headers: IncomingHttpHeaders;
}

/** A request that waits for its answer. */
export interface Talk extends Heard {
  /** JSON text of the id under which the answer is expected. */
  readonly idText: string;
  /** Says something before the answer, as an event. */
  say(text: string): void;
  /** Says it, and resolves with what the client answers to the question of this id. */
  ask(text: string, id: string | number): Promise<Heard>;
  /** The answer, as JSON with this status; as the last event once events have begun. */
  answer(text: string, status?: number): void;
}

type Script = (talk: Talk) => void | Promise<void>;

const MODERN = '2026-07-28';
const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26'];
const CAPABILITIES = { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} };

/** Bodies leave in pieces of so many bytes, which cuts characters of several bytes in two. */
const PIECE_BYTES = 997;

export async function startVerbatimUpstream(): Promise<VerbatimUpstream> {
  const upstream = new VerbatimUpstream();
  await upstream.start();
  return upstream;
}

export class VerbatimUpstream {
  /** Everything that came in, in order, handshakes included. */
  readonly heard: Heard[] = [];

  readonly #scripts = new Map<string, Script>([
    ['initialize', answerInitialize],
    ['server/discover', answerDiscover],
  ]);
  /** Questions that wait for an answer, by their id. */
  readonly #questions = new Map<string | number, (answer: Heard) => void>();
  readonly #server: Server = createServer((request, response) => {
    void readText(request).then((text) => this.#serve(text, request.headers, response));
  });

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  /** What it does for a method from now on. */
  on(method: string, script: Script): void {
    this.#scripts.set(method, script);
  }

  /** The last message of a method that came in. */
  last(method: string): Heard {
    const heard = this.heard.findLast(({ message }) => message.method === method);
    if (heard === undefined) throw new Error(`No ${method} has come in`);
    return heard;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(text: string, headers: IncomingHttpHeaders, response: ServerResponse): void {
    if (text === '') return void response.writeHead(200).end();
    const heard: Heard = { text, message: JSON.parse(text), headers };
    this.heard.push(heard);
    const { id, method } = heard.message;
    if (method === undefined) this.#questions.get(id)?.(heard);
    if (method === undefined || id === undefined) return void response.writeHead(202).end();
    const script = this.#scripts.get(method);
    const talk = this.#talk(heard, response);
    if (script === undefined) throw new Error(`No script for ${method}`);
    void script(talk);
  }

  #talk(heard: Heard, response: ServerResponse): Talk {
    const say = (text: string): void => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      writeInPieces(response, toEvent(text));
    };
    return {
      ...heard,
      idText: JSON.stringify(heard.message.id),
      say,
      ask: (text, id) =>
        new Promise((resolve) => {
          this.#questions.set(id, resolve);
          say(text);
        }),
      answer(text, status = 200) {
        if (response.headersSent) {
          say(text);
        } else {
          response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
          writeInPieces(response, text);
        }
        response.end();
      },
    };
  }
}

/** A line of data for each line of the text (HTML, "Server-sent events", 9.2.6). */
function toEvent(text: string): string {
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${lines.join('')}\n`;
}

function writeInPieces(response: ServerResponse, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) response.write(bytes.subarray(at, at + PIECE_BYTES));
}

function answerInitialize({ message, idText, answer }: Talk): void {
  const asked = message.params.protocolVersion;
  const result = {
    protocolVersion: LEGACY.includes(asked) ? asked : LEGACY[0],
    capabilities: CAPABILITIES,
    serverInfo: { name: 'verbatim', version: '1.0.0' },
  };
  answer(`{"jsonrpc":"2.0","id":${idText},"result":${JSON.stringify(result)}}`);
}

function answerDiscover({ idText, answer }: Talk): void {
  const result = {
    resultType: 'complete',
    supportedVersions: [MODERN, ...LEGACY],
    capabilities: CAPABILITIES,
    ttlMs: 0,
    cacheScope: 'private',
  };
  answer(`{"jsonrpc":"2.0","id":${idText},"result":${JSON.stringify(result)}}`);
}
