/**
 * A connection to an upstream in memory: a real deadline over a clock that stands still, and a transport whose answers
 * the test gives. When the test is over, no answer may be left open and no timer waiting.
 */
import { onTestFinished } from 'vitest';
import { startDeadline, type Deadline, type DeadlineLimits } from '../../lib/policies/deadline.ts';
import type { PlainHttpRequest } from '../../lib/adapters/node/http-exchange.ts';
import type { UpstreamSession } from '../../lib/ports/upstream-sessions.ts';
import { newTally, type UpstreamTally } from '../../lib/upstream/fault.ts';
import { post, type ConnectionTools, type UpstreamLink } from '../../lib/upstream/streamable-http.ts';
import { configOf } from '../config/sample.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { createMemoryTransport, type Answer, type MemoryBody } from '../support/memory-transport.ts';
import type { MemoryTransport } from '../support/memory-transport.ts';

/** A message that was sent, as tests look into it. */
export interface SentMessage {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: any;
  readonly error?: any;
}

export interface Connection {
  readonly link: UpstreamLink;
  readonly tools: ConnectionTools;
  readonly tally: UpstreamTally;
  readonly transport: MemoryTransport;
  readonly clock: ManualClock;
  readonly deadline: Deadline;
  /** Sessions that could not be ended. */
  readonly left: readonly UpstreamSession[];
  /** The messages that were sent, in their order; an empty one for a request without a body. */
  sent(): readonly SentMessage[];
  /** Resolves once all work is done that no answer waits for. */
  settle(): Promise<void>;
}

export interface ConnectionOptions {
  readonly upstream?: object;
  readonly limits?: Partial<DeadlineLimits>;
  readonly maxMessageBytes?: number;
  readonly clock?: ManualClock;
}

export type Answerer = (request: PlainHttpRequest, message: SentMessage) => Answer | Promise<Answer>;

export function linkOf(upstream: object = {}): UpstreamLink {
  const url = 'http://127.0.0.1:9081/mcp';
  const { upstreams } = configOf({
    upstreams: { time: { url, prefix: 'time', ...upstream } },
    servers: { default: { upstreams: ['time'] } },
  });
  const config = upstreams['time'];
  if (config === undefined) throw new Error('The configuration lost its upstream');
  return { name: 'time', config, view: { prefix: config.prefix, tools: undefined } };
}

export function connect(answer: Answerer, options: ConnectionOptions = {}): Connection {
  const { upstream, limits = {}, maxMessageBytes = 1_000_000, clock = createManualClock() } = options;
  const transport = createMemoryTransport((request) => answer(request, messageIn(request)));
  const deadline = startDeadline(clock, { totalMs: 55_000, idleMs: undefined, endsAt: Infinity, ...limits });
  const running = new Set<Promise<unknown>>();
  const left: UpstreamSession[] = [];
  const toolsWith = (limits: Deadline, tally: UpstreamTally): ConnectionTools => ({
    transport,
    clock,
    maxMessageBytes,
    limits,
    tally,
    ancestry: undefined,
    clientHeaders: {},
    post,
    defer: (work) => void running.add(runLater(work)),
    leave: (_link, session) => void left.push(session),
  });
  const runLater = async (work: (tools: ConnectionTools) => Promise<unknown>): Promise<void> => {
    const later = startDeadline(clock, { totalMs: 2000, idleMs: undefined, endsAt: Infinity });
    try {
      await work(toolsWith(later, newTally()));
    } finally {
      later.stop();
    }
  };
  const settle = async (): Promise<void> => {
    for (const work of running) await work;
  };
  onTestFinished(async () => {
    await settle();
    deadline.stop();
    const left = transport.exchanges.filter(({ state }) => state === 'open' || state === 'waiting');
    if (left.length > 0) throw new Error(`${left.length} answers were left open`);
    if (clock.scheduled > 0) throw new Error(`${clock.scheduled} timers were left waiting`);
  });
  const tally = newTally();
  return {
    link: linkOf(upstream),
    tools: toolsWith(deadline, tally),
    tally,
    transport,
    clock,
    deadline,
    left,
    sent: () => transport.requests.map(messageIn),
    settle,
  };
}

function messageIn(request: PlainHttpRequest): SentMessage {
  return request.body === '' ? {} : (JSON.parse(request.body) as SentMessage);
}

/** Everything that a generator yields, and what it returns. */
export async function collectAll<T, R>(generator: AsyncGenerator<T, R>): Promise<{ events: T[]; returned: R }> {
  const events: T[] = [];
  for (;;) {
    const next = await generator.next();
    if (next.done === true) return { events, returned: next.value };
    events.push(next.value);
  }
}

// ----------------------------------------------------------------------------------------------------------- answers

export function jsonAnswer(message: unknown, headers: Record<string, string> = {}, status = 200): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(message) };
}

export function resultOf(id: unknown, result: object = { content: [] }): object {
  return { jsonrpc: '2.0', id, result };
}

export function errorOf(id: unknown, code: number, message: string, data?: unknown): object {
  return { jsonrpc: '2.0', id, error: { code, message, data } };
}

export function noteOf(method: string, params?: object): object {
  return { jsonrpc: '2.0', method, params };
}

/** The text of one event for each message. */
export function eventsText(...messages: readonly unknown[]): string {
  return messages.map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`).join('');
}

export function eventsAnswer(body: string | MemoryBody, headers: Record<string, string> = {}): Answer {
  return { status: 200, headers: { 'content-type': 'text/event-stream', ...headers }, body };
}
