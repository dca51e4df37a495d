import type { Cancellation, MailboxStore } from '../../ports/mailbox.ts';
import { GarbledRecord, type Item, jsonValue, numberValue, readJson, readNumber } from './item.ts';
import { type Records, storeOperation } from './records.ts';
import { cancellationKey, expiryAttributes } from './table.ts';

export function createMailboxStore(records: Records): MailboxStore {
  return {
    leaveCancellation: (clientSession, request, { reason, leftAt }, expiresAt) =>
      storeOperation('mailbox.leaveCancellation', async () => {
        await records.put({
          ...cancellationKey(clientSession, request),
          ...(reason !== undefined && { reason: jsonValue(reason) }),
          leftAt: numberValue(leftAt),
          ...expiryAttributes(expiresAt),
        });
      }),

    peekCancellation: (clientSession, request) =>
      storeOperation('mailbox.peekCancellation', async () => {
        const item = await records.get(cancellationKey(clientSession, request), 'consistent');
        return item && decodeCancellation(item);
      }),

    clearCancellation: (clientSession, request) =>
      storeOperation('mailbox.clearCancellation', async () => {
        await records.remove(cancellationKey(clientSession, request));
      }),
  };
}

function decodeCancellation(item: Item): Cancellation {
  const reason = item['reason'] && readJson(item, 'reason');
  if (reason !== undefined && typeof reason !== 'string') throw new GarbledRecord('reason');
  return { reason, leftAt: readNumber(item, 'leftAt') };
}
