/**
 * Runs the stdio upstreams of a configuration behind Streamable HTTP on 127.0.0.1, so that environments see nothing but
 * URLs. Each URL holds an unguessable segment, and no web page is answered.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toBodyText } from '../../adapters/body-text.ts';
import { cryptoIds } from '../../adapters/node/ids.ts';
import type { GatewayConfig, UpstreamConfig } from '../../config/schema.ts';
import { seal } from '../../config/seal.ts';
import { JSON_RPC } from '../../protocol/message.ts';
import { sendError } from './answer.ts';
import { STDIO_TIMES, type StdioTimes } from './times.ts';
import { HostedUpstream } from './upstream.ts';

export interface StdioHost {
  /** With a URL in place of each command, and without what the commands are given, which may be secret. */
  readonly config: GatewayConfig;
  /** Process ids of all children that have not ended yet. */
  pids(): number[];
  /** Ends all children, within about half a second, and what is under way at them. */
  close(): Promise<void>;
}

export interface StdioHostOptions {
  /** What the operator should know of an upstream, a line at a time: that its process ended, or cannot be started. */
  readonly report: (line: string) => void;
  /** What children write on their standard error, a line at a time; by default it is reported. */
  readonly onStderr?: ((line: string) => void) | undefined;
  readonly times?: StdioTimes | undefined;
}

/** What is added to a message on its way, beyond what a client may send. */
const MESSAGE_MARGIN_BYTES = 1024 * 1024;

/** Children are started when they are needed. They are killed when this process exits without `close`. */
export async function hostStdioUpstreams(config: GatewayConfig, options: StdioHostOptions): Promise<StdioHost> {
  const hosted = new Map<string, HostedUpstream>();
  const paths = new Map<string, string>();
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    const host = hostUpstream(name, upstream, config, options);
    if (host === undefined) continue;
    const path = `/${cryptoIds.random()}/${name}`;
    hosted.set(path, host);
    paths.set(name, path);
  }
  if (hosted.size === 0) return { config, pids: () => [], close: async () => undefined };

  const server = createServer((request, response) => {
    serve(request, response, server, hosted, config.limits.requestBytes + MESSAGE_MARGIN_BYTES).catch(
      (error: unknown) => {
        options.report(`stdio upstreams: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        response.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const origin = `http://${addressOf(server)}`;
  const kill = () => {
    for (const upstream of hosted.values()) upstream.kill();
  };
  process.on('exit', kill);
  return {
    config: withUrls(config, (name) => (paths.has(name) ? `${origin}${paths.get(name)}` : undefined)),
    pids: () => [...hosted.values()].flatMap((upstream) => upstream.pids),
    close: async () => {
      server.close();
      await Promise.all([...hosted.values()].map((upstream) => upstream.close()));
      server.closeAllConnections();
      process.off('exit', kill);
    },
  };
}

function hostUpstream(
  name: string,
  upstream: UpstreamConfig,
  { limits }: GatewayConfig,
  { report, onStderr = report, times = STDIO_TIMES }: StdioHostOptions,
): HostedUpstream | undefined {
  const { stdio } = upstream;
  if (stdio === undefined) return undefined;
  return new HostedUpstream(upstream, stdio, {
    stdio,
    maxLineBytes: limits.upstreamMessageBytes,
    times,
    report: (text) => report(`upstream ${name}: ${text}`),
    onStderr: (text) => onStderr(`upstream ${name} says: ${text}`),
  });
}

/** The configuration with a URL in place of each command that has one. */
export function withUrls(config: GatewayConfig, urlOf: (name: string) => string | undefined): GatewayConfig {
  const upstreams = Object.entries(config.upstreams).map(([name, upstream]): [string, UpstreamConfig] => {
    const url = urlOf(name);
    if (url === undefined) return [name, upstream];
    const { stdio: _, ...rest } = upstream;
    return [name, { ...rest, url, transport: 'http' }];
  });
  return seal({ ...config, upstreams: Object.fromEntries(upstreams) });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  server: Server,
  hosted: ReadonlyMap<string, HostedUpstream>,
  maxBytes: number,
): Promise<void> {
  // Whoever comes by another name, or from a page, is not the gateway.
  if (request.headers.host !== addressOf(server) || request.headers.origin !== undefined) {
    return refuseUnread(request, response, 403, 'This is for the gateway only');
  }
  const upstream = hosted.get(request.url ?? '');
  if (upstream === undefined) return refuseUnread(request, response, 404, 'There is nothing at this path');
  const sessionId = headerOf(request, 'mcp-session-id');
  if (request.method === 'DELETE') {
    request.resume();
    return upstream.delete(sessionId, response);
  }
  if (request.method === 'GET' && sessionId !== undefined) {
    request.resume();
    return upstream.listen(sessionId, response);
  }
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST, DELETE');
    return refuseUnread(request, response, 405, 'Only POST and DELETE are served here, and GET in a session');
  }
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    return refuseUnread(request, response, 415, 'Content-Type must be application/json');
  }
  const body = await readBody(request, maxBytes);
  if (body === 'gone') return;
  if (body === 'too-large') return refuseUnread(request, response, 413, `The request is larger than ${maxBytes} bytes`);
  const text = toBodyText(body);
  if (text === undefined) return refuseUnread(request, response, 400, 'The body is not UTF-8');
  await upstream.post(text, sessionId, response);
}

/** `gone` when the client went before it had sent everything. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too-large' | 'gone'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return 'too-large';
      chunks.push(chunk);
    }
  } catch {
    return 'gone';
  }
  return Buffer.concat(chunks, bytes);
}

/** Closes the connection, which may have more to say. */
function refuseUnread(request: IncomingMessage, response: ServerResponse, status: number, message: string): void {
  response.setHeader('connection', 'close');
  sendError(response, status, undefined, { code: JSON_RPC.invalidRequest, message });
  request.resume();
}

function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
