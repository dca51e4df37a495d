import { describe, expect, test } from 'vitest';
import { compareLists, mergeLists, nameOf, type Share } from '../../lib/catalog/merge.ts';
import { virtualServers, type VirtualServer } from '../../lib/catalog/plan.ts';
import { configOf } from '../config/sample.ts';

function serverOf(prefixes: Readonly<Record<string, string>>, tools?: readonly string[]): VirtualServer {
  const names = Object.keys(prefixes);
  const config = configOf({
    upstreams: Object.fromEntries(
      names.map((name, index) => [name, { url: `http://127.0.0.1:${9000 + index}/mcp`, prefix: prefixes[name] }]),
    ),
    servers: { default: { upstreams: names, ...(tools === undefined ? {} : { tools }) } },
  });
  return virtualServers(config).get('default')!;
}

function sharesOf(server: VirtualServer, ...items: readonly (readonly object[])[]): Share[] {
  return items.map((own, index) => ({
    upstream: server.upstreams[index]!,
    items: own.map((item) => JSON.stringify(item)),
  }));
}

const named = (...names: string[]) => names.map((name) => ({ name }));
const namesOf = (texts: readonly string[]): string[] =>
  texts.map((text) => (JSON.parse(text) as { name: string }).name);

describe('a merged list', () => {
  test('is that of each upstream in configured order, each in its own order', () => {
    const server = serverOf({ two: 'two', one: 'one' });
    const { items, lost, tooLong } = mergeLists('tools', sharesOf(server, named('z', 'a'), named('a')), server);
    expect(namesOf(items)).toEqual(['two__z', 'two__a', 'one__a']);
    expect([lost, tooLong]).toEqual([[], []]);
  });

  test('keeps the bytes of everything but the name', () => {
    const server = serverOf({ one: 'one', plain: '' });
    const text = '{ "x":12345678901234567890, "name" : "a","y":"\\u00fc" }';
    const shares = server.upstreams.map((upstream) => ({ upstream, items: [text] }));
    const { items } = mergeLists('tools', shares, server);
    expect(items[0]).toContain('"x":12345678901234567890');
    expect(items[0]).toContain('"y":"\\u00fc"');
    expect(JSON.parse(items[0]!)).toMatchObject({ name: 'one__a' });
    expect(items[1]).toBe(text);
  });

  test('has names that are written twice once, under the prefix', () => {
    const server = serverOf({ one: 'one', two: 'two' });
    const shares = [{ upstream: server.upstreams[0]!, items: ['{"name":"a","n\\u0061me":"b"}'] }];
    const { items } = mergeLists('prompts', shares, server);
    expect(JSON.parse(items[0]!)).toEqual({ name: 'one__b' });
    expect(items[0]).not.toContain('"a"');
  });

  test.each([
    ['resources', 'uri'],
    ['resourceTemplates', 'uriTemplate'],
  ] as const)('of %s leaves them as they are, and gives each to the first', (member, naming) => {
    const server = serverOf({ one: 'one', two: 'two', three: '' });
    const own = (...uris: string[]) => uris.map((uri) => ({ [naming]: uri, name: 'same' }));
    const shares = sharesOf(server, own('x://1'), own('x://2', 'x://1'), own('x://2', 'x://3'));
    const { items, lost } = mergeLists(member, shares, server);
    expect(items.map((text) => nameOf(member, text))).toEqual(['x://1', 'x://2', 'x://3']);
    expect(lost).toEqual([
      { upstream: 'two', owner: 'one', name: 'x://1' },
      { upstream: 'three', owner: 'two', name: 'x://2' },
    ]);
  });

  test('gives a name that looks as if it had a prefix to the upstream with that prefix, listed or not', () => {
    const server = serverOf({ plain: '', time: 'time' });
    const shares = sharesOf(server, named('time__x', 'time__y', 'tim__x', 'time_x'), named('x'));
    const { items, lost } = mergeLists('tools', shares, server);
    expect(namesOf(items)).toEqual(['tim__x', 'time_x', 'time__x']);
    expect(lost).toEqual([
      { upstream: 'plain', owner: 'time', name: 'time__x' },
      { upstream: 'plain', owner: 'time', name: 'time__y' },
    ]);
  });

  test('does so too when that upstream has nothing to add', () => {
    const server = serverOf({ plain: '', time: 'time' });
    const { items, lost } = mergeLists('prompts', sharesOf(server, named('time__x')), server);
    expect(items).toEqual([]);
    expect(lost).toEqual([{ upstream: 'plain', owner: 'time', name: 'time__x' }]);
  });

  test('has what one upstream repeats once, without calling it a lost claim', () => {
    const server = serverOf({ one: 'one', two: 'two' });
    const { items, lost } = mergeLists('tools', sharesOf(server, named('a', 'a'), named('a')), server);
    expect(namesOf(items)).toEqual(['one__a', 'two__a']);
    expect(lost).toEqual([]);
  });

  test('has only the tools that are shown, and all prompts', () => {
    const server = serverOf({ one: 'one', two: 'two' }, ['one__*', '*__b']);
    const shares = sharesOf(server, named('a', 'b'), named('a', 'b'));
    expect(namesOf(mergeLists('tools', shares, server).items)).toEqual(['one__a', 'one__b', 'two__b']);
    expect(mergeLists('prompts', shares, server).items).toHaveLength(4);
  });

  test('tells names longer than 64 characters, prefix included, and of tools and prompts only', () => {
    const server = serverOf({ one: 'one', two: 'two' });
    const names = ['x'.repeat(59), 'y'.repeat(60)];
    const items = names.map((name) => ({ name, uri: `x://${name.repeat(3)}` }));
    for (const member of ['tools', 'prompts'] as const) {
      expect(mergeLists(member, sharesOf(server, items), server).tooLong).toEqual([
        { upstream: 'one', name: `one__${'y'.repeat(60)}` },
      ]);
    }
    expect(mergeLists('resources', sharesOf(server, items), server).tooLong).toEqual([]);
  });

  test('leaves out what has no name', () => {
    const server = serverOf({ one: 'one', two: 'two' });
    const shares = sharesOf(server, [{}, { name: 7 }, { uri: 'x://1' }, { name: 'a' }]);
    expect(namesOf(mergeLists('tools', shares, server).items)).toEqual(['one__a']);
  });
});

