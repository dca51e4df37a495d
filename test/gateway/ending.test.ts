import { describe, expect, test } from 'vitest';
import { replayed, type Ending } from '../../lib/gateway/ending.ts';

const ending = (text: string): Ending => ({ kind: 'final', text, status: 200, outcome: 'ok', errorKind: null });

describe('an answer that was given before', () => {
  test.each([
    ['{"jsonrpc":"2.0","id":1,"result":{}}', '{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.sluice/replayed":true}}}'],
    [
      '{"jsonrpc":"2.0","id":1,"result":{"a": 1.0,"_meta":{"x": 9007199254740993}}}',
      '{"jsonrpc":"2.0","id":1,"result":{"a":1.0,"_meta":{"x":9007199254740993,"io.sluice/replayed":true}}}',
    ],
    [
      '{"result":{"_meta":{"io.sluice/replayed":false,"x":1}},"jsonrpc":"2.0","id":1}',
      '{"result":{"_meta":{"io.sluice/replayed":true,"x":1}},"jsonrpc":"2.0","id":1}',
    ],
  ])('says so: %s', (text, expected) => {
    expect(replayed(ending(text))).toEqual({ ...ending(expected), replayed: true });
  });

  test('has no place to say so in an error', () => {
    const text = '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}';
    expect(replayed(ending(text))).toEqual({ ...ending(text), replayed: true });
  });

  test.each(['null', '"x"', '[1]'])('is passed on although its metadata are %s', (meta) => {
    const text = `{"jsonrpc":"2.0","id":1,"result":{"_meta":${meta}}}`;
    expect(replayed(ending(text)).text).toBe(text);
  });

  test('may nest however deep', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const { text } = replayed(ending(`{"jsonrpc":"2.0","id":1,"result":{"structuredContent":${deep}}}`));
    expect(text.endsWith(`${deep},"_meta":{"io.sluice/replayed":true}}}`)).toBe(true);
  });
});
