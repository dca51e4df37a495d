import type { Invocation } from './invocation.ts';

/** Records where the time of an invocation goes, when somebody wants to know. */
export interface Tracer {
  /** Begins with one span, of this name, for the invocation as a whole. `UNTRACED` when nobody does. */
  begin(invocation: Invocation, name: string): Trace;
}

/** What is recorded of one invocation. */
export interface Trace {
  readonly root: Span;
  /**
   * Sends what has been recorded since the last time; spans that have not ended yet are sent as being under way. Settles
   * when all of it has left, and never rejects: no call fails because it could not be traced.
   */
  flush(): Promise<void>;
}

/**
 * A stretch of time with a name. Who begins a span says which one it is part of, so that what happens at the same time
 * cannot be mixed up. What is said of a span counts until it has been sent.
 */
export interface Span {
  /** 16 hexadecimal digits, by which an upstream can say that it was called here; undefined when nothing is recorded. */
  readonly id: string | undefined;
  /** A part of this one, from now on. `remote` is what is spent waiting for an upstream. */
  begin(name: string, kind?: 'remote'): Span;
  /**
   * What it can be searched by. A null is as good as not said. Never arguments, results, tokens or whole ids; names of tools
   * are as the client wrote them, as in the log.
   */
  annotate(annotations: Readonly<Record<string, string | number | boolean | null>>): void;
  /** It went wrong: by the fault of who asked, because there was too much of it, or by the fault of who was asked. */
  fail(verdict: 'error' | 'throttle' | 'fault'): void;
  /** Only the first time counts. */
  end(): void;
}

/** Nothing is recorded, and costs nothing. */
export const NO_SPAN: Span = {
  id: undefined,
  begin: () => NO_SPAN,
  annotate: () => {},
  fail: () => {},
  end: () => {},
};

export const UNTRACED: Trace = { root: NO_SPAN, flush: async () => {} };

/** Runs `work` as one named stage of the journey. */
export function inSpan<T>(parent: Span, name: string, work: (span: Span) => Promise<T>): Promise<T> {
  return parent.id === undefined ? work(parent) : inRecordedSpan(parent.begin(name), work);
}

async function inRecordedSpan<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } finally {
    span.end();
  }
}