describe('the name of an item', () => {
  test.each([
    ['tools', 'n'],
    ['prompts', 'n'],
    ['resources', 'u'],
    ['resourceTemplates', 't'],
  ] as const)('of %s is %s', (member, name) => {
    expect(nameOf(member, '{"name":"n","uri":"u","uriTemplate":"t"}')).toBe(name);
  });

  test.each(['{}', '{"name":null}', '[]', '7', '{'])('is not to be had of %s', (text) => {
    expect(nameOf('tools', text)).toBeUndefined();
  });
});

describe('what changed in a list', () => {
  test('is told by name', () => {
    const before = ['{"name":"a","d":1}', '{"name":"b"}', '{"name":"c"}'];
    const after = ['{"name":"c"}', '{"name":"a","d":2}', '{"name":"new"}'];
    expect(compareLists('tools', before, after)).toEqual({ added: ['new'], changed: ['a'], removed: ['b'] });
  });

  test('is nothing when only the order is another', () => {
    expect(compareLists('tools', ['{"name":"a"}', '{"name":"b"}'], ['{"name":"b"}', '{"name":"a"}'])).toEqual({
      added: [],
      changed: [],
      removed: [],
    });
  });

  test('is told for URIs as for names', () => {
    expect(compareLists('resources', ['{"uri":"x://1"}'], ['{"uri":"x://2"}'])).toEqual({
      added: ['x://2'],
      changed: [],
      removed: ['x://1'],
    });
  });
});
