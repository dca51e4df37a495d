import { describe, expect, test } from 'vitest';
import { startFixture, type Fixture } from './kit.ts';

async function environmentOf(fixture: Fixture): Promise<string> {
  const { messages } = await fixture.call('/event');
  return messages[0].environment as string;
}

async function environmentsOf(fixture: Fixture, requests: number): Promise<string[]> {
  const environments: string[] = [];
  for (let request = 0; request < requests; request += 1) environments.push(await environmentOf(fixture));
  return environments;
}

/** Occupies so many environments, until the returned function is called. */
async function occupy(fixture: Fixture, count: number): Promise<() => Promise<void>> {
  const calls = Array.from({ length: count }, () => fixture.call('/held'));
  const signals = await Promise.all(calls.map(() => fixture.take('held')));
  return async () => {
    for (const signal of signals) fixture.open(signal);
    await Promise.all(calls);
  };
}

describe('the pool', () => {
  test('starts one environment before the first request', async () => {
    const fixture = await startFixture();
    expect(fixture.emulator.environments).toEqual([{ id: 'env-1', state: 'idle', invocations: 0 }]);
  });

  test('sends consecutive requests to different environments, three in turn', async () => {
    const fixture = await startFixture();
    const environments = await environmentsOf(fixture, 30);
    expect(environments.slice(0, 3)).toEqual(['env-1', 'env-2', 'env-3']);
    expect(new Set(environments).size).toBe(3);
    expect(environments.filter((environment, request) => environment === environments[request - 1])).toEqual([]);
  });

  test('alternates when no more than two are allowed', async () => {
    const fixture = await startFixture({ limit: 2 });
    expect(await environmentsOf(fixture, 4)).toEqual(['env-1', 'env-2', 'env-1', 'env-2']);
  });

  test('sends consecutive requests to the same environment with affinity', async () => {
    const fixture = await startFixture({ affinity: true });
    expect(await environmentsOf(fixture, 4)).toEqual(['env-1', 'env-1', 'env-1', 'env-1']);
  });

  test('grows with concurrency, with affinity too', async () => {
    const fixture = await startFixture({ affinity: true });
    const release = await occupy(fixture, 5);
    expect(fixture.emulator.environments.map(({ state }) => state)).toEqual(['busy', 'busy', 'busy', 'busy', 'busy']);
    await release();
  });

  test('throttles with 429 when all that may exist are busy, and serves again once one is free', async () => {
    const fixture = await startFixture({ limit: 2 });
    const release = await occupy(fixture, 2);
    const throttled = await fixture.call('/event');
    expect(throttled.status).toBe(429);
    expect(throttled.messages[0]).toMatchObject({ Reason: 'ConcurrentInvocationLimitExceeded' });
    await release();
    expect((await fixture.call('/event')).status).toBe(200);
  });

  test('throttles while an invocation works on after its answer', async () => {
    const fixture = await startFixture({ limit: 1 });
    expect((await fixture.call('/work-after-answer')).text).toBe('answered');
    const working = await fixture.take('working');
    expect((await fixture.call('/event')).status).toBe(429);
    fixture.open(working);
  });

  test('does not throttle a client that has its answer and is faster than the end of the invocation', async () => {
    const fixture = await startFixture({ limit: 2 });
    const statuses = new Set<number>();
    await Promise.all(
      [1, 2].map(async () => {
        for (let call = 0; call < 200; call += 1) statuses.add((await fixture.call('/event')).status);
      }),
    );
    expect([...statuses]).toEqual([200]);
  });

  test('replaces an environment that was killed', async () => {
    const fixture = await startFixture({ limit: 1 });
    expect(await environmentOf(fixture)).toBe('env-1');
    expect(await fixture.emulator.kill('env-1')).toBe(true);
    expect(fixture.emulator.environments).toEqual([]);
    expect(await environmentOf(fixture)).toBe('env-2');
  });

  test('says so when there is no environment to kill', async () => {
    const fixture = await startFixture();
    expect(await fixture.emulator.kill('env-7')).toBe(false);
  });
});
