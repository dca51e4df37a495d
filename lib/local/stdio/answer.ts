import type { ServerResponse } from 'node:http';
import { errorText, type JsonRpcError } from '../../protocol/message.ts';
import { SSE_CONTENT_TYPE, sseEvent } from '../../protocol/sse.ts';
import type { Answerer } from './channel.ts';

/** What a client may leave unread before its stream is cut. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

/**
 * The answer to one POST: JSON when the first thing said is the answer, events when anything comes before it. A stream
 * that ends without an answer says that there will be none.
 */
export class HttpAnswer implements Answerer {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Begins with events although nothing has been said yet. */
  begin(): void {
    this.#beginEvents();
    this.#response.flushHeaders();
  }

  interim(text: string): boolean {
    const response = this.#response;
    if (!isOpen(response)) return false;
    this.#beginEvents();
    response.write(sseEvent(text));
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    return !response.destroyed;
  }

  final(text: string): void {
    if (!isOpen(this.#response)) return;
    if (this.#response.headersSent) this.#response.end(sseEvent(text));
    else sendJson(this.#response, 200, text);
  }

  cut(): void {
    if (!isOpen(this.#response)) return;
    this.#beginEvents();
    this.#response.end();
  }

  #beginEvents(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, { 'content-type': SSE_CONTENT_TYPE, 'cache-control': 'no-cache' });
  }
}

/** Whether anybody still waits for what is written. */
export function isOpen(response: ServerResponse): boolean {
  return !response.destroyed && !response.writableEnded;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (!isOpen(response)) return;
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

export function sendError(
  response: ServerResponse,
  status: number,
  idText: string | undefined,
  error: JsonRpcError,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(response, status, errorText(idText, error), headers);
}
