import { describe, expect, it } from 'vitest';
import { configOf, pathsOf, problemsOf, withTop } from './sample.ts';

describe('the top of the file', () => {
  it('gets defaults for everything but upstreams and servers', () => {
    const { upstreams: _, servers: __, ...rest } = configOf(withTop({}));
    expect(rest).toEqual({
      auth: { mode: 'none' },
      origins: [],
      limits: { requestBytes: 6_291_456, upstreamMessageBytes: 20_971_520 },
      refresh: 'every-minute',
      listen: 'poll',
    });
  });

  it('may name its schema, which the configuration does not keep', () => {
    expect(configOf(withTop({ $schema: './gateway.config.schema.json' }))).not.toHaveProperty('$schema');
    expect(pathsOf(withTop({ $schema: 7 }))).toEqual(['$schema']);
  });

  it.each([null, 7, 'x', [], true, undefined])('may not be %j', (file) => {
    expect(problemsOf(file)).toMatchObject([{ path: '(top level)', expected: 'an object with upstreams and servers' }]);
  });

  it('has upstreams and servers', () => {
    expect(problemsOf({})).toEqual([
      { path: 'upstreams', expected: 'an object of upstreams', found: 'nothing' },
      { path: 'servers', expected: 'an object of virtual servers', found: 'nothing' },
    ]);
  });

  it('has at least one of each', () => {
    expect(problemsOf({ upstreams: {}, servers: {} })).toEqual([
      { path: 'upstreams', expected: 'at least one upstream', found: 'none' },
      { path: 'servers', expected: 'at least one virtual server', found: 'none' },
    ]);
  });

  it('has no unknown key, __proto__ included', () => {
    const file: unknown = JSON.parse(
      `{"__proto__": {"auth": {}}, ${JSON.stringify(withTop({ upstream: 1 })).slice(1)}`,
    );
    const expected = 'no such key (known here: $schema, upstreams, servers, auth, origins, limits, refresh, listen)';
    expect(problemsOf(file)).toEqual([
      { path: '__proto__', expected },
      { path: 'upstream', expected },
    ]);
  });
});

describe('auth', () => {
  it('says its mode when it is there', () => {
    expect(pathsOf(withTop({ auth: {} }))).toEqual(['auth.mode']);
  });

  it('has no mode but none', () => {
    expect(problemsOf(withTop({ auth: { mode: 'oauth' } }))).toEqual([
      { path: 'auth.mode', expected: '"none"', found: '"oauth"' },
    ]);
  });

  it('has no unknown key', () => {
    expect(pathsOf(withTop({ auth: { mode: 'none', issuer: 'x' } }))).toEqual(['auth.issuer']);
  });
});

describe('limits', () => {
  it('keep their defaults one by one', () => {
    expect(configOf(withTop({ limits: { requestBytes: 1 } })).limits).toEqual({
      requestBytes: 1,
      upstreamMessageBytes: 20_971_520,
    });
  });

  it.each([
    ['requestBytes', 6_291_456],
    ['upstreamMessageBytes', 209_715_200],
  ])('%s is a whole number of bytes from 1 to %i', (key, largest) => {
    for (const value of [1, largest]) expect(pathsOf(withTop({ limits: { [key]: value } }))).toEqual([]);
    for (const value of [0, largest + 1, 1.5, '5', null]) {
      expect(problemsOf(withTop({ limits: { [key]: value } }))).toMatchObject([
        { path: `limits.${key}`, expected: `a whole number of bytes from 1 to ${largest}` },
      ]);
    }
  });

  it('have no unknown key', () => {
    expect(pathsOf(withTop({ limits: { responseBytes: 5 } }))).toEqual(['limits.responseBytes']);
  });
});

describe('refresh', () => {
  it.each(['every-minute', 'off'])('may be %s', (refresh) => {
    expect(configOf(withTop({ refresh })).refresh).toBe(refresh);
  });

  it.each(['hourly', false, 60, null])('may not be %j', (refresh) => {
    expect(problemsOf(withTop({ refresh }))).toMatchObject([{ path: 'refresh', expected: '"every-minute" or "off"' }]);
  });
});

describe('listen', () => {
  it.each(['off', 'poll', { holdSeconds: 1 }, { holdSeconds: 840 }])('may be %j', (listen) => {
    expect(configOf(withTop({ listen })).listen).toEqual(listen);
  });

  it.each([
    ['hold'],
    [true],
    [60],
    [null],
    [{}],
    [{ holdSeconds: 0 }],
    [{ holdSeconds: 841 }],
    [{ holdSeconds: 1, x: 1 }],
  ])('may not be %j', (listen) => {
    expect(pathsOf(withTop({ listen }))).toHaveLength(1);
  });
});

describe('origins', () => {
  it.each([
    'https://app.example',
    'https://app.example:8443',
    'http://localhost',
    'http://localhost:*',
    'https://127.0.0.1:*',
    'http://[::1]:*',
    'http://[2001:db8::1]:8080',
  ])('may have %s', (origin) => {
    expect(configOf(withTop({ origins: [origin] })).origins).toEqual([origin]);
  });

  it.each([
    '*',
    'null',
    '',
    'app.example',
    'https://App.example',
    'https://app.example/',
    'https://app.example/path',
    'https://*.example',
    'https://app.example:443',
    'http://app.example:80',
    'https://app.example:99999',
    'https://app.example:*',
    'http://localhost:80*',
    'http://user@app.example',
    'chrome-extension://abc',
    'https://app..example:0080',
    7,
    null,
  ])('may not have %j', (origin) => {
    expect(pathsOf(withTop({ origins: ['https://app.example', origin] }))).toEqual(['origins[1]']);
  });

  it('are a list', () => {
    expect(problemsOf(withTop({ origins: 'https://app.example' }))).toMatchObject([
      { path: 'origins', expected: 'a list of origins' },
    ]);
  });
});
