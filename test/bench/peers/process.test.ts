/** Processes of others, and the upstream as each finds it. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startProgram, type Program } from '../programs/program.ts';
import { connectBench } from './clients.ts';
import { startProcess } from './process.ts';
import { upstreamFor } from './upstream.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

test('a process that accepts connections and does not answer is given up, and ended', async () => {
  const silent = createServer((socket) => closing.push(async () => socket.destroy())).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  closing.push(async () => silent.close());
  const { port } = silent.address() as AddressInfo;
  const place = { url: `http://127.0.0.1:${port}/mcp`, prefix: '' };
  const command = { file: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] };
  const asked = startProcess(command, async () => void (await connectBench(place)), 50);
  await expect(asked).rejects.toThrow(/It was not over after \d+ ms/);
});

test('the upstream counts what comes from each peer apart', async () => {
  const upstream: Program = await startProgram(new URL('../programs/upstream.ts', import.meta.url));
  closing.push(() => upstream.close());
  const [one, other] = [upstreamFor({ upstream }, 'one'), upstreamFor({ upstream }, 'other')];
  const client = await connectBench({ url: one.url, prefix: '' });
  closing.push(() => client.close());
  await client.call('small');
  expect(await one.counts()).toEqual({ initialize: 1, 'notifications/initialized': 1, 'tools/call': 1 });
  expect(await other.counts()).toEqual({});
});
