import { describe, expect, test } from 'vitest';
import { MAX_ITEMS, MAX_PAGES, Pages, type Progress } from '../../lib/catalog/pages.ts';
import { readMessage, type ResponseMessage } from '../../lib/protocol/message.ts';

function responseOf(resultText: string): ResponseMessage {
  const text = `{"jsonrpc":"2.0","id":"1","result":${resultText}}`;
  const message = readMessage(JSON.parse(text), text);
  if (message?.kind !== 'response') throw new Error('This is no response');
  return message;
}

function add(pages: Pages, result: object): Progress {
  return pages.add(responseOf(JSON.stringify(result)));
}

const whole = (progress: Progress) => (progress.kind === 'complete' ? progress.list : progress);
const reasonOf = (progress: Progress) => (progress.kind === 'unusable' ? progress.reason : progress);
const items = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `t${index}` }));

describe('pages', () => {
  test('are complete with the first one that has no cursor', () => {
    const pages = new Pages('tools', 1_000_000);
    expect(add(pages, { tools: [{ name: 'a' }], nextCursor: '1' })).toEqual({ kind: 'more', cursor: '1' });
    expect(add(pages, { tools: [], nextCursor: '' })).toEqual({ kind: 'more', cursor: '' });
    expect(whole(add(pages, { tools: [{ name: 'b' }] }))).toMatchObject({ text: '[{"name":"a"},{"name":"b"}]' });
  });

  test('take a cursor that is null as the last', () => {
    expect(add(new Pages('tools', 1_000_000), { tools: [], nextCursor: null })).toMatchObject({ kind: 'complete' });
  });

  test('keep the bytes of each item', () => {
    const text = '{"tools":[ {"name" : "a","big":12345678901234567890,"e":"\\u00fc"} , {"name":"b"}],"tools2":1}';
    expect(whole(new Pages('tools', 1_000_000).add(responseOf(text)))).toMatchObject({
      text: '[{"name" : "a","big":12345678901234567890,"e":"\\u00fc"},{"name":"b"}]',
    });
  });

  test.each([
    ['no list', {}],
    ['a list of another kind', { prompts: [] }],
    ['a list that is an object', { tools: {} }],
    ['a list that is null', { tools: null }],
  ])('are unusable with %s', (_what, result) => {
    expect(reasonOf(add(new Pages('tools', 1_000_000), result))).toBe('it is not a list');
  });

  test.each([[['a']], [[null]], [[[{}]]], [[{ name: 'a' }, 7]]])('are unusable with the items %j', (tools) => {
    expect(reasonOf(add(new Pages('tools', 1_000_000), { tools }))).toBe('its list holds something that is no object');
  });

  test('are unusable when the answer is an error', () => {
    const text = '{"jsonrpc":"2.0","id":"1","error":{"code":-32603,"message":"x"}}';
    const message = readMessage(JSON.parse(text), text) as ResponseMessage;
    expect(new Pages('tools', 1_000_000).add(message)).toMatchObject({ kind: 'unusable' });
  });

  test.each([7, true, {}, ['1']])('are unusable with the cursor %j', (nextCursor) => {
    expect(reasonOf(add(new Pages('tools', 1_000_000), { tools: [], nextCursor }))).toBe('its cursor is no string');
  });

  test('are unusable when a cursor comes back, however late', () => {
    const pages = new Pages('tools', 1_000_000);
    for (const nextCursor of ['1', '2', '3']) expect(add(pages, { tools: [], nextCursor }).kind).toBe('more');
    expect(reasonOf(add(pages, { tools: [], nextCursor: '1' }))).toMatch(/read already/);
  });

  test(`are followed as far as ${MAX_PAGES} of them`, () => {
    const upTo = (count: number, last: object): Progress => {
      const pages = new Pages('tools', 1_000_000);
      for (let page = 1; page < count; page += 1) {
        expect(add(pages, { tools: [{}], nextCursor: String(page) }).kind).toBe('more');
      }
      return add(pages, { tools: [{}], ...last });
    };
    expect(upTo(MAX_PAGES, {}).kind).toBe('complete');
    expect(reasonOf(upTo(MAX_PAGES, { nextCursor: 'more' }))).toBe('its list has more than 100 pages');
  });

  test(`are followed as far as ${MAX_ITEMS} items`, () => {
    expect(add(new Pages('tools', 1_000_000), { tools: items(MAX_ITEMS) }).kind).toBe('complete');
    expect(reasonOf(add(new Pages('tools', 1_000_000), { tools: items(MAX_ITEMS + 1) }))).toBe(
      'its list has more than 10000 items',
    );
    const pages = new Pages('tools', 1_000_000);
    add(pages, { tools: items(MAX_ITEMS), nextCursor: '1' });
    expect(reasonOf(add(pages, { tools: items(1) }))).toBe('its list has more than 10000 items');
  });

  test('are fresh for as long as the one with the smallest ttlMs', () => {
    const pages = new Pages('tools', 1_000_000);
    add(pages, { tools: [], ttlMs: 500, nextCursor: '1' });
    add(pages, { tools: [], ttlMs: 300, nextCursor: '2' });
    expect(whole(add(pages, { tools: [], ttlMs: 400 }))).toMatchObject({ ttlMs: 300 });
  });

  test.each([undefined, 'soon', null])('say nothing of their freshness when one says %j', (ttlMs) => {
    const pages = new Pages('tools', 1_000_000);
    add(pages, { tools: [], ttlMs: 500, nextCursor: '1' });
    add(pages, { tools: [], ...(ttlMs === undefined ? {} : { ttlMs }), nextCursor: '2' });
    expect(whole(add(pages, { tools: [], ttlMs: 400 }))).toMatchObject({ ttlMs: undefined });
  });

  test('count a negative ttlMs as 0', () => {
    expect(whole(add(new Pages('tools', 1_000_000), { tools: [], ttlMs: -1 }))).toMatchObject({ ttlMs: 0 });
  });

  test.each([
    [['public', 'public'], 'public'],
    [['public', 'private'], 'private'],
    [['private', 'public'], 'private'],
    [['public', undefined], 'private'],
    [['PUBLIC', 'public'], 'private'],
  ])('that are %j are %s together', ([first, second], scope) => {
    const pages = new Pages('tools', 1_000_000);
    add(pages, { tools: [], cacheScope: first, nextCursor: '1' });
    expect(whole(add(pages, { tools: [], cacheScope: second }))).toMatchObject({ scope });
  });
});
