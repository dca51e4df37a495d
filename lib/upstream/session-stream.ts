/** The stream beside the calls of an upstream session (2025-11-25, basic/transports, "Listening for Messages from the Server"). */
import type { UpstreamSession } from '../ports.ts';
import type { NotificationMessage, RequestMessage } from '../protocol/message.ts';
import { isServerRequest } from '../protocol/methods.ts';
import type { Refusal } from './exchange.ts';
import { declineQuestion, sessionHeaders, speaksOfSession } from './session.ts';
import { get, type ConnectionTools, type UpstreamLink } from './streamable-http.ts';

/** What a stream beside the calls brings forth. Exactly one `end` comes last. */
export type StreamEvent =
  | { readonly kind: 'open' }
  | { readonly kind: 'notification'; readonly message: NotificationMessage }
  | { readonly kind: 'question'; readonly message: RequestMessage }
  /** `unserved`: the upstream has no such stream. `lost`: it does not know the session. */
  | { readonly kind: 'end'; readonly why: 'unserved' | 'lost' | 'over' };

/** Listens to what an upstream says beside the calls of a session; questions that nobody can be asked are declined. */
export async function* listenInSession(
  link: UpstreamLink,
  session: UpstreamSession,
  canAsk: boolean,
  tools: ConnectionTools,
): AsyncGenerator<StreamEvent, void> {
  const outcome = await get(link, sessionHeaders(session), tools);
  if (outcome.kind !== 'stream') {
    yield { kind: 'end', why: outcome.kind === 'refused' ? whyRefused(outcome, session) : 'over' };
    return;
  }
  try {
    yield { kind: 'open' };
    for await (const item of outcome.items) {
      if (item.kind === 'fault') break;
      if (item.kind === 'position' || item.kind === 'retry') continue;
      const { message } = item;
      if (message.kind === 'notification') yield { kind: 'notification', message };
      else if (message.kind === 'request') {
        // Whoever listens is there.
        const isForClient = canAsk && message.method !== 'ping' && isServerRequest(message.method);
        if (isForClient) yield { kind: 'question', message };
        else declineQuestion(link, session, message, tools);
      }
    }
    yield { kind: 'end', why: 'over' };
  } finally {
    outcome.close();
  }
}

function whyRefused(refusal: Refusal, session: UpstreamSession): 'unserved' | 'lost' {
  return session.id !== null && speaksOfSession(refusal) ? 'lost' : 'unserved';
}
