import { describe, expect, test } from 'vitest';
import { interimToClient, type InterimContext } from '../../lib/protocol/interim.ts';
import { notificationOf, requestOf } from './samples.ts';

const LEGACY: InterimContext = {
  era: 'legacy',
  upstreamEra: 'legacy',
  upstream: 'time',
  requestId: 'up',
  progressToken: '"mine"',
  logLevel: 'any',
};
const MODERN: InterimContext = { ...LEGACY, era: 'modern', upstreamEra: 'modern' };

const notify = (method: string, params = '{"x":1.0}'): string =>
  `{"jsonrpc":"2.0","method":"${method}","params":${params}}`;

describe("a server's question", () => {
  const question = requestOf('{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"message":"?"}}');

  test('reaches a legacy client under an id that leads back to the upstream', () => {
    expect(interimToClient(question, LEGACY)).toBe(
      '{"jsonrpc":"2.0","id":"time/7","method":"elicitation/create","params":{"message":"?"}}',
    );
  });

  test.each([
    ['modern', 'modern'],
    ['modern', 'legacy'],
    ['legacy', 'modern'],
  ] as const)('never reaches a %s client from a %s upstream', (era, upstreamEra) => {
    expect(interimToClient(question, { ...LEGACY, era, upstreamEra })).toBeUndefined();
  });
});

const PAIRS = (['modern', 'legacy'] as const).flatMap((era) =>
  (['modern', 'legacy'] as const).map((upstreamEra): InterimContext => ({ ...LEGACY, era, upstreamEra })),
);

describe.each(PAIRS)('to a $era client of a $upstreamEra upstream, progress', (context) => {
  test('goes under the token of the client', () => {
    const text = notify('notifications/progress', '{"progressToken":"up","progress":1}');
    expect(interimToClient(notificationOf(text), context)).toBe(text.replace('"up"', '"mine"'));
  });

  test('of another call does not go', () => {
    const text = notify('notifications/progress', '{"progressToken":"other","progress":1}');
    expect(interimToClient(notificationOf(text), context)).toBeUndefined();
  });
});

describe('a log message', () => {
  const textAt = (level: string): string => notify('notifications/message', `{"level":${level},"data":1.0}`);

  test.each(PAIRS)('reaches a $era client of a $upstreamEra upstream that wants all, as it was written', (context) => {
    const text = textAt('"debug"');
    expect(interimToClient(notificationOf(text), context)).toBe(text);
  });

  test.each(PAIRS)('does not reach a $era client of a $upstreamEra upstream that did not ask for it', (context) => {
    const silent = { ...context, logLevel: undefined };
    expect(interimToClient(notificationOf(textAt('"emergency"')), silent)).toBeUndefined();
  });

  test.each([
    ['"info"', false],
    ['"warning"', true],
    ['"error"', true],
  ])('of a legacy upstream at %s, as severe as a client wants that asks for warnings: %j', (level, isHeard) => {
    const text = textAt(level);
    const context = { ...MODERN, upstreamEra: 'legacy', logLevel: 'warning' } as const;
    expect(interimToClient(notificationOf(text), context)).toBe(isHeard ? text : undefined);
  });

  test('of a modern upstream is as severe as it was asked for, whatever it says', () => {
    const text = textAt('"info"');
    expect(interimToClient(notificationOf(text), { ...MODERN, logLevel: 'warning' })).toBe(text);
  });
});

describe('a withdrawn question', () => {
  const text = notify('notifications/cancelled', '{"requestId":7}');

  test('is named as the client knows it', () => {
    expect(interimToClient(notificationOf(text), LEGACY)).toBe(text.replace('7', '"time/7"'));
  });

  test.each([
    ['modern', 'modern'],
    ['modern', 'legacy'],
    ['legacy', 'modern'],
  ] as const)('means nothing to a %s client of a %s upstream, who was asked nothing', (era, upstreamEra) => {
    expect(interimToClient(notificationOf(text), { ...LEGACY, era, upstreamEra })).toBeUndefined();
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
