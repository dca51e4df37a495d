/**
 * An HTTP+SSE server over raw HTTP that does what a test says, and a real connection to it under a clock that stands
 * still. When the test is over, no timer may be waiting and no work be left.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { text as readText } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import { secretlessTransport } from '../support/http-transport.ts';
import { startDeadline, type Deadline, type DeadlineLimits } from '../../lib/policies/deadline.ts';
import { newTally, type UpstreamTally } from '../../lib/upstream/fault.ts';
import { openSseChannel, type SseChannel, type SseOpening } from '../../lib/upstream/http-sse.ts';
import type { StreamItem } from '../../lib/upstream/message-stream.ts';
import { post as postHttp } from '../../lib/upstream/streamable-http.ts';
import type { ConnectionTools, PostOutcome, UpstreamLink, UpstreamStream } from '../../lib/upstream/streamable-http.ts';
import { serveHttp } from '../node/servers.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import { linkOf } from './kit.ts';

// ------------------------------------------------------------------------------------------------------------ server

/** A message that was posted. */
export interface Posted {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** JSON as tests look into it. */
  readonly message: any;
  readonly response: ServerResponse;
}

export interface ScriptedServer {
  readonly url: string;
  /** Every connection so far. */
  readonly sockets: readonly unknown[];
  /** Headers of every GET. */
  readonly gets: IncomingHttpHeaders[];
  readonly posts: Posted[];
  /** What it does with a POST: acknowledges it, unless set. */
  onPost: (posted: Posted) => void;
  /** What it does with a GET: opens a stream and names the endpoint, unless set. */
  onGet: (response: ServerResponse) => void;
  /** The stream that was opened last. */
  stream(): ServerResponse;
  /** Says messages on that stream. */
  say(...messages: readonly unknown[]): void;
  /** Resolves with the POST of this number, from 1, once there is one. */
  posted(number: number): Promise<Posted>;
  /** Resolves once the stream that was opened last has lost its reader. */
  left(): Promise<void>;
}

export const EVENTS = { 'content-type': 'text/event-stream' };
export const ENDPOINT = 'event: endpoint\ndata: /messages?sessionId=s1\n\n';

export function eventOf(message: unknown): string {
  return `event: message\ndata: ${typeof message === 'string' ? message : JSON.stringify(message)}\n\n`;
}

export async function serveScript(): Promise<ScriptedServer> {
  let last: ServerResponse | undefined;
  let news = Promise.withResolvers<void>();
  const streams = new Map<ServerResponse, Promise<unknown>>();
  const { url, sockets } = await serveHttp((request, response) => {
    void readText(request).then((text) => {
      if (request.method === 'GET') {
        last = response;
        streams.set(response, once(response, 'close'));
        server.gets.push(request.headers);
        return server.onGet(response);
      }
      const message: unknown = JSON.parse(text);
      const posted = { path: request.url ?? '', headers: request.headers, text, message, response };
      server.posts.push(posted);
      news.resolve();
      news = Promise.withResolvers();
      server.onPost(posted);
    });
  });
  const server: ScriptedServer = {
    url: url.replace('/mcp', '/sse'),
    sockets,
    gets: [],
    posts: [],
    onPost: ({ response }) => void response.writeHead(202).end('Accepted'),
    onGet: (response) => void response.writeHead(200, EVENTS).write(ENDPOINT),
    stream() {
      if (last === undefined) throw new Error('No stream was opened');
      return last;
    },
    say: (...messages) => void server.stream().write(messages.map(eventOf).join('')),
    async posted(number) {
      while (server.posts.length < number) await news.promise;
      return server.posts[number - 1] as Posted;
    },
    left: async () => void (await streams.get(server.stream())),
  };
  return server;
}

// ------------------------------------------------------------------------------------------------------------ client

export interface Reach {
  readonly link: UpstreamLink;
  readonly tools: ConnectionTools;
  readonly tally: UpstreamTally;
  readonly clock: ManualClock;
  readonly deadline: Deadline;
  /** Tools for another call, under limits of its own. */
  toolsOfAnother(limits?: Partial<DeadlineLimits>): ConnectionTools & { readonly limits: Deadline };
}

export interface ReachOptions {
  readonly upstream?: object;
  readonly limits?: Partial<DeadlineLimits>;
  readonly maxMessageBytes?: number;
}

