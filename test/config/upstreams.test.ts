import { describe, expect, it } from 'vitest';
import { URL_OF_TIME, configOf, pathsOf, problemsOf, withUpstream } from './sample.ts';

const time = (fields: object) => configOf(withUpstream(fields)).upstreams['time'];

describe('an upstream', () => {
  it('gets every default when only its URL is given', () => {
    expect(time({})).toEqual({
      url: URL_OF_TIME,
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

  it.each(['idleTimeoutMs', 'transport', 'stdio'])('has no %s at all when none is configured', (key) => {
    expect(Object.keys(time({})!)).not.toContain(key);
  });

  it('keeps what is configured', () => {
    const fields = {
      url: 'https://time.example/mcp?zone=utc',
      transport: 'sse',
      prefix: 'Clock-1',
      era: 'legacy',
      isolation: 'shared',
      headers: {
        'x-team': 'search',
        authorization: { secret: '/team/token', store: 'ssm', key: 'a b', prefix: 'Bearer ' },
      },
      forwardHeaders: [],
      traceContext: false,
      timeoutMs: 30_000,
      idleTimeoutMs: 15_000,
      connectTimeoutMs: 1_000,
      listTtlMs: 5_000,
      pin: true,
      retries: 0,
      breaker: { failures: 1, openMs: 900_000 },
      maxConcurrent: 7,
      tools: { slow_report: { timeoutMs: 120_000, idleTimeoutMs: 60_000 }, quick: {} },
    };
    expect(time(fields)).toEqual(fields);
  });

  it.each([7, null, 'http://time.example', []])('may not be %j', (upstream) => {
    const file = { upstreams: { time: upstream }, servers: { default: { upstreams: ['time'] } } };
    expect(problemsOf(file)).toMatchObject([
      { path: 'upstreams.time', expected: 'an object with at least a url or a command' },
    ]);
  });

  it.each(['modern', 'legacy', 'auto'])('may be of era %s', (era) => {
    expect(time({ era })?.era).toBe(era);
  });

  it('may be of no other era', () => {
    expect(problemsOf(withUpstream({ era: '2025-11-25' }))).toEqual([
      { path: 'upstreams.time.era', expected: '"auto" or "modern" or "legacy"', found: '"2025-11-25"' },
    ]);
  });

  it.each(['caller', 'call', 'shared'])('may have isolation %s', (isolation) => {
    expect(time({ isolation })?.isolation).toBe(isolation);
  });

  it('may have no other isolation', () => {
    expect(pathsOf(withUpstream({ isolation: 'session' }))).toEqual(['upstreams.time.isolation']);
  });

  it.each([0, 10])('may be called again %i times', (retries) => {
    expect(time({ retries })!.retries).toBe(retries);
  });

  it.each([-1, 11, 1.5, '2'])('may not be called again %j times', (retries) => {
    expect(problemsOf(withUpstream({ retries }))).toMatchObject([
      { path: 'upstreams.time.retries', expected: 'a whole number of repetitions from 0 to 10' },
    ]);
  });

  it('may have a breaker of which every part has a default, or none', () => {
    expect(time({ breaker: { failures: 3 } })!.breaker).toEqual({ failures: 3, openMs: 10_000 });
    expect(time({ breaker: {} })!.breaker).toEqual({ failures: 5, openMs: 10_000 });
    expect(time({ breaker: false })!.breaker).toBe(false);
  });

  it.each([[true], [5], [null], [{ failures: 0 }], [{ openMs: 0 }], [{ seconds: 5 }]])(
    'may not have the breaker %j',
    (breaker) => {
      expect(pathsOf(withUpstream({ breaker }))).toHaveLength(1);
    },
  );

  it.each([1, 100])('may be limited to %i calls at once', (maxConcurrent) => {
    expect(time({ maxConcurrent })!.maxConcurrent).toBe(maxConcurrent);
  });

  it.each([0, 101, '5', null])('may not be limited to %j calls at once', (maxConcurrent) => {
    expect(problemsOf(withUpstream({ maxConcurrent }))).toMatchObject([
      { path: 'upstreams.time.maxConcurrent', expected: 'a whole number of calls from 1 to 100' },
    ]);
  });

  it('may say for each tool what may happen twice', () => {
    const tools = {
      pay: { idempotency: 'required', idempotencyTtlSeconds: 604_800, readOnly: false, idempotent: false, retries: 0 },
      look: { idempotency: 'off', readOnly: true },
    };
    expect(time({ tools })!.tools).toEqual(tools);
  });

  it.each([
    ['idempotency', 'never'],
    ['idempotency', true],
    ['idempotencyTtlSeconds', 0],
    ['idempotencyTtlSeconds', 604_801],
    ['readOnly', 'yes'],
    ['idempotent', 1],
  ])('may not say %s: %j of a tool', (key, value) => {
    expect(pathsOf(withUpstream({ tools: { pay: { [key]: value } } }))).toEqual([`upstreams.time.tools.pay.${key}`]);
  });

  it('may have no unknown key, and the problem names the known ones', () => {
    expect(problemsOf(withUpstream({ timeout: 5 }))).toEqual([
      {
        path: 'upstreams.time.timeout',
        expected:
          'no such key (known here: url, transport, command, args, env, cwd, idleMs, maxProcesses, prefix, era, ' +
          'isolation, headers, forwardHeaders, traceContext, timeoutMs, idleTimeoutMs, connectTimeoutMs, listTtlMs, pin, ' +
          'retries, breaker, maxConcurrent, tools)',
      },
    ]);
  });
});

describe('the name of an upstream', () => {
  it.each(['t', '0', 'time', 'fast-time-2', 'a'.repeat(40)])('may be %s', (name) => {
    expect(pathsOf(withUpstream({ prefix: 'p' }, name))).toEqual([]);
  });

  it.each(['', '-time', 'Time', 'fast_time', 'fast time', 'a/b', '..', 'zeit\u00e9', 'a'.repeat(41)])(
    'may not be "%s"',
    (name) => {
      expect(problemsOf(withUpstream({ prefix: 'p' }, name)).map(({ expected }) => expected)).toEqual([
        expect.stringMatching(/^a name of 1 to 40/),
      ]);
    },
  );

  it.each(['__proto__', 'constructor', 'prototype'])('may not be %s', (name) => {
    const text = `{"upstreams": {"${name}": {"url": "${URL_OF_TIME}"}}, "servers": {"default": {"upstreams": ["${name}"]}}}`;
    expect(pathsOf(JSON.parse(text))).toEqual([`upstreams.${name}`]);
  });

  it('that is bad does not hide what else is wrong with the upstream', () => {
    expect(pathsOf(withUpstream({ era: 'old', timeoutMs: 0 }, 'Time'))).toEqual([
      'upstreams.Time',
      'upstreams.Time.era',
      'upstreams.Time.timeoutMs',
    ]);
  });
});

describe('the prefix', () => {
  it('is the name of the upstream unless another one is given', () => {
    expect(configOf(withUpstream({}, 'fast-time')).upstreams['fast-time']?.prefix).toBe('fast-time');
  });

  it.each(['', 'T', 'fast-Time-9', 'a'.repeat(20)])('may be "%s"', (prefix) => {
    expect(time({ prefix })?.prefix).toBe(prefix);
  });

  it.each(['a_b', 'a__', 'a b', 'a.b', 'a'.repeat(21), 7, null])('may not be %j', (prefix) => {
    expect(pathsOf(withUpstream({ prefix }))).toEqual(['upstreams.time.prefix']);
  });

  it('must be given when the name of the upstream is too long to be one', () => {
    const name = 'a'.repeat(21);
    expect(problemsOf(withUpstream({}, name))).toEqual([
      {
        path: `upstreams.${name}.prefix`,
        expected: "a prefix of at most 20 characters, because the upstream's name is too long to be one",
        found: 'nothing',
      },
    ]);
    expect(pathsOf(withUpstream({ prefix: 'a' }, name))).toEqual([]);
  });
});

describe('the URL', () => {
  it.each([
    'https://time.example',
    'https://time.example/mcp?zone=utc',
    'http://[::1]:9081/mcp',
    'https://registry.example/@scope/server/mcp',
    'http://127.0.0.1:9081/?at=a@b',
  ])('may be %s', (url) => {
    expect(time({ url })?.url).toBe(url);
  });

  it.each([
    ['/mcp', 'text that does not begin with http:// or https://'],
    ['localhost:9081/mcp', 'text that does not begin with http:// or https://'],
    ['ftp://time.example/mcp', 'text that does not begin with http:// or https://'],
    ['http:/time.example', 'text that does not begin with http:// or https://'],
    [' http://time.example', 'text that does not begin with http:// or https://'],
    ['http://user:secret@time.example/mcp', 'credentials in it'],
    ['http://secret@time.example', 'credentials in it'],
    ['http://@time.example', 'credentials in it'],
    ['http://other\\@time.example', 'credentials in it'],
    ['http://time.example/mcp#part', 'a fragment'],
    ['http://time.example/mcp#', 'a fragment'],
    ['http://time.example/m cp', 'a space in it'],
    ['http://', 'text of 7 characters'],
    [9081, '9081'],
    [null, 'null'],
    [['http://time.example'], 'a list'],
  ])('may not be %j, of which only "%s" is told', (url, found) => {
    expect(problemsOf(withUpstream({ url }))).toEqual([
      {
        path: 'upstreams.time.url',
        expected: 'an absolute http:// or https:// URL, without credentials and without a fragment',
        found,
      },
    ]);
  });

  it.each(['http://time.example:99999/', 'http://[::1/mcp', 'http://time.example:port/', 'http://%/'])(
    'may not have an impossible host or port, as in %s',
    (url) => {
      expect(problemsOf(withUpstream({ url }))).toEqual([
        { path: 'upstreams.time.url', expected: 'a URL with a valid host and port' },
      ]);
    },
  );
});

describe('the freshness of lists', () => {
  it.each([0, 1, 86_400_000])('may be %i ms', (listTtlMs) => {
    expect(time({ listTtlMs })?.listTtlMs).toBe(listTtlMs);
  });

  it.each([-1, 86_400_001, 0.5, '60000', null])('may not be %j', (listTtlMs) => {
    expect(problemsOf(withUpstream({ listTtlMs }))).toMatchObject([
      { path: 'upstreams.time.listTtlMs', expected: 'a whole number of milliseconds from 0 to 86400000' },
    ]);
  });
});

describe('pinning', () => {
  it.each([true, false])('may be %j', (pin) => {
    expect(time({ pin })?.pin).toBe(pin);
  });

  it.each(['true', 1, null, ['get_time']])('may not be %j', (pin) => {
    expect(problemsOf(withUpstream({ pin }))).toMatchObject([
      { path: 'upstreams.time.pin', expected: 'true or false' },
    ]);
  });
});

describe('limits of time', () => {
  const keys = ['timeoutMs', 'idleTimeoutMs', 'connectTimeoutMs'];

  it.each(keys)('%s is a whole number of milliseconds from 1 to 900000', (key) => {
    const base = key === 'timeoutMs' ? { connectTimeoutMs: 1 } : { timeoutMs: 900_000 };
    const path = `upstreams.time.${key}`;
    const expected = 'a whole number of milliseconds from 1 to 900000';
    for (const value of [1, 900_000]) expect(pathsOf(withUpstream({ ...base, [key]: value }))).toEqual([]);
    for (const value of [0, -1, 900_001, 1.5, 1e300, Infinity]) {
      expect(problemsOf(withUpstream({ ...base, [key]: value }))).toEqual([{ path, expected, found: String(value) }]);
    }
    expect(problemsOf(withUpstream({ ...base, [key]: '30000' }))).toEqual([
      { path, expected, found: 'text of 5 characters' },
    ]);
    expect(problemsOf(withUpstream({ ...base, [key]: null }))).toEqual([{ path, expected, found: 'null' }]);
  });

  it.each(['idleTimeoutMs', 'connectTimeoutMs'])('%s is at most the total', (key) => {
    expect(pathsOf(withUpstream({ timeoutMs: 2_000, [key]: 2_000 }))).toEqual([]);
    expect(problemsOf(withUpstream({ timeoutMs: 2_000, [key]: 2_001 }))).toEqual([
      { path: `upstreams.time.${key}`, expected: 'at most the total limit of the call, 2000', found: '2001' },
    ]);
  });

  it('are held against the default total when none is given', () => {
    expect(pathsOf(withUpstream({ idleTimeoutMs: 55_001, connectTimeoutMs: 55_001 }))).toEqual([
      'upstreams.time.idleTimeoutMs',
      'upstreams.time.connectTimeoutMs',
    ]);
  });

  it('let the default for connecting give way to a total below it', () => {
    expect(time({ timeoutMs: 500 })?.connectTimeoutMs).toBe(500);
  });
});

describe('the limits of a tool', () => {
  const tool = (fields: unknown) => ({ tools: { slow_report: fields } });

  it('are none when it has none of its own', () => {
    expect(time({ tools: { slow_report: {} } })?.tools).toEqual({ slow_report: {} });
  });

  it('have a total from 1 to 895000, so that the function can outlive it by 5 s', () => {
    expect(pathsOf(withUpstream(tool({ timeoutMs: 895_000 })))).toEqual([]);
    for (const timeoutMs of [0, 895_001, 0.5]) {
      expect(problemsOf(withUpstream(tool({ timeoutMs })))).toEqual([
        {
          path: 'upstreams.time.tools.slow_report.timeoutMs',
          expected: 'a whole number of milliseconds from 1 to 895000',
          found: String(timeoutMs),
        },
      ]);
    }
  });

  const parts = ['idleTimeoutMs', 'connectTimeoutMs'];

  it('are kept as configured', () => {
    const limits = { timeoutMs: 90_000, idleTimeoutMs: 9_000, connectTimeoutMs: 8_000 };
    expect(time(tool(limits))?.tools['slow_report']).toEqual(limits);
  });

  it.each(parts)('have a %s from 1 to 900000', (key) => {
    const path = `upstreams.time.tools.slow_report.${key}`;
    const expected = 'a whole number of milliseconds from 1 to 900000';
    expect(pathsOf(withUpstream({ timeoutMs: 900_000, ...tool({ [key]: 900_000 }) }))).toEqual([]);
    for (const value of [0, 900_001, 0.5]) {
      const file = withUpstream({ timeoutMs: 900_000, ...tool({ [key]: value }) });
      expect(problemsOf(file)).toEqual([{ path, expected, found: String(value) }]);
    }
  });

  it.each(parts)("have a %s of at most the tool's total", (key) => {
    expect(pathsOf(withUpstream(tool({ timeoutMs: 90_000, [key]: 90_000 })))).toEqual([]);
    expect(problemsOf(withUpstream(tool({ timeoutMs: 90_000, [key]: 90_001 })))).toEqual([
      {
        path: `upstreams.time.tools.slow_report.${key}`,
        expected: 'at most the total limit of the call, 90000',
        found: '90001',
      },
    ]);
  });

  it.each(parts)("have a %s of at most the upstream's total when the tool has none", (key) => {
    expect(pathsOf(withUpstream({ timeoutMs: 9_000, ...tool({ [key]: 9_001 }) }))).toEqual([
      `upstreams.time.tools.slow_report.${key}`,
    ]);
  });

  it.each(parts)('have a %s of at most the default total when there is no other', (key) => {
    expect(pathsOf(withUpstream(tool({ [key]: 55_001 })))).toEqual([`upstreams.time.tools.slow_report.${key}`]);
  });

  it("may have a total below the upstream's idle limit, which then never strikes", () => {
    expect(pathsOf(withUpstream({ idleTimeoutMs: 9_000, ...tool({ timeoutMs: 1_000 }) }))).toEqual([]);
  });

  it('have no unknown key', () => {
    expect(pathsOf(withUpstream(tool({ speed: 5 })))).toEqual(['upstreams.time.tools.slow_report.speed']);
  });

  it.each(['get_weather', 'a.b/c-d', 'Wetter \u00fcberall', 'toString', 'x'.repeat(200)])(
    'belong to a tool that may be called %s',
    (name) => {
      expect(time({ tools: { [name]: { timeoutMs: 5 } } })?.tools[name]).toEqual({ timeoutMs: 5 });
    },
  );

  it.each(['', 'a\nb', '\u0000', '\u007f', '__proto__', 'constructor', 'prototype'])(
    'belong to no tool called %j',
    (name) => {
      const tools: unknown = JSON.parse(`{${JSON.stringify(name)}: {"timeoutMs": 5}}`);
      expect(problemsOf(withUpstream({ tools })).map(({ expected }) => expected)).toEqual([
        expect.stringMatching(/^the upstream's own name of a tool/),
      ]);
    },
  );
});

describe('headers', () => {
  it('are kept with names in lower case', () => {
    expect(time({ headers: { 'X-Team': 'search', "x!#$%&'*+.^_`|~9": '' } })?.headers).toEqual({
      'x-team': 'search',
      "x!#$%&'*+.^_`|~9": '',
    });
  });

  it('may come once each, whatever their case', () => {
    expect(problemsOf(withUpstream({ headers: { 'X-Team': 'a', 'x-team': 'b' } }))).toEqual([
      { path: 'upstreams.time.headers.x-team', expected: 'each header once, whatever its case' },
    ]);
  });

  it.each(['', 'x team', 'x:team', 'x\r\ny', 'x\u00e9', '(x)', '__proto__', 'constructor', 'prototype'])(
    'may not be called %j',
    (name) => {
      const headers: unknown = JSON.parse(`{${JSON.stringify(name)}: "v"}`);
      expect(problemsOf(withUpstream({ headers })).map(({ expected }) => expected)).toEqual([
        expect.stringMatching(/^a header name/),
      ]);
    },
  );

  it.each(['', 'a', 'a b\tc', 'text/plain; q="0.5"'])('may have the value %j', (value) => {
    expect(time({ headers: { 'x-team': value } })?.headers).toEqual({ 'x-team': value });
  });

  it.each([' a', 'a ', '\ta', 'a\r\nset-cookie: b', 'a\u0000', 'a\u007f', 'caf\u00e9', '\u20ac', 5, null, ['a']])(
    'may not have the value %j',
    (value) => {
      expect(pathsOf(withUpstream({ headers: { 'x-team': value } }))).toEqual(['upstreams.time.headers.x-team']);
    },
  );

  it.each(['Authorization', 'cookie', 'PROXY-AUTHORIZATION'])('carry no credentials, as %s would', (name) => {
    expect(problemsOf(withUpstream({ headers: { [name]: 'Bearer 1234' } }))).toEqual([
      {
        path: `upstreams.time.headers.${name}`,
        expected: 'the reference to a secret, { "secret": NAME }: a credential has no place in this file',
      },
    ]);
  });

  it('may be references to secrets, which are read from Secrets Manager unless they say otherwise', () => {
    const headers = {
      Authorization: { secret: 'a/b', prefix: 'Bearer ' },
      'X-Key': { secret: 'c', store: 'ssm', key: 'd e' },
    };
    expect(time({ headers })?.headers).toEqual({
      authorization: { secret: 'a/b', store: 'secretsmanager', prefix: 'Bearer ' },
      'x-key': { secret: 'c', store: 'ssm', key: 'd e' },
    });
  });

  it.each([
    [{}, 'secret'],
    [{ secret: '' }, 'secret'],
    [{ secret: 'a b' }, 'secret'],
    [{ secret: 'arn:aws:x' }, 'secret'],
    [{ secret: 'a', store: 'vault' }, 'store'],
    [{ secret: 'a', key: '' }, 'key'],
    [{ secret: 'a', prefix: 'Bearer\n' }, 'prefix'],
    [{ secret: 'a', value: 'b' }, 'value'],
    [{ secret: 'a+b', store: 'ssm' }, 'secret'],
    [{ secret: 'a/b', store: 'ssm' }, 'secret'],
  ])('may not be the reference %j', (reference, key) => {
    expect(pathsOf(withUpstream({ headers: { 'x-key': reference } }))).toEqual([`upstreams.time.headers.x-key.${key}`]);
  });

  it("may not mean two secrets that would be one variable on a machine of one's own", () => {
    const headers = { 'x-a': { secret: 'a-b' }, 'x-again': { secret: 'a-b', prefix: 'x' }, 'x-b': { secret: 'a.b' } };
    expect(pathsOf(withUpstream({ headers }))).toEqual(['upstreams.time.headers.x-b.secret']);
    expect(
      pathsOf(withUpstream({ headers: { 'x-a': { secret: 'a' }, 'x-b': { secret: 'a', store: 'ssm' } } })),
    ).toEqual(['upstreams.time.headers.x-b.secret']);
  });

  it.each([
    'Host',
    'content-length',
    'Content-Type',
    'content-encoding',
    'accept',
    'accept-encoding',
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'Transfer-Encoding',
    'upgrade',
    'expect',
    'last-event-id',
  ])('leave %s to HTTP and the gateway', (name) => {
    expect(problemsOf(withUpstream({ headers: { [name]: 'x' } }))).toEqual([
      {
        path: `upstreams.time.headers.${name}`,
        expected: 'a header that the gateway and HTTP do not set themselves',
      },
    ]);
  });

  it.each(['Mcp-Session-Id', 'mcp-protocol-version', 'MCP-anything'])('leave %s to MCP', (name) => {
    expect(problemsOf(withUpstream({ headers: { [name]: 'x' } }))).toEqual([
      {
        path: `upstreams.time.headers.${name}`,
        expected: 'a header that MCP does not define: mcp-* is set by the gateway',
      },
    ]);
  });
});

describe('headers of a trace', () => {
  it.each(['traceparent', 'TraceState', 'baggage', 'X-Amzn-Trace-Id'])(
    'are neither set nor passed on as they are: %s',
    (name) => {
      const expected = 'no header of a trace: what an upstream is told of it is up to traceContext';
      expect(problemsOf(withUpstream({ headers: { [name]: 'a' } }))).toEqual([
        { path: `upstreams.time.headers.${name}`, expected },
      ]);
      expect(problemsOf(withUpstream({ forwardHeaders: [name] }))).toEqual([
        { path: 'upstreams.time.forwardHeaders[0]', expected },
      ]);
    },
  );
});

describe('forwarded headers', () => {
  it('are kept in lower case', () => {
    expect(time({ forwardHeaders: ['X-Tenant', 'user-agent'] })?.forwardHeaders).toEqual(['x-tenant', 'user-agent']);
  });

  it.each(['authorization', 'Cookie', 'proxy-authorization'])('are never %s', (name) => {
    expect(problemsOf(withUpstream({ forwardHeaders: [name] }))).toEqual([
      {
        path: 'upstreams.time.forwardHeaders[0]',
        expected: 'no credentials: what clients show the gateway is for nobody else',
      },
    ]);
  });

  it.each([
    'host',
    'accept',
    'content-type',
    'connection',
    'last-event-id',
    'mcp-session-id',
    'Mcp-Param-City',
    'origin',
    'referer',
    'forwarded',
    'x-forwarded-for',
    'X-Amzn-Trace-Id',
    'x-amz-date',
    'sec-fetch-site',
    'via',
    'idempotency-key',
    'set-cookie',
    'range',
    'if-none-match',
    'content-md5',
    'access-control-request-headers',
    'Constructor',
    '',
    'a b',
    '__proto__',
    7,
  ])('are not %j', (name) => {
    expect(pathsOf(withUpstream({ forwardHeaders: ['x-tenant', name] }))).toEqual(['upstreams.time.forwardHeaders[1]']);
  });

  it('are not for an upstream whose tools are pinned for everyone', () => {
    expect(pathsOf(withUpstream({ pin: true, forwardHeaders: ['x-tenant'] }))).toEqual([
      'upstreams.time.forwardHeaders',
    ]);
    expect(pathsOf(withUpstream({ pin: true, forwardHeaders: [] }))).toEqual([]);
  });

  it('are each named once, and not set as well', () => {
    const fields = { headers: { 'x-team': 'search' }, forwardHeaders: ['x-tenant', 'X-Tenant', 'X-Team'] };
    expect(pathsOf(withUpstream(fields))).toEqual([
      'upstreams.time.forwardHeaders[1]',
      'upstreams.time.forwardHeaders[2]',
    ]);
  });
});
