/** The scheduled function as it is deployed: built, over a table, in a process of its own. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createTable } from '../../lib/adapters/dynamodb/create-table.ts';
import { bundleFunction } from '../../lib/adapters/lambda/bundle.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import { startDynalite } from '../support/dynalite.ts';
import { startListingUpstream, tools } from '../support/listing-upstream.ts';
import { startTestGateway } from '../support/local-gateway.ts';
import { toolNamesAt } from '../support/one-by-one.ts';

const ENTRY = fileURLToPath(new URL('../../functions/refresh.ts', import.meta.url));

/** Calls the handler as the platform does, and prints what it returns. */
const INVOKE = `
  const { handler } = await import(process.argv[1]);
  const context = { awsRequestId: 'scheduled', getRemainingTimeInMillis: () => 60_000 };
  console.log(JSON.stringify(await handler({}, context)));
`;

test('the scheduled function refreshes what the gateway has kept', async () => {
  const upstream = await startListingUpstream({ tools: tools('a'), ttlMs: 3_600_000, cacheScope: 'public' });
  onTestFinished(() => upstream.stop());
  const database = await startDynalite();
  onTestFinished(() => database.close());
  await createTable({ endpoint: database.endpoint, tableName: 'sluice' });
  const file = { upstreams: { up: { url: upstream.url } }, servers: { default: { upstreams: ['up'] } } };
  const gateway = await startTestGateway(file, { dynamodbEndpoint: database.endpoint, environments: 1 });
  onTestFinished(() => gateway.close());
  const namesSeen = () => toolNamesAt(gateway.url());
  await namesSeen();
  upstream.lists = { tools: tools('a', 'b') };
  expect(await namesSeen()).toEqual(['up__a']);

  const resolved = resolveConfig(file, UNSAID.local);
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'test configuration'));
  const outdir = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  onTestFinished(() => rm(outdir, { recursive: true, force: true }));
  const built = await bundleFunction({ entry: ENTRY, outdir, config: resolved.config });
  const args = ['--input-type=module', '-e', INVOKE, pathToFileURL(built.file).href];
  const env = { ...process.env, SLUICE_TABLE: 'sluice', SLUICE_DYNAMODB_ENDPOINT: database.endpoint };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(lines).toEqual([
    expect.objectContaining({ requestId: 'scheduled', notice: 'list-changed', upstream: 'up', added: ['b'] }),
    {
      refreshed: [{ upstream: 'up', lists: expect.any(Number), failed: 0 }],
      swept: { clientSessions: 0, upstreamSessions: 0 },
    },
  ]);
  expect(await namesSeen()).toEqual(['up__a', 'up__b']);
});
