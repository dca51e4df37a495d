import { describe, expect, test } from 'vitest';
import { interimToClient, type InterimContext } from '../../lib/protocol/interim.ts';
import { notificationOf, requestOf } from './samples.ts';

const LEGACY: InterimContext = {
  era: 'legacy',
  upstream: 'time',
  requestId: 'up',
  progressToken: '"mine"',
  wantsLogs: true,
};
const MODERN: InterimContext = { ...LEGACY, era: 'modern' };

const notify = (method: string, params = '{"x":1.0}'): string =>
  `{"jsonrpc":"2.0","method":"${method}","params":${params}}`;

describe("a server's question", () => {
  const question = requestOf('{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"message":"?"}}');

  test('reaches a legacy client under an id that leads back to the upstream', () => {
    expect(interimToClient(question, LEGACY)).toBe(
      '{"jsonrpc":"2.0","id":"time/7","method":"elicitation/create","params":{"message":"?"}}',
    );
  });

  test('never reaches a modern client', () => {
    expect(interimToClient(question, MODERN)).toBeUndefined();
  });
});

describe('progress', () => {
  test('reaches the client under its own token', () => {
    const text = notify('notifications/progress', '{"progressToken":"up","progress":1}');
    expect(interimToClient(notificationOf(text), MODERN)).toBe(text.replace('"up"', '"mine"'));
  });

  test('of another call does not reach the client', () => {
    const text = notify('notifications/progress', '{"progressToken":"other","progress":1}');
    expect(interimToClient(notificationOf(text), MODERN)).toBeUndefined();
  });
});

describe('a log message', () => {
  const text = notify('notifications/message', '{"level":"info","data":1.0}');

  test('reaches a client that wants it, as it was written', () => {
    expect(interimToClient(notificationOf(text), MODERN)).toBe(text);
  });

  test('does not reach a client that did not ask for it', () => {
    expect(interimToClient(notificationOf(text), { ...MODERN, wantsLogs: false })).toBeUndefined();
  });
});

describe('a withdrawn question', () => {
  const text = notify('notifications/cancelled', '{"requestId":7}');

  test('is named as the client knows it', () => {
    expect(interimToClient(notificationOf(text), LEGACY)).toBe(text.replace('7', '"time/7"'));
  });

  test('means nothing to a modern client, who was asked nothing', () => {
    expect(interimToClient(notificationOf(text), MODERN)).toBeUndefined();
  });
});

test.each(['notifications/tools/list_changed', 'notifications/resources/updated'])(
  '%s, which belongs to no request, does not reach the client',
  (method) => {
    expect(interimToClient(notificationOf(notify(method)), LEGACY)).toBeUndefined();
  },
);

test('a notification that the gateway does not know passes untouched', () => {
  const text = notify('notifications/vendor/own', '{ "deep": [1.0] }');
  expect(interimToClient(notificationOf(text), LEGACY)).toBe(text);
});
