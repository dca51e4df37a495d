/** Lists that are made to be expensive. */
import { expect, test } from 'vitest';
import { candidatesFor, matchesTemplate } from '../../lib/catalog/owners.ts';
import { Pages, type Progress } from '../../lib/catalog/pages.ts';
import type { ServerUpstream } from '../../lib/catalog/plan.ts';
import { readMessage, type ResponseMessage } from '../../lib/protocol/message.ts';

function add(pages: Pages, items: readonly object[], more: object = {}): Progress {
  const text = JSON.stringify({ jsonrpc: '2.0', id: '1', result: { tools: items, ...more } });
  return pages.add(readMessage(JSON.parse(text), text) as ResponseMessage);
}

test('a page of 150,000 items is unusable, not an exception', () => {
  const items = Array.from({ length: 150_000 }, () => ({}));
  expect(add(new Pages('tools', 10_000_000), items)).toEqual({
    kind: 'unusable',
    reason: 'its list has more than 10000 items',
  });
});

test('pages that are longer together than a list may be are unusable, each short as it is', () => {
  const pages = new Pages('tools', 1000);
  const item = { name: 'a', description: 'x'.repeat(400) };
  expect(add(pages, [item], { nextCursor: '1' }).kind).toBe('more');
  expect(add(pages, [item], { nextCursor: '2' }).kind).toBe('more');
  expect(add(pages, [item], { nextCursor: '3' })).toEqual({
    kind: 'unusable',
    reason: 'its list is longer than 1000 characters',
  });
});

test('what a page says beside its list does not count for the length of the list', () => {
  expect(add(new Pages('tools', 100), [{ name: 'a' }], { _meta: { note: 'x'.repeat(1000) } }).kind).toBe('complete');
});

test('a template with 50 expressions matches nothing', () => {
  expect(matchesTemplate('{+a}'.repeat(50), 'x')).toBe(false);
  expect(matchesTemplate('{+a}'.repeat(10), 'x')).toBe(true);
});

test.each([
  ['with as many expressions as are tried', `${'{+a}'.repeat(10)}z`, 3000],
  ['with many more', `${'{+a}'.repeat(50)}z`, 500],
])('1,000 templates %s are tried quickly with the longest URI', (_what, template, quickMs) => {
  const templates = Array.from({ length: 1000 }, (_, index) =>
    JSON.stringify({ uriTemplate: `${template}${index}`, name: 'n' }),
  );
  const upstream = { name: 'evil' } as ServerUpstream;
  const began = performance.now();
  const found = candidatesFor('x'.repeat(2048), [{ upstream, resources: [], templates, hasResources: true }]);
  expect(performance.now() - began).toBeLessThan(quickMs);
  // Nobody has it, so whoever has resources is asked.
  expect(found).toEqual([upstream]);
});
