/** What has been recorded of one invocation: spans as plain data, until they are sent. */
import type { InvocationTrace } from '../../ports/invocation.ts';
import { NO_SPAN, type Span, type Trace } from '../../ports/tracer.ts';

export type Annotation = string | number | boolean;

/** A span as it is sent. */
export interface RecordedSpan {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** Of the span that it is part of; of the segment of the invocation for the first one, as far as that is known. */
  readonly parent: string | undefined;
  readonly name: string;
  readonly isRemote: boolean;
  /** Milliseconds since the epoch, with a fraction; undefined for what is under way. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly annotations: Readonly<Record<string, Annotation>>;
  readonly verdict: Verdict | undefined;
}

export type Verdict = Parameters<Span['fail']>[0];

/** Sends spans, and settles when they have left. */
export type SendSpans = (trace: InvocationTrace, spans: readonly RecordedSpan[]) => Promise<void>;

/** A stream can go on for a quarter of an hour: what would make a trace larger than this is counted and not recorded. */
const MAX_SPANS = 250;

/**
 * How far apart the wall clock and the precise clock may be, in milliseconds. The precise one counts from the start of the
 * process, and need not have counted while the environment was frozen.
 */
const MAX_DRIFT_MS = 5;

const { randomBytes } = process.getBuiltinModule('node:crypto');

export class Recording implements Trace {
  readonly root: Span;
  readonly #trace: InvocationTrace;
  readonly #send: SendSpans;
  readonly #onError: (error: unknown) => void;
  /** What the precise clock is to be corrected by. */
  readonly #epoch: number;
  /** What has not been sent with its end. */
  #unsent: OpenSpan[] = [];
  #begun = 0;
  /** What the ids of its spans begin with: 12 hexadecimal digits. One request for chance is dear enough for all of them. */
  readonly #chance = randomBytes(6).toString('hex');

  /** `onError` is told why spans could not be sent. */
  constructor(trace: InvocationTrace, name: string, send: SendSpans, onError: (error: unknown) => void) {
    this.#trace = trace;
    this.#send = send;
    this.#onError = onError;
    const drift = performance.timeOrigin + performance.now() - Date.now();
    this.#epoch = performance.timeOrigin - (Math.abs(drift) > MAX_DRIFT_MS ? drift : 0);
    this.root = this.begin(name, trace.parent, false);
  }

  now(): number {
    return this.#epoch + performance.now();
  }

  begin(name: string, parent: string | undefined, isRemote: boolean): Span {
    this.#begun += 1;
    if (this.#begun > MAX_SPANS) {
      this.root.annotate({ spans_left_out: this.#begun - MAX_SPANS });
      return NO_SPAN;
    }
    const id = this.#chance + this.#begun.toString(16).padStart(4, '0');
    const span = new OpenSpan(this, id, name, parent, isRemote);
    this.#unsent.push(span);
    return span;
  }

  async flush(): Promise<void> {
    const spans = this.#unsent;
    if (spans.length === 0) return;
    this.#unsent = spans.filter((span) => !span.hasEnded);
    try {
      await this.#send(
        this.#trace,
        spans.map((span) => span.record()),
      );
    } catch (error) {
      this.#onError(error);
    }
  }
}

class OpenSpan implements Span {
  readonly id: string;
  readonly #recording: Recording;
  readonly #name: string;
  readonly #parent: string | undefined;
  readonly #isRemote: boolean;
  readonly #startedAt: number;
  readonly #annotations: Record<string, Annotation> = {};
  #endedAt: number | undefined;
  #verdict: Verdict | undefined;

  constructor(recording: Recording, id: string, name: string, parent: string | undefined, isRemote: boolean) {
    this.id = id;
    this.#recording = recording;
    this.#name = name;
    this.#parent = parent;
    this.#isRemote = isRemote;
    this.#startedAt = recording.now();
  }

  get hasEnded(): boolean {
    return this.#endedAt !== undefined;
  }

  begin(name: string, kind?: 'remote'): Span {
    return this.#recording.begin(name, this.id, kind === 'remote');
  }

  annotate(annotations: Parameters<Span['annotate']>[0]): void {
    for (const [name, value] of Object.entries(annotations)) if (value !== null) this.#annotations[name] = value;
  }

  fail(verdict: Verdict): void {
    this.#verdict = verdict;
  }

  end(): void {
    this.#endedAt ??= this.#recording.now();
  }

  record(): RecordedSpan {
    return {
      id: this.id,
      parent: this.#parent,
      name: this.#name,
      isRemote: this.#isRemote,
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      annotations: { ...this.#annotations },
      verdict: this.#verdict,
    };
  }
}
