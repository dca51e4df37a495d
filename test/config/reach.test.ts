import { describe, expect, it } from 'vitest';
import { URL_OF_TIME, configOf, pathsOf, problemsOf, withCommand, withUpstream } from './sample.ts';

const time = (file: unknown) => configOf(file).upstreams['time'];
const stdio = (fields: object) => time(withCommand(fields))?.stdio;

describe('an upstream is reached', () => {
  it('at a url or by a command', () => {
    expect(problemsOf(withUpstream({ url: undefined }))).toEqual([
      {
        path: 'upstreams.time.url',
        expected: 'the URL of an MCP endpoint, or a command in its place',
        found: 'nothing',
      },
    ]);
  });

  it('by one of the two only', () => {
    expect(problemsOf(withUpstream({ command: 'mcp-server-time' }))).toEqual([
      { path: 'upstreams.time.command', expected: 'no command beside a url: an upstream has one of the two' },
    ]);
  });

  it.each([{ headers: { 'x-team': 'search' } }, { args: ['-v'] }])(
    'by one of the two only, and %j is not blamed as well',
    (fields) => {
      expect(pathsOf(withUpstream({ command: 'mcp-server-time', ...fields }))).toEqual(['upstreams.time.command']);
    },
  );

  it.each([
    ['transport', 'http'],
    ['headers', {}],
    ['connectTimeoutMs', 1_000],
  ])('by a command without %s, which is for a url', (key, value) => {
    expect(problemsOf(withCommand({ [key]: value }))).toEqual([
      {
        path: `upstreams.time.${key}`,
        expected: 'no such key: it is for an upstream that has a url, and this one has a command',
      },
    ]);
  });

  it("by a command without a limit for connecting in a tool's limits", () => {
    expect(pathsOf(withCommand({ tools: { report: { timeoutMs: 9_000, connectTimeoutMs: 1_000 } } }))).toEqual([
      'upstreams.time.tools.report.connectTimeoutMs',
    ]);
  });

  it.each([
    ['args', []],
    ['env', {}],
    ['cwd', '.'],
    ['idleMs', 1_000],
    ['maxProcesses', 1],
  ])('at a url without %s, which is for a command', (key, value) => {
    expect(problemsOf(withUpstream({ [key]: value }))).toEqual([
      {
        path: `upstreams.time.${key}`,
        expected: 'no such key: it is for an upstream that has a command, and this one has a url',
      },
    ]);
  });

  it('without keys of the other way, which are named even when their values are wrong', () => {
    expect(problemsOf(withUpstream({ args: '-v' }))).toMatchObject([
      { expected: expect.stringMatching(/^no such key/) },
    ]);
  });
});

describe("a tool's limits", () => {
  it.each([withUpstream, withCommand])('have no keys of their upstream, however it is reached', (file) => {
    expect(problemsOf(file({ tools: { report: { args: [], headers: {} } } }))).toEqual(
      ['args', 'headers'].map((key) => ({
        path: `upstreams.time.tools.report.${key}`,
        expected:
          'no such key (known here: timeoutMs, idleTimeoutMs, connectTimeoutMs, retries, readOnly, idempotent, ' +
          'idempotency, idempotencyTtlSeconds)',
      })),
    );
  });
});