export function reach(url: string, options: ReachOptions = {}): Reach {
  const { upstream = {}, limits = {}, maxMessageBytes = 1_000_000 } = options;
  const clock = createManualClock();
  const transport = secretlessTransport();
  const running = new Set<Promise<void>>();
  const deadlines: Deadline[] = [];
  const toolsWith = (limits: Deadline, tally: UpstreamTally) => ({
    transport,
    clock,
    maxMessageBytes,
    limits,
    tally,
    ancestry: undefined,
    clientHeaders: {},
    post: postHttp,
    defer: (work: (tools: ConnectionTools) => Promise<unknown>) => void running.add(runLater(work)),
    leave: () => {},
  });
  const runLater = async (work: (tools: ConnectionTools) => Promise<unknown>): Promise<void> => {
    const later = startDeadline(clock, { totalMs: 2000, idleMs: undefined, endsAt: Infinity });
    try {
      await work(toolsWith(later, newTally()));
    } finally {
      later.stop();
    }
  };
  const startCall = (given: Partial<DeadlineLimits>): Deadline => {
    const deadline = startDeadline(clock, { totalMs: 55_000, idleMs: undefined, endsAt: Infinity, ...given });
    deadlines.push(deadline);
    return deadline;
  };
  onTestFinished(async () => {
    for (const work of running) await work;
    for (const deadline of deadlines) deadline.stop();
    expect(clock.scheduled, 'timers left waiting').toBe(0);
  });
  const deadline = startCall(limits);
  const tally = newTally();
  return {
    link: linkOf({ url, ...upstream }),
    tools: toolsWith(deadline, tally),
    tally,
    clock,
    deadline,
    toolsOfAnother: (given = {}) => toolsWith(startCall(given), newTally()),
  };
}

export type Session = Reach & { readonly channel: SseChannel };

export function assertOpen(opening: SseOpening): SseChannel {
  if (opening.kind !== 'open') throw new Error(`No channel: ${JSON.stringify(opening)}`);
  return opening.channel;
}

/** Opens a channel, which the test may close; it is closed in any case. */
export async function openSession(url: string, options: ReachOptions = {}): Promise<Session> {
  const reached = reach(url, options);
  const channel = assertOpen(await openSseChannel(reached.link, reached.tools));
  onTestFinished(() => channel.close());
  return { ...reached, channel };
}

/** Resolves when something has come on the stream, and been understood, of which these limits are told. */
export async function heardBy(deadline: Deadline): Promise<void> {
  const told = Promise.withResolvers<void>();
  const active = deadline.active;
  deadline.active = () => {
    active();
    told.resolve();
  };
  await told.promise;
  deadline.active = active;
  await turn();
}

/** Sends a request over the channel. */
export async function ask(session: Session, id: string, tools = session.tools): Promise<PostOutcome> {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'x' } });
  return await session.channel.post(session.link, body, {}, tools);
}

export async function tell(session: Session, method: string, tools = session.tools): Promise<PostOutcome> {
  return await session.channel.post(session.link, JSON.stringify({ jsonrpc: '2.0', method }), {}, tools);
}

export function assertStream(outcome: PostOutcome): UpstreamStream {
  if (outcome.kind !== 'stream') throw new Error(`No stream: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Everything that comes for a request, in short. */
export async function readAll(outcome: PostOutcome): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of assertStream(outcome).items) items.push(brief(item));
  return items;
}

export async function readOne(outcome: PostOutcome): Promise<unknown> {
  const next = await assertStream(outcome).items.next();
  return next.done === true ? 'nothing' : brief(next.value);
}

function brief(item: StreamItem): unknown {
  if (item.kind === 'fault') return { fault: item.fault };
  if (item.kind === 'position') return { position: item.eventId };
  if (item.kind === 'retry') return { retry: item.ms };
  const { message } = item;
  if (message.kind !== 'response') return message.method;
  return 'error' in message.body ? { error: message.body.error.message } : message.body.result;
}

export function resultOf(id: unknown, result: object = { done: true }): object {
  return { jsonrpc: '2.0', id, result };
}

export function progressOf(token: unknown, progress: number): object {
  return { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress } };
}

export const LOG = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } };
export const QUESTION = { jsonrpc: '2.0', id: 7, method: 'roots/list' };
