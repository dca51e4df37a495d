/** The stream beside the calls of an upstream session (2025-11-25, basic/transports, "Listening for Messages from the Server"). */
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import type { NotificationMessage, RequestMessage } from '../protocol/message.ts';
import { isServerRequest } from '../protocol/methods.ts';
import { declining, sessionHeaders, speaksOfSession } from './session.ts';
import { get, type ConnectionTools, type PostOutcome, type UpstreamLink } from './streamable-http.ts';

/** What a stream beside the calls brings forth. Exactly one `end` comes last. */
export type StreamEvent =
  | { readonly kind: 'open' }
  /** From here on it can be resumed. */
  | { readonly kind: 'position'; readonly eventId: string }
  /** Once it has ended, it is not to be opened again for so long. */
  | { readonly kind: 'retry'; readonly ms: number }
  | { readonly kind: 'notification'; readonly message: NotificationMessage }
  | { readonly kind: 'question'; readonly message: RequestMessage }
  | { readonly kind: 'end'; readonly why: StreamEnd };

/** `unserved`: the upstream has no such stream. `lost`: it does not know the session. `refused`: not like this. */
type StreamEnd = 'unserved' | 'lost' | 'refused' | 'over';

/**
 * Listens to what an upstream says beside the calls of a session, after the event `after` if it knows that one; questions
 * that nobody can be asked are declined.
 */
export async function* listenInSession(
  link: UpstreamLink,
  session: UpstreamSession,
  canAsk: boolean,
  after: string | undefined,
  tools: ConnectionTools,
): AsyncGenerator<StreamEvent, void> {
  const resuming = after === undefined ? {} : { 'last-event-id': after };
  const outcome = await get(link, { ...sessionHeaders(session), ...resuming }, tools);
  if (outcome.kind !== 'stream') {
    yield { kind: 'end', why: whyNone(outcome, session) };
    return;
  }
  const decline = declining(link, session, tools);
  try {
    yield { kind: 'open' };
    for await (const item of outcome.items) {
      if (item.kind === 'fault') break;
      if (item.kind === 'position' || item.kind === 'retry') {
        yield item;
        continue;
      }
      const { message, eventId } = item;
      if (message.kind === 'notification') yield { kind: 'notification', message };
      else if (message.kind === 'request') {
        // Whoever listens is there.
        const isForClient = canAsk && message.method !== 'ping' && isServerRequest(message.method);
        if (isForClient) yield { kind: 'question', message };
        else decline(message);
      }
      if (eventId !== undefined) yield { kind: 'position', eventId };
    }
    yield { kind: 'end', why: 'over' };
  } finally {
    outcome.close();
  }
}

/** 405 says that there is no such stream; 409, of many servers, that another one has not ended yet. */
function whyNone(outcome: Exclude<PostOutcome, { kind: 'stream' }>, session: UpstreamSession): StreamEnd {
  if (outcome.kind === 'fault') return outcome.fault.kind === 'upstream-http' ? 'refused' : 'over';
  if (outcome.kind === 'accepted') return 'over';
  if (session.id !== null && speaksOfSession(outcome)) return 'lost';
  switch (outcome.status) {
    case 405:
      return 'unserved';
    case 409:
      return 'over';
    default:
      return 'refused';
  }
}
