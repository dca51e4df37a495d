import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidatesFor, matchesTemplate, type ResourceLists } from '../../lib/catalog/owners.ts';
import { virtualServers } from '../../lib/catalog/plan.ts';
import { configOf } from '../config/sample.ts';
import { seeded } from '../support/property.ts';

const NAMES = ['one', 'two', 'three'];
const config = configOf({
  upstreams: Object.fromEntries(NAMES.map((name, index) => [name, { url: `http://127.0.0.1:${9000 + index}/mcp` }])),
  servers: { default: { upstreams: NAMES } },
});
const { upstreams } = virtualServers(config).get('default')!;

interface Known {
  readonly uris?: readonly string[];
  readonly templates?: readonly string[];
  readonly hasResources?: boolean;
}

/** What is known of the three upstreams, in their order. */
function known(...lists: readonly (Known | undefined)[]): ResourceLists[] {
  return lists.map((list, index) => ({
    upstream: upstreams[index]!,
    resources: list === undefined ? undefined : (list.uris ?? []).map((uri) => JSON.stringify({ uri })),
    templates:
      list === undefined ? undefined : (list.templates ?? []).map((uriTemplate) => JSON.stringify({ uriTemplate })),
    hasResources: list?.hasResources ?? true,
  }));
}

const namesFor = (uri: string, lists: readonly ResourceLists[]): string[] =>
  candidatesFor(uri, lists).map(({ name }) => name);

describe('who has a URI', () => {
  test('is the first that lists it', () => {
    expect(namesFor('x://1', known({}, { uris: ['x://1'] }, { uris: ['x://1'] }))).toEqual(['two']);
  });

  test('is whoever lists it, before whoever has a template for it', () => {
    expect(namesFor('x://1', known({ templates: ['x://{id}'] }, {}, { uris: ['x://1'] }))).toEqual(['three']);
  });

  test('is the first with a template for it, when nobody lists it', () => {
    const lists = known({ uris: ['x://2'] }, { templates: ['y://{id}', 'x://{id}'] }, { templates: ['x://{id}'] });
    expect(namesFor('x://1', lists)).toEqual(['two']);
  });

  test('is whoever has the template itself, before whoever has one that it matches', () => {
    const lists = known({ templates: ['{+any}'] }, { templates: ['x://{id}'] }, {});
    expect(namesFor('x://{id}', lists)).toEqual(['two']);
  });

  test('is for each upstream with resources to say, in order, when nothing is known of it', () => {
    expect(namesFor('x://1', known({}, { hasResources: false }, { uris: ['x://2'] }))).toEqual(['one', 'three']);
  });

  test('may be an upstream whose lists cannot be had', () => {
    expect(namesFor('x://1', known(undefined, { hasResources: false }, undefined))).toEqual(['one', 'three']);
  });

  test('is nobody when no upstream has resources', () => {
    const none = { hasResources: false };
    expect(namesFor('x://1', known(none, none, none))).toEqual([]);
  });

  test('is not decided by items that are garbage', () => {
    const lists = known({}, { uris: ['x://1'] });
    const garbled = [
      { ...lists[0]!, resources: ['7', '{"uri":7}', '{', '{}'], templates: ['{"uriTemplate":null}'] },
      lists[1]!,
    ];
    expect(namesFor('x://1', garbled)).toEqual(['two']);
  });
});

describe('a template', () => {
  test.each([
    ['x://{id}', 'x://1'],
    ['x://{a}/{b}', 'x://1/2'],
    ['x://{a}-{b}.txt', 'x://1-2-3.txt'],
    ['{scheme}://host', 'x://host'],
    ['file:///{+path}', 'file:///a/b/c.txt'],
    ['file:///{+path}', 'file:///'],
    ['x://find{?q,r}', 'x://find?q=1&r=2'],
    ['x://find{?q}', 'x://find'],
    ['x://a{/b*}', 'x://a/1/2/3'],
    ['x://a{#f}', 'x://a#f'],
    ['x://plain', 'x://plain'],
    ['x://{id}', 'x://caf%C3%A9'],
    ['x://{a}.{b}', 'x://1.2'],
    ['{a}{b}', 'ab'],
    ['repo://{owner}/{name}{?ref}', 'repo://me/it?ref=main'],
    ['repo://{owner}/{name}{?ref}', 'repo://me/it'],
    ['doc://{id}{#part}', 'doc://1#end'],
  ])('%s matches %s', (template, uri) => {
    expect(matchesTemplate(template, uri)).toBe(true);
  });

  test.each([
    ['x://{id}', 'y://1'],
    ['x://{id}', 'x://1/2'],
    ['x://{id}', 'x://1?q=2'],
    ['x://{id}', 'x://'],
    ['x://{a}/{b}', 'x://1'],
    ['x://{id}.txt', 'x://1.md'],
    ['x://{id}/end', 'x://1/end/more'],
    ['x://plain', 'x://plain/more'],
    ['x://plain', 'x://plai'],
    ['', 'x'],
    ['x://{id', 'x://1'],
  ])('%s does not match %s', (template, uri) => {
    expect(matchesTemplate(template, uri)).toBe(false);
  });

  test('matches what it expands to', () => {
    const literal = fc.constantFrom('/', '/of/', '.', '-', '?q=');
    const value = fc.stringMatching(/^[a-z0-9_~%]{1,8}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(value, literal), { maxLength: 6 }), value, (parts, last) => {
        const template = `x://${parts.map(([, text], index) => `{v${index}}${text}`).join('')}{last}`;
        const uri = `x://${parts.map(([own, text]) => own + text).join('')}${last}`;
        expect(matchesTemplate(template, uri)).toBe(true);
      }),
      seeded('test/catalog/owners'),
    );
  });

  test('of a hostile length is decided in time', () => {
    const template = `${'{a}x'.repeat(20_000)}y`;
    expect(matchesTemplate(template, 'ax'.repeat(20_000))).toBe(false);
  }, 2000);
});
