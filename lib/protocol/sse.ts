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
  /** The data of one event of type `message`. */
  readonly onMessage: (data: string) => void;
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
      // An empty event only carries an id to resume from (2025-11-25, basic/transports).
      if (isMessage && event.data !== '') handlers.onMessage(event.data);
      else if (event.event === 'endpoint') handlers.onEndpoint?.(event.data);
    },
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') handlers.onOverflow();
    },
  });
}

/** When a reader whose stream has ended is to come back (2025-11-25, basic/transports). */
export function retryField(ms: number): string {
  return `retry: ${ms}\n\n`;
}

/** One event with the message as its data. Line breaks can only stand between the tokens of a JSON text. */
export function sseEvent(messageText: string): string {
  const data = /[\r\n]/.test(messageText) ? messageText.replace(/\r\n|\r|\n/g, ' ') : messageText;
  return `event: message\ndata: ${data}\n\n`;
}
