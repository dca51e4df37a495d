/**
 * Keeps the events of one stream while they are sent. Nothing waits for it: events are written behind the stream's back,
 * several at a time, and the invocation stays open until the last one is in place. What goes wrong costs the client the
 * possibility to resume the stream, and nothing else.
 */
import type { EventKeeper } from '../delivery/response.ts';
import type { StreamBatch } from '../ports/streams.ts';
import type { HandedOver, Reply } from '../protocol/call.ts';
import { expectsPriming } from '../protocol/era.ts';
import { memberText } from '../protocol/json-text.ts';
import { isObject, parseJson, sameId } from '../protocol/message.ts';
import type { LegacyScope } from './errand.ts';
import { eventIdOf, streamKey } from './event-ids.ts';
import type { Visit } from './visit.ts';

/** How much of one stream is kept. */
const MOST_EVENTS = 1000;
const MOST_BYTES = 4 * 1024 * 1024;

/** How long a stream is kept after it was last written, at least. */
export const KEPT_MS = 10 * 60 * 1000;

/** Events are written together when the first of them has waited this long, or when there are this many bytes of them. */
const BATCH_MS = 300;
const BATCH_BYTES = 64 * 1024;

/** Nothing runs longer than its limits by more than this where the platform ends nothing by force. */
const MARGIN_MS = 5000;

/** Greater than the number of any event, so that whoever resumes from one of them is told that the rest was not kept. */
const BEYOND = 999_999_999;

/** How far a stream has come. */
export interface Reached {
  /** The number of its last event. */
  readonly last: number;
  readonly bytes: number;
  readonly answered: readonly number[];
}

/** A stream that somebody has left to whoever comes for it. */
export interface LeftStream {
  readonly last: number;
  readonly bytes: number;
  /** What goes on. */
  readonly continuation: string;
}

/** Undefined for what this version of the gateway did not write. */
export function readLeftStream(text: string): LeftStream | undefined {
  const value = parseJson(text);
  if (!isObject(value)) return undefined;
  const { last, bytes, continuation } = value;
  const isWhole = typeof last === 'number' && typeof bytes === 'number' && typeof continuation === 'string';
  return isWhole ? { last, bytes, continuation } : undefined;
}

/** When this invocation has stopped writing to a stream of this client, milliseconds since the epoch. */
export function holdsUntil(visit: Visit, { server }: LegacyScope): number {
  const limits = server.upstreams.flatMap(({ config }) => [
    config.timeoutMs,
    ...Object.values(config.tools).map(({ timeoutMs = 0 }) => timeoutMs),
  ]);
  return Math.min(visit.invocation.endsAt, visit.ports.clock.now() + Math.max(...limits) + MARGIN_MS);
}

/** The stream in which these requests are answered (JSON texts of their ids). Until it begins it costs nothing. */
export function recordStream(visit: Visit, scope: LegacyScope, requests: readonly string[]): StreamRecorder {
  return new StreamRecorder(visit, scope, requests, undefined);
}

/** A stream that was taken over. */
export function recordRest(
  visit: Visit,
  scope: LegacyScope,
  requests: readonly string[],
  taken: Reached & Taken,
): StreamRecorder {
  return new StreamRecorder(visit, scope, requests, taken);
}

interface Taken {
  readonly stream: string;
  readonly holder: string;
  readonly heldUntil: number;
}

export class StreamRecorder implements EventKeeper {
  readonly #visit: Visit;
  readonly #scope: LegacyScope;
  readonly #requests: readonly string[];
  #stream = '';
  #key = '';
  #holder = '';
  #heldUntil = 0;
  #last = 0;
  #bytes = 0;
  #answered: readonly number[] = [];
  /** Whether everything is kept so far; `cut` when there is too much of it. */
  #state: 'whole' | 'cut' | 'failed' = 'whole';
  #hasHead = false;
  /** Kept, and not yet on their way to the store; `#waitingFor` is the number of the last of them. */
  #waiting: string[] = [];
  #waitingFor = 0;
  #waitingBytes = 0;
  #ended = false;
  /** What is to be said about the stream after the events that wait. */
  #afterword: 'cut' | { readonly left: string } | undefined;
  #isWriting = false;
  #hasTriedAgain = false;
  #stopTimer = (): void => {};

  constructor(visit: Visit, scope: LegacyScope, requests: readonly string[], taken: (Reached & Taken) | undefined) {
    this.#visit = visit;
    this.#scope = scope;
    this.#requests = requests;
    if (taken === undefined) return;
    this.#open(taken);
    this.#last = taken.last;
    this.#bytes = taken.bytes;
    this.#answered = taken.answered;
    this.#hasHead = true;
  }

