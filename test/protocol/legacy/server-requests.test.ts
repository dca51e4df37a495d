import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  answerToUpstream,
  fromClientQuestionId,
  questionToClient,
  toClientQuestionId,
  withdrawalToClient,
} from '../../../lib/protocol/legacy/server-requests.ts';
import { parseJson } from '../../../lib/protocol/message.ts';
import { seeded } from '../../support/property.ts';

const property = seeded('test/protocol/legacy/server-requests');

const upstream = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,19}$/);
/** The id of a question as an upstream may write it. */
const idText = fc.oneof(
  fc.string({ unit: 'binary' }).map((id) => JSON.stringify(id)),
  fc.integer().map(String),
  fc.constantFrom('1.0', '1e3', '-0', '12345678901234567890', String.raw`"\u0061/\"7\""`, '"1"', '"/"', '""'),
);

describe('the id of a question', () => {
  test('leads back to its upstream and to the id as it was written', () => {
    fc.assert(
      fc.property(upstream, idText, (upstream, idText) => {
        expect(fromClientQuestionId(toClientQuestionId({ upstream, idText }))).toEqual({ upstream, idText });
      }),
      property,
    );
  });

  test('tells a number from the string of its digits', () => {
    expect([
      fromClientQuestionId(toClientQuestionId({ upstream: 'time', idText: '7' })),
      fromClientQuestionId(toClientQuestionId({ upstream: 'time', idText: '"7"' })),
    ]).toEqual([
      { upstream: 'time', idText: '7' },
      { upstream: 'time', idText: '"7"' },
    ]);
  });

  test('is a string that names the upstream first', () => {
    expect(toClientQuestionId({ upstream: 'time', idText: '"a"' })).toBe(String.raw`"time/\"a\""`);
  });

  test('is never the same for two questions', () => {
    fc.assert(
      fc.property(upstream, upstream, idText, idText, (one, other, oneId, otherId) => {
        fc.pre(one !== other || oneId !== otherId);
        const ids = [
          toClientQuestionId({ upstream: one, idText: oneId }),
          toClientQuestionId({ upstream: other, idText: otherId }),
        ];
        expect(new Set(ids).size).toBe(2);
      }),
      property,
    );
  });

  test.each([
    ['a number', '7'],
    ['null', 'null'],
    ['an empty string', '""'],
    ['a string without an upstream', '"7"'],
    ['nothing after the upstream', '"time/"'],
    ['an unquoted word', '"time/abc"'],
    ['null after the upstream', '"time/null"'],
    ['a fraction', '"time/1.5"'],
    ['a boolean', '"time/true"'],
    ['an object', '"time/{}"'],
    ['an array', '"time/[7]"'],
    ['a number beyond every number', '"time/1e400"'],
    ['two ids', '"time/7,8"'],
    ['an id and a piece of JSON', String.raw`"time/7}\"method\":\"x\""`],
  ])('that the gateway cannot have given out is refused: %s', (_what, forged) => {
    expect(fromClientQuestionId(forged)).toBeUndefined();
  });

  test('that is forged never reads as anything but an id of JSON', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((id) => `time/${id}`),
        ),
        (forged) => {
          const question = fromClientQuestionId(JSON.stringify(forged));
          if (question === undefined) return;
          const id = parseJson(`{"id":${question.idText}}`) as { id: unknown };
          expect(Object.keys(id)).toEqual(['id']);
          expect(typeof id.id === 'string' || Number.isInteger(id.id)).toBe(true);
        },
      ),
      { ...property, numRuns: 1000 },
    );
  });
});

describe('a question', () => {
  test('reaches the client under another id and otherwise as it was written', () => {
    const text = '{"jsonrpc":"2.0", "id": 7, "method":"sampling/createMessage","params":{ "x": 1.0, "_meta":{}}}';
    expect(questionToClient(text, { upstream: 'time', idText: '7' })).toBe(
      '{"jsonrpc":"2.0","id":"time/7","method":"sampling/createMessage","params":{ "x": 1.0, "_meta":{}}}',
    );
  });
});

describe('an answer', () => {
  test('reaches the upstream under its own id and otherwise as it was written', () => {
    const text = '{"jsonrpc":"2.0","id":"time/7","result":{"action":"accept","content":{ "n": 1e400 }}}';
    expect(answerToUpstream(text, '7')).toBe(
      '{"jsonrpc":"2.0","id":7,"result":{"action":"accept","content":{ "n": 1e400 }}}',
    );
  });

  test('that holds its id twice reaches the upstream with the one that counts', () => {
    const text = '{"jsonrpc":"2.0","id":"forged","result":{},"id":"time/7"}';
    expect(answerToUpstream(text, '7')).toBe('{"jsonrpc":"2.0","result":{},"id":7}');
  });
});

describe('a withdrawal', () => {
  test.each(['7', '"7"', '1.0'])('names the question %s by the id that the client knows', (idText) => {
    const text = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idText},"reason":"no need"}}`;
    expect(parseJson(withdrawalToClient(text, 'time'))).toMatchObject({
      params: { requestId: parseJson(toClientQuestionId({ upstream: 'time', idText })), reason: 'no need' },
    });
  });

  test.each(['{"reason":"x"}', '{}'])('that names no question stays as it is: %s', (params) => {
    const text = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`;
    expect(withdrawalToClient(text, 'time')).toBe(text);
  });

  test('without parameters stays as it is', () => {
    const text = '{"jsonrpc":"2.0","method":"notifications/cancelled"}';
    expect(withdrawalToClient(text, 'time')).toBe(text);
  });
});
