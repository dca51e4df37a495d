/**
 * Replies as an HTTP response. It starts as plain JSON when everything awaited is there before anything else, and as
 * server-sent events when something comes first or ten seconds have passed; from then on a heartbeat every ten seconds
 * shows that it lives. The stream always ends by itself, after its final message.
 */
import type { Clock } from '../ports.ts';
import type { HandedOver, Reply } from '../protocol/call.ts';
import type { HttpHeaders } from '../protocol/http.ts';
import { HEARTBEAT, SSE_CONTENT_TYPE, sseEvent, ssePosition, sseReturn } from '../protocol/sse.ts';

export const HEARTBEAT_MS = 10_000;

/** When a client is to come back for the rest of a stream. */
export const RETURN_MS = 1000;

/** `X-Accel-Buffering` keeps reverse proxies from holding events back (2026-07-28, basic/transports). */
export const SSE_HEADERS = { 'content-type': SSE_CONTENT_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** Which forms of an answer the client takes. */
export interface Acceptance {
  readonly json: boolean;
  readonly eventStream: boolean;
}

/** The last header that was read: one client after the other sends the same. */
let lastRead: { readonly header: string | undefined; readonly acceptance: Acceptance | undefined } | undefined;

/** Undefined when the client takes neither form. A missing header takes both (RFC 9110, 12.5.1). */
export function readAccept(header: string | undefined): Acceptance | undefined {
  if (lastRead === undefined || lastRead.header !== header) lastRead = { header, acceptance: toAcceptance(header) };
  return lastRead.acceptance;
}

function toAcceptance(header: string | undefined): Acceptance | undefined {
  const ranges = (header ?? '*/*').split(',').map(readRange);
  const json = takes(ranges, ['application/json', 'application/*', '*/*']);
  const eventStream = takes(ranges, [SSE_CONTENT_TYPE, 'text/*', '*/*']);
  return json || eventStream ? { json, eventStream } : undefined;
}

interface MediaRange {
  readonly range: string;
  readonly taken: boolean;
}

/** Of the ranges that a form falls under, most specific first, the first one that is named decides. */
function takes(named: readonly MediaRange[], falling: readonly string[]): boolean {
  const deciding = falling.find((form) => named.some(({ range }) => range === form));
  return named.some(({ range, taken }) => range === deciding && taken);
}

function readRange(text: string): MediaRange {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  return { range, taken: !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)) };
}

export interface Delivery {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: string | AsyncIterable<string>;
}

/** An answer that consists of its status. */
export const EMPTY: Delivery = { status: 204, headers: {}, body: '' };

/** A notification or an answer was taken (2025-11-25, basic/transports, "Sending Messages to the Server"). */
export const ACCEPTED: Delivery = { status: 202, headers: {}, body: '' };

/** One response that is there already. */
export function deliverOne(text: string, status: number, accept: Acceptance): Delivery {
  return whole([{ kind: 'final', text, status }], { finals: 1, batch: false }, accept);
}

type Final = Extract<Reply, { kind: 'final' }>;

/** What a stream is made of: replies, and silences. */
type Step = Reply | 'waiting';

/** How many final replies to expect, and whether they answer a batch (and so come as an array). */
export interface Expected {
  readonly finals: number;
  readonly batch: boolean;
}

/** Gives the events of a stream their ids, and keeps them for a client that comes back for what it has missed. */
export interface EventKeeper {
  /** The stream begins. The id of an event that comes before all others; undefined for clients that expect none. */
  begin(): string | undefined;
  /** Takes what becomes the next event, and returns its id. */
  keep(reply: Exclude<Reply, HandedOver>): string;
  /** Leaves the rest of the stream to whoever the client asks for it. Returns the id from which that can be had. */
  handOver(continuation: string): string;
  /** Nothing more comes in this connection, whatever the reason. */
  end(): void;
}

/** `keeper` is for clients that can come back for a stream that broke. */
export async function deliver(
  replies: AsyncGenerator<Reply, void>,
  expected: Expected,
  accept: Acceptance,
  clock: Clock,
  keeper?: EventKeeper,
): Promise<Delivery> {
  const source = new PatientReader(replies, clock);
  const finals: Final[] = [];
  const heartbeatAt = clock.elapsed() + HEARTBEAT_MS;
  const streamed = (...first: readonly Step[]): Delivery =>
    eventStream(deliverEvents([...finals, ...first], expected.finals, source, keeper));
  while (finals.length < expected.finals) {
    const next = await (accept.eventStream ? source.next(heartbeatAt - clock.elapsed()) : source.next());
    if (next === 'waiting') return streamed(next);
    if (next === undefined) break;
    if (next.kind === 'final') finals.push(next);
    else if (accept.eventStream) return streamed(next);
    // A client that takes JSON only cannot be told anything before the answer.
  }
  // What is a stream only because the client takes nothing else can be had again like any other.
  if (!accept.json && keeper !== undefined && statusOf(finals, expected) === 200) return streamed();
  await source.close();
  return whole(finals, expected, accept);
}

