import type { Cancellation, MailboxStore } from '../../ports/mailbox.ts';
import type { Request } from './request.ts';

export function mailboxIn(cancellations: Map<string, Cancellation>, request: Request): MailboxStore {
  const keyOf = (clientSession: string, call: string) => JSON.stringify([clientSession, call]);
  return {
    leaveCancellation: (clientSession, call, cancellation) =>
      request(() => {
        cancellations.set(keyOf(clientSession, call), { ...cancellation });
      }),

    peekCancellation: (clientSession, call) =>
      request(() => {
        const cancellation = cancellations.get(keyOf(clientSession, call));
        return cancellation && { ...cancellation };
      }),

    clearCancellation: (clientSession, call) =>
      request(() => {
        cancellations.delete(keyOf(clientSession, call));
      }),
  };
}
