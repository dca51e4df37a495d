/** How a client calls its own call off, and what that means upstream. */
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../support/manual-clock.ts';
import { FUNCTION_LEG, LEGACY_REVISIONS, LEGS, NODE_LEG, REVISIONS } from '../support/gateway-harness.ts';
import { openFaulty, openScripted } from './fixtures.ts';

describe.each(LEGS)('$name', (leg) => {
  describe.each(LEGACY_REVISIONS)('a cancellation by a %s client', (revision) => {
    test('left at one environment ends the call that another one holds', async () => {
      const clock = createManualClock();
      const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
      const { entered } = upstream.gate('slow');
      const peer = await gateway.client.connect(revision);
      const [one, two] = gateway.environments;
      const held = peer.through(one!).call('up__slow', {}, { id: 'c-1' });
      const call = await entered;
      const left = await peer.through(two!).notify('notifications/cancelled', { requestId: 'c-1', reason: 'enough' });
      expect([left.status, left.text]).toEqual([202, '']);
      clock.advance(1000);
      expect(await held).toMatchObject({ id: 'c-1', error: { code: 1020, message: 'The call was cancelled' } });
      await call.abandoned;
      await upstream.received(({ method }) => method === 'notifications/cancelled');
      await gateway.settled();
      // The upstream knows the call by its own id, and is told once.
      expect(upstream.cancellations).toEqual([{ requestId: call.message.id, reason: expect.stringMatching(/./) }]);
      expect(call.message.id).not.toBe('c-1');
      expect(gateway.actions.find(({ method }) => method === 'tools/call')).toMatchObject({
        outcome: 'cancelled',
        errorKind: 'cancelled',
      });
      expect((await peer.call('up__ok')).result).toBeDefined();
    });
  });

  test('takes effect within about two seconds', async () => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const { entered } = upstream.gate('slow');
    const peer = await gateway.client.connect('2025-11-25');
    const held = peer.call('up__slow', {}, { id: 1 });
    await entered;
    const began = performance.now();
    await peer.notify('notifications/cancelled', { requestId: 1 });
    expect((await held).error.code).toBe(1020);
    expect(performance.now() - began).toBeLessThan(2500);
  });

  test('names the call by id and type', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
    const peer = await gateway.client.connect('2025-11-25');
    const gates = [upstream.gate('number'), upstream.gate('text')];
    const number = peer.call('up__number', {}, { id: 7 });
    const text = peer.call('up__text', {}, { id: '7' });
    await Promise.all(gates.map(({ entered }) => entered));
    await peer.notify('notifications/cancelled', { requestId: '7' });
    clock.advance(1000);
    expect((await text).error.code).toBe(1020);
    gates[0]?.release();
    expect((await number).result).toBeDefined();
  });

  test('does not reach the call of the same id in another session', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
    const { entered, release } = upstream.gate('slow');
    const mine = await gateway.client.connect('2025-11-25');
    const theirs = await gateway.client.connect('2025-11-25');
    const held = mine.call('up__slow', {}, { id: 1 });
    await entered;
    await theirs.notify('notifications/cancelled', { requestId: 1 });
    clock.advance(1000);
    clock.advance(1000);
    release();
    expect((await held).result).toBeDefined();
  });

  test('of an earlier call does not end a later one of the same id', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('legacy', { leg, clock });
    const peer = await gateway.client.connect('2025-11-25');
    await peer.notify('notifications/cancelled', { requestId: 1 });
    clock.advance(1);
    const { entered, release } = upstream.gate('slow');
    const held = peer.call('up__slow', {}, { id: 1 });
    await entered;
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
    release();
    expect((await held).result).toBeDefined();
    await gateway.settled();
    expect(upstream.cancellations).toEqual([]);
  });

  test.each([
    [{ requestId: 'nobody' }],
    [{ requestId: null }],
    [{ requestId: {} }],
    [{ requestId: 1.5 }],
    [{}],
    [undefined],
  ])('that means nothing (%j) is accepted and ignored', async (params) => {
    const { gateway, upstream } = await openFaulty('legacy', { leg });
    const peer = await gateway.client.connect('2025-11-25');
    const before = upstream.requests.length;
    expect((await peer.notify('notifications/cancelled', params)).status).toBe(202);
    expect(upstream.requests).toHaveLength(before);
  });

  test('leaves no timer behind, nor any look-up', async () => {
    const clock = createManualClock();
    const { gateway, upstream } = await openFaulty('both', { leg, clock });
    for (const revision of REVISIONS) {
      const peer = await gateway.client.connect(revision);
      expect((await peer.call('up__ok')).result).toBeDefined();
      upstream.on('broken', 'reset');
      expect((await peer.call('up__broken')).error).toBeDefined();
    }
    await gateway.settled();
    expect(clock.scheduled).toBe(0);
  });
});

describe('a client that disconnects', () => {
  test('has cancelled its call when it is modern', async () => {
    const { gateway, upstream } = await openFaulty('modern', { leg: NODE_LEG });
    upstream.on('trickling', 'sse-trickle');
    const peer = await gateway.client.connect('2026-07-28');
    const stream = await peer.stream('tools/call', { name: 'up__trickling' }, { progressToken: 1 });
    const call = await upstream.received(({ tool }) => tool === 'trickling');
    await stream.events.next();
    stream.close();
    await call.abandoned;
    await gateway.settled();
    expect(gateway.actions.at(-1)).toMatchObject({ method: 'tools/call', outcome: 'cancelled' });
    expect((await peer.call('up__ok')).result).toBeDefined();
  });

  test('has not cancelled its call when it is legacy', async () => {
    const { gateway, upstream } = await openScripted({ leg: NODE_LEG });
    const peer = await gateway.client.connect('2025-11-25');
    const gone = Promise.withResolvers<void>();
    const whole = Promise.withResolvers<boolean>();
    upstream.onCall(async ({ progress, answer, response }) => {
      response.once('close', () => whole.resolve(response.writableFinished));
      progress(1);
      await gone.promise;
      answer({});
    });
    const stream = await peer.stream('tools/call', { name: 'up__slow' }, { progressToken: 1 });
    await stream.events.next();
    stream.close();
    // The gateway answers others while it finds out that this client has gone.
    expect((await peer.request('ping')).status).toBe(200);
    gone.resolve();
    expect(await whole.promise).toBe(true);
    await gateway.settled();
    expect(upstream.of('notifications/cancelled')).toEqual([]);
    expect(gateway.actions.find(({ method }) => method === 'tools/call')).toMatchObject({ outcome: 'ok' });
  });

  test('is not noticed by a platform that cannot see it: its call runs to its end', async () => {
    const { gateway, upstream } = await openFaulty('modern', { leg: FUNCTION_LEG });
    const { entered, release } = upstream.gate('slow');
    const peer = await gateway.client.connect('2026-07-28');
    const stream = peer.stream('tools/call', { name: 'up__slow' });
    await entered;
    release();
    (await stream).close();
    await gateway.settled();
    expect(gateway.actions.at(-1)).toMatchObject({ outcome: 'ok' });
  });
});