/** Replies to one request, as the events that follow those a client has been sent before. */
export function deliverRest(
  replies: AsyncGenerator<Reply, void>,
  clock: Clock,
  keeper: EventKeeper,
): AsyncGenerator<string, void> {
  return events([], 1, new PatientReader(replies, clock), keeper);
}

/** A stream of events, each of them as it goes on the wire. */
export function eventStream(body: Delivery['body']): Delivery {
  return { status: 200, headers: SSE_HEADERS, body };
}

function whole(finals: readonly Final[], expected: Expected, accept: Acceptance): Delivery {
  const status = statusOf(finals, expected);
  const texts = finals.map((final) => final.text);
  if (status === 200 && !accept.json) return eventStream(texts.map((text) => sseEvent(text)).join(''));
  return { status, headers: JSON_HEADERS, body: expected.batch ? `[${texts.join(',')}]` : (texts[0] ?? '') };
}

function statusOf([first]: readonly Final[], { batch }: Expected): number {
  return batch ? 200 : (first?.status ?? 200);
}

/** Once events have begun, an error that wanted another status arrives as the final event. */
async function* deliverEvents(
  begun: readonly Step[],
  finals: number,
  source: PatientReader,
  keeper: EventKeeper | undefined,
): AsyncGenerator<string, void> {
  const position = keeper?.begin();
  if (position !== undefined) yield ssePosition(position);
  yield* events(begun, finals, source, keeper);
}

async function* events(
  begun: readonly Step[],
  finals: number,
  source: PatientReader,
  keeper: EventKeeper | undefined,
): AsyncGenerator<string, void> {
  const waiting = [...begun];
  let left = finals;
  try {
    while (left > 0) {
      const next = waiting.shift() ?? (await source.next(HEARTBEAT_MS));
      if (next === undefined) return;
      if (next === 'waiting') {
        yield HEARTBEAT;
        continue;
      }
      // The source settles its accounts before the last event leaves, so that nothing is owed afterwards.
      if (next.kind !== 'interim' && (left -= 1) === 0) await source.close();
      yield toEvent(next, keeper);
    }
  } finally {
    keeper?.end();
    await source.close();
  }
}

function toEvent(reply: Reply, keeper: EventKeeper | undefined): string {
  if (reply.kind !== 'handed-over') return sseEvent(reply.text, keeper?.keep(reply));
  // Only clients that can come back have their calls handed over.
  return keeper === undefined ? '' : sseReturn(keeper.handOver(reply.continuation), RETURN_MS);
}

/** Reads replies one by one, and can give up waiting for one without losing it. */
class PatientReader {
  readonly #replies: AsyncGenerator<Reply, void>;
  readonly #clock: Clock;
  #pending: Promise<IteratorResult<Reply, void>> | undefined;

  constructor(replies: AsyncGenerator<Reply, void>, clock: Clock) {
    this.#replies = replies;
    this.#clock = clock;
  }

  /** The next reply; undefined at the end; 'waiting' when none has come within `ms`. */
  next(): Promise<Reply | undefined>;
  next(ms: number): Promise<Step | undefined>;
  async next(ms?: number): Promise<Step | undefined> {
    this.#pending ??= this.#replies.next();
    const result = await (ms === undefined ? this.#pending : this.#within(this.#pending, ms));
    if (result === 'waiting') return result;
    this.#pending = undefined;
    return result.done === true ? undefined : result.value;
  }

  /** Ends the source, whatever it is doing. */
  async close(): Promise<void> {
    await this.#replies.return();
  }

  async #within<T>(promise: Promise<T>, ms: number): Promise<T | 'waiting'> {
    const first = Promise.withResolvers<T | 'waiting'>();
    const stopTimer = this.#clock.schedule(ms, () => first.resolve('waiting'));
    promise.then(first.resolve, first.reject);
    try {
      return await first.promise;
    } finally {
      stopTimer();
    }
  }
}
