/** How long it is remembered that an upstream lacks an era, while clients keep asking for it. */
import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openScripted } from './fixtures.ts';

describe.each(LEGS)('$name, an upstream that lacks the modern era', (leg) => {
  test('is asked again after a minute, however many clients were refused meanwhile', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openScripted({ leg, clock, environments: 1 });
    upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
    const peer = await gateway.client.connect('2026-07-28');
    for (let refusal = 0; refusal < 3; refusal += 1) {
      expect((await peer.call('up__ok')).error.code).toBe(-32022);
      await gateway.settled();
      clock.advance(20_000);
    }
    upstream.on('server/discover', (incoming) => incoming.answer({ supportedVersions: ['2026-07-28'] }));
    clock.advance(1000);
    expect((await peer.call('up__ok')).result).toBeDefined();
  });

  test('is not written down anew for one more client that is refused', async () => {
    const { gateway, upstream } = await openScripted({ leg, environments: 1 });
    upstream.on('server/discover', ({ response }) => void response.writeHead(404).end());
    const remembered = () => gateway.stores.upstreamEras.read(cryptoIds.digest(upstream.url));
    const peer = await gateway.client.connect('2026-07-28');
    await peer.call('up__ok');
    await gateway.settled();
    const before = await remembered();
    await peer.call('up__ok');
    await gateway.settled();
    expect(before?.versions.modern).toEqual([]);
    expect(await remembered()).toEqual(before);
  });
});
