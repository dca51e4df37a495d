/**
 * A call that was sent by somebody else, taken up from where its answer was left (2025-11-25, basic/transports,
 * "Resumability and Redelivery"). It is not sent again.
 */
import { readStream, type UpstreamEvent } from './exchange.ts';
import { handOverPosition, type CallEnd, type StreamPosition } from './fault.ts';
import { askable, reasonOf, tellCancelled } from './legacy.ts';
import { sessionHeaders } from './session.ts';
import { get, type ConnectionTools, type UpstreamLink } from './streamable-http.ts';

/** How often in a row a stream may bring nothing new before it is given up, and the pause in between. */
const MOST_IN_VAIN = 3;
const PAUSE_MS = 500;

/** Exactly one `final` or `end` comes last. */
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
    yield* askable(untilAnswered(link, position, tools), link, session, canAsk, tools);
  } finally {
    const expiry = limits.expiry();
    const goesOn = expiry !== undefined && handOverPosition(expiry, tally) !== undefined;
    if (expiry !== undefined && !goesOn) tellCancelled(link, session, requestId, reasonOf(expiry), tools);
  }
}

/** An upstream may end the connection and still have something to say, so it is asked again from where it stopped. */
async function* untilAnswered(
  link: UpstreamLink,
  position: StreamPosition,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent, void> {
  let { eventId } = position;
  let inVain = 0;
  const onPosition = (reached: string): void => {
    eventId = reached;
    inVain = 0;
    tools.tally.position = { ...position, eventId };
  };
  while (inVain < MOST_IN_VAIN) {
    inVain += 1;
    const headers = { ...sessionHeaders(position.session), 'last-event-id': eventId };
    const outcome = await get(link, headers, tools);
    if (outcome.kind === 'stream') {
      for await (const event of readStream(outcome, position.requestId, tools, onPosition)) {
        if (isClosed(event)) break;
        yield event;
        if (event.kind !== 'interim') return;
      }
    }
    const expiry = tools.limits.expiry() ?? (await pauseOf(tools));
    if (expiry === undefined) continue;
    yield { kind: 'end', end: expiry };
    return;
  }
  // Whatever was said to the resumption is about the stream: the call itself has run, or may still run.
  yield { kind: 'end', end: { kind: 'upstream-closed' } };
}

function isClosed(event: UpstreamEvent): boolean {
  return event.kind === 'end' && event.end.kind === 'upstream-closed';
}

/** Waits a moment, or until the call has to end; returns why it has to. */
async function pauseOf({ clock, limits }: ConnectionTools): Promise<CallEnd | undefined> {
  const over = Promise.withResolvers<void>();
  const onAbort = (): void => over.resolve();
  const stopTimer = clock.schedule(PAUSE_MS, onAbort);
  limits.signal.addEventListener('abort', onAbort, { once: true });
  if (limits.signal.aborted) onAbort();
  await over.promise;
  stopTimer();
  limits.signal.removeEventListener('abort', onAbort);
  return limits.expiry();
}
