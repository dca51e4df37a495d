import { expect, test } from 'vitest';
import { mergeReplies } from '../../lib/delivery/merge.ts';
import type { Reply } from '../../lib/protocol/call.ts';
import { createSource, final, interim } from './source.ts';

async function all(replies: AsyncIterable<Reply>): Promise<Reply[]> {
  const seen: Reply[] = [];
  for await (const reply of replies) seen.push(reply);
  return seen;
}

test('no sources give nothing', async () => {
  expect(await all(mergeReplies([]))).toEqual([]);
});

test('one source is given on as it is', async () => {
  const source = createSource();
  source.push(interim('a'));
  source.push(final('b'));
  source.end();
  expect(await all(mergeReplies([source.replies]))).toEqual([interim('a'), final('b')]);
});

test('replies come in the order in which they came, whoever they are from', async () => {
  const [one, other] = [createSource(), createSource()];
  const merged = mergeReplies([one.replies, other.replies]);
  const order: (Reply | void)[] = [];
  for (const [source, reply] of [
    [other, interim('1')],
    [one, interim('2')],
    [other, final('3')],
    [one, final('4')],
  ] as const) {
    const next = merged.next();
    source.push(reply);
    order.push((await next).value);
  }
  expect(order).toEqual([interim('1'), interim('2'), final('3'), final('4')]);
});

test('a source that always has something to say does not keep another from being heard', async () => {
  async function* chatter(): AsyncGenerator<Reply, void> {
    for (;;) yield interim('chatter');
  }
  const quiet = createSource();
  quiet.push(final('quiet'));
  const merged = mergeReplies([chatter(), quiet.replies]);
  const heard: (Reply | void)[] = [];
  for (let count = 0; count < 5; count += 1) heard.push((await merged.next()).value);
  quiet.end();
  await merged.return();
  expect(heard).toContainEqual(final('quiet'));
});

test('all sources run at once', async () => {
  const started: string[] = [];
  async function* source(name: string): AsyncGenerator<Reply, void> {
    started.push(name);
    yield final(name);
  }
  const merged = mergeReplies([source('a'), source('b'), source('c')]);
  await merged.next();
  await merged.return();
  expect(started).toEqual(['a', 'b', 'c']);
});

test('a source that has ended leaves the others going', async () => {
  const [one, other] = [createSource(), createSource()];
  one.end();
  other.push(final('a'));
  other.end();
  expect(await all(mergeReplies([one.replies, other.replies]))).toEqual([final('a')]);
});

test('nothing is lost from a source that is read slowly', async () => {
  const sources = [createSource(), createSource(), createSource()];
  const names = sources.map((_, index) => Array.from({ length: 20 }, (__, count) => `${index}/${count}`));
  for (const [index, source] of sources.entries()) {
    for (const name of names[index] ?? []) source.push(interim(name));
    source.end();
  }
  const replies = await all(mergeReplies(sources.map((source) => source.replies)));
  const texts = replies.flatMap((reply) => (reply.kind === 'interim' ? [reply.text] : []));
  for (const [index, own] of names.entries()) {
    expect(texts.filter((text) => text.includes(`"${index}/`))).toEqual(own.map((name) => interim(name).text));
  }
  expect(texts).toHaveLength(60);
});

test('whoever stops reading closes every source, once', async () => {
  const [one, other] = [createSource(), createSource()];
  one.push(interim('a'));
  other.push(interim('b'));
  const merged = mergeReplies([one.replies, other.replies]);
  await merged.next();
  one.end();
  other.end();
  await merged.return();
  expect([one.closed, other.closed]).toEqual([1, 1]);
});

test('a source that fails closes the others, and its failure is told', async () => {
  const [one, other] = [createSource(), createSource()];
  other.push(interim('a'));
  one.fail(new Error('own'));
  other.end();
  await expect(all(mergeReplies([one.replies, other.replies]))).rejects.toThrow('own');
  expect([one.closed, other.closed]).toEqual([1, 1]);
});
