import type { ServerResponse } from 'node:http';
import type { McpServer } from '@modelcontextprotocol/server';
import { isInitializeRequest, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { randomUUID } from 'node:crypto';

/** A server of its own for each session, because an SDK server holds the state of one connection. */
interface Session {
  readonly server: McpServer;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** HTTP responses under way; a session with any is not idle. */
  responses: number;
  /** When the last response ended, or the session began. Milliseconds since the epoch. */
  idleSince: number;
}

export interface LegacySessionLimits {
  /** Most sessions at once. One more ends the session that has been idle longest. */
  readonly sessions: number;
  /** A session without a request for this long is ended. Milliseconds. */
  readonly idleMs: number;
}

const DEFAULT_LIMITS: LegacySessionLimits = { sessions: 500, idleMs: 15 * 60_000 };

/** The sessions of legacy clients (2025-11-25, basic/transports, session management), bounded in number and age. */
export class LegacySessions {
  readonly #createServer: () => McpServer;
  readonly #limits: LegacySessionLimits;
  /** In the order of their last use, so that the first idle one has been idle longest. */
  readonly #sessions = new Map<string, Session>();
  readonly #sweep: NodeJS.Timeout;
  /** Sessions being opened, which count against the limit already. */
  #opening = 0;

  constructor(createServer: () => McpServer, limits: LegacySessionLimits = DEFAULT_LIMITS) {
    this.#createServer = createServer;
    this.#limits = limits;
    this.#sweep = setInterval(() => void this.#endExpired(), Math.min(limits.idleMs, 60_000)).unref();
  }

  /** Keeps the session from counting as idle until the response has ended. */
  hold(id: string | undefined, response: ServerResponse): void {
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (id === undefined || session === undefined) return;
    session.responses += 1;
    response.once('close', () => {
      session.responses -= 1;
      session.idleSince = Date.now();
      if (this.#sessions.delete(id)) this.#sessions.set(id, session);
    });
  }

  async fetch(request: Request, body?: unknown): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id === null) {
      if (!isInitializeRequest(body)) return refuse(400, -32000, 'Session id required');
      return (await this.#makeRoom()) ? await this.#open(request, body) : refuse(503, -32000, 'Too many sessions');
    }
    const session = this.#sessions.get(id);
    if (session === undefined) return refuse(404, -32001, 'Session not found');
    return await session.transport.handleRequest(request, { parsedBody: body });
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await Promise.all([...this.#sessions.keys()].map((id) => this.#end(id)));
  }

  /** False when every session is in use. */
  async #makeRoom(): Promise<boolean> {
    if (this.#sessions.size + this.#opening < this.#limits.sessions) return true;
    const idle = [...this.#sessions].find(([, session]) => session.responses === 0);
    if (idle === undefined) return false;
    await this.#end(idle[0]);
    return true;
  }

  async #open(request: Request, body: unknown): Promise<Response> {
    const server = this.#createServer();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        this.#sessions.set(id, { server, transport, responses: 0, idleSince: Date.now() });
      },
      onsessionclosed: async (id) => await this.#end(id),
    });
    this.#opening += 1;
    try {
      await server.connect(transport);
      return await transport.handleRequest(request, { parsedBody: body });
    } finally {
      this.#opening -= 1;
      if (transport.sessionId === undefined) await server.close();
    }
  }

  async #endExpired(): Promise<void> {
    const limit = Date.now() - this.#limits.idleMs;
    const expired = [...this.#sessions].filter(([, session]) => session.responses === 0 && session.idleSince < limit);
    await Promise.all(expired.map(([id]) => this.#end(id)));
  }

  async #end(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    await session?.server.close();
  }
}

function refuse(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status });
}
