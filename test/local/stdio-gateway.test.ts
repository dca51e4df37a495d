/** Stdio upstreams through the local gateway: from a client to a process and back, and to the end of both. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { endWithThisProcess, waitForLine } from '../support/child-process.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { connectV1, connectV2 } from '../support/sdk-clients.ts';
import { openLegacySession, postModern } from '../support/wire.ts';
import { cleanUpAfterTest, temporaryFolder } from './kit.ts';
import { fixture, openLifelines } from './stdio/kit.ts';

const MAIN = fileURLToPath(new URL('../../lib/local/main.ts', import.meta.url));

function configOf(upstream: object): object {
  return { upstreams: { tested: { prefix: '', ...upstream } }, servers: { default: { upstreams: ['tested'] } } };
}

async function start(upstream: object): Promise<TestGateway> {
  const gateway = await startTestGateway(configOf(upstream));
  cleanUpAfterTest(() => gateway.close());
  return gateway;
}

const call = (url: string, name: string) => postModern(url, 'tools/call', { name, arguments: {} });

describe('the local gateway', () => {
  test('serves legacy clients of a legacy stdio upstream, each from a process of its own', async () => {
    const lifelines = await openLifelines();
    const gateway = await start(fixture('sdk-v1', 'v1', lifelines));
    const clients = [await connectV1(gateway.url()), await connectV2(gateway.url(), 'legacy')];
    for (const { client } of clients) {
      for (const count of ['1', '2', '3']) {
        expect(await client.callTool({ name: 'count' })).toMatchObject({ content: [{ text: count }] });
      }
    }
    for (const { close } of clients) await close();
  });

  test('serves modern clients of a stdio upstream of both eras in their own', async () => {
    const lifelines = await openLifelines();
    const gateway = await start(fixture('sdk-v2', 'v2', lifelines));
    const { client, close } = await connectV2(gateway.url(), 'modern');
    expect(await client.callTool({ name: 'era' })).toMatchObject({ content: [{ text: 'modern' }] });
    expect(await client.callTool({ name: 'count' })).toMatchObject({ content: [{ text: '1' }] });
    await close();
    const session = await openLegacySession(gateway.url());
    const { messages } = await session.request('tools/call', { name: 'era', arguments: {} });
    expect(messages[0].result.content[0].text).toBe('legacy');
  });

  test('passes progress, and a cancellation by either era', async () => {
    const lifelines = await openLifelines();
    const gateway = await start(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(gateway.url());
    const params = { name: 'wait', arguments: { word: 'x' }, _meta: { progressToken: 'mine' } };
    const stream = await session.stream('tools/call', params, 'x');
    // The first event only says where the stream can be resumed.
    await stream.events.next();
    const { value } = await stream.events.next();
    expect(value).toMatchObject({ message: { params: { progressToken: 'mine', message: 'x' } } });
    expect((await session.notify('notifications/cancelled', { requestId: 'x' })).status).toBe(202);
    await (await lifelines.next('v1')).take('cancelled');
  });

  test('says of a process that has ended in a call that it may have run it, and goes on with another', async () => {
    const lifelines = await openLifelines();
    const gateway = await start(fixture('sdk-v1', 'v1', lifelines));
    const session = await openLegacySession(gateway.url());
    const waiting = session.request('tools/call', { name: 'wait', arguments: { word: 'x' } });
    const server = await lifelines.next('v1');
    await server.take('waits-for-x');
    process.kill(server.pid, 'SIGKILL');
    expect((await waiting).messages.at(-1).error).toMatchObject({
      code: 1004,
      message: 'Upstream tested ended its answer without a final response',
      data: { mayHaveRun: true },
    });
    expect(gateway.reports).toEqual(['upstream tested: its process ended (SIGKILL)']);
    const { messages } = await session.request('tools/call', { name: 'count', arguments: {} });
    expect(messages[0].result.content[0].text).toBe('1');
  });

  test('says that a command cannot be started', async () => {
    const gateway = await start({ command: 'no-such-command', args: ['secret'] });
    const { messages } = await call(gateway.url(), 'count');
    expect(messages[0].error).toMatchObject({
      code: 1009,
      data: { upstream: 'tested', status: 502, mayHaveRun: false },
    });
    expect(gateway.reports).toContain('upstream tested: its command cannot be started (ENOENT)');
  });

  test('says that no more processes may run, and that the call has not', async () => {
    const lifelines = await openLifelines();
    const gateway = await start(fixture('sdk-v1', 'v1', lifelines, { maxProcesses: 1, era: 'legacy' }));
    const [first, second] = [await openLegacySession(gateway.url()), await openLegacySession(gateway.url())];
    const count = { name: 'count', arguments: {} };
    expect((await first.request('tools/call', count)).messages[0].result.content[0].text).toBe('1');
    const { messages } = await second.request('tools/call', count);
    expect(messages[0].error).toMatchObject({ code: 1010, data: { retryAfter: '1', mayHaveRun: false } });
  });
});

/** The command with one upstream, once it is ready. */
async function startCommand(upstream: object, args: readonly string[]) {
  const file = join(await temporaryFolder(), 'config.json');
  await writeFile(file, JSON.stringify(configOf(upstream)));
  const command = spawn(process.execPath, [MAIN, '--port', '0', '--config', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithThisProcess(command);
  const output = { stdout: '', stderr: '' };
  command.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const onLine = (line: string) => (output.stdout += `${line}\n`);
  const [, url = ''] = await waitForLine(command, command.stdout, /^ready (\S+)$/, onLine);
  return { command, output, url };
}

describe('npm start', () => {
  test('ends its stdio upstreams with itself, whatever they do, and says nothing of them with --quiet', async () => {
    const lifelines = await openLifelines();
    const { command, output, url } = await startCommand(fixture('raw', 'deaf', lifelines, { era: 'legacy' }), [
      '--quiet',
    ]);
    await (await openLegacySession(url)).request('tools/call', { name: 'x', arguments: {} });
    const server = await lifelines.next('deaf');
    const began = performance.now();
    command.kill('SIGINT');
    const [code] = await once(command, 'close');
    await server.ended;
    expect(performance.now() - began).toBeLessThan(3000);
    expect({ code, ...output }).toEqual({ code: 0, stdout: `ready ${url}\n`, stderr: '' });
  });

  test('says which upstreams it runs, and what they write on their standard error', async () => {
    const lifelines = await openLifelines();
    const { command, output, url } = await startCommand(fixture('raw', 'deaf', lifelines, { era: 'legacy' }), []);
    await (await openLegacySession(url)).request('tools/call', { name: 'x', arguments: {} });
    command.kill('SIGTERM');
    await once(command, 'close');
    expect(output.stdout).toContain(`${url}  ->  tested run by its command\n`);
    expect(output.stdout).not.toContain('LIFELINE');
    // Once for the session, and once when the gateway looked at it at its start.
    expect(output.stderr.split('\n').filter((line) => line !== 'upstream tested says: deaf')).toEqual(['']);
    expect(output.stderr).not.toBe('');
  });
});
