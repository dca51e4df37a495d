/** The function's own timeout: the gateway has its last word before the platform ends the environment. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFaultyUpstream, type FaultyUpstream } from '../support/faulty-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { closeCleanly } from './clean-end.ts';
import { openPeer } from './peer.ts';

/** JSON as tests look into it. */
type AnyJson = any;

/** The timeout of the function, far below those of its upstreams. */
const FUNCTION_MS = 2500;

describe.each(['modern', 'legacy'] as const)('in the %s era', { concurrent: true }, (era) => {
  let upstream: FaultyUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    upstream = await startFaultyUpstream({ era });
    upstream.on('hang', 'hang');
    upstream.on('sse-trickle', 'sse-trickle');
    const config = {
      upstreams: { up: { url: upstream.url, prefix: '', era } },
      servers: { default: { upstreams: ['up'] } },
    };
    gateway = await startTestGateway(config, { timeoutMs: FUNCTION_MS });
  });

  afterAll(async () => {
    await upstream.stop();
    await closeCleanly(gateway);
  });

  async function expectHeard(tool: string): Promise<void> {
    const call = upstream.calls(tool).at(-1)!;
    await call.abandoned;
    if (era === 'modern') return;
    await upstream.received(
      ({ method, message }) => method === 'notifications/cancelled' && message.params.requestId === call.message.id,
    );
  }

  const lastWord = (tool: string) => ({
    error: { code: 1007, data: { upstream: 'up', tool, mayHaveRun: true, elapsedMs: expect.any(Number) } },
  });

  test('a call that would outlast its invocation is given up before, and the environment serves on', async () => {
    const peer = await openPeer(gateway.url(), era);
    const begun = performance.now();
    const { messages } = await peer.call('hang');
    expect(performance.now() - begun).toBeLessThan(FUNCTION_MS);
    expect(messages[0]).toMatchObject(lastWord('hang'));
    await expectHeard('hang');
    expect((await peer.call('ok', { a: 1 })).messages[0]).toMatchObject({ result: { content: [{ text: '{"a":1}' }] } });
  });

  test('a stream that would outlast its invocation ends with an error as its final event', async () => {
    const stream = await (await openPeer(gateway.url(), era)).stream('sse-trickle');
    const messages: AnyJson[] = [];
    for await (const event of stream.events) {
      if (event.kind === 'event' && event.data !== '') messages.push(event.message);
    }
    expect(messages.length).toBeGreaterThan(2);
    expect(messages.at(-1)).toMatchObject(lastWord('sse-trickle'));
    await expectHeard('sse-trickle');
  });
});
