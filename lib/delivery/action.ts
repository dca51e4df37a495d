/** The line of the action log that one message of a client leaves behind. */
import type { Ports } from '../ports.ts';
import type { Action, Outcome } from '../ports/action-log.ts';
import type { Invocation } from '../ports/invocation.ts';
import type { StoreTally } from '../ports/stores.ts';
import type { Span } from '../ports/tracer.ts';
import type { Era } from '../protocol/era.ts';
import { timingOf, type Timing } from './timing.ts';

/** What is known when the action begins. */
export interface ActionSubject {
  readonly era: Era | null;
  readonly caller: string | null;
  /** Key of the client session. */
  readonly session: string | null;
  readonly server: string | null;
  readonly method: string | null;
  readonly tool: string | null;
  readonly bytesIn: number;
}

/** What went upstream, and what it cost; `upstream` is null when it was for no single one. */
export interface UpstreamShare {
  readonly upstream: string | null;
  readonly waitedMs: number;
  readonly requests: number;
  readonly attempts: number;
}

/** How it ended. */
export interface ActionEnd {
  readonly outcome: Outcome;
  readonly errorKind: string | null;
  readonly status: number;
  readonly replayed?: true;
}

/** Hashes in the log tell callers and sessions apart, and are too short to stand for them elsewhere. */
const HASH_CHARS = 12;

export class ActionRecorder {
  readonly #ports: Ports;
  readonly #invocation: Invocation;
  readonly #subject: ActionSubject;
  readonly #stores: StoreTally;
  readonly #span: Span;
  readonly #time: number;
  readonly #began: number;
  #bytesOut = 0;
  #timing: Timing | undefined;
  #finished = false;

  /** `span` is that of what is done for the message; `began` is `Clock.elapsed` when the HTTP request arrived, `arrivedAt` the wall clock then. */
  constructor(
    ports: Ports,
    invocation: Invocation,
    subject: ActionSubject,
    stores: StoreTally,
    span: Span,
    arrivedAt: number,
    began: number,
  ) {
    this.#ports = ports;
    this.#invocation = invocation;
    this.#subject = subject;
    this.#stores = stores;
    this.#span = span;
    this.#time = arrivedAt;
    this.#began = began;
  }

  sent(text: string): void {
    this.#bytesOut += Buffer.byteLength(text);
  }

  /** Stops the clock, for whoever is told of the times and for the line; only the first time counts. */
  measure(waitedMs: number): Timing {
    this.#timing ??= timingOf(this.#ports.clock.elapsed() - this.#began, waitedMs);
    return this.#timing;
  }

  /** Writes the line, says the same of the span, and ends it; only the first end counts. Returns its times. */
  finish(end: ActionEnd, share: UpstreamShare): Timing {
    const timing = this.measure(share.waitedMs);
    if (this.#finished) return timing;
    this.#finished = true;
    const { requestId, trace, environment, cold } = this.#invocation;
    const { era, caller, session, server, method, tool, bytesIn } = this.#subject;
    const action: Action = {
      time: this.#time,
      requestId,
      traceId: trace?.id ?? null,
      environment,
      cold,
      era,
      caller: shorten(caller),
      session: shorten(session),
      server,
      upstream: share.upstream,
      method: printable(method),
      tool: printable(tool),
      outcome: end.outcome,
      errorKind: end.errorKind,
      status: end.status,
      bytesIn,
      bytesOut: this.#bytesOut,
      ...timing,
      upstreamRequests: share.requests,
      dynamodbRequests: this.#stores.requests,
      attempt: share.attempts,
      replayed: end.replayed ?? false,
    };
    this.#ports.actionLog.write(action);
    tellSpan(this.#span, action);
    return timing;
  }
}

/** What traces can be searched by, under the names of the log. */
function tellSpan(span: Span, action: Action): void {
  if (span.id === undefined) return;
  const { era, server, upstream, tool, outcome, attempt, replayed, status } = action;
  span.annotate({ era, server, upstream, tool, outcome, attempt, replayed });
  span.annotate({ error_kind: action.errorKind, cold_start: action.cold });
  span.annotate({ session_hash: action.session, caller_hash: action.caller });
  span.annotate({ gateway_ms: action.gatewayMs, upstream_ms: action.upstreamMs });
  if (status === 429) span.fail('throttle');
  else if (outcome === 'error') span.fail('fault');
  else if (outcome === 'refused') span.fail('error');
  span.end();
}

function shorten(key: string | null): string | null {
  return key === null ? null : key.slice(0, HASH_CHARS);
}

/** Names come from clients: nothing that moves a cursor or fills a disk reaches the log. */
function printable(name: string | null): string | null {
  return name === null ? null : name.replace(/[^\x20-\x7e]/g, '?').slice(0, 128);
}
