import { describe, expect, it } from 'vitest';
import { URL_OF_TIME, configOf, pathsOf, problemsOf, withServer, withTop } from './sample.ts';

const upstreams = {
  time: { url: URL_OF_TIME },
  clock: { url: URL_OF_TIME, prefix: 'time' },
  plain: { url: URL_OF_TIME, prefix: '' },
};

/** A file with several upstreams and one virtual server. */
const serving = (server: unknown) => ({ upstreams, servers: { default: server } });

/** As many upstreams as this, and one virtual server that shows them all. */
const crowded = (count: number) => {
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  return {
    upstreams: Object.fromEntries(names.map((name) => [name, { url: URL_OF_TIME }])),
    servers: { default: { upstreams: names } },
  };
};

describe('a virtual server', () => {
  it('shows all tools of its upstream when it says nothing of tools', () => {
    expect(configOf(withServer({})).servers).toEqual({ default: { upstreams: ['time'] } });
  });

  it('keeps its patterns, none of them included', () => {
    expect(configOf(withServer({ tools: ['time__convert_*'] })).servers['default']?.tools).toEqual(['time__convert_*']);
    expect(configOf(withServer({ tools: [] })).servers['default']?.tools).toEqual([]);
  });

  it('need not be the default one', () => {
    expect(pathsOf(withTop({ servers: { clock: { upstreams: ['time'] } } }))).toEqual([]);
  });

  it.each(['Clock', 'a/b', '-a', '', 'a'.repeat(41)])('may not be called "%s"', (name) => {
    expect(problemsOf(withTop({ servers: { [name]: { upstreams: ['time'] } } }))).toMatchObject([
      { expected: expect.stringMatching(/^a name of 1 to 40/) },
    ]);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('may not be called %s', (name) => {
    const servers: unknown = JSON.parse(`{"${name}": {"upstreams": ["time"]}}`);
    expect(pathsOf(withTop({ servers }))).toEqual([`servers.${name}`]);
  });

  it('has no unknown key', () => {
    expect(problemsOf(withServer({ prompts: [] }))).toEqual([
      { path: 'servers.default.prompts', expected: 'no such key (known here: upstreams, tools)' },
    ]);
  });

  it.each([{}, null, 'time', ['time'], { upstreams: 'time' }, { upstreams: [7] }])('may not be %j', (server) => {
    expect(pathsOf(serving(server))).toEqual([expect.stringMatching(/^servers\.default/)]);
  });
});

describe('the upstreams of a virtual server', () => {
  it('exist', () => {
    expect(problemsOf(serving({ upstreams: ['tim'] }))).toEqual([
      { path: 'servers.default.upstreams[0]', expected: 'the name of an upstream', found: '"tim"' },
    ]);
  });

  it.each(['toString', 'hasOwnProperty', '__proto__', 'constructor'])('exist, which %s does not', (name) => {
    expect(pathsOf(serving({ upstreams: [name] }))).toEqual(['servers.default.upstreams[0]']);
  });

  it('are not none', () => {
    expect(problemsOf(serving({ upstreams: [] }))).toEqual([
      { path: 'servers.default.upstreams', expected: 'at least one upstream', found: 'none' },
    ]);
  });

  it('may be several, which keep their order', () => {
    const { servers } = configOf(serving({ upstreams: ['time', 'plain'] }));
    expect(servers['default']?.upstreams).toEqual(['time', 'plain']);
    expect(configOf(serving({ upstreams: ['plain', 'time'] })).servers['default']?.upstreams).toEqual([
      'plain',
      'time',
    ]);
  });

  it('are 100 at most', () => {
    expect(problemsOf(crowded(100))).toEqual([]);
    expect(problemsOf(crowded(101))).toEqual([
      { path: 'servers.default.upstreams', expected: 'at most 100 upstreams', found: '101' },
    ]);
  });

  it('come once each', () => {
    expect(problemsOf(serving({ upstreams: ['time', 'time'] }))).toEqual([
      { path: 'servers.default.upstreams[1]', expected: 'each upstream once', found: '"time"' },
    ]);
  });

  it('have a prefix of their own each', () => {
    expect(problemsOf(serving({ upstreams: ['plain', 'time', 'clock'] }))).toEqual([
      {
        path: 'servers.default.upstreams[2]',
        expected: 'an upstream with a prefix of its own, among the upstreams of one virtual server',
        found: 'the prefix "time" of "time" as well',
      },
    ]);
  });

  it('pass names through without a prefix for one of them at most', () => {
    const blank = { ...upstreams, blank: { url: URL_OF_TIME, prefix: '' } };
    const servers = { default: { upstreams: ['plain', 'time', 'blank'] } };
    expect(problemsOf({ upstreams: blank, servers })).toMatchObject([
      { path: 'servers.default.upstreams[2]', found: 'the prefix "" of "plain" as well' },
    ]);
  });

  it('may share a prefix with an upstream of another virtual server', () => {
    const servers = { default: { upstreams: ['time'] }, clock: { upstreams: ['clock'] } };
    expect(pathsOf({ upstreams, servers })).toEqual([]);
  });
});

describe('a pattern of tools', () => {
  it.each(['*', 't*', 'time__*', 'time__convert_*', 'time__convert_time', '*convert*', 'tim*e', 'time__*_*', 'time_*'])(
    'may be %s for the prefix time',
    (pattern) => {
      expect(pathsOf(withServer({ tools: [pattern] }))).toEqual([]);
    },
  );

  it.each(['convert_*', 'time', 'time__', 'time_convert', 'times__*', 'Time__*', 'tme*', 'time-__*'])(
    'may not be %s for the prefix time, which no name can match',
    (pattern) => {
      expect(problemsOf(withServer({ tools: ['*', pattern] }))).toEqual([
        {
          path: 'servers.default.tools[1]',
          expected: 'a pattern of names that begin with "time__"',
          found: JSON.stringify(pattern),
        },
      ]);
    },
  );

  it('may be for any of several prefixes, and for no other', () => {
    const both = { upstreams: { time: { url: URL_OF_TIME }, word: { url: URL_OF_TIME } } };
    const servers = { default: { upstreams: ['time', 'word'], tools: ['word__*', 'time__now', 'clock__*'] } };
    expect(problemsOf({ ...both, servers })).toEqual([
      {
        path: 'servers.default.tools[2]',
        expected: 'a pattern of names that begin with "time__" or "word__"',
        found: '"clock__*"',
      },
    ]);
  });

  it('may be anything when names pass through without a prefix', () => {
    expect(pathsOf(serving({ upstreams: ['plain'], tools: ['convert_*', 'time__x'] }))).toEqual([]);
  });

  it('is held against the prefix even when the upstream has other faults', () => {
    const broken = { upstreams: { time: { url: 'nowhere' } }, servers: withTools(['convert_*']) };
    expect(pathsOf(broken)).toEqual(['upstreams.time.url', 'servers.default.tools[0]']);
  });

  it('is not blamed for an upstream that is not known', () => {
    expect(pathsOf(serving({ upstreams: ['nope'], tools: ['convert_*'] }))).toEqual(['servers.default.upstreams[0]']);
  });

  it.each(['', 'time__?', 'time__[ab]', 'time__{a,b}', 'time__\\*', 'time__\n'])(
    'may not be %j, because * is the only wildcard',
    (pattern) => {
      expect(problemsOf(withServer({ tools: [pattern] }))).toMatchObject([
        { path: 'servers.default.tools[0]', expected: expect.stringMatching(/^a tool name, in which \*/) },
      ]);
    },
  );

  function withTools(tools: string[]) {
    return { default: { upstreams: ['time'], tools } };
  }
});
