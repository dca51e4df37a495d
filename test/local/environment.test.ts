import { describe, expect, test } from 'vitest';
import { startFixture } from './kit.ts';

describe('an environment', () => {
  test('is frozen between invocations: a timer left behind fires in the next one', async () => {
    const fixture = await startFixture({ limit: 2 });
    await fixture.call('/leave-timer');
    // The other environment lives on for longer than the timer.
    await fixture.call('/take-time?400');
    const thawedAt = Date.now();
    const { messages } = await fixture.call('/timers');
    expect(messages).toHaveLength(1);
    expect(messages[0]).toBeGreaterThanOrEqual(thawedAt);
  });

  test('serves one invocation at a time', async () => {
    const fixture = await startFixture({ limit: 2 });
    const calls = [fixture.call('/held'), fixture.call('/held')];
    const signals = [await fixture.take('held'), await fixture.take('held')];
    expect(new Set(signals.map(({ value }) => value)).size).toBe(2);
    for (const signal of signals) fixture.open(signal);
    await Promise.all(calls);
  });

  test('has a module graph of its own', async () => {
    const fixture = await startFixture({ limit: 2 });
    const counts: number[] = [];
    for (let call = 0; call < 4; call += 1) counts.push((await fixture.call('/event')).messages[0].invocations);
    expect(counts).toEqual([1, 1, 2, 2]);
  });

  test('sees the variables of the function and of the platform, and none of this process', async () => {
    const fixture = await startFixture({ variables: { _X_AMZN_TRACE_ID: 'not yet' } });
    const { messages } = await fixture.call('/event');
    expect(process.env['HOME']).toBeDefined();
    expect(messages[0].homeVariable).toBeUndefined();
    expect(messages[0].environment).toBe('env-1');
    expect(messages[0].traceVariable).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/);
  });

  test('tells of each of its states', async () => {
    const told: string[] = [];
    const gone = Promise.withResolvers<void>();
    const fixture = await startFixture({
      limit: 1,
      onEnvironment: ({ id, state, invocations }) => {
        told.push(`${id} ${state} ${invocations}`);
        if (state === 'gone') gone.resolve();
      },
    });
    await fixture.call('/event');
    const call = fixture.call('/held');
    await fixture.take('held');
    await fixture.emulator.kill('env-1');
    await call;
    await gone.promise;
    expect(told).toEqual([
      'env-1 starting 0',
      'env-1 idle 0',
      'env-1 busy 1',
      'env-1 idle 1',
      'env-1 busy 2',
      'env-1 gone 2',
    ]);
  });

  test('knows how much time is left', async () => {
    const fixture = await startFixture({ timeoutMs: 30_000 });
    const { messages } = await fixture.call('/event');
    expect(messages[0].remainingMs).toBeGreaterThan(29_000);
    expect(messages[0].remainingMs).toBeLessThanOrEqual(30_000);
  });

  test('reaches nobody with what it writes after the end of an invocation', async () => {
    const fixture = await startFixture({ limit: 1 });
    expect((await fixture.call('/leave-writer')).text).toBe('complete');
    expect((await fixture.call('/run-left-writer')).text).toBe('own');
  });

  test('lets its code send messages to the main thread, and wait there until it is let go on', async () => {
    const fixture = await startFixture();
    const call = fixture.call('/held');
    const signal = await fixture.take('held');
    expect(fixture.emulator.environments).toMatchObject([{ id: 'env-1', state: 'busy', invocations: 1 }]);
    fixture.open(signal);
    expect((await call).text).toBe('let go');
  });
});
