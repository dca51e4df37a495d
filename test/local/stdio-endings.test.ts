/** What becomes of processes: those that misbehave, and all of them at the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLegacySession, post, postModern, send } from '../support/wire.ts';
import { fixture, hostOne, isAlive, openLifelines } from './stdio/kit.ts';

const CALL = { name: 'x', arguments: {} };

const initialize = (url: string) =>
  post(url, {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'wire', version: '1' } },
  });

describe('a command', () => {
  test('that does not exist fails each request, and is reported without what it was given', async () => {
    const upstream = { command: 'no-such-command', args: ['--token=secret'], env: { KEY: 'secret' } };
    const { url, reports } = await hostOne(upstream);
    const opening = await initialize(url);
    expect(opening.status).toBe(502);
    expect(opening.messages).toMatchObject([{ id: 1, error: { code: -32603 } }]);
    expect(opening.text).toContain('ENOENT');
    expect((await postModern(url, 'server/discover')).status).toBe(502);
    expect(reports).toEqual(Array.from({ length: 2 }, () => 'upstream tested: its command cannot be started (ENOENT)'));
  });

  test.for([
    { cwd: 'no/such/folder', code: 'ENOENT' },
    { cwd: 'package.json', code: 'ENOTDIR' },
  ])('in $cwd, which is no folder, is reported with the name of it', async ({ cwd, code }) => {
    const { url, reports } = await hostOne({ command: process.execPath, cwd });
    expect((await initialize(url)).status).toBe(502);
    expect(reports).toEqual([
      `upstream tested: its command cannot be started (${code}): there is no folder ${resolve(cwd)}, which is its cwd`,
    ]);
  });

  test('with its arguments in one text is reported with what belongs where, and not repeated', async () => {
    const { url, reports } = await hostOne({ command: 'npx -y --token=secret' });
    expect((await initialize(url)).status).toBe(502);
    expect(reports).toEqual([
      'upstream tested: its command cannot be started (ENOENT): ' +
        '"command" is one program, and its arguments go into "args"',
    ]);
  });

  test('that ends at once fails each request, and is run once for each', async () => {
    const { url, reports } = await hostOne({ command: process.execPath, args: ['-e', 'process.exit(9)'] });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await initialize(url)).toMatchObject({ status: 200, text: '' });
    }
    expect(reports).toEqual(Array.from({ length: 3 }, () => 'upstream tested: its process ended (exit code 9)'));
  });

  test('is run by no shell', async () => {
    const { url } = await hostOne({ command: `${process.execPath} -e 0` });
    expect((await initialize(url)).status).toBe(502);
  });
});

describe('a process', () => {
  test('that ends in a call ends the call, and its session is unknown', async () => {
    const lifelines = await openLifelines();
    const { url, reported } = await hostOne(fixture('raw', 'exits-in-call', lifelines));
    const session = await openLegacySession(url);
    const answer = await session.request('tools/call', CALL);
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(await reported(/ended/)).toBe('upstream tested: its process ended (exit code 7)');
    expect((await session.request('ping')).status).toBe(404);
  });

  test('that ends in a call that has said something ends its stream', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'exits-after-progress', lifelines));
    const session = await openLegacySession(url);
    const { messages } = await session.request('tools/call', { ...CALL, _meta: { progressToken: 'x' } }, 'x');
    expect(messages).toMatchObject([{ method: 'notifications/progress' }]);
  });

  test('that writes other things beside messages is understood, and reported once', async () => {
    const lifelines = await openLifelines();
    const { url, reports } = await hostOne(fixture('raw', 'garbage', lifelines));
    const session = await openLegacySession(url);
    const { messages } = await session.request('tools/call', CALL, 'x');
    expect(messages).toMatchObject([{ params: { data: 'between' } }, { id: 'x', result: { content: [] } }]);
    expect(reports).toEqual([
      'upstream tested: writes what is no JSON-RPC message on its standard output; such lines are ignored',
    ]);
  });

  test('that writes ids which are none, however deep they nest, is not listened to', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'deep', lifelines));
    const session = await openLegacySession(url);
    const { messages } = await session.request('tools/call', CALL, 'x');
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 'x', result: { content: [] } }]);
  });

  test('that writes a message over the limit is ended', async () => {
    const lifelines = await openLifelines();
    const { url, reported } = await hostOne(fixture('raw', 'huge', lifelines), {
      limits: { upstreamMessageBytes: 100_000 },
    });
    const session = await openLegacySession(url);
    expect(await session.request('tools/call', CALL)).toMatchObject({ status: 200, text: '' });
    expect(await reported(/100000 bytes/)).toContain('upstream tested: wrote a message of more than 100000 bytes');
    await (
      await lifelines.next('huge')
    ).ended;
    expect((await session.request('ping')).status).toBe(404);
  });

  test('is heard on its standard error, in words that are safe to print', async () => {
    const lifelines = await openLifelines();
    const { url, reported, reports } = await hostOne(fixture('raw', 'chatty', lifelines));
    const session = await openLegacySession(url);
    await session.request('tools/call', CALL);
    await session.terminate();
    await reported(/last words/);
    expect(reports).toEqual([
      'upstream tested says: red text',
      `upstream tested says: ${'y'.repeat(2000)}...`,
      'upstream tested says: last words',
    ]);
  });

  test('that hears neither the end of its input nor SIGTERM is killed', async () => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', 'deaf', lifelines), { times: { closeMs: 20, termMs: 100 } });
    const session = await openLegacySession(url);
    const process = await lifelines.next('deaf');
    await session.terminate();
    await process.take('SIGTERM');
    await process.ended;
    expect((await session.terminate()).status).toBe(404);
  });

  test.for(['waiting-parent', 'leaving-parent'])('ends together with those it has started: a %s', async (name) => {
    const lifelines = await openLifelines();
    const { url } = await hostOne(fixture('raw', name, lifelines), { times: { closeMs: 200 } });
    const session = await openLegacySession(url);
    const [parent, child] = [await lifelines.next(name), await lifelines.next('child')];
    await session.terminate();
    await Promise.all([parent.ended, child.ended]);
    expect(lifelines.count).toBe(2);
  });
});

describe('a hosted upstream that is closed', () => {
  test('leaves no process and no connection behind, whatever they do', async () => {
    const lifelines = await openLifelines();
    const { url, host } = await hostOne(fixture('raw', 'deaf', lifelines));
    const { url: other, host: otherHost } = await hostOne(fixture('sdk-v2', 'v2', lifelines));
    await openLegacySession(url);
    const call = postModern(other, 'tools/call', { name: 'wait', arguments: { word: 'x' } });
    const [deaf, waiting] = [await lifelines.next('deaf'), await lifelines.next('v2')];
    await waiting.take('waits-for-x');
    const pids = [...host.pids(), ...otherHost.pids()];
    expect(new Set(pids)).toEqual(new Set([deaf.pid, waiting.pid]));
    const began = performance.now();
    await Promise.all([host.close(), otherHost.close()]);
    expect(performance.now() - began).toBeLessThan(3000);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await call).toMatchObject({ status: 200, text: '' });
    await expect(send('GET', url, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('starts nothing more for those who still wait for a place', async () => {
    const lifelines = await openLifelines();
    const { url, host } = await hostOne(fixture('raw', 'mute', lifelines, { maxProcesses: 1 }), {
      times: { placeMs: 15_000 },
    });
    await openLegacySession(url);
    await lifelines.next('mute');
    const second = initialize(url).catch((error: NodeJS.ErrnoException) => error.code);
    await host.close();
    expect(await second).toSatisfy((end) => end === 'ECONNRESET' || end === 'ECONNREFUSED' || end.status === 503);
    expect(lifelines.count).toBe(1);
  });

  test('is nothing at all without stdio upstreams', async () => {
    const { host } = await hostOne({ url: 'http://127.0.0.1:1/mcp' });
    expect(host.config.upstreams['tested']!.url).toBe('http://127.0.0.1:1/mcp');
    await host.close();
  });

  test('is told apart from what it was configured with: its variables go no further', async () => {
    const { host } = await hostOne({ command: 'x', args: ['secret'], env: { KEY: 'secret' } });
    expect(JSON.stringify(host.config)).not.toContain('secret');
    expect(host.config.upstreams['tested']).toMatchObject({ transport: 'http', prefix: 'tested' });
    expect(Object.isFrozen(host.config.upstreams)).toBe(true);
  });
});

describe('when the gateway is killed', () => {
  test('its stdio servers see the end of their input, and end', async () => {
    const lifelines = await openLifelines();
    const gateway = spawn(process.execPath, ['--input-type=module', '-e', GATEWAY], {
      cwd: import.meta.dirname,
      env: { ...process.env, UPSTREAM: JSON.stringify(fixture('sdk-v1', 'v1', lifelines)) },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const [url] = (await once(gateway.stdout, 'data')) as [Buffer];
    await openLegacySession(String(url).trim());
    const server = await lifelines.next('v1');
    gateway.kill('SIGKILL');
    await server.ended;
    expect(lifelines.count).toBe(1);
  });

  test('by its own exit, so are they', async () => {
    const lifelines = await openLifelines();
    const gateway = spawn(process.execPath, ['--input-type=module', '-e', GATEWAY], {
      cwd: import.meta.dirname,
      env: { ...process.env, UPSTREAM: JSON.stringify(fixture('raw', 'deaf', lifelines)) },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const [url] = (await once(gateway.stdout, 'data')) as [Buffer];
    await openLegacySession(String(url).trim());
    const server = await lifelines.next('deaf');
    gateway.stdin.end();
    await server.ended;
    expect(lifelines.count).toBe(1);
  });
});

/** Hosts an upstream, and exits without ceremony when its input ends. */
const GATEWAY = `
  import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
  import { hostStdioUpstreams } from '../../lib/local/stdio/host.ts';
  const upstreams = { tested: JSON.parse(process.env.UPSTREAM) };
  const { config } = resolveConfig({ upstreams, servers: { default: { upstreams: ['tested'] } }, auth: { mode: 'none' } }, UNSAID.local);
  const host = await hostStdioUpstreams(config, { report: console.error });
  console.log(host.config.upstreams.tested.url);
  process.stdin.on('end', () => process.exit(1)).resume();
`;
