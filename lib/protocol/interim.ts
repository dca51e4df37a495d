/** What an upstream says before its final response, as the client gets it. */
import type { Era } from './era.ts';
import { progressToClient } from './call.ts';
import { questionToClient, withdrawalToClient } from './legacy/server-requests.ts';
import type { NotificationMessage, RequestMessage } from './message.ts';
import { belongsToRequest } from './methods.ts';

export interface InterimContext {
  readonly era: Era;
  readonly upstream: string;
  /** The id under which the upstream knows the call. */
  readonly requestId: string;
  /** JSON text of the client's progress token; undefined when it asked for no progress. */
  readonly progressToken: string | undefined;
  /** Whether the client wants log messages with this call. */
  readonly wantsLogs: boolean;
}

/** JSON text for the client; undefined when the message is not for it. */
export function interimToClient(
  message: NotificationMessage | RequestMessage,
  context: InterimContext,
): string | undefined {
  return message.kind === 'request' ? toQuestion(message, context) : toNotification(message, context);
}

/** Modern servers ask through `input_required` results; a request on a stream is not theirs to send. */
function toQuestion(question: RequestMessage, { era, upstream }: InterimContext): string | undefined {
  return era === 'legacy' ? questionToClient(question.text, { upstream, idText: question.idText }) : undefined;
}

function toNotification(notification: NotificationMessage, context: InterimContext): string | undefined {
  switch (notification.method) {
    case 'notifications/progress':
      return progressToClient(notification, context.requestId, context.progressToken);
    case 'notifications/cancelled':
      return context.era === 'legacy' ? withdrawalToClient(notification.text, context.upstream) : undefined;
    case 'notifications/message':
      return context.wantsLogs ? notification.text : undefined;
    default:
      return belongsToRequest(notification.method) ? notification.text : undefined;
  }
}
