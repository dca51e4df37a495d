import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startListingUpstream, tools, type ListingUpstream } from '../support/listing-upstream.ts';
import { connectV1, connectV2 } from '../support/sdk-clients.ts';
import { clientSession } from '../contract/samples.ts';
import { deploy, type Deployed } from './deployed.ts';
import { folderOfThisFile } from './kit.ts';
import { configOf } from './samples.ts';

const folder = folderOfThisFile();
let upstream: ListingUpstream;
let deployed: Deployed;

beforeAll(async () => {
  upstream = await startListingUpstream({ tools: tools('a'), ttlMs: 3_600_000, cacheScope: 'public' });
  const config = configOf({
    upstreams: { up: { url: upstream.url, pin: true, maxConcurrent: 2 } },
    servers: { default: { upstreams: ['up'] } },
  });
  deployed = await deploy(config, join(folder, 'assembly'));
}, 180_000);

afterAll(async () => {
  await deployed.close();
  await upstream.stop();
});

/** Where the code of a function asks the index. */
function asksIndex(role: 'Gateway' | 'Housekeeper'): boolean {
  const code = deployed.codeOf(role);
  const modules = readdirSync(code).filter((name) => name.endsWith('.mjs'));
  return modules.some((name) => readFileSync(join(code, name), 'utf8').includes('.expiringBetween('));
}

describe('what is synthesized', () => {
  it('serves clients of both eras within the grants of its role', async () => {
    const legacy = await connectV1(deployed.url);
    const modern = await connectV2(deployed.url, 'modern');
    expect((await legacy.client.listTools()).tools.map(({ name }) => name)).toEqual(['up__a']);
    expect((await modern.client.listTools()).tools.map(({ name }) => name)).toEqual(['up__a']);
    await legacy.close();
    await modern.close();
    expect(deployed.gatewayDoor.refused).toEqual([]);
  });

  it('keeps house within the grants of its role, and needs each of them', async () => {
    upstream.lists = { tools: tools('a', 'b') };
    const expired = clientSession({ expiresAt: Date.now() - 1000 });
    await deployed.stores.clientSessions.create(expired);
    expect(await deployed.keepHouse()).toMatchObject({
      refreshed: [{ upstream: 'up', failed: 0 }],
      swept: { clientSessions: 1 },
    });
    expect(deployed.housekeeperDoor.refused).toEqual([]);
    expect([...deployed.housekeeperDoor.used].toSorted()).toEqual([
      'dynamodb:BatchGetItem',
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:Query on expiry',
      'dynamodb:UpdateItem',
    ]);
  });

  it('cannot keep house with the role of the gateway', async () => {
    await expect(deployed.keepHouse(deployed.gatewayDoor)).rejects.toThrow(/AccessDeniedException/);
    expect(deployed.gatewayDoor.refused.splice(0)).toContain('dynamodb:Query on expiry');
  });

  it('has no code in the gateway that would ask the index, which only housekeeping may', () => {
    expect([asksIndex('Housekeeper'), asksIndex('Gateway')]).toEqual([true, false]);
  });
});
