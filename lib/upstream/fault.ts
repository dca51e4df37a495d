/** What an upstream's behaviour means: which fault it is. */
import type { UpstreamFault, UpstreamPhase } from '../errors.ts';
import type { Ancestry } from '../protocol/trace-context.ts';
import type { Clock } from '../ports.ts';
import { NO_SPAN, type Span } from '../ports/tracer.ts';
import type { TransportFailure } from '../ports/transport.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';

/** Why a call ends without an answer: a fault of the upstream, or the client's own wish. */
export type CallEnd = UpstreamFault | Cancelled;

export interface Cancelled {
  readonly kind: 'cancelled';
  /** As the client gave it. */
  readonly reason: string | undefined;
}

/** What a call costs at its upstream, handshakes, probes and cancellations included. */
export interface UpstreamCost {
  /** HTTP requests, not those of its parts. */
  requests: number;
  /** Time during which somebody waited for an upstream, milliseconds; waiting for several at once counts once. */
  waitedMs: number;
  /** How many wait now, and since when somebody has. */
  waiting: number;
  since: number;
  /** What else waits while somebody waits on this account; undefined for the HTTP request as a whole. */
  partOf: UpstreamCost | undefined;
}

export function newCost(partOf?: UpstreamCost): UpstreamCost {
  return { requests: 0, waitedMs: 0, waiting: 0, since: 0, partOf };
}

/** Waits for an upstream, on the account of a call. */
export async function waitFor<T>(cost: UpstreamCost, clock: Clock, work: Promise<T>): Promise<T> {
  beginWaiting(cost, clock.elapsed());
  try {
    return await work;
  } finally {
    endWaiting(cost, clock.elapsed());
  }
}

function beginWaiting(cost: UpstreamCost, now: number): void {
  cost.waiting += 1;
  if (cost.waiting > 1) return;
  cost.since = now;
  if (cost.partOf !== undefined) beginWaiting(cost.partOf, now);
}

function endWaiting(cost: UpstreamCost, now: number): void {
  cost.waiting -= 1;
  if (cost.waiting > 0) return;
  cost.waitedMs += now - cost.since;
  if (cost.partOf !== undefined) endWaiting(cost.partOf, now);
}

/** As `waitedMs`, with the wait that is under way; `now` as `Clock.elapsed`. */
export function waitedBy({ waitedMs, waiting, since }: UpstreamCost, now: number): number {
  return waiting === 0 ? waitedMs : waitedMs + now - since;
}

/** Nobody waits any more for what is still going on on this account: from now on it is part of no other. */
export function detach(cost: UpstreamCost, now: number): void {
  if (cost.partOf === undefined) return;
  cost.partOf.requests += cost.requests;
  if (cost.waiting > 0) endWaiting(cost.partOf, now);
  cost.partOf = undefined;
}

/** How far a call has come and what it cost; written by the connection, read for errors and the action log. */
export interface UpstreamTally {
  phase: UpstreamPhase;
  /** Whether the call itself may have reached the upstream. */
  sent: boolean;
  /** How many times the call was sent. */
  attempts: number;
  /** Whether an attempt before this one may have run. */
  ranBefore: boolean;
  /** The upstream that the call is for, by name, whether or not it gets there; left out until that is known. */
  upstream?: string;
  readonly cost: UpstreamCost;
  /** The span that everything done for the call is part of. */
  readonly span: Span;
  /** What its requests to upstreams continue; left out for what no single message asked for. */
  readonly ancestry?: Ancestry | undefined;
  /** Whether the call can be taken over by somebody else when its invocation ends; left out when it never can. */
  mayHandOver?: () => boolean;
  /** From where whoever takes it over can go on; undefined while the upstream's stream cannot be resumed. */
  position?: StreamPosition | undefined;
}

/** How far the answer to a call has been read, on an upstream that gives its events ids. */
export interface StreamPosition {
  readonly session: UpstreamSession;
  /** The id under which the upstream knows the call. */
  readonly requestId: string;
  readonly eventId: string;
  /** How long the upstream wants to be left alone before it is asked for the rest, milliseconds. */
  readonly retryMs?: number | undefined;
}

/** Where a call goes on that ends here only because its invocation does; undefined when it ends for good. */
export function handOverPosition(end: CallEnd, { mayHandOver, position }: UpstreamTally): StreamPosition | undefined {
  return end.kind === 'invocation-ending' && mayHandOver?.() === true ? position : undefined;
}

/**
 * A tally of its own for what is not the call itself, such as a probe, may count towards the call's `cost` and be part of
 * its `span` and of the trace that it continues.
 */
export function newTally(of: Partial<Pick<UpstreamTally, 'cost' | 'span' | 'ancestry'>> = {}): UpstreamTally {
  const { cost = newCost(), span = NO_SPAN, ancestry } = of;
  return { phase: 'era', sent: false, attempts: 0, ranBefore: false, cost, span, ancestry };
}

export function faultOfTransport(failure: TransportFailure, connectTimeoutMs: number): UpstreamFault {
  switch (failure.cause) {
    case 'unreachable':
      return { kind: 'upstream-unreachable' };
    case 'secret-unavailable':
      return { kind: 'upstream-credentials' };
    case 'connect-timeout':
      return { kind: 'upstream-connect-timeout', limitMs: connectTimeoutMs };
    // An abort that no deadline explains is the connection's own end.
    case 'reset':
    case 'aborted':
      return { kind: 'upstream-reset' };
  }
}

/** The fault that a status stands for by itself; undefined for those whose body has the last word. */
export function faultOfStatus(status: number, retryAfter: string | undefined): UpstreamFault | undefined {
  if (status >= 500 || status < 200) {
    return { kind: 'upstream-http', status, ...(retryAfter !== undefined && { retryAfter }) };
  }
  if (status === 429) return { kind: 'upstream-throttled', retryAfter };
  if (status === 401 || status === 403) return { kind: 'upstream-unauthorized' };
  if (status >= 300 && status < 400) return { kind: 'upstream-redirect' };
  return undefined;
}
