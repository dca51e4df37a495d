/**
 * No value of one client reaches another: not in responses, notifications, questions or the action log, and not through
 * upstream sessions. All clients use the same request ids and progress tokens, and cancel and answer what is not theirs.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seeded } from '../support/property.ts';
import { describeScript, scripts, type Script } from './script.ts';
import { Leak, openWorld, type World } from './world.ts';

const { seed } = seeded('test/isolation');

const CROWD = { clients: [4, 8], steps: [40, 120], restarts: true } as const;

describe(`many clients in random interleavings over rotating environments (seed ${seed})`, () => {
  let world: World;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(async () => {
    await world?.close();
  });

  async function expectIsolated(size: Parameters<typeof scripts>[0], numRuns: number): Promise<void> {
    const property = fc.asyncProperty(scripts(size), (script) => world.run(script));
    const result = await fc.check(property, { seed, numRuns, interruptAfterTimeLimit: 45_000 });
    expect(reportOf(result)).toBe('isolated');
  }

  test('no value reaches another client', { timeout: 120_000 }, async () => {
    await expectIsolated({ ...CROWD, cancels: false }, 12);
  });

  test('no cancellation reaches the call of another client', { timeout: 120_000 }, async () => {
    await expectIsolated({ ...CROWD, cancels: true }, 5);
  });

  test('many environments have served, and none has failed', () => {
    const environments = new Set(world.gateway.actions().map(({ environment }) => environment));
    expect(environments.size).toBeGreaterThanOrEqual(6);
    expect(world.gateway.reports).toEqual([]);
    console.info(`test/isolation: ${JSON.stringify({ ...world.tally, environments: environments.size })}`);
  });
});

describe('an upstream that gives everyone the same session', () => {
  const shared = [
    {
      watched: 'by the clients',
      watchesUpstream: false,
      leak: /receives something of owner-|finds the log level of another/,
    },
    { watched: 'by the upstream', watchesUpstream: true, leak: /one upstream session is used by owner-\w+ and owner-/ },
  ];

  test.each(shared)('is noticed $watched', { timeout: 120_000 }, async ({ watchesUpstream, leak }) => {
    const world = await openWorld({ sharesSession: true, watchesUpstream });
    const size = { clients: [2, 3], steps: [1, 12], cancels: false, restarts: false } as const;
    const property = fc.asyncProperty(scripts(size), (script) => world.run(script));
    const result = await fc.check(property, { seed, numRuns: 50, interruptAfterTimeLimit: 20_000 });
    await world.close();
    console.info(`test/isolation: with one session for all, ${reportOf(result)}`);
    expect(result.failed).toBe(true);
    expect(result.errorInstance).toBeInstanceOf(Leak);
    expect((result.errorInstance as Leak).message).toMatch(leak);
  });
});

function reportOf(result: fc.RunDetails<[Script]>): string {
  if (!result.failed) return 'isolated';
  const { counterexample, errorInstance, numShrinks } = result;
  const script = counterexample === null ? '' : describeScript(counterexample[0]);
  return `${String(errorInstance)}\nin this script, after ${numShrinks} simplifications:\n${script}`;
}
