/** What is said within an upstream session beside its calls, and what a refusal says of the session. */
import type { UpstreamFault } from '../errors.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import { errorText, JSON_RPC, notificationText, resultText } from '../protocol/message.ts';
import type { JsonRpcError, RequestMessage } from '../protocol/message.ts';
import { isServerRequest } from '../protocol/methods.ts';
import type { Refusal, UpstreamEvent } from './exchange.ts';
import type { CallEnd } from './fault.ts';
import { deleteSession, type ConnectionTools, type UpstreamLink } from './streamable-http.ts';

export function sessionHeaders(session: UpstreamSession): Record<string, string> {
  return {
    'mcp-protocol-version': session.protocolVersion,
    ...(session.id === null ? {} : { 'mcp-session-id': session.id }),
  };
}

/** Sends what needs no answer (a notification, an answer to a question) into an upstream session. */
export async function tellUpstream(
  link: UpstreamLink,
  session: UpstreamSession,
  messageText: string,
  tools: ConnectionTools,
): Promise<{ readonly kind: 'told' } | { readonly kind: 'end'; readonly end: CallEnd }> {
  tools.tally.phase = 'request';
  const outcome = await tools.post(link, messageText, sessionHeaders(session), tools);
  switch (outcome.kind) {
    case 'fault':
      return { kind: 'end', end: outcome.fault };
    case 'refused':
      return {
        kind: 'end',
        end: outcome.status === 404 && session.id !== null ? { kind: 'upstream-session-lost' } : endOfRefusal(outcome),
      };
    case 'stream':
      outcome.close();
      return { kind: 'told' };
    case 'accepted':
      return { kind: 'told' };
  }
}

/** Ends an upstream session that nobody needs any more. */
export async function closeUpstreamSession(
  link: UpstreamLink,
  session: UpstreamSession,
  tools: ConnectionTools,
): Promise<void> {
  if (session.id === null) return;
  const ended = await deleteSession(link, sessionHeaders(session), tools);
  if (!ended) tools.leave(link, session);
}

/** So many answers may be under way for each stream; whoever asks more meanwhile gets none. */
const MAX_DECLINING = 20;

/** Answers, for one stream, the questions that the client cannot be asked, so that the upstream does not wait for it. */
export function declining(
  link: UpstreamLink,
  session: UpstreamSession,
  tools: ConnectionTools,
): (question: RequestMessage) => void {
  let underWay = 0;
  return (question) => {
    if (underWay === MAX_DECLINING) return;
    underWay += 1;
    tools.defer(async (later) => {
      try {
        await tellUpstream(link, session, refusalOf(question), { ...later, post: tools.post });
      } finally {
        underWay -= 1;
      }
    });
  };
}

/** A ping only asks whether anybody is there (2025-11-25, basic/utilities/ping). */
function refusalOf({ method, idText }: RequestMessage): string {
  const message = 'The client cannot be asked this';
  return method === 'ping' ? resultText(idText, {}) : errorText(idText, { code: JSON_RPC.methodNotFound, message });
}

/**
 * Passes everything on but the questions that cannot reach the client; those are declined at once. `onEnd` is told of an
 * end without an answer before anybody else.
 */
export async function* askable<Outcome>(
  events: AsyncGenerator<UpstreamEvent, Outcome>,
  link: UpstreamLink,
  session: UpstreamSession,
  canAsk: boolean,
  tools: ConnectionTools,
  onEnd: (end: CallEnd) => void = () => {},
): AsyncGenerator<UpstreamEvent, Outcome> {
  const decline = declining(link, session, tools);
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) return next.value;
      const event = next.value;
      if (event.kind === 'end') onEnd(event.end);
      const question = event.kind === 'interim' && event.message.kind === 'request' ? event.message : undefined;
      if (question === undefined || (canAsk && isServerRequest(question.method))) yield event;
      else decline(question);
    }
  } finally {
    await events.return(undefined as Outcome);
  }
}

/** The client's own reason, where it gave one. */
export function reasonOf(end: CallEnd): string {
  return (end.kind === 'cancelled' ? end.reason : undefined) ?? 'The gateway gave the call up';
}

export function tellCancelled(
  link: UpstreamLink,
  session: UpstreamSession,
  requestId: string,
  reason: string,
  tools: ConnectionTools,
): void {
  const text = notificationText('notifications/cancelled', { requestId, reason });
  tools.defer((later) => tellUpstream(link, session, text, { ...later, post: tools.post }));
}

export function speaksOfSession({ status, error }: Refusal): boolean {
  return status === 404 || (status === 400 && /session/i.test(error?.message ?? ''));
}

/** A refusal with words of its own is passed on; one without is known by its status. */
export function endOfRefusal(refusal: {
  readonly error: JsonRpcError | undefined;
  readonly status: number;
}): UpstreamFault {
  return refusal.error === undefined
    ? { kind: 'upstream-http', status: refusal.status }
    : { kind: 'upstream-refused', error: refusal.error };
}
