/** The console of a local gateway that runs the function as it is deployed. */
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import type { ConsolePage } from '../../../lib/local/console/page.ts';
import { startDemoUpstreams, type DemoUpstreams } from '../../../lib/local/demo/start.ts';
import { startTestGateway, type TestGateway } from '../../support/local-gateway.ts';
import { openLegacySession, postModern, modernRequest, post, send } from '../../support/wire.ts';
import { cleanUpAfterTest } from '../kit.ts';
import { readFeed } from './kit.ts';

let upstreams: DemoUpstreams;

beforeAll(async () => {
  upstreams = await startDemoUpstreams();
});

afterAll(() => upstreams.close());

const PAGE: ConsolePage = { html: 'page', contentSecurityPolicy: "default-src 'none'" };
const CALL = { name: 'time__get_system_time', arguments: {} };

async function start(consolePage: (() => Promise<ConsolePage>) | undefined = async () => PAGE): Promise<TestGateway> {
  const gateway = await startTestGateway(
    {
      upstreams: { time: { url: upstreams.time }, gone: { url: 'http://127.0.0.1:1/mcp', retries: 0 } },
      servers: { default: { upstreams: ['time'] }, gone: { upstreams: ['gone'] } },
    },
    { consolePage },
  );
  cleanUpAfterTest(() => gateway.close());
  return gateway;
}

describe('the console of a local gateway', () => {
  test('shows a call as it happens: its environment, its line of the log, and its trace', async () => {
    const gateway = await start();
    const feed = await readFeed(gateway.origin);
    expect(await feed.next('snapshot')).toMatchObject({
      actions: [],
      environments: [{ name: 'env-1', state: 'frozen', invocations: 0 }],
      upstreams: [{ name: 'time' }, { name: 'gone' }],
    });
    const calling = postModern(gateway.url(), 'tools/call', CALL);
    expect(await feed.next('environment')).toMatchObject({ name: 'env-1', state: 'busy', invocations: 1 });
    const action = await feed.next('action');
    expect(action).toMatchObject({ tool: CALL.name, outcome: 'ok', upstream: 'time', cold: true });
    expect(await feed.next('environment')).toMatchObject({ name: 'env-1', state: 'frozen' });
    const { traceId, spans } = await feed.next('trace', (trace) =>
      trace.spans.every(({ endedAt }) => endedAt !== null),
    );
    expect(traceId).toBe(action.traceId);
    const call = spans.find(({ name }) => name === 'tools/call');
    expect(call).toMatchObject({ kind: 'gateway', status: 'ok', annotations: { outcome: 'ok', tool: CALL.name } });
    const upstream = spans.find(({ kind }) => kind === 'upstream');
    expect(upstream?.parent).toBe(call?.id);
    await calling;
    expect(gateway.actions()).toEqual([action]);
    for (const name of ['latest', action.requestId, traceId]) {
      expect((await send('GET', `${gateway.origin}/console/traces/${name}`, '')).messages[0].traceId).toBe(traceId);
    }
    feed.close();
  });

  test('shows what is kept in the table', async () => {
    const gateway = await start();
    const session = await openLegacySession(gateway.url());
    await session.request('tools/list');
    const feed = await readFeed(gateway.origin);
    const state = await feed.next('state', ({ catalog }) => catalog.some(({ member }) => member === 'tools'));
    const [{ session: hash } = { session: null }] = gateway.actions().filter(({ method }) => method === 'tools/list');
    expect(state.sessions).toEqual([
      expect.objectContaining({ hash, server: 'default', client: 'wire', protocolVersion: session.protocolVersion }),
    ]);
    expect(state.catalog.find(({ member }) => member === 'tools')).toMatchObject({ upstream: 'time', isStale: false });
    expect(state.upstreams[0]).toMatchObject({ name: 'time', breaker: 'closed', failures: 0 });
    feed.close();
  });

  test('shows how an upstream fails, and that it is left alone then', async () => {
    const gateway = await start();
    const feed = await readFeed(gateway.origin);
    await feed.next('snapshot');
    // As often as the breaker takes by default, and once more.
    for (let call = 0; call < 6; call += 1) await postModern(gateway.url('gone'), 'tools/call', { name: 'gone__x' });
    expect(await feed.next('notice')).toMatchObject({ isTrouble: true, text: 'breaker opened: upstream gone' });
    const state = await feed.next('state', ({ upstreams: [, gone] }) => gone?.breaker === 'open');
    expect(state.upstreams[1]).toMatchObject({ name: 'gone', openUntil: expect.any(Number) });
    expect(state.upstreams[1]?.failures).toBeGreaterThanOrEqual(5);
    feed.close();
  });

  test('leaves alone what its client does not want to be traced', async () => {
    const gateway = await start();
    const { body, headers } = modernRequest('tools/call', CALL);
    const traceId = '1-68f1c2d3-0123456789abcdef01234567';
    await post(gateway.url(), body, { ...headers, 'x-amzn-trace-id': `Root=${traceId};Sampled=0` });
    expect(gateway.actions()).toMatchObject([{ traceId }]);
    await postModern(gateway.url(), 'tools/call', CALL);
    const feed = await readFeed(gateway.origin);
    await feed.next('snapshot');
    expect((await send('GET', `${gateway.origin}/console/traces/${traceId}`, '')).status).toBe(204);
    feed.close();
  });

  test('shows an environment that is killed, and its end', async () => {
    const gateway = await start();
    const feed = await readFeed(gateway.origin);
    await gateway.emulator.kill('env-1');
    expect(await feed.next('environment')).toMatchObject({ name: 'env-1', state: 'gone' });
    feed.close();
  });

  test('is not there unless it is asked for', async () => {
    const gateway = await startTestGateway({
      upstreams: { time: { url: upstreams.time } },
      servers: { default: { upstreams: ['time'] } },
    });
    cleanUpAfterTest(() => gateway.close());
    expect((await send('GET', `${gateway.origin}/console`, '')).status).toBe(404);
  });

  test('ends its feeds with the gateway', async () => {
    const gateway = await startTestGateway(
      { upstreams: { time: { url: upstreams.time } }, servers: { default: { upstreams: ['time'] } } },
      { consolePage: async () => PAGE },
    );
    const feed = await readFeed(gateway.origin);
    await feed.next('snapshot');
    await gateway.close();
    await expect(feed.next('action')).rejects.toThrow('aborted');
  });
});
