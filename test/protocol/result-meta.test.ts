import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memberText } from '../../lib/protocol/json-text.ts';
import type { ResponseMessage } from '../../lib/protocol/message.ts';
import { sayInMeta, withoutClaims } from '../../lib/protocol/result-meta.ts';
import { seeded } from '../support/property.ts';
import { jsonText } from './arbitrary-json.ts';
import { responseOf } from './samples.ts';

const property = seeded('test/protocol/result-meta');

const KEYS = ['io.sluice/timing', 'io.sluice/replayed'] as const;

const read = (text: string): ResponseMessage => responseOf(text);

const resultIn = (text: string): string => memberText(text, 'result') ?? '';

describe('what the gateway says in a result', () => {
  test('leaves everything else as it was written', () => {
    fc.assert(
      fc.property(jsonText, jsonText, fc.constantFrom(...KEYS), (first, second, key) => {
        const text = `{"jsonrpc":"2.0","id":1,"result":{"a":${first},"_meta":{"own":${second}},"b":${second}}}`;
        const result = resultIn(sayInMeta(text, key, '{"x":1}'));
        expect(memberText(result, 'a')).toBe(first.trim());
        expect(memberText(result, 'b')).toBe(second.trim());
        expect(memberText(memberText(result, '_meta') ?? '', 'own')).toBe(second.trim());
        expect(memberText(memberText(result, '_meta') ?? '', key)).toBe('{"x":1}');
      }),
      property,
    );
  });
});

describe('what an upstream says in its place', () => {
  test.each(KEYS)('is removed: %s, whatever it is', (key) => {
    fc.assert(
      fc.property(jsonText, jsonText, (claim, own) => {
        const text = `{"jsonrpc":"2.0","id":1,"result":{"a":${own},"_meta":{"${key}":${claim},"own":${own}}}}`;
        const result = resultIn(withoutClaims(text, read(text)));
        expect(memberText(result, 'a')).toBe(own.trim());
        expect(memberText(result, '_meta')).toBe(`{"own":${own.trim()}}`);
      }),
      property,
    );
  });

  test.each([
    '"io.sluice\\/timing":1,"io.sluice/timing":2,"own":3',
    '"own":3,"io.sluice/replayed":true,"io.sluice\\u002ftiming":{}',
  ])('is removed however it is written, and however often: %s', (members) => {
    const text = `{"jsonrpc":"2.0","id":1,"result":{"_meta":{${members}}}}`;
    expect(withoutClaims(text, read(text))).toBe('{"jsonrpc":"2.0","id":1,"result":{"_meta":{"own":3}}}');
  });

  test.each([
    '{ "jsonrpc":"2.0", "id":1, "result":{ "_meta":{ "own":1 } } }',
    '{"jsonrpc":"2.0","id":1, "result":{"content":[{"_meta":{"io.sluice/timing":1}}]}}',
    '{"jsonrpc":"2.0","id":1, "result":{"_meta":null}}',
    '{"jsonrpc":"2.0","id":1, "error":{"code":1,"message":"_meta","data":{"_meta":{"io.sluice/timing":1}}}}',
  ])('is nothing in a response that says nothing of it, which stays to the byte: %s', (text) => {
    expect(withoutClaims(text, read(text))).toBe(text);
  });
});
