/**
 * The requests under way at one child. stdio has one stream for all of them, while over HTTP each has its own: what the
 * child says is given to the request that it belongs to.
 *
 * An answer, progress, the cancellation of a question and whatever is tagged with a subscription name their request.
 * Log messages, questions and notifications of other kinds do not. In a session that one client has to itself they go
 * to the oldest request under way. Where several clients may share a child they go to a request only if it is the sole
 * one that they can be about, because the oldest might be somebody else's. That a list has changed is no secret, and
 * goes to the oldest request in either case. What has nowhere to go is dropped, and a question declined at once.
 *
 * Somebody may listen beside the requests: that a list or a resource has changed is then said there, and only there.
 */
import { errorText, isObject, JSON_RPC, resultText, type Json } from '../../protocol/message.ts';
import type { JsonObject, RequestMessage } from '../../protocol/message.ts';
import { memberText } from '../../protocol/json-text.ts';
import { META } from '../../protocol/modern/envelope.ts';
import type { Era } from '../../protocol/era.ts';
import type { ChildListener, StdioChild } from './child.ts';

/** Where what a child says about a request goes. */
export interface Answerer {
  /** A notification or a question. False when it cannot be passed on. */
  interim(text: string): boolean;
  /** The answer, after which nothing comes. */
  final(text: string, isResult: boolean): void;
  /** No answer will come. */
  cut(): void;
}

/** Somebody who listens beside the requests. */
export interface Listener {
  readonly hear: (text: string) => void;
  /** Nothing more will come. */
  readonly cut: () => void;
}

export interface ChannelOptions {
  readonly era: Era;
  /** Whether clients who must not hear of each other may have requests under way at the same time. */
  readonly isShared: boolean;
  /** Called when a request has been sent. */
  readonly onBusy: () => void;
  /** Called when no request is under way any more, and again with what is sent while none is. */
  readonly onQuiet: () => void;
  readonly onGone: () => void;
}

export type SendOutcome =
  | 'sent'
  /** A request of the same id is under way. */
  | 'taken'
  /** The child reads no more, or not fast enough. */
  | 'refused';

interface OpenRequest {
  readonly answerer: Answerer;
  readonly progressToken: string;
  readonly wantsLog: boolean;
  /** Ids of the questions that were put to its client. */
  readonly questions: Set<string>;
}

/** For so long after a request was given up, the child may still speak of it. */
const LATE_WORDS_MS = 30_000;

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';
const LIST_CHANGED = /^notifications\/(?:tools|prompts|resources)\/list_changed$/;
const ANNOUNCEMENT = /^notifications\/(?:(?:tools|prompts|resources)\/list_changed|resources\/updated)$/;

export class Channel implements ChildListener {
  readonly #child: StdioChild;
  readonly #options: ChannelOptions;
  /** By id, the oldest first. */
  readonly #open = new Map<string, OpenRequest>();
  /** Those who listen beside the requests. */
  readonly #listeners = new Set<Listener>();
  #mayBeLateUntil = 0;

  constructor(child: StdioChild, options: ChannelOptions) {
    this.#child = child;
    this.#options = options;
    child.listener = this;
  }

  get isQuiet(): boolean {
    return this.#open.size === 0 && this.#listeners.size === 0;
  }

  /** Passes on what changes, until the function that is returned is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#options.onBusy();
    return () => {
      if (this.#listeners.delete(listener) && this.isQuiet) this.#options.onQuiet();
    };
  }

  send(request: RequestMessage, answerer: Answerer): SendOutcome {
    const key = keyOfText(request.idText);
    if (this.#open.has(key)) return 'taken';
    if (!this.#child.write(request.text)) return 'refused';
    const meta = request.params?.['_meta'];
    const { progressToken } = isObject(meta) ? meta : {};
    this.#open.set(key, {
      answerer,
      progressToken: keyOf(progressToken),
      wantsLog: this.#options.era === 'legacy' || (isObject(meta) && meta[META.logLevel] !== undefined),
      questions: new Set(),
    });
    this.#options.onBusy();
    return 'sent';
  }

  /** Sends what needs no answer. False when the child takes it not. */
  tell(text: string): boolean {
    const written = this.#child.write(text);
    if (this.isQuiet) this.#options.onQuiet();
    return written;
  }

