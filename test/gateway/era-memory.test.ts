/** How long it is remembered that an upstream lacks an era, while clients keep asking for it. */
import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openScripted } from './fixtures.ts';

describe.each(LEGS)('$name, an upstream that lacks the modern era', (leg) => {
  test('is asked again after a minute, however many clients were served in the other meanwhile', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, clock, environments: 1 });
    upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
    const peer = await gateway.client.connect('2026-07-28');
    for (let call = 0; call < 3; call += 1) {
      expect((await peer.call('up__ok')).result).toBeDefined();
      await gateway.settled();
      clock.advance(20_000);
    }
    expect(upstream.of('server/discover')).toHaveLength(1);
    expect(upstream.of('initialize')).toHaveLength(3);
    upstream.on('server/discover', (incoming) => incoming.answer({ supportedVersions: ['2026-07-28'] }));
    clock.advance(1000);
    expect((await peer.call('up__ok')).result).toBeDefined();
    expect(upstream.of('server/discover')).toHaveLength(2);
    expect(upstream.of('initialize')).toHaveLength(3);
  });

  test('is not written down anew for one more client that is served in the other', async () => {
    const { gateway, upstream } = await openScripted({ leg, environments: 1 });
    upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
    const remembered = () => gateway.stores.upstreamEras.read(cryptoIds.digest(JSON.stringify([upstream.url, []])));
    const peer = await gateway.client.connect('2026-07-28');
    await peer.call('up__ok');
    await gateway.settled();
    const before = await remembered();
    await peer.call('up__ok');
    await gateway.settled();
    expect(before).toMatchObject({ versions: { modern: [], legacy: ['2025-11-25'] }, transport: 'http' });
    expect(await remembered()).toEqual(before);
  });
});

describe.each(LEGS)('$name, an upstream that lacks the legacy era', (leg) => {
  test('is asked for a session again after a minute, however many clients were served in the other meanwhile', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, clock, environments: 1 });
    upstream.on('initialize', ({ response }) => void response.writeHead(404).end());
    const peer = await gateway.client.connect('2025-11-25');
    for (let call = 0; call < 3; call += 1) {
      expect((await peer.call('up__ok')).result).toBeDefined();
      await gateway.settled();
      clock.advance(20_000);
    }
    expect(upstream.of('initialize')).toHaveLength(1);
    upstream.asUsual('initialize');
    clock.advance(1000);
    expect((await peer.call('up__ok')).result).toBeDefined();
    expect(upstream.of('initialize')).toHaveLength(2);
    expect(upstream.of('tools/call').at(-1)?.sessionId).toBeDefined();
  });

  test('is not thought to lack it because it was down', async () => {
    const { gateway, upstream } = await openScripted({ leg, environments: 1 });
    upstream.on('initialize', ({ response }) => void response.writeHead(503).end());
    const peer = await gateway.client.connect('2025-11-25');
    expect((await peer.call('up__ok')).error).toMatchObject({ code: 1009, data: { status: 503 } });
    upstream.asUsual('initialize');
    expect((await peer.call('up__ok')).result).toBeDefined();
    expect(upstream.of('tools/call').map(({ sessionId }) => sessionId)).toEqual([expect.any(String)]);
  });
});

describe.each(LEGS)('$name, a modern upstream', (leg) => {
  test.each([
    ['no words', undefined],
    ['the code of an older server', { code: -32000, message: 'Payment declined' }],
  ])('that refuses one call with 400 and %s stays modern for everybody', async (_what, error) => {
    const { gateway, upstream } = await openScripted({ leg });
    const peer = await gateway.client.connect('2026-07-28');
    upstream.onCall(({ response }) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(error === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    });
    const refused = (await peer.call('up__pay')).error;
    if (error === undefined) expect(refused).toMatchObject({ code: 1009, data: { status: 400, mayHaveRun: true } });
    else expect(refused).toEqual(error);
    upstream.onCall(({ answer }) => answer({ fine: true }));
    for (const environment of gateway.environments) {
      expect((await peer.through(environment).call('up__pay')).result.fine).toBe(true);
    }
  });
});
