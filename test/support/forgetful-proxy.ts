/**
 * An upstream that loses sessions, as one does that is restarted or has too many of them: a reverse proxy before a real
 * server that now and then forgets the session of a call, before the server hears of the call. From then on the session
 * is unknown, in the way in which this kind of server says so. A session is good for one call at least: the gateway opens
 * a new one once, and an upstream that loses that as well is not to be helped.
 */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';

export interface ForgetfulProxy {
  /** The address behind which the server is, with the server's own path. */
  readonly url: string;
  /** Sessions that were forgotten so far. */
  readonly forgotten: number;
  /** Sessions that were opened so far; over HTTP+SSE, streams. */
  readonly opened: number;
  close(): Promise<void>;
}

export interface ForgetfulOptions {
  /** What an unknown session is answered with: most servers say 404, many 400. */
  readonly status: 404 | 400;
  /** Asked at each call: whether its session is forgotten now. */
  readonly forgets: () => boolean;
}

export async function startForgetfulProxy(target: string, options: ForgetfulOptions): Promise<ForgetfulProxy> {
  const agent = new Agent({ keepAlive: true });
  const used = new Set<string>();
  const forgotten = new Set<string>();
  let opened = 0;

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(incoming);
    const session = sessionOf(incoming);
    if (session === undefined) opened += 1;
    else if (isCall(body)) {
      if (used.has(session) && !forgotten.has(session) && options.forgets()) forgotten.add(session);
      used.add(session);
    }
    if (session !== undefined && forgotten.has(session)) return answerUnknown(response, options.status);
    forward(target, agent, incoming, body, response);
  }

  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: unknown) => response.destroy(error as Error));
  });
  // Clients decide how long they keep a connection.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${new URL(target).pathname}`,
    get forgotten() {
      return forgotten.size;
    },
    get opened() {
      return opened;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

/** Over Streamable HTTP it is in a header, over HTTP+SSE in the address for messages. */
function sessionOf({ headers, url = '/' }: IncomingMessage): string | undefined {
  const header = headers['mcp-session-id'];
  return (
    (typeof header === 'string' ? header : undefined) ??
    new URLSearchParams(url.split('?')[1]).get('sessionId') ??
    undefined
  );
}

function isCall(body: Buffer): boolean {
  return body.includes('"tools/call"');
}

function answerUnknown(response: ServerResponse, status: 404 | 400): void {
  const error =
    status === 404
      ? { code: -32001, message: 'Session not found' }
      : { code: -32000, message: 'Bad Request: No valid session ID provided' };
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
}

function forward(
  target: string,
  agent: Agent,
  incoming: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): void {
  const { method, url } = incoming;
  const headers = { ...incoming.headers, host: new URL(target).host };
  const outgoing = httpRequest(new URL(url ?? '/', target), { method, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  });
  outgoing.once('error', () => response.destroy());
  response.once('close', () => outgoing.destroy());
  outgoing.end(body);
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
