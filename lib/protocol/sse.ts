/** Server-sent events: bytes in, events out, and back. */
import { createParser } from 'eventsource-parser';

export const SSE_CONTENT_TYPE = 'text/event-stream';

/** Keeps a quiet stream open; readers ignore comments. */
export const HEARTBEAT = ': heartbeat\n\n';

export interface SseReader {
  /** Reads a piece of the stream; pieces may end anywhere. */
  feed(text: string): void;
}

export interface SseHandlers {
  /** The data of one event of type `message`, and the event's id if it has one. */
  readonly onMessage: (data: string, eventId: string | undefined) => void;
  /** The id of an event that carries nothing else, to resume from (2025-11-25, basic/transports). */
  readonly onPosition?: (eventId: string) => void;
  /** How long to wait before the stream is resumed, milliseconds; holds from here on. */
  readonly onRetry?: (ms: number) => void;
  /** The data of one event of type `endpoint` (2024-11-05, basic/transports). Any other type is passed over. */
  readonly onEndpoint?: (data: string) => void;
  /** One event is larger than the limit; the reader is of no use afterwards. */
  readonly onOverflow: () => void;
}

/** `maxEventChars` bounds what an endless line or event can take up, in UTF-16 units. */
export function createSseReader(handlers: SseHandlers, maxEventChars: number): SseReader {
  return createParser({
    maxBufferSize: maxEventChars,
    onEvent(event) {
      // The parser bounds what it holds back; an event that is there at once never was.
      if (event.data.length > maxEventChars) return handlers.onOverflow();
      const isMessage = event.event === undefined || event.event === '' || event.event === 'message';
      const id = event.id === '' ? undefined : event.id;
      if (isMessage && event.data !== '') handlers.onMessage(event.data, id);
      else if (isMessage && id !== undefined) handlers.onPosition?.(id);
      else if (event.event === 'endpoint') handlers.onEndpoint?.(event.data);
    },
    onRetry: (ms) => handlers.onRetry?.(ms),
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') handlers.onOverflow();
    },
  });
}

/** When a reader whose stream has ended is to come back (2025-11-25, basic/transports). */
export function retryField(ms: number): string {
  return `retry: ${ms}\n\n`;
}

/**
 * Names the place that the reader has come to. It has no data, so that it is an event to nobody (the `EventSource` standard,
 * "Interpreting an event stream").
 */
export function idField(eventId: string): string {
  return `${idLine(eventId)}\n`;
}

/** One event with the message as its data. Line breaks can only stand between the tokens of a JSON text. */
export function sseEvent(messageText: string, eventId?: string): string {
  const data = /[\r\n]/.test(messageText) ? messageText.replace(/\r\n|\r|\n/g, ' ') : messageText;
  return `event: message\n${idLine(eventId)}data: ${data}\n\n`;
}

/** An event that says nothing but from where the stream can be resumed (2025-11-25, basic/transports). */
export function ssePosition(eventId: string): string {
  return `${idLine(eventId)}data: \n\n`;
}

/** As `ssePosition`, where the connection ends before the stream: when to come back for the rest of it. */
export function sseReturn(eventId: string, retryMs: number): string {
  return `retry: ${retryMs}\n${ssePosition(eventId)}`;
}

function idLine(eventId: string | undefined): string {
  return eventId === undefined ? '' : `id: ${eventId}\n`;
}
