/**
 * The rest of an answer whose stream ended, or broke, before it was there (2025-11-25, basic/transports, "Resumability and
 * Redelivery"). The upstream is asked for what comes after the last event that was read; the call is not sent again.
 */
import { readStream, type Refusal, type StreamNotes, type UpstreamEvent } from './exchange.ts';
import { handOverPosition, type CallEnd, type StreamPosition, type UpstreamTally } from './fault.ts';
import { askable, reasonOf, sessionHeaders, tellCancelled } from './session.ts';
import { get, type ConnectionTools, type UpstreamLink } from './streamable-http.ts';

/** How often in a row a stream may bring nothing new before it is given up. */
const MOST_IN_VAIN = 3;

/** The pause before it is asked for again, unless the upstream wishes another; none is shorter than the shortest. */
const PAUSE_MS = 500;
const SHORTEST_PAUSE_MS = 100;

/** The upstream has not noticed yet that the connection is gone. Any other refusal is its last word on the stream. */
const CONFLICT = 409;

type Resumable = Omit<StreamPosition, 'eventId'> & { readonly eventId?: string };

/** Keeps in the tally from where the answer to a call can be had. */
export function notesOf(tally: UpstreamTally, { session, requestId, ...known }: Resumable): StreamNotes {
  let { eventId, retryMs } = known;
  const keep = (): void => {
    if (eventId !== undefined) tally.position = { session, requestId, eventId, retryMs };
  };
  return {
    position(reached) {
      eventId = reached;
      keep();
    },
    retry(ms) {
      retryMs = ms;
      keep();
    },
  };
}

/** A call that was sent by somebody else, from where its answer was left. Exactly one `final` or `end` comes last. */
export async function* resumeLegacy(
  link: UpstreamLink,
  position: StreamPosition,
  canAsk: boolean,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent, void> {
  const { tally, limits } = tools;
  const { session, requestId } = position;
  Object.assign(tally, { phase: 'response', sent: true, upstream: link.name, position });
  try {
    yield* askable(restOf(link, position, LEFT, tools), link, session, canAsk, tools);
  } finally {
    const expiry = limits.expiry();
    const goesOn = expiry !== undefined && handOverPosition(expiry, tally) !== undefined;
    if (expiry !== undefined && !goesOn) tellCancelled(link, session, requestId, reasonOf(expiry), tools);
  }
}

/** Whatever is said to the resumption is about the stream: the call itself has run, or may still run. */
const LEFT: CallEnd = { kind: 'upstream-closed' };

/**
 * Passes on what a call brings forth. An upstream may end the connection and still have something to say, and a broken
 * connection is no answer either: where the stream can be resumed, neither is the end of the call.
 */
export async function* untilAnswered(
  events: AsyncGenerator<UpstreamEvent, Refusal | undefined>,
  link: UpstreamLink,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent, Refusal | undefined> {
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) return next.value;
      const { position } = tools.tally;
      if (position === undefined || !isBroken(next.value)) yield next.value;
      else return yield* restOf(link, position, next.value.end, tools);
    }
  } finally {
    await events.return(undefined);
  }
}

/** What comes after `position`, asked for time and again; `end` when nothing more is to be had. */
async function* restOf(
  link: UpstreamLink,
  position: StreamPosition,
  end: CallEnd,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent, undefined> {
  const { tally, limits } = tools;
  let reached = position;
  let inVain = 0;
  if (position.retryMs !== undefined) await pause(position.retryMs, tools);
  while (inVain < MOST_IN_VAIN && limits.expiry() === undefined) {
    const headers = { ...sessionHeaders(reached.session), 'last-event-id': reached.eventId };
    const outcome = await get(link, headers, tools);
    if (outcome.kind === 'refused' && outcome.status !== CONFLICT) break;
    if (outcome.kind === 'stream') {
      for await (const event of readStream(outcome, reached.requestId, tools, notesOf(tally, reached))) {
        if (isBroken(event)) break;
        yield event;
        if (event.kind !== 'interim') return undefined;
      }
    }
    // An upstream that says from where, or when, to come again has not lost the stream.
    const noted = tally.position ?? reached;
    inVain = noted === reached ? inVain + 1 : 0;
    reached = noted;
    if (inVain < MOST_IN_VAIN) await pause(reached.retryMs ?? PAUSE_MS, tools);
  }
  yield { kind: 'end', end: limits.expiry() ?? end };
  return undefined;
}

type Broken = Extract<UpstreamEvent, { kind: 'end' }>;

function isBroken(event: UpstreamEvent): event is Broken {
  return event.kind === 'end' && (event.end.kind === 'upstream-closed' || event.end.kind === 'upstream-reset');
}

/** Waits a moment, or until the call has to end. */
async function pause(ms: number, { clock, limits }: ConnectionTools): Promise<void> {
  const over = Promise.withResolvers<void>();
  const onAbort = (): void => over.resolve();
  const stopTimer = clock.schedule(Math.max(ms, SHORTEST_PAUSE_MS), onAbort);
  limits.signal.addEventListener('abort', onAbort, { once: true });
  if (limits.signal.aborted) onAbort();
  await over.promise;
  stopTimer();
  limits.signal.removeEventListener('abort', onAbort);
}