  /**
   * Nobody waits for the answer any more. A modern child is told (2026-07-28, basic/transports/stdio, "Cancellation");
   * in the legacy era a lost connection cancels nothing, and who cancels says so itself.
   */
  giveUp(request: RequestMessage, answerer: Answerer): void {
    const key = keyOfText(request.idText);
    // A request that was answered may have been followed by another one of the same id.
    if (this.#open.get(key)?.answerer !== answerer) return;
    this.#open.delete(key);
    this.#mayBeLateUntil = Date.now() + LATE_WORDS_MS;
    if (this.#options.era === 'modern') this.#child.write(cancelledText(request.idText));
    if (this.isQuiet) this.#options.onQuiet();
  }

  message(value: JsonObject, text: string): void {
    const { id, method } = value;
    if (typeof method !== 'string') this.#answer(value, text);
    else if (id === undefined) this.#notification(method, value, text);
    else this.#question(method, value, text);
  }

  gone(): void {
    for (const { answerer } of this.#open.values()) answerer.cut();
    this.#open.clear();
    for (const { cut } of this.#listeners) cut();
    this.#listeners.clear();
    this.#options.onGone();
  }

  /** An answer that is not a message of JSON-RPC is passed on all the same: whoever waits for it decides. */
  #answer(value: JsonObject, text: string): void {
    const { id } = value;
    // An error without an id says that a request could not be read: which one is certain when there is no other.
    const isCertain = this.#open.size === 1 && Date.now() >= this.#mayBeLateUntil;
    const [only] = isCertain ? this.#open.keys() : [];
    const key = id == null && value['error'] !== undefined ? only : keyOf(id);
    const request = key === undefined ? undefined : this.#open.get(key);
    if (key === undefined || request === undefined) return;
    this.#open.delete(key);
    request.answerer.final(text, value['error'] === undefined);
    if (this.isQuiet) this.#options.onQuiet();
  }

  #notification(method: string, { params }: JsonObject, text: string): void {
    const fields = isObject(params) ? params : {};
    if (this.#listeners.size > 0 && ANNOUNCEMENT.test(method)) {
      for (const { hear } of this.#listeners) hear(text);
      return;
    }
    this.#addressee(method, fields)?.answerer.interim(text);
  }

  #addressee(method: string, params: JsonObject): OpenRequest | undefined {
    const { _meta: meta } = params;
    const subscription = isObject(meta) ? meta[SUBSCRIPTION_ID] : undefined;
    if (subscription !== undefined) return this.#open.get(keyOf(subscription));
    if (method === 'notifications/progress') {
      const token = keyOf(params['progressToken']);
      return token === '' ? undefined : this.#find(({ progressToken }) => progressToken === token);
    }
    if (method === 'notifications/cancelled') {
      const id = keyOf(params['requestId']);
      // A modern server takes back a subscription, a legacy one a question.
      return this.#options.era === 'modern' ? this.#open.get(id) : this.#find(({ questions }) => questions.has(id));
    }
    if (LIST_CHANGED.test(method)) return this.#find(() => true);
    return this.#likely(({ wantsLog }) => wantsLog || method !== 'notifications/message');
  }

  #question(method: string, { id }: JsonObject, text: string): void {
    // A modern server asks nothing, and is not to be answered (2026-07-28, basic/transports/stdio). What has no proper id
    // cannot be.
    const key = keyOf(id);
    const idText = memberText(text, 'id');
    if (this.#options.era === 'modern' || key === '' || idText === undefined) return;
    if (method === 'ping') {
      this.#child.write(resultText(idText, {}));
      return;
    }
    const request = this.#likely(() => true);
    if (request?.answerer.interim(text) === true) {
      request.questions.add(key);
      return;
    }
    const message = 'There is no call in progress that this could be asked in';
    this.#child.write(errorText(idText, { code: JSON_RPC.methodNotFound, message }));
  }

  /** The request that something which names none is taken to be about. */
  #likely(fits: (request: OpenRequest) => boolean): OpenRequest | undefined {
    if (!this.#options.isShared) return this.#find(fits);
    if (Date.now() < this.#mayBeLateUntil) return undefined;
    const [first, second] = [...this.#open.values()].filter(fits);
    return second === undefined ? first : undefined;
  }

  #find(fits: (request: OpenRequest) => boolean): OpenRequest | undefined {
    for (const request of this.#open.values()) if (fits(request)) return request;
    return undefined;
  }
}

/** The id as it was sent, whatever its kind. */
function cancelledText(requestIdText: string): string {
  const params = `{"requestId":${requestIdText},"reason":"The client has gone"}`;
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`;
}

/** Two texts write the same id when this is the same. */
function keyOfText(idText: string): string {
  return keyOf(JSON.parse(idText) as Json);
}

/** Of what can be no id, however deep it nests: a key that nothing has. */
function keyOf(id: Json | undefined): string {
  return typeof id === 'string' || typeof id === 'number' ? JSON.stringify(id) : '';
}
