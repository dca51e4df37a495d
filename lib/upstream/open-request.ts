/**
 * A request on a stream that it shares with others: what has come for it and has not been read, and the POST that carries
 * it. Either may end before the other: the answer comes on the stream, whatever has become of the POST.
 */
import type { Message, ResponseMessage } from '../protocol/message.ts';
import type { CallEnd } from './fault.ts';
import type { StreamItem } from './message-stream.ts';
import type { ConnectionLimits } from './streamable-http.ts';

export class OpenRequest {
  /** JSON text of the id, in its shortest form. */
  readonly key: string;
  readonly limits: ConnectionLimits;
  readonly #onChange: (request: OpenRequest) => void;
  readonly #post = new AbortController();
  readonly #items: StreamItem[] = [];
  #unreadChars = 0;
  #state: 'open' | 'answered' | 'failed' = 'open';
  #posted = false;
  #news = Promise.withResolvers<void>();

  /** `onChange` is called when something was read, when nothing more will come, and when the POST has ended. */
  constructor(key: string, limits: ConnectionLimits, onChange: (request: OpenRequest) => void) {
    this.key = key;
    this.limits = limits;
    this.#onChange = onChange;
    if (limits.signal.aborted) this.#post.abort();
    else limits.signal.addEventListener('abort', this.#expire, { once: true });
  }

  /** Aborts when the POST is of no use any more. */
  get postSignal(): AbortSignal {
    return this.#post.signal;
  }

  get state(): 'open' | 'answered' | 'failed' {
    return this.#state;
  }

  /** Whether the POST has ended, in whatever way. */
  get isPosted(): boolean {
    return this.#posted;
  }

  get unreadChars(): number {
    return this.#unreadChars;
  }

  /** What came first and has not been read. */
  get first(): StreamItem | undefined {
    return this.#items[0];
  }

  push(message: Message): void {
    if (this.#state !== 'open') return;
    this.#unreadChars += message.text.length;
    this.#put({ kind: 'message', message });
  }

  /** Nothing comes after the answer. */
  answer(response: ResponseMessage): void {
    if (this.#state !== 'open') return;
    this.push(response);
    this.#end('answered');
  }

  /** Nothing comes after a fault; one that comes after the answer is of no interest. An expired limit is its cause. */
  fail(fault: CallEnd): void {
    if (this.#state !== 'open') return;
    this.#put({ kind: 'fault', fault: this.limits.expiry() ?? fault });
    this.#end('failed');
  }

  /** The POST could not even be tried: there is nothing to come, and no fault to name. */
  abandon(): void {
    if (this.#state === 'open') this.#end('failed');
    this.endPost();
  }

  /** Gives the POST up. */
  abortPost(): void {
    this.#post.abort();
  }

  endPost(): void {
    this.#posted = true;
    this.#release();
    this.#onChange(this);
  }

  /** Resolves once there is something to read, or nothing more will come. */
  async arrival(): Promise<undefined> {
    while (this.#items.length === 0 && this.#state === 'open') await this.#news.promise;
  }

  /** What came next; undefined once nothing more will. */
  async next(): Promise<StreamItem | undefined> {
    await this.arrival();
    const item = this.#items.shift();
    if (item?.kind === 'message') this.#unreadChars -= item.message.text.length;
    this.#onChange(this);
    return item;
  }

  /** The POST under way learns of the end by itself, and knows how far it had come. */
  readonly #expire = (): void => {
    if (this.#posted) this.fail({ kind: 'upstream-closed' });
    else this.#post.abort();
  };

  #put(item: StreamItem): void {
    this.#items.push(item);
    this.#tell();
  }

  #end(state: 'answered' | 'failed'): void {
    this.#state = state;
    this.#release();
    this.#tell();
    this.#onChange(this);
  }

  #release(): void {
    if (this.#posted && this.#state !== 'open') this.limits.signal.removeEventListener('abort', this.#expire);
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
