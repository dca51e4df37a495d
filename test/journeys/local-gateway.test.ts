/** One client to each kind of upstream through the gateway as it is deployed: the function in environments that freeze. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { JourneyUpstream } from '../support/journey-upstreams.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { LEGACY, LEGACY_V1, MODERN, type ClientKind } from './clients.ts';
import { hearProgress, travel } from './journey.ts';
import { directClient, fileOf, ROWS, startBeside, type Beside } from './rows.ts';

// A modern client of a legacy command has a process started for each of its calls.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Where there is another era than the upstream's, a client of that. */
const CLIENT_OF: Readonly<Record<string, ClientKind>> = {
  modern: LEGACY,
  legacy: MODERN,
  stateless: MODERN,
  both: LEGACY_V1,
  sse: MODERN,
  'found-sse': LEGACY_V1,
  stdio: MODERN,
  'stdio-both': MODERN,
};

/**
 * A legacy client begins with a stream beside its calls, a notification and a call, all at once. The stream of the one
 * before it may go on for a second after that client is gone, which a function does not see. One more is spare.
 */
const ENVIRONMENTS = 5;

const upstreams: Record<string, JourneyUpstream> = {};
let beside: Beside;
let gateway: TestGateway;

beforeAll(async () => {
  beside = await startBeside();
  const started = await Promise.all(ROWS.map(async ({ name, start }) => [name, await start()] as const));
  Object.assign(upstreams, Object.fromEntries(started));
  const configs = Object.fromEntries(Object.entries(upstreams).map(([name, { config }]) => [name, config]));
  gateway = await startTestGateway(fileOf(configs, beside), { environments: ENVIRONMENTS });
});

afterAll(async () => {
  await gateway?.close();
  await beside?.close();
  await Promise.all(Object.values(upstreams).map((upstream) => upstream.close()));
});

const cells = ROWS.map((row) => ({ ...row, client: CLIENT_OF[row.name]!, who: CLIENT_OF[row.name]!.name }));

describe.each(cells)('a $who of $says', ({ name, client }) => {
  test('gets everything that the upstream itself gives, with progress, and leaves no session behind', async () => {
    const upstream = upstreams[name]!;
    const itself = await directClient(client, upstream).connect(upstream.address);
    const expected = await travel({ traveller: itself, prefix: '' });
    await itself.close();
    const traveller = await client.connect({ kind: 'http', url: gateway.url(name) });
    const way = { traveller, prefix: `${name}__` };
    expect(await travel(way)).toEqual(expected);
    expect(await hearProgress(way)).toEqual([1, 2, 3].map((progress) => ({ progress, total: 3 })));
    await traveller.close();
    await upstream.witness.until(() => upstream.witness.sessions === 0);
  });
});

test('no environment failed', () => {
  expect(gateway.reports).toEqual([]);
});
