import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DemoUpstreams } from '../../lib/local/demo/start.ts';
import { startDemoUpstreams } from '../../lib/local/demo/start.ts';
import { connectV2 } from '../support/sdk-clients.ts';

let demo: DemoUpstreams;

beforeAll(async () => {
  demo = await startDemoUpstreams();
});

afterAll(async () => {
  await demo.close();
});

test.each(['modern', 'legacy'] as const)('echo waits as long as asked and holds up no other call (%s)', async (era) => {
  const { client, close } = await connectV2(demo.test, era);
  const answered: string[] = [];
  const echo = async (message: string, delay: number): Promise<void> => {
    const { content } = await client.callTool({ name: 'echo', arguments: { message, delay } });
    answered.push(content[0]?.type === 'text' ? content[0].text : '');
  };
  const began = performance.now();
  const late = echo('late', 400);
  await echo('soon', 0);
  await late;
  // Node's timers may fire up to a millisecond early.
  expect(performance.now() - began).toBeGreaterThanOrEqual(399);
  expect(answered).toEqual(['soon', 'late']);
  await close();
});

test('echo with a standard deviation still answers, whatever the sample', async () => {
  const { client, close } = await connectV2(demo.test, 'modern');
  const echo = { name: 'echo', arguments: { message: 'soon', delay: 1, delay_stddev: 5 } };
  const results = await Promise.all(Array.from({ length: 20 }, async () => await client.callTool(echo)));
  await close();
  expect(new Set(results.map(({ isError }) => isError))).toEqual(new Set([undefined]));
});

test('echo refuses a negative delay', async () => {
  const { client, close } = await connectV2(demo.test, 'modern');
  const result = await client.callTool({ name: 'echo', arguments: { message: 'never', delay: -1 } });
  await close();
  expect(result.isError).toBe(true);
});
