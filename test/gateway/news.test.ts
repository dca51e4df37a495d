import { expect, test } from 'vitest';
import { updatedBy } from '../../lib/gateway/news.ts';
import type { NotificationMessage } from '../../lib/protocol/message.ts';
import { readMessage } from '../../lib/protocol/message.ts';

function updateOf(uri: unknown): NotificationMessage {
  const value: any = { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } };
  const message = readMessage(value, JSON.stringify(value));
  if (message?.kind !== 'notification') throw new Error('This is no notification');
  return message;
}

test.each(['note://1', `x://${'y'.repeat(2000)}`])('an update of what can be subscribed to is one', (uri) => {
  expect(updatedBy(updateOf(uri))).toBe(uri);
});

test.each(['', `x://${'y'.repeat(2048)}`, 7, undefined])(
  'an update of what nobody can have subscribed to is nothing, and is not held',
  (uri) => {
    expect(updatedBy(updateOf(uri))).toBeUndefined();
  },
);
