import { expect, test } from 'vitest';
import { toBodyText } from '../../lib/adapters/body-text.ts';

const MARK = '\uFEFF';

test.for(['', 'grüße 😀', `a${MARK}b`])('the text %j comes out of its bytes, and passes as text', (text) => {
  expect([toBodyText(Buffer.from(text)), toBodyText(text)]).toEqual([text, text]);
});

test('one byte order mark at the beginning is left out, of bytes and of text', () => {
  const text = `${MARK}${MARK}{}`;
  expect([toBodyText(Buffer.from(text)), toBodyText(text)]).toEqual([`${MARK}{}`, `${MARK}{}`]);
});

test.for([
  ['a byte that UTF-8 never has', '61ff62'],
  ['a character cut short', '61f09f'],
  ['a surrogate', 'eda080'],
  ['a character longer than it needs to be', 'c0af'],
] as const)('%s is no text, and leaves nothing behind for the next body', ([, hex]) => {
  expect(toBodyText(Buffer.from(hex, 'hex'))).toBeUndefined();
  expect(toBodyText(Buffer.from(`${MARK}{}`))).toBe('{}');
});
