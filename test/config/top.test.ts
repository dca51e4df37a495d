import { describe, expect, it } from 'vitest';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { configOf, pathsOf, problemsOf, withTop } from './sample.ts';

describe('the top of the file', () => {
  it('gets defaults for everything but upstreams and servers', () => {
    const { upstreams: _, servers: __, ...rest } = configOf(withTop({}));
    expect(rest).toEqual({
      auth: { mode: 'iam' },
      origins: [],
      limits: { requestBytes: 6_291_456, upstreamMessageBytes: 20_971_520 },
      refresh: 'every-minute',
      listen: 'poll',
      deployment: {
        memoryMb: 512,
        logRetentionDays: 30,
        monitoring: true,
        tracing: { perSecond: 0, rate: 0.05 },
      },
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
    const expected =
      'no such key (known here: $schema, upstreams, servers, auth, origins, limits, refresh, listen, deployment)';
    expect(problemsOf(file)).toEqual([
      { path: '__proto__', expected },
      { path: 'upstream', expected },
    ]);
  });
});

describe('auth', () => {
  it('is what the reader of the file says when the file does not', () => {
    const result = resolveConfig(withTop({}), UNSAID.local);
    expect(result.ok && result.config.auth).toEqual({ mode: 'none', iUnderstandThisIsOpen: false });
  });

  it('says its mode when it is there', () => {
    expect(problemsOf(withTop({ auth: {} }))).toEqual([
      { path: 'auth.mode', expected: '"iam" or "none"', found: 'nothing' },
    ]);
  });

  it('has no other mode', () => {
    expect(problemsOf(withTop({ auth: { mode: 'oauth' } }))).toEqual([
      { path: 'auth.mode', expected: '"iam" or "none"', found: '"oauth"' },
    ]);
  });

  it('is open by the word of the operator only', () => {
    const authOf = (auth: object) => configOf(withTop({ auth })).auth;
    expect(authOf({ mode: 'none' })).toEqual({ mode: 'none', iUnderstandThisIsOpen: false });
    expect(authOf({ mode: 'none', iUnderstandThisIsOpen: true })).toEqual({
      mode: 'none',
      iUnderstandThisIsOpen: true,
    });
    expect(pathsOf(withTop({ auth: { mode: 'none', iUnderstandThisIsOpen: 'yes' } }))).toEqual([
      'auth.iUnderstandThisIsOpen',
    ]);
  });

  it.each([
    [{ mode: 'none', issuer: 'x' }, 'auth.issuer'],
    [{ mode: 'iam', iUnderstandThisIsOpen: true }, 'auth.iUnderstandThisIsOpen'],
  ])('has no unknown key, as %j does', (auth, path) => {
    expect(pathsOf(withTop({ auth }))).toEqual([path]);
  });
});

describe('deployment', () => {
  it('keeps its defaults one by one', () => {
    expect(configOf(withTop({ deployment: { memoryMb: 1024, reservedConcurrency: 5 } })).deployment).toEqual({
      memoryMb: 1024,
      logRetentionDays: 30,
      reservedConcurrency: 5,
      monitoring: true,
      tracing: { perSecond: 0, rate: 0.05 },
    });
  });

  it('may trace nothing, or by a rule whose parts have defaults', () => {
    const tracingOf = (tracing: unknown) => configOf(withTop({ deployment: { tracing } })).deployment.tracing;
    expect(tracingOf('off')).toBe('off');
    expect(tracingOf({})).toEqual({ perSecond: 0, rate: 0.05 });
    expect(tracingOf({ perSecond: 1 })).toEqual({ perSecond: 1, rate: 0.05 });
    expect(tracingOf({ rate: 1 })).toEqual({ perSecond: 0, rate: 1 });
  });

  it.each([
    ['on', 'deployment.tracing'],
    [false, 'deployment.tracing'],
    [{ rate: 5 }, 'deployment.tracing.rate'],
    [{ rate: -0.1 }, 'deployment.tracing.rate'],
    [{ perSecond: 1.5 }, 'deployment.tracing.perSecond'],
    [{ perMinute: 1 }, 'deployment.tracing.perMinute'],
  ])('may not trace by %j', (tracing, path) => {
    expect(pathsOf(withTop({ deployment: { tracing } }))).toEqual([path]);
  });

  it.each(['arn:aws:sns:eu-central-1:123456789012:on-call', 'arn:aws-cn:sns:cn-north-1:123456789012:on_call'])(
    'may tell the topic %s of alarms',
    (alarmTopicArn) => {
      expect(configOf(withTop({ deployment: { alarmTopicArn } })).deployment.alarmTopicArn).toBe(alarmTopicArn);
    },
  );

  it.each(['on-call', 'arn:aws:sqs:eu-central-1:123456789012:on-call', 'arn:aws:sns:eu-central-1:12:on-call', null])(
    'may not tell %j of alarms, which is no topic',
    (alarmTopicArn) => {
      expect(pathsOf(withTop({ deployment: { alarmTopicArn } }))).toEqual(['deployment.alarmTopicArn']);
    },
  );

  it.each([
    ['memoryMb', 256, 10_240],
    ['reservedConcurrency', 1, 10_000],
  ])('%s is a whole number from %i to %i', (key, smallest, largest) => {
    for (const value of [smallest, largest]) expect(pathsOf(withTop({ deployment: { [key]: value } }))).toEqual([]);
    for (const value of [smallest - 1, largest + 1, 300.5, '512', null]) {
      expect(pathsOf(withTop({ deployment: { [key]: value } }))).toEqual([`deployment.${key}`]);
    }
  });

  it.each([1, 30, 3653])('may keep log lines for %i days', (logRetentionDays) => {
    expect(configOf(withTop({ deployment: { logRetentionDays } })).deployment.logRetentionDays).toBe(logRetentionDays);
  });

  it.each([0, 2, 31, 4000, '30'])('may not keep log lines for %j days, which CloudWatch does not know', (days) => {
    expect(pathsOf(withTop({ deployment: { logRetentionDays: days } }))).toEqual(['deployment.logRetentionDays']);
  });

  it('has no unknown key', () => {
    expect(pathsOf(withTop({ deployment: { memory: 512 } }))).toEqual(['deployment.memory']);
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
