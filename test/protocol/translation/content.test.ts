import { describe, expect, test } from 'vitest';
import { blockToOldest, messageToOldest } from '../../../lib/protocol/translation/content.ts';

describe('a content block for a client without resource links', () => {
  test.each([
    [{ uri: 'u', name: 'n', title: 'T' }, 'T: u'],
    [{ uri: 'u', name: 'n' }, 'n: u'],
    [{ uri: 'u' }, 'u'],
    [{ uri: 7, name: 'n' }, 'n: '],
    [{ uri: 'u', name: 7, text: 'own' }, 'u'],
  ])('says in words where the link %j leads', (link, text) => {
    expect(JSON.parse(blockToOldest(JSON.stringify({ type: 'resource_link', ...link })))).toEqual({
      ...link,
      type: 'text',
      text,
    });
  });

  test('is a link however its type is escaped', () => {
    expect(blockToOldest(String.raw`{"type":"resource\u005flink","uri":"u"}`)).toBe(
      '{"type":"text","uri":"u","text":"u"}',
    );
  });

  test.each([
    '{ "type": "text", "text": "a resource_link" }',
    '{ "type": "vendor/x", "x": 1.0 }',
    String.raw`{ "text": "\u0041" }`,
    '"resource_link"',
    '["resource_link"]',
    'null',
  ])('is otherwise what it was: %s', (block) => {
    expect(blockToOldest(block)).toBe(block);
  });
});

describe('a message for a client without resource links', () => {
  test('has its block translated and nothing else', () => {
    const message = '{"role":"user","type":"resource_link","content":{"type":"resource_link","uri":"u"}}';
    expect(messageToOldest(message)).toBe(
      '{"role":"user","type":"resource_link","content":{"type":"text","uri":"u","text":"u"}}',
    );
  });

  test.each(['null', '[]', '"resource_link"', '{"role":"user"}', '{"content":"resource_link"}'])(
    'is otherwise what it was: %s',
    (message) => {
      expect(messageToOldest(message)).toBe(message);
    },
  );
});
