import { describe, expect, test } from 'vitest';
import {
  announcedClientCapabilities,
  announcedServerCapabilities,
  ASSUMED_SERVER_CAPABILITIES,
  carriedServerCapabilities,
} from '../../lib/protocol/capabilities.ts';
import { parseJson } from '../../lib/protocol/message.ts';

const UI = 'io.modelcontextprotocol/ui';
const TASKS = 'io.modelcontextprotocol/tasks';

describe('what is carried of a server', () => {
  test('is what it can do, and of which changes it tells', () => {
    const declared = {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
    };
    expect(carriedServerCapabilities(declared)).toEqual(declared);
  });

  test.each([false, 'yes', 1, {}])('does not take %j for a promise to tell of changes', (promise) => {
    const declared = { tools: { listChanged: promise }, resources: { subscribe: promise, more: true } };
    expect(carriedServerCapabilities(declared)).toEqual({ tools: {}, resources: {} });
  });

  test('leaves out tasks, experiments and whatever is not known', () => {
    const declared = { tools: {}, tasks: { list: {} }, experimental: { x: {} }, 'com.example': {}, __proto__: {} };
    expect(carriedServerCapabilities(declared)).toEqual({ tools: {} });
  });

  test('carries the settings of the ui extension and no other extension', () => {
    const settings = { mimeTypes: ['text/html;profile=mcp-app'], nested: { kept: true } };
    const declared = { tools: {}, extensions: { [UI]: settings, [TASKS]: {}, 'com.example/own': {} } };
    expect(carriedServerCapabilities(declared)).toEqual({ tools: {}, extensions: { [UI]: settings } });
  });

  test('has no extensions when none of them is carried', () => {
    expect(carriedServerCapabilities({ extensions: { [TASKS]: {} } })).toEqual({});
  });

  test.each([true, null, 'yes', 1, []])('does not take %j for a declaration', (value) => {
    expect(carriedServerCapabilities({ tools: value, extensions: { [UI]: value } })).toEqual({});
  });

  test('leaves out settings of an extension that nest too deep to be written again', () => {
    const deep = parseJson(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`) ?? null;
    expect(carriedServerCapabilities({ tools: {}, extensions: { [UI]: deep } })).toEqual({ tools: {} });
  });

  test.each([null, 'yes', []])('does not take %j for extensions', (extensions) => {
    expect(carriedServerCapabilities({ prompts: {}, extensions })).toEqual({ prompts: {} });
  });

  test('promises nothing of a server that has not been heard from that cannot be carried', () => {
    expect(carriedServerCapabilities(ASSUMED_SERVER_CAPABILITIES)).toEqual(ASSUMED_SERVER_CAPABILITIES);
  });
});

describe('what servers are told of a client', () => {
  test('has the details of each capability as the client declared them', () => {
    const declared = { sampling: { tools: {}, context: {} }, elicitation: { form: {}, url: {} }, roots: {} };
    expect(announcedClientCapabilities(declared)).toEqual(declared);
  });

  test('leaves out tasks, in capabilities and in extensions', () => {
    const declared = { roots: {}, tasks: { requests: {} }, extensions: { [TASKS]: {}, [UI]: { mimeTypes: [] } } };
    expect(announcedClientCapabilities(declared)).toEqual({ roots: {}, extensions: { [UI]: { mimeTypes: [] } } });
  });

  test('leaves out what only a server declares, and what is not known', () => {
    expect(announcedClientCapabilities({ tools: {}, experimental: {}, 'com.example': {} })).toEqual({});
  });

  test('does not change what it was given', () => {
    const declared = { tasks: {}, roots: {}, extensions: { [TASKS]: {} } };
    announcedClientCapabilities(declared);
    expect(declared).toEqual({ tasks: {}, roots: {}, extensions: { [TASKS]: {} } });
  });
});

describe('what clients are told of several servers', () => {
  test('is what any of them has', () => {
    expect(announcedServerCapabilities([{ tools: {} }, { prompts: {}, tools: {} }, {}], false)).toEqual({
      tools: {},
      prompts: {},
    });
  });

  test('promises changes of every list, and updates where one of them tells of any', () => {
    const quiet = { tools: {}, prompts: {}, resources: {}, logging: {}, completions: {} };
    const telling = { resources: { subscribe: true } };
    const listChanged = true;
    expect(announcedServerCapabilities([quiet], true)).toEqual({
      ...quiet,
      tools: { listChanged },
      prompts: { listChanged },
      resources: { listChanged },
    });
    expect(announcedServerCapabilities([quiet, telling], true)).toMatchObject({
      resources: { listChanged, subscribe: true },
    });
  });

  test('promises no changes to a client that cannot be told of any', () => {
    const telling = { tools: { listChanged: true }, resources: { listChanged: true, subscribe: true } };
    expect(announcedServerCapabilities([telling], false)).toEqual({ tools: {}, resources: {} });
  });

  test('is nothing when nobody has anything', () => {
    expect([announcedServerCapabilities([], true), announcedServerCapabilities([{}, {}], true)]).toEqual([{}, {}]);
  });

  test('has the extensions of all, and of one that several have the settings of the first', () => {
    const first = { tools: {}, extensions: { [UI]: { from: 1 } } };
    const second = { extensions: { [UI]: { from: 2 }, 'com.example/own': {} } };
    expect(announcedServerCapabilities([{ prompts: {} }, first, second], false)).toEqual({
      tools: {},
      prompts: {},
      extensions: { [UI]: { from: 1 }, 'com.example/own': {} },
    });
  });

  test('does not change what it was given', () => {
    const first = { extensions: { [UI]: { from: 1 } } };
    const second = { extensions: { [TASKS]: {} } };
    announcedServerCapabilities([first, second], true);
    expect([first, second]).toEqual([{ extensions: { [UI]: { from: 1 } } }, { extensions: { [TASKS]: {} } }]);
  });
});
