/** `sluice trace`, beside a local gateway that runs as people run it. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunningGateway } from '../../lib/local/operator/running-gateway.ts';
import { post, modernRequest, send } from '../support/wire.ts';
import { temporaryFolder } from './kit.ts';
import { sluice, startGatewayIn } from './sluice-kit.ts';
import { readFeed } from './console/kit.ts';

const CALL = { name: 'time__get_system_time', arguments: {} };

/** Calls a tool, and settles when its trace is known. */
async function callTraced(url: string) {
  const { origin } = new URL(url);
  const feed = await readFeed(origin);
  await feed.next('snapshot');
  const { body, headers } = modernRequest('tools/call', CALL);
  await post(url, body, headers);
  const action = await feed.next('action');
  await feed.next('trace', ({ spans }) => spans.every(({ endedAt }) => endedAt !== null));
  feed.close();
  return action;
}

describe('sluice trace', () => {
  test('draws where the time of a call went, by latest, by trace and by request', async () => {
    const folder = await temporaryFolder();
    const { url } = await startGatewayIn(folder);
    const none = await sluice(folder, ['trace', 'latest']);
    expect(none).toEqual({ status: 1, out: '', err: 'Nothing has been traced yet: call something first' });
    const { traceId, requestId } = await callTraced(url);
    const { status, out, err } = await sluice(folder, ['trace', 'latest']);
    expect([status, err]).toEqual([0, '']);
    const lines = out.split('\n');
    expect(lines[0]).toBe(`trace ${traceId}`);
    expect(lines).toContainEqual(expect.stringMatching(/^ *tools\/call {2}.*#.* [\d.]+ ms {2}ok, attempt 1$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ *upstream time {2}.*=.* [\d.]+ ms/));
    const [, total, gateway, upstream] = /^total ([\d.]+) ms: gateway ([\d.]+) ms \(#\), upstream ([\d.]+) ms \(=\)$/
      .exec(lines.at(-1)!)!
      .map(Number);
    expect(gateway! + upstream!).toBeCloseTo(total!, 0);
    expect(upstream).toBeGreaterThan(0);
    for (const id of [traceId!, requestId]) expect((await sluice(folder, ['trace', id])).out).toBe(out);
    const unknown = await sluice(folder, ['trace', 'no-such-request']);
    expect(unknown).toMatchObject({ status: 1, err: expect.stringContaining('Nothing is known of no-such-request') });
  });

  test('says that no gateway runs in the folder', async () => {
    expect(await sluice(await temporaryFolder(), ['trace', 'latest'])).toEqual({
      status: 1,
      out: '',
      err: 'No local gateway runs in this folder; start one with "npm start"',
    });
  });

  test('says that the gateway traces nothing, where it has no console', async () => {
    const folder = await temporaryFolder();
    const { url } = await startGatewayIn(folder, ['--quiet', '--no-console']);
    expect((await send('GET', new URL('/console', url).href, '')).status).toBe(404);
    const { status, err } = await sluice(folder, ['trace', 'latest']);
    expect([status, err]).toEqual([1, expect.stringContaining('--no-console')]);
  });

  test('says that what is announced does not answer', async () => {
    const folder = await temporaryFolder();
    const gateway = await startGatewayIn(folder);
    const file = join(folder, '.sluice/local.json');
    const record = JSON.parse(await readFile(file, 'utf8')) as RunningGateway;
    await gateway.end();
    expect(existsSync(file)).toBe(false);
    await mkdir(join(folder, '.sluice'));
    await writeFile(file, JSON.stringify({ ...record, pid: process.pid }));
    const { status, err } = await sluice(folder, ['trace', 'latest']);
    expect([status, err]).toEqual([1, `The local gateway at ${record.origin} does not answer (ECONNREFUSED)`]);
  });

  test.for([[[]], [['latest', 'more']], [['../feed']], [['\u001b[2J']]])('does not take %j', async ([args]) => {
    expect((await sluice(await temporaryFolder(), ['trace', ...args!])).status).toBe(2);
  });

  test('is found under npm start with --quiet, which prints nothing of it', async () => {
    const folder = await temporaryFolder();
    const { url, complaints } = await startGatewayIn(folder);
    await callTraced(url);
    expect((await send('GET', new URL('/console', url).href, '')).status).toBe(200);
    expect(complaints()).toBe('');
  });
});