describe('a command', () => {
  it('gets every default when nothing else is given', () => {
    expect(time(withCommand({}))).toEqual({
      url: '',
      stdio: { command: 'mcp-server-time', args: [], env: {}, idleMs: 300_000, maxProcesses: 16 },
      prefix: 'time',
      era: 'auto',
      isolation: 'caller',
      headers: {},
      forwardHeaders: [],
      traceContext: true,
      timeoutMs: 55_000,
      connectTimeoutMs: 3_000,
      listTtlMs: 60_000,
      pin: false,
      retries: 2,
      breaker: { failures: 5, openMs: 10_000 },
      tools: {},
    });
  });

  it('keeps what is configured, to the letter', () => {
    const fields = {
      command: './my server $HOME',
      args: ['--zone="UTC"', '', '$(date)', '* ; ls', 'zwei\nZeilen \u20ac'],
      env: { TOKEN: '${TOKEN}', 'ProgramFiles(x86)': 'C:\\x', EMPTY: '' },
      cwd: '../folder',
      idleMs: 1,
      maxProcesses: 1_000,
    };
    expect(stdio(fields)).toEqual(fields);
  });

  it('has no folder at all when none is configured', () => {
    expect(Object.keys(stdio({})!)).not.toContain('cwd');
  });

  it('may have everything that is not for a url', () => {
    const fields = {
      era: 'modern',
      isolation: 'shared',
      timeoutMs: 9_000,
      idleTimeoutMs: 5_000,
      listTtlMs: 0,
      pin: true,
    };
    expect(time(withCommand(fields))).toMatchObject(fields);
  });

  it.each(['', 'a\u0000b', 7, null, ['npx', '-y']])('may not be %j', (command) => {
    expect(problemsOf(withCommand({ command }))).toMatchObject([
      { path: 'upstreams.time.command', expected: 'a command, which is not empty, without NUL characters' },
    ]);
  });

  it.each(['', 'a\u0000b', 7, null])('is not run in the folder %j', (cwd) => {
    expect(pathsOf(withCommand({ cwd }))).toEqual(['upstreams.time.cwd']);
  });

  it('has arguments that are all texts, without NUL characters', () => {
    expect(pathsOf(withCommand({ args: ['-v', 7, null, 'a\u0000b', ['x'], ''] }))).toEqual([
      'upstreams.time.args[1]',
      'upstreams.time.args[2]',
      'upstreams.time.args[3]',
      'upstreams.time.args[4]',
    ]);
  });

  it.each(['-v', { a: '-v' }, 7, null])('has no arguments like %j', (args) => {
    expect(problemsOf(withCommand({ args }))).toMatchObject([
      { path: 'upstreams.time.args', expected: 'a list of texts, the arguments of the command' },
    ]);
  });

  it('has environment variables that are all texts, without NUL characters', () => {
    expect(pathsOf(withCommand({ env: { A: '', B: 7, C: true, D: null, E: 'a\u0000b', F: 'x' } }))).toEqual([
      'upstreams.time.env.B',
      'upstreams.time.env.C',
      'upstreams.time.env.D',
      'upstreams.time.env.E',
    ]);
  });

  it.each(['', 'a\nb', 'a\u0000b', '\u007f', '__proto__', 'constructor', 'prototype'])(
    'has no environment variable called %j',
    (name) => {
      const env: unknown = JSON.parse(`{${JSON.stringify(name)}: "v"}`);
      expect(problemsOf(withCommand({ env })).map(({ expected }) => expected)).toEqual([
        expect.stringMatching(/^the name of an environment variable/),
      ]);
    },
  );

  it('has no environment variable with = in its name, of which only what is before it is told', () => {
    expect(pathsOf(withCommand({ env: { 'TOKEN=a\nb=c': '' } }))).toEqual(['upstreams.time.env["TOKEN=..."]']);
  });

  it.each([
    ['idleMs', 'milliseconds', 86_400_000],
    ['maxProcesses', 'processes', 1_000],
  ])('has an %s that is a whole number', (key, unit, largest) => {
    for (const value of [1, largest]) expect(pathsOf(withCommand({ [key]: value }))).toEqual([]);
    for (const value of [0, largest + 1, 1.5, '1', null]) {
      expect(problemsOf(withCommand({ [key]: value }))).toMatchObject([
        { path: `upstreams.time.${key}`, expected: `a whole number of ${unit} from 1 to ${largest}` },
      ]);
    }
  });
});

describe('the transport', () => {
  it.each(['http', 'sse'])('may be %s', (transport) => {
    expect(time(withUpstream({ transport }))?.transport).toBe(transport);
  });

  it.each(['stdio', 'streamable-http', 'SSE', '', null])('may not be %j', (transport) => {
    expect(problemsOf(withUpstream({ transport }))).toMatchObject([
      { path: 'upstreams.time.transport', expected: '"http" or "sse"' },
    ]);
  });

  it.each([
    ['sse', 'legacy'],
    ['sse', 'auto'],
    ['http', 'modern'],
  ])('%s may be of era %s', (transport, era) => {
    expect(time(withUpstream({ transport, era }))).toMatchObject({ transport, era });
  });

  it('sse is not spoken in the modern era', () => {
    expect(problemsOf(withUpstream({ transport: 'sse', era: 'modern' }))).toEqual([
      {
        path: 'upstreams.time.transport',
        expected: '"http", because the modern era is not spoken over HTTP+SSE',
        found: '"sse"',
      },
    ]);
  });
});

describe('the resolved form of a command', () => {
  const resolved = { url: '', stdio: { command: 'mcp-server-time' } };

  it('is read as the command that it came from', () => {
    expect(configOf(withUpstream(resolved))).toEqual(configOf(withCommand({})));
  });

  it.each([
    ['headers', { headers: { 'x-team': 'search' } }],
    ['connectTimeoutMs', { connectTimeoutMs: 1_000 }],
    ['env', { stdio: { ...resolved.stdio, env: [] } }],
  ])('is checked as a file is, for its %s too', (key, fields) => {
    expect(pathsOf(withUpstream({ ...resolved, ...fields }))).toEqual([`upstreams.time.${key}`]);
  });

  it.each([
    { url: URL_OF_TIME, stdio: resolved.stdio },
    { url: undefined, stdio: resolved.stdio },
    { url: '', stdio: { ...resolved.stdio, timeoutMs: 5 } },
    { url: '', stdio: 'mcp-server-time' },
  ])('is nothing else, such as %j', (fields) => {
    expect(pathsOf(withUpstream(fields))).toContain('upstreams.time.stdio');
  });
});
