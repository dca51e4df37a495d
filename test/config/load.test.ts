import { describe, expect, it } from 'vitest';
import { functionTimeoutMs, parseConfig, UNSAID } from '../../lib/config/load.ts';
import { seal } from '../../lib/config/seal.ts';
import {
  URL_OF_TIME,
  configOf,
  pathsOf,
  problemsOf,
  problemsOfText,
  withCommand,
  withTop,
  withUpstream,
} from './sample.ts';

describe('a bad file', () => {
  it('has every bad value listed at once, in the order of the file', () => {
    const file = {
      upstreams: {
        time: {
          url: 'nowhere',
          timeoutMs: 'long',
          headers: { Cookie: 'a=b', 'x-team': 'a\nb' },
          tools: { report: { timeoutMs: 0, speed: 1 } },
        },
        Clock: { url: URL_OF_TIME, timeoutMs: 1_000, connectTimeoutMs: 2_000 },
      },
      servers: { default: { upstreams: ['time', 'none'], tools: ['convert_*'] }, second: {} },
      origins: ['https://app.example/'],
      speed: 'high',
    };
    expect(pathsOf(file)).toEqual([
      'upstreams.time.url',
      'upstreams.time.timeoutMs',
      'upstreams.time.headers.Cookie',
      'upstreams.time.headers.x-team',
      'upstreams.time.tools.report.timeoutMs',
      'upstreams.time.tools.report.speed',
      'upstreams.Clock',
      'upstreams.Clock.connectTimeoutMs',
      'servers.default.upstreams[1]',
      'servers.second.upstreams',
      'origins[0]',
      'speed',
    ]);
  });

  it('never has a secret repeated, wherever it was put', () => {
    const secret = 'hunter2-hunter2';
    const places = [
      withUpstream({ url: `http://user:${secret}@time.example` }),
      withUpstream({ url: `${secret}://time.example` }),
      withUpstream({ url: `http://time.example:port/?key=${secret}` }),
      withUpstream({ headers: { authorization: secret } }),
      withUpstream({ headers: { 'x-key': `${secret}\n` } }),
      withUpstream({ headers: { 'x key': secret } }),
      withUpstream({ headers: { 'x-key': { secret: 'name', deep: secret } } }),
      withUpstream({ headers: { 'x-key': { secret: `${secret}:` } } }),
      withUpstream({ headers: { 'x-key': { secret: 'name', prefix: `${secret}\n` } } }),
      withUpstream({ headers: secret }),
      withUpstream({ token: secret }),
      withUpstream({ env: { TOKEN: secret } }),
      withUpstream({ args: [secret] }),
      withUpstream({ command: secret }),
      withUpstream({ stdio: { command: secret } }),
      withCommand({ command: `${secret}\u0000` }),
      withCommand({ command: [secret] }),
      withCommand({ args: secret }),
      withCommand({ args: [`${secret}\u0000`] }),
      withCommand({ args: [[secret]] }),
      withCommand({ env: secret }),
      withCommand({ env: [secret] }),
      withCommand({ env: { TOKEN: `${secret}\u0000` } }),
      withCommand({ env: { [`TOKEN=${secret}`]: '' } }),
      withCommand({ env: { 'TO\nKEN': secret } }),
      withCommand({ cwd: `${secret}\u0000` }),
      withCommand({ headers: { 'x-key': secret } }),
      withUpstream({ timeoutMs: secret }),
      withTop({ token: { value: secret } }),
      withTop({ origins: [`https://user:${secret}@app.example`] }),
    ];
    for (const file of places) {
      const problems = problemsOf(file);
      expect(problems).toHaveLength(1);
      expect(JSON.stringify(problems)).not.toContain(secret);
    }
  });

  it.each([
    withUpstream({ headers: { 'x-pin': 4711 } }),
    withCommand({ env: { PIN: 4711 } }),
    withCommand({ args: [4711] }),
    withCommand({ command: 4711 }),
  ])('does not have a secret repeated even when it is a number, as in %j', (file) => {
    expect(problemsOf(file)).toMatchObject([{ found: 'a number' }]);
  });

  it('does not have long text repeated', () => {
    expect(problemsOf(withUpstream({ era: 'm'.repeat(41) }))).toMatchObject([{ found: 'text of 41 characters' }]);
  });

  it('has both of two long names reported that begin alike', () => {
    const alike = 'a'.repeat(60);
    const upstream = { url: URL_OF_TIME, prefix: 'p' };
    expect(
      pathsOf(withTop({ upstreams: { time: upstream, [`${alike}1`]: upstream, [`${alike}2`]: upstream } })),
    ).toEqual([`upstreams["${'a'.repeat(40)}..."]`, `upstreams["${'a'.repeat(40)}..."]`]);
  });
});

