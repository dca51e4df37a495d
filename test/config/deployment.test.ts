import { describe, expect, it } from 'vitest';
import { deploymentProblems } from '../../lib/config/deployment.ts';
import { URL_OF_TIME, configOf, withCommand, withUpstream } from './sample.ts';

const FAR = 'https://time.example/mcp';

const problemsAt = (url: string) => deploymentProblems(configOf(withUpstream({ url })));

describe('what cannot be deployed', () => {
  it.each([
    'http://127.0.0.1/',
    'https://127.0.0.1:9081/mcp',
    'http://127.255.255.254/mcp',
    'http://127.1/mcp',
    'http://127.0.0.1./mcp',
    'http://2130706433/mcp',
    'http://0x7f000001/mcp',
    'http://0x7f.1/mcp',
    'http://0177.0.0.1/mcp',
    'http://%31%32%37.0.0.1/mcp',
    'http://\uff11\uff12\uff17.0.0.1/mcp',
    'http://[::1]:9081/mcp',
    'http://[0:0:0:0:0:0:0:1]/mcp',
    'http://[::ffff:127.0.0.1]/mcp',
    'http://[::127.0.0.1]/mcp',
    'http://[::ffff:7fff:1]/mcp',
    'http://localhost/mcp',
    'http://LocalHost:9081/mcp',
    'http://localhost./mcp',
    'http://time.localhost:9081/mcp',
    'http://a.b.localhost./mcp',
  ])('is %s, a loopback address', (url) => {
    expect(problemsAt(url)).toEqual([
      {
        path: 'upstreams.time.url',
        expected: 'an address that can be reached from where the gateway is deployed',
        found: 'a loopback address',
      },
    ]);
  });

  it.each([
    'http://0.0.0.0:9081/mcp',
    'http://0/mcp',
    'http://0x0/mcp',
    'http://0.0/mcp',
    'http://[::]/mcp',
    'http://[0::0]:9081/mcp',
    'http://[::ffff:0.0.0.0]/mcp',
  ])('is %s, the unspecified address', (url) => {
    expect(problemsAt(url)).toMatchObject([{ path: 'upstreams.time.url', found: 'the unspecified address' }]);
  });

  it.each([
    'https://time.example/mcp',
    'https://localhost.example/mcp',
    'https://notlocalhost/mcp',
    'https://127.0.0.1.example/mcp',
    'https://time.example/?at=http://127.0.0.1',
    'https://time.example:127/mcp',
    'http://10.0.0.1/mcp',
    'http://128.0.0.1/mcp',
    'http://1.127.0.0/mcp',
    'http://0.0.0.1/mcp',
    'http://[::2]/mcp',
    'http://[2001:db8::1]/mcp',
    'http://[::ffff:8000:1]/mcp',
    'http://[::ffff:0:1]/mcp',
    'http://[7f00::1]/mcp',
  ])('is not %s', (url) => {
    expect(problemsAt(url)).toEqual([]);
  });

  it.each([
    'x-api-key',
    'X-APIKEY',
    'x-auth-key',
    'x-auth',
    'x-authtoken',
    'x-auth-token',
    'ocp-apim-subscription-key',
    'token',
    'client_secret',
    'x-password',
    'x-aws-credentials',
  ])('is a credential in the text of the header %s', (name) => {
    expect(deploymentProblems(configOf(withUpstream({ url: FAR, headers: { [name]: 'hunter2' } })))).toEqual([
      {
        path: `upstreams.time.headers.${name.toLowerCase()}`,
        expected: 'the reference to a secret, { "secret": NAME }',
      },
    ]);
  });

  it.each(['api_key=1', 'a=1&token=2', 'AUTH-TOKEN=1', 'sig=1'])(
    'is a credential in the query %s of a URL',
    (query) => {
      expect(problemsAt(`https://time.example/mcp?${query}`)).toEqual([
        {
          path: 'upstreams.time.url',
          expected: 'no credentials in its query: a header with the reference to a secret, { "secret": NAME }',
        },
      ]);
    },
  );

  it('is a secret that would be sent in the clear', () => {
    const headers = { authorization: { secret: 'time-token' } };
    expect(deploymentProblems(configOf(withUpstream({ url: 'http://time.example/mcp', headers })))).toEqual([
      { path: 'upstreams.time.url', expected: 'https, because a secret is sent there' },
    ]);
  });

  it('is more secrets than a role can be granted', () => {
    const headersOf = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, { secret: `s${index}` }]));
    const pathsOf = (count: number) =>
      deploymentProblems(configOf(withUpstream({ url: FAR, headers: headersOf(count) }))).map(({ path }) => path);
    expect(pathsOf(50)).toEqual([]);
    expect(pathsOf(51)).toEqual(['upstreams']);
  });

  it.each(['http://169.254.169.254/mcp', 'http://[fe80::1]/mcp', 'http://[::ffff:169.254.1.1]/mcp'])(
    'is %s, a link-local address',
    (url) => {
      expect(problemsAt(url)).toMatchObject([{ path: 'upstreams.time.url', found: 'a link-local address' }]);
    },
  );

  it.each([
    { 'x-team': 'search', 'x-keyboard': 'de', 'x-tokens-per-second': '5' },
    { 'x-api-key': { secret: 'time-key' }, authorization: { secret: 'time-token', prefix: 'Bearer ' } },
  ])('is no header like %j', (headers) => {
    expect(deploymentProblems(configOf(withUpstream({ url: FAR, headers })))).toEqual([]);
  });

  it.each([{ mode: 'none' }, { mode: 'none', iUnderstandThisIsOpen: false }])(
    'is a gateway that is open without anybody saying that it is meant, as with %j',
    (auth) => {
      expect(deploymentProblems(configOf({ ...(withUpstream({ url: FAR }) as object), auth }))).toEqual([
        {
          path: 'auth.iUnderstandThisIsOpen',
          expected: 'true, because everyone who knows the address may then call everything; or the mode "iam"',
        },
      ]);
    },
  );

  it.each([undefined, { mode: 'iam' }, { mode: 'none', iUnderstandThisIsOpen: true }])('is not auth %j', (auth) => {
    expect(deploymentProblems(configOf({ ...(withUpstream({ url: FAR }) as object), auth }))).toEqual([]);
  });

  it('is a command, of which nothing is shown', () => {
    expect(deploymentProblems(configOf(withCommand({ args: ['hunter2'], env: { TOKEN: 'hunter2' } })))).toEqual([
      { path: 'upstreams.time.command', expected: 'a url in its place: commands are run by the local gateway only' },
    ]);
  });

  it('is still a command when the local gateway hosts it', () => {
    const { upstreams, ...rest } = configOf(withCommand({}));
    const hosted = { ...rest, upstreams: { time: { ...upstreams['time']!, url: URL_OF_TIME } } };
    expect(deploymentProblems(hosted).map(({ path }) => path)).toEqual(['upstreams.time.command']);
  });

  it('is an upstream whose calls may outlast the function, which could say no more', () => {
    const timeoutMs = (ms: number) =>
      deploymentProblems(configOf(withUpstream({ url: 'https://time.example/mcp', timeoutMs: ms })));
    expect(timeoutMs(895_000)).toEqual([]);
    expect(timeoutMs(895_001)).toEqual([
      { path: 'upstreams.time.timeoutMs', expected: 'at most 895000: a function ends after 900 s', found: '895001' },
    ]);
  });

  it('is listed in full, in the order of the file', () => {
    const upstreams = {
      word: { command: 'mcp-server-word' },
      web: { url: 'https://web.example/mcp' },
      time: { url: URL_OF_TIME },
      any: { url: 'http://0.0.0.0/mcp' },
    };
    const config = configOf({ upstreams, servers: { default: { upstreams: ['web'] } } });
    expect(deploymentProblems(config).map(({ path }) => path)).toEqual([
      'upstreams.word.command',
      'upstreams.time.url',
      'upstreams.any.url',
    ]);
  });
});
