/**
 * The body of an upstream's answer as JSON-RPC messages, whether it came as one JSON value or as server-sent events.
 * What cannot be read ends the stream with a fault; nothing is thrown.
 */
import type { UpstreamFault } from '../errors.ts';
import { elementTexts } from '../protocol/json-text.ts';
import { parseJson, readMessage, type Json, type Message } from '../protocol/message.ts';
import { createSseReader } from '../protocol/sse.ts';
import type { CallEnd } from './fault.ts';

export type StreamItem =
  /** `eventId` is that of the event it came in, from which the stream can be resumed; of several messages the last has it. */
  | { readonly kind: 'message'; readonly message: Message; readonly eventId?: string }
  /** The upstream says from where the stream can be resumed, and nothing else. */
  | { readonly kind: 'position'; readonly eventId: string }
  /** How long the upstream wants to be left alone before its stream is resumed. */
  | { readonly kind: 'retry'; readonly ms: number }
  | { readonly kind: 'fault'; readonly fault: CallEnd };

/** Messages that may come together, as 2025-03-26 allows; nobody was asked for as many. */
const MAX_TOGETHER = 1000;

/** An event id that is resumed from travels in a header, and is kept meanwhile. */
const EVENT_ID = /^[\x21-\x7e]{1,1024}$/;

/** No call lasts as long. */
const LONGEST_RETRY_MS = 3_600_000;

/** Bytes of a body; throws when the connection breaks. */
export type BodyBytes = AsyncIterable<Uint8Array>;

/** One JSON value: a message, or an array of them. `onBytes` is told whenever some of it arrives. */
export async function readJsonBody(
  body: BodyBytes,
  maxBytes: number,
  onBytes: () => void,
): Promise<readonly StreamItem[]> {
  const text = await collect(body, maxBytes, onBytes);
  return typeof text === 'string' ? messagesIn(text) : [{ kind: 'fault', fault: text }];
}

/** Server-sent events, whose data are messages; `onEndpoint` is told of those that name an endpoint. */
export async function* readEventStream(
  body: BodyBytes,
  maxBytes: number,
  onEndpoint: (data: string) => void = () => {},
): AsyncGenerator<StreamItem, void> {
  const ready: StreamItem[] = [];
  const tooLarge: StreamItem = { kind: 'fault', fault: { kind: 'upstream-too-large', limitBytes: maxBytes } };
  const reader = createSseReader(
    {
      onMessage: (data, eventId) => ready.push(...marked(messagesIn(data), eventId)),
      onPosition: (eventId) => ready.push(...marked([], eventId)),
      onRetry: (ms) => void ready.push({ kind: 'retry', ms: Math.min(ms, LONGEST_RETRY_MS) }),
      onEndpoint,
      onOverflow: () => ready.push(tooLarge),
    },
    maxBytes,
  );
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) {
      reader.feed(decoder.decode(chunk, { stream: true }));
      for (const item of ready.splice(0)) {
        yield item;
        if (item.kind === 'fault') return;
      }
    }
  } catch {
    yield { kind: 'fault', fault: { kind: 'upstream-closed' } };
  }
}

/** Puts an event's id where everything that came in the event has been read. One that no header can carry is as good as none. */
function marked(items: readonly StreamItem[], eventId: string | undefined): readonly StreamItem[] {
  if (eventId === undefined || !EVENT_ID.test(eventId)) return items;
  const last = items.at(-1);
  if (last === undefined) return [{ kind: 'position', eventId }];
  return last.kind === 'message' ? [...items.slice(0, -1), { ...last, eventId }] : items;
}

/** The body as text, or why it cannot be had. */
export async function collect(
  body: BodyBytes,
  maxBytes: number,
  onBytes: () => void = () => {},
): Promise<string | UpstreamFault> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      onBytes();
      bytes += chunk.byteLength;
      if (bytes > maxBytes) return { kind: 'upstream-too-large', limitBytes: maxBytes };
      chunks.push(chunk);
    }
  } catch {
    return { kind: 'upstream-closed' };
  }
  const [only] = chunks;
  const whole = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
  return Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString('utf8');
}

/** Stops at the first thing that is no message: what comes after it cannot be trusted either. */
function messagesIn(text: string): readonly StreamItem[] {
  const value = parseJson(text);
  if (value === undefined) return [garbled('it is not JSON')];
  if (!Array.isArray(value)) return [itemOf(value, text)];
  return value.length > MAX_TOGETHER ? [garbled(`it holds more than ${MAX_TOGETHER} messages`)] : itemsOf(text);
}

function itemsOf(arrayText: string): readonly StreamItem[] {
  const items: StreamItem[] = [];
  for (const text of elementTexts(arrayText)) {
    const item = itemOf(parseJson(text) ?? null, text);
    items.push(item);
    if (item.kind === 'fault') break;
  }
  return items;
}

function itemOf(value: Json, text: string): StreamItem {
  const message = readMessage(value, text);
  return message === undefined ? garbled('it is not a JSON-RPC message') : { kind: 'message', message };
}

function garbled(reason: string): StreamItem {
  return { kind: 'fault', fault: { kind: 'upstream-garbled', reason } };
}
