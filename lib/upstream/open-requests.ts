/**
 * The requests on one stream, and which of them a message is for. A response names its request, and so does a progress
 * report; anything else names none, and goes to the one that has been open longest.
 */
import { parseJson, type Message, type NotificationMessage, type RequestMessage } from '../protocol/message.ts';
import type { ResponseMessage } from '../protocol/message.ts';
import type { CallEnd } from './fault.ts';
import { OpenRequest } from './open-request.ts';
import type { ConnectionLimits } from './streamable-http.ts';

/** More than this unread stops the stream from being read until its readers have caught up. */
const MAX_UNREAD_CHARS = 256 * 1024;

/** What comes while no request is open is kept for the next one, up to this much. */
const MAX_HELD_MESSAGES = 100;
const MAX_HELD_CHARS = 256 * 1024;

export class OpenRequests {
  /** In the order in which they were opened, by their key. */
  readonly #open = new Map<string, OpenRequest>();
  /** Their POST is under way; they may be over. */
  readonly #posting = new Set<OpenRequest>();
  #held: (NotificationMessage | RequestMessage)[] = [];
  #heldChars = 0;
  #end: CallEnd | undefined;
  #change = Promise.withResolvers<void>();

  /** Why nothing more will come; undefined while the stream is there. */
  get ended(): CallEnd | undefined {
    return this.#end;
  }

  /** `idText` is that of no other request on the stream. */
  begin(idText: string, limits: ConnectionLimits): OpenRequest {
    const request = new OpenRequest(keyOf(idText), limits, (changed) => this.#note(changed));
    this.#open.set(request.key, request);
    this.#posting.add(request);
    for (const message of this.#held) request.push(message);
    this.#held = [];
    this.#heldChars = 0;
    return request;
  }

  /** Gives a message to the request that it is for; a response or a report that is nobody's is dropped. */
  deliver(message: Message): void {
    if (message.kind === 'response') this.#asked(message)?.answer(message);
    else if (isProgress(message)) this.#open.get(tokenOf(message))?.push(message);
    else this.#deliverToOldest(message);
  }

  /** The upstream gave a sign of life. */
  active(): void {
    for (const { limits } of this.#open.values()) limits.active();
  }

  /** The stream is over: whatever is still unanswered will not be. */
  end(fault: CallEnd): void {
    this.#end ??= fault;
    for (const request of this.#open.values()) request.fail(this.#end);
    for (const request of this.#posting) if (request.state !== 'answered') request.abortPost();
  }

  /** Resolves once readers have caught up. */
  async room(): Promise<void> {
    while (this.#unreadChars() > MAX_UNREAD_CHARS) await this.#change.promise;
  }

  /** An error without an id is about the only request that is open; of several it could be any. */
  #asked({ idText }: ResponseMessage): OpenRequest | undefined {
    if (idText !== undefined) return this.#open.get(idText);
    return this.#open.size === 1 ? this.#oldest() : undefined;
  }

  #deliverToOldest(message: NotificationMessage | RequestMessage): void {
    const oldest = this.#oldest();
    if (oldest !== undefined) return oldest.push(message);
    const chars = this.#heldChars + message.text.length;
    if (this.#held.length === MAX_HELD_MESSAGES || chars > MAX_HELD_CHARS) return;
    this.#held.push(message);
    this.#heldChars = chars;
  }

  #oldest(): OpenRequest | undefined {
    return this.#open.values().next().value;
  }

  #unreadChars(): number {
    let chars = 0;
    for (const request of this.#open.values()) chars += request.unreadChars;
    return chars;
  }

  #note(request: OpenRequest): void {
    if (request.state !== 'open') this.#open.delete(request.key);
    if (request.isPosted) this.#posting.delete(request);
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

function isProgress(message: NotificationMessage | RequestMessage): message is NotificationMessage {
  return message.kind === 'notification' && message.method === 'notifications/progress';
}

/** Requests go upstream with their id as their progress token. */
function tokenOf({ params }: NotificationMessage): string {
  return JSON.stringify(params?.['progressToken'] ?? null);
}

function keyOf(idText: string): string {
  return JSON.stringify(parseJson(idText) ?? null);
}
