/**
 * Replies as an HTTP response. It starts as plain JSON when everything awaited is there before anything else, and as
 * server-sent events when something comes first or ten seconds have passed; from then on a heartbeat every ten seconds
 * shows that it lives. The stream always ends by itself, after its final message.
 */
import type { Clock } from '../ports.ts';
import type { Reply } from '../protocol/call.ts';
import type { HttpHeaders } from '../protocol/http.ts';
import { HEARTBEAT, SSE_CONTENT_TYPE, sseEvent } from '../protocol/sse.ts';

const HEARTBEAT_MS = 10_000;

/** `X-Accel-Buffering` keeps reverse proxies from holding events back (2026-07-28, basic/transports). */
export const SSE_HEADERS = { 'content-type': SSE_CONTENT_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** Which forms of an answer the client takes. */
export interface Acceptance {
  readonly json: boolean;
  readonly eventStream: boolean;
}

/** Undefined when the client takes neither form. A missing header takes both (RFC 9110, 12.5.1). */
export function readAccept(header: string | undefined): Acceptance | undefined {
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

/** How many final replies to expect, and whether they answer a batch (and so come as an array). */
export interface Expected {
  readonly finals: number;
  readonly batch: boolean;
}

export async function deliver(
  replies: AsyncGenerator<Reply, void>,
  expected: Expected,
  accept: Acceptance,
  clock: Clock,
): Promise<Delivery> {
  const source = new PatientReader(replies, clock);
  const finals: Final[] = [];
  const heartbeatAt = clock.elapsed() + HEARTBEAT_MS;
  while (finals.length < expected.finals) {
    const next = await (accept.eventStream ? source.next(heartbeatAt - clock.elapsed()) : source.next());
    if (next === 'waiting') return eventStream(finals, expected, source);
    if (next === undefined) break;
    if (next.kind === 'final') finals.push(next);
    else if (accept.eventStream) return eventStream(finals, expected, source, next);
    // A client that takes JSON only cannot be told anything before the answer.
  }
  await source.close();
  return whole(finals, expected, accept);
}

function whole(finals: readonly Final[], expected: Expected, accept: Acceptance): Delivery {
  const status = expected.batch ? 200 : (finals[0]?.status ?? 200);
  const texts = finals.map((final) => final.text);
  if (status === 200 && !accept.json) {
    return { status, headers: SSE_HEADERS, body: texts.map(sseEvent).join('') };
  }
  return { status, headers: JSON_HEADERS, body: expected.batch ? `[${texts.join(',')}]` : (texts[0] ?? '') };
}

/** Once events have begun, an error that wanted another status arrives as the final event. */
function eventStream(begun: readonly Final[], expected: Expected, source: PatientReader, first?: Reply): Delivery {
  return { status: 200, headers: SSE_HEADERS, body: events(begun, expected, source, first) };
}

async function* events(
  begun: readonly Final[],
  expected: Expected,
  source: PatientReader,
  first: Reply | undefined,
): AsyncGenerator<string, void> {
  let finals = begun.length;
  try {
    for (const reply of begun) yield sseEvent(reply.text);
    yield first === undefined ? HEARTBEAT : sseEvent(first.text);
    while (finals < expected.finals) {
      const next = await source.next(HEARTBEAT_MS);
      if (next === undefined) return;
      if (next === 'waiting') {
        yield HEARTBEAT;
        continue;
      }
      // The source settles its accounts before the last event leaves, so that nothing is owed afterwards.
      if (next.kind === 'final' && ++finals === expected.finals) await source.close();
      yield sseEvent(next.text);
    }
  } finally {
    await source.close();
  }
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
  next(ms: number): Promise<Reply | undefined | 'waiting'>;
  async next(ms?: number): Promise<Reply | undefined | 'waiting'> {
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
    let stopTimer = (): void => {};
    const late = new Promise<'waiting'>((resolve) => {
      stopTimer = this.#clock.schedule(ms, () => resolve('waiting'));
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      stopTimer();
    }
  }
}
