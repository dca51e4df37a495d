/** What an upstream says before its final response, as the client gets it. */
import type { Era } from './era.ts';
import { progressToClient } from './call.ts';
import { questionToClient, withdrawalToClient } from './legacy/server-requests.ts';
import type { NotificationMessage, RequestMessage } from './message.ts';
import { belongsToRequest } from './methods.ts';
import { isLoggedAt } from './translation/severity.ts';

export interface InterimContext {
  /** The client's. */
  readonly era: Era;
  readonly upstreamEra: Era;
  readonly upstream: string;
  /** The id under which the upstream knows the call. */
  readonly requestId: string;
  /** JSON text of the client's progress token; undefined when it asked for no progress. */
  readonly progressToken: string | undefined;
  /** The least severe log messages that the client wants with this call; undefined for none. */
  readonly logLevel: 'any' | (string & {}) | undefined;
}

/** JSON text for the client; undefined when the message is not for it. */
export function interimToClient(
  message: NotificationMessage | RequestMessage,
  context: InterimContext,
): string | undefined {
  return message.kind === 'request' ? toQuestion(message, context) : toNotification(message, context);
}

/** Modern servers ask through `input_required` results; a request on a stream is not theirs to send. */
function toQuestion(question: RequestMessage, { era, upstreamEra, upstream }: InterimContext): string | undefined {
  return era === 'legacy' && upstreamEra === 'legacy'
    ? questionToClient(question.text, { upstream, idText: question.idText })
    : undefined;
}

function toNotification(notification: NotificationMessage, context: InterimContext): string | undefined {
  switch (notification.method) {
    case 'notifications/progress':
      return progressToClient(notification, context.requestId, context.progressToken);
    case 'notifications/cancelled':
      return context.era === 'legacy' && context.upstreamEra === 'legacy'
        ? withdrawalToClient(notification.text, context.upstream)
        : undefined;
    case 'notifications/message':
      return isWanted(notification, context) ? notification.text : undefined;
    default:
      return belongsToRequest(notification.method) ? notification.text : undefined;
  }
}

/** A modern server keeps to the level it was asked for; a legacy one has one for its whole session. */
function isWanted({ params }: NotificationMessage, { upstreamEra, logLevel }: InterimContext): boolean {
  if (logLevel === undefined || logLevel === 'any' || upstreamEra === 'modern') return logLevel !== undefined;
  return isLoggedAt(params?.['level'], logLevel);
}
