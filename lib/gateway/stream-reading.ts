/** How far one client has read a stream that is kept, and what is to be made of what is read next. */
import type { KeptStream, StreamBatch, StreamHead } from '../ports/streams.ts';

export interface KeptEvent {
  readonly number: number;
  /** The message, JSON text. */
  readonly text: string;
}

export class StreamReading {
  #last: number;
  #head: StreamHead | undefined;
  #answered: readonly number[] = [];
  /** Whether it is known which requests were answered by event `#last`. */
  #isPlaced: boolean;
  #isBroken = false;
  #events: KeptEvent[] = [];

  /** `last` is the number of the event that the client has read last. */
  constructor(last: number) {
    this.#last = last;
    this.#isPlaced = last === 0;
  }

  /** The first event that is still of interest. */
  get from(): number {
    return this.#isPlaced ? this.#last + 1 : this.#last;
  }

  /** The number of the last event that has been taken in. */
  get last(): number {
    return this.#last;
  }

  /** As it was read last. */
  get head(): StreamHead {
    if (this.#head === undefined) throw new Error('The stream has not been read');
    return this.#head;
  }

  /** Places of the requests that are answered by event `last`. */
  get answered(): readonly number[] {
    return this.#answered;
  }

  /** JSON texts of the ids of the others. */
  get unanswered(): readonly string[] {
    return this.head.requests.filter((_, place) => !this.#answered.includes(place));
  }

  /** What comes after event `last` is not kept. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Every answer has been drained, and nothing comes after the last one. */
  get isOver(): boolean {
    return this.#events.length === 0 && this.unanswered.length === 0;
  }

  take({ head, batches }: KeptStream): void {
    this.#head = head;
    for (const batch of batches) if (!this.#isBroken) this.#takeBatch(batch);
  }

  /** The events that were taken in since, each of them once. */
  drain(): readonly KeptEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #takeBatch({ last, events, answered, cut }: StreamBatch): void {
    const first = last - events.length + 1;
    if (cut || first > this.#last + 1) {
      this.#isBroken = true;
      if (!cut) return;
    }
    for (const [index, text] of events.entries()) {
      const number = first + index;
      if (number > this.#last) this.#events.push({ number, text });
    }
    if (!cut) this.#last = Math.max(this.#last, last);
    this.#answered = answered;
    this.#isPlaced = true;
  }
}