describe('the text of a file', () => {
  it('is parsed and resolved', () => {
    expect(parseConfig(JSON.stringify(withUpstream({})), UNSAID.deployed)).toEqual({
      ok: true,
      config: configOf(withUpstream({})),
    });
  });

  it('that is not JSON has its first error reported with line and column', () => {
    expect(problemsOfText('{\n  "upstreams": {},\n  "servers": {},\n}')).toEqual([
      { path: 'line 4, column 1', expected: 'a key in quotation marks', found: '"}"' },
    ]);
  });

  it('may not have a key twice, and is checked for everything else as well', () => {
    const file = `{
      "upstreams": { "time": { "url": "${URL_OF_TIME}", "era": "auto", "era": "old" } },
      "servers": { "default": { "upstreams": ["time"] } }
    }`;
    expect(problemsOfText(file)).toMatchObject([
      {
        path: expect.stringMatching(/^line 2, column \d+$/),
        expected: 'each key once in an object',
        found: '"era" again',
      },
      { path: 'upstreams.time.era' },
    ]);
  });
});

describe('a resolved configuration', () => {
  it('can be asked for any name, and has only what was configured', () => {
    const { upstreams, servers } = configOf(withUpstream({ tools: { report: {} } }));
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      expect(upstreams[name]).toBeUndefined();
      expect(servers[name]).toBeUndefined();
      expect(upstreams['time']?.headers[name]).toBeUndefined();
      expect(upstreams['time']?.tools[name]).toBeUndefined();
    }
  });

  it('cannot be changed', () => {
    const config = configOf(withUpstream({}));
    expect(() => Object.assign(config.upstreams, { other: {} })).toThrow(TypeError);
    expect(() => Object.assign(config.upstreams['time']!, { url: 'x' })).toThrow(TypeError);
    expect(() => Object.assign(config.servers['default']!.upstreams, ['other'])).toThrow(TypeError);
  });

  it('does not share what it holds with the file it came from', () => {
    const tools = ['*'];
    const config = configOf(withTop({ servers: { default: { upstreams: ['time'], tools } } }));
    tools.push('time__x');
    expect(config.servers['default']?.tools).toEqual(['*']);
  });

  it('is safe again once sealed when it went through JSON', () => {
    const config = configOf(withUpstream({}));
    const revived = seal(JSON.parse(JSON.stringify(config)) as typeof config);
    expect(revived).toStrictEqual(config);
    expect(revived.servers['constructor']).toBeUndefined();
  });
});

describe("the function's timeout", () => {
  const timeoutOf = (fields: object) => functionTimeoutMs(configOf(withUpstream(fields)));

  it('is the default total and 5 s when nothing is configured', () => {
    expect(timeoutOf({})).toBe(60_000);
  });

  it('follows an upstream', () => {
    expect(timeoutOf({ timeoutMs: 30_000 })).toBe(35_000);
  });

  it('follows the longest tool', () => {
    expect(timeoutOf({ tools: { a: { timeoutMs: 120_000 }, b: { timeoutMs: 70_000 }, c: {} } })).toBe(125_000);
  });

  it('follows the upstream when its tools are shorter', () => {
    expect(timeoutOf({ tools: { a: { timeoutMs: 1_000 } } })).toBe(60_000);
  });

  it('follows the longest of several upstreams', () => {
    const upstreams = { time: { url: URL_OF_TIME }, slow: { url: URL_OF_TIME, timeoutMs: 80_000 } };
    expect(functionTimeoutMs(configOf(withTop({ upstreams })))).toBe(85_000);
  });

  it('is 900 s at most', () => {
    expect(timeoutOf({ tools: { a: { timeoutMs: 895_000 } } })).toBe(900_000);
    expect(timeoutOf({ timeoutMs: 900_000 })).toBe(900_000);
  });
});
