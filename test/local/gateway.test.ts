import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import { startDemoUpstreams, type DemoUpstreams } from '../../lib/local/demo/start.ts';
import { startDynalite } from '../support/dynalite.ts';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../support/local-gateway.ts';
import { openLegacySession, postModern, send } from '../support/wire.ts';
import { cleanUpAfterTest, temporaryFolder } from './kit.ts';

let upstreams: DemoUpstreams;

beforeAll(async () => {
  upstreams = await startDemoUpstreams();
});

afterAll(() => upstreams.close());

/** Closed after the test, if not before. */
async function start(options: TestGatewayOptions = {}, config: object = {}): Promise<TestGateway> {
  const gateway = await startTestGateway(
    {
      upstreams: { time: { url: upstreams.time }, test: { url: upstreams.test, prefix: '' } },
      servers: { default: { upstreams: ['time'] }, 'fast-test': { upstreams: ['test'] } },
      ...config,
    },
    options,
  );
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= gateway.close());
  cleanUpAfterTest(close);
  return { ...gateway, close };
}

const CALL = { name: 'echo', arguments: { message: 'hello' } };

describe('the local gateway', () => {
  test('serves a client of either era, at the address of each virtual server', async () => {
    const gateway = await start();
    const session = await openLegacySession(gateway.url());
    const time = await session.request('tools/call', { name: 'time__get_system_time', arguments: {} });
    expect(time.messages[0].result.content[0].text).toMatch(/^\d{4}-/);
    const echo = await postModern(gateway.url('fast-test'), 'tools/call', CALL);
    expect(echo.messages[0].result.content[0].text).toContain('hello');
  });

  test('serves one session from environments in turn', async () => {
    const gateway = await start();
    const session = await openLegacySession(gateway.url('fast-test'));
    for (let call = 0; call < 4; call += 1) {
      expect((await session.request('tools/call', CALL)).messages[0].result.content[0].text).toContain('hello');
    }
    const actions = gateway.actions();
    expect(actions.map(({ outcome }) => outcome)).toEqual(actions.map(() => 'ok'));
    const calls = actions.filter(({ method }) => method === 'tools/call');
    expect(new Set(calls.map(({ environment }) => environment)).size).toBeGreaterThanOrEqual(3);
    expect(new Set(calls.map(({ session }) => session)).size).toBe(1);
  });

  test('marks the first request of each environment as cold', async () => {
    const gateway = await start();
    for (let call = 0; call < 5; call += 1) await postModern(gateway.url('fast-test'), 'tools/call', CALL);
    expect(gateway.actions().map(({ cold }) => cold)).toEqual([true, true, true, false, false]);
  });

  test('serves on after an environment was killed', async () => {
    const gateway = await start({ environments: 1 });
    const session = await openLegacySession(gateway.url('fast-test'));
    await gateway.emulator.kill('env-1');
    expect((await session.request('tools/call', CALL)).messages[0].result.content[0].text).toContain('hello');
    expect(gateway.actions().at(-1)).toMatchObject({ environment: 'env-2', cold: true });
  });

  test('forgets sessions with its memory', async () => {
    const first = await start();
    const session = await openLegacySession(first.url('fast-test'));
    await first.close();
    const second = await start();
    expect((await send('POST', second.url('fast-test'), ping(), headersOf(session))).status).toBe(404);
  });

  test('keeps sessions in a folder over a restart', async () => {
    const stateDirectory = await temporaryFolder();
    const first = await start({ stateDirectory });
    const session = await openLegacySession(first.url('fast-test'));
    await first.close();
    const second = await start({ stateDirectory });
    expect((await send('POST', second.url('fast-test'), ping(), headersOf(session))).status).toBe(200);
  });

  test('tells a browser what it is', async () => {
    const gateway = await start();
    const { status, headers, text } = await send('GET', `${gateway.origin}/`, '');
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/html');
    expect(text).toContain('MCP gateway');
  });

  test('is closed to everybody once it was closed', async () => {
    const gateway = await start();
    await gateway.close();
    expect(gateway.emulator.environments).toEqual([]);
    await expect(send('GET', gateway.origin, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('the door of the local gateway', () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startTestGateway({
      upstreams: { time: { url: upstreams.time } },
      servers: { default: { upstreams: ['time'] } },
      origins: ['https://app.example'],
    });
  });

  afterAll(() => gateway.close());

  test('is closed to names of elsewhere', async () => {
    expect((await send('GET', gateway.origin, '', { host: 'evil.example' })).status).toBe(403);
  });

  test.for(['http://evil.example', 'http://localhost.evil.example', 'null', 'http://127.0.0.1.nip.io'])(
    'is closed to pages from %s',
    async (origin) => {
      const answer = await send('POST', gateway.url(), ping(), { origin, 'content-type': 'application/json' });
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.text)).toMatchObject({ jsonrpc: '2.0', error: {} });
      expect(JSON.parse(answer.text)).not.toHaveProperty('id');
    },
  );

  test.for(['http://localhost:6274', 'http://127.0.0.1:3000', 'http://[::1]:80', 'https://app.example'])(
    'is open to pages from %s',
    async (origin) => {
      const answer = await send('GET', gateway.origin, '', { origin });
      expect(answer.status).toBe(200);
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
    },
  );
});

describe('the start of the local gateway', () => {
  test('fails as a whole when the function cannot be built', async () => {
    await expect(start({ entry: 'no/such/entry.ts' })).rejects.toThrow('no/such/entry.ts');
  });

  test('fails as a whole when its state folder cannot be used', async () => {
    const stateDirectory = await temporaryFolder();
    await start({ stateDirectory });
    await expect(start({ stateDirectory })).rejects.toThrow('cannot be used');
  });

  test('uses another DynamoDB when it is told of one', async () => {
    const dynalite = await startDynalite();
    cleanUpAfterTest(() => dynalite.close());
    const first = await start({ dynamodbEndpoint: dynalite.endpoint });
    const second = await start({ dynamodbEndpoint: dynalite.endpoint });
    const session = await openLegacySession(first.url('fast-test'));
    expect((await send('POST', second.url('fast-test'), ping(), headersOf(session))).status).toBe(200);
  });

  test('fails as a whole when the other DynamoDB does not answer', async () => {
    const dynalite = await startDynalite();
    await dynalite.close();
    await expect(start({ dynamodbEndpoint: dynalite.endpoint })).rejects.toThrow(/cannot be used: ECONNREFUSED/);
    await expect(start({ dynamodbEndpoint: 'localhost:8000' })).rejects.toThrow('localhost:8000 is no address');
  });
});

function ping(): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
}

function headersOf(session: { readonly headers: Readonly<Record<string, string>> }): Record<string, string> {
  return { ...session.headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
}