  /** Whether somebody else could go on with the stream from here. */
  get isWhole(): boolean {
    return this.#state === 'whole';
  }

  begin(): string | undefined {
    const { ids } = this.#visit.ports;
    const heldUntil = holdsUntil(this.#visit, this.#scope);
    this.#open({ stream: ids.random(), holder: ids.random(), heldUntil });
    this.#write();
    return expectsPriming(this.#scope.session.protocolVersion) ? this.#id() : undefined;
  }

  keep(reply: Exclude<Reply, HandedOver>): string {
    this.#last += 1;
    this.#bytes += Buffer.byteLength(reply.text);
    if (this.#state === 'whole' && (this.#last > MOST_EVENTS || this.#bytes > MOST_BYTES)) {
      this.#state = 'cut';
      this.#afterword = 'cut';
    }
    if (this.#state === 'whole') this.#add(reply);
    this.#note();
    return this.#id();
  }

  handOver(continuation: string): string {
    const left: LeftStream = { last: this.#last, bytes: this.#bytes, continuation };
    if (this.#state === 'whole') this.#afterword = { left: JSON.stringify(left) };
    this.#note();
    return this.#id();
  }

  end(): void {
    this.#ended = true;
    this.#note();
  }

  #open({ stream, holder, heldUntil }: Taken): void {
    this.#stream = stream;
    this.#key = streamKey(this.#visit.ports.ids, this.#scope.session, stream);
    this.#holder = holder;
    this.#heldUntil = heldUntil;
  }

  #id(): string {
    return eventIdOf({ stream: this.#stream, number: this.#last });
  }

  #add({ kind, text }: Exclude<Reply, HandedOver>): void {
    this.#waiting.push(text);
    this.#waitingFor = this.#last;
    this.#waitingBytes += Buffer.byteLength(text);
    if (kind === 'final') this.#answered = [...this.#answered, this.#placeOf(text)];
  }

  /** Which request it answers. */
  #placeOf(text: string): number {
    if (this.#requests.length === 1) return 0;
    const idText = memberText(text, 'id');
    return this.#requests.findIndex((id, place) => !this.#answered.includes(place) && sameId(idText, id));
  }

  // ------------------------------------------------------------------------------------------------------- writing

  /** Something has come that is to be written, sooner or later. */
  #note(): void {
    if (this.#ended && this.#state === 'failed' && this.#hasHead && !this.#hasTriedAgain) {
      // A store that answers again by now can at least say that the rest is missing.
      this.#hasTriedAgain = true;
      this.#afterword = 'cut';
    }
    // Whoever is writing looks again afterwards.
    if (this.#isWriting) return;
    this.#stopTimer();
    if (this.#isUrgent()) this.#write();
    else if (this.#waiting.length > 0) {
      this.#stopTimer = this.#visit.ports.clock.schedule(BATCH_MS, () => this.#write());
    }
  }

  #isUrgent(): boolean {
    const isComplete = this.#ended || this.#answered.length === this.#requests.length;
    const isDue = this.#waiting.length > 0 && (isComplete || this.#waitingBytes >= BATCH_BYTES);
    return isDue || this.#afterword !== undefined;
  }

  #write(): void {
    this.#stopTimer();
    this.#isWriting = true;
    this.#visit.defer(() => this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    try {
      do await this.#writeNext();
      while (this.#isUrgent());
    } catch (error) {
      this.#state = 'failed';
      this.#waiting = [];
      this.#afterword = undefined;
      throw error;
    } finally {
      this.#isWriting = false;
      this.#note();
    }
  }

  async #writeNext(): Promise<void> {
    const { streams } = this.#visit.stores;
    const expiresAt = this.#heldUntil + KEPT_MS;
    if (!this.#hasHead) {
      const head = {
        holder: this.#holder,
        heldUntil: this.#heldUntil,
        requests: this.#requests,
        continuation: undefined,
      };
      await streams.begin(this.#key, head, expiresAt);
      this.#hasHead = true;
    } else if (this.#waiting.length > 0) {
      await streams.append(this.#key, this.#takeBatch(), expiresAt);
    } else if (this.#afterword === 'cut') {
      this.#afterword = undefined;
      await streams.append(this.#key, { last: BEYOND, events: [], answered: this.#answered, cut: true }, expiresAt);
    } else if (this.#afterword !== undefined) {
      const { left } = this.#afterword;
      this.#afterword = undefined;
      await streams.handOver(this.#key, this.#holder, left, expiresAt);
    }
  }

  #takeBatch(): StreamBatch {
    const events = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return { last: this.#waitingFor, events, answered: this.#answered, cut: false };
  }
}
