/** `sluice sessions` on a table that holds more sessions than are shown. */
import { expect, onTestFinished, test } from 'vitest';
import { createTable } from '../../lib/adapters/dynamodb/create-table.ts';
import { openTable } from '../../lib/local/ports.ts';
import { startDynalite } from '../support/dynalite.ts';
import { folderWith, sluice } from './sluice-kit.ts';

const AT_ONCE = 50;

test('more sessions than are shown are mentioned, and any of them can be ended', async () => {
  const dynalite = await startDynalite();
  onTestFinished(() => dynalite.close());
  const { endpoint } = dynalite;
  await createTable({ endpoint, tableName: 'many' });
  const { clientSessions } = openTable({ endpoint, table: 'many' })({ requests: 0 });
  const now = Date.now();
  const create = (key: string, expiresAt: number) =>
    clientSessions.create({
      key,
      server: 'default',
      caller: 'anonymous',
      protocolVersion: '2025-11-25',
      clientInfo: {},
      clientCapabilities: {},
      logLevel: undefined,
      upstreamSessions: {},
      createdAt: now,
      lastSeenAt: now,
      expiresAt,
    });
  for (let at = 0; at < 1000; at += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => create(`early-${at + index}`, now + 600_000)));
  }
  const folder = await folderWith({
    upstreams: { up: { url: 'http://127.0.0.1:1' } },
    servers: { default: { upstreams: ['up'] } },
  });
  const run = (...args: string[]) => sluice(folder, ['sessions', ...args, '--table', 'many', '--endpoint', endpoint]);
  expect(await run('list')).toMatchObject({ status: 0, err: '' });
  await create('latest-of-all', now + 700_000);
  const { out, err } = await run('list');
  expect(out.split('\n')).toHaveLength(1001);
  expect(out).not.toContain('latest');
  expect(err).toBe('There are more: these are the 1000 sessions that expire first');
  expect(await run('end', 'latest-of')).toEqual({ status: 0, out: 'ended latest-of-al', err: '' });
  expect(await clientSessions.read('latest-of-all')).toBeUndefined();
});
