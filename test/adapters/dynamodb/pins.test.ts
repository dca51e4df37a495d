/** Pins that are replaced exactly while their parts are read. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createDynamoClient, type DynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { createDynamoStores } from '../../../lib/adapters/dynamodb/stores.ts';
import type { PinStore } from '../../../lib/ports/pins.ts';
import { freshKey, pinRecord, randomJson } from '../../contract/samples.ts';
import { type RunningDynalite, startDynalite } from '../../support/dynalite.ts';

const tableName = 'sluice-pins';

let dynalite: RunningDynalite;
let connect: () => Promise<DynamoClient>;

beforeAll(async () => {
  dynalite = await startDynalite();
  await createTable({ endpoint: dynalite.endpoint, tableName });
  connect = createDynamoClient({ endpoint: dynalite.endpoint });
});
afterAll(() => dynalite.close());

const pinsOver = (client: () => Promise<DynamoClient>): PinStore =>
  createDynamoStores({ client, tableName })({ requests: 0 }).pins;

/** Pins of which `meanwhile` happens between reading the record and reading its other parts. */
function interrupted(meanwhile: () => Promise<unknown>): PinStore {
  return pinsOver(async () => {
    const dynamo = await connect();
    const batchGetItem: DynamoClient['batchGetItem'] = async (input) => {
      await meanwhile();
      return dynamo.batchGetItem(input);
    };
    return { ...dynamo, batchGetItem };
  });
}

test('a record that is replaced while it is read is read anew', async () => {
  const upstream = freshKey();
  const [first, second] = [pinRecord({ text: randomJson(500_000) }), pinRecord({ text: randomJson(500_000) })];
  await pinsOver(connect).write(upstream, first, undefined);
  let replaced = 0;
  const pins = interrupted(async () => {
    if (await pinsOver(connect).write(upstream, second, first.version)) replaced += 1;
  });
  const found = await pins.read(upstream);
  expect(found?.version).toBe(second.version);
  expect(found?.text === second.text).toBe(true);
  expect(replaced).toBeGreaterThan(0);
});

test('a record that is replaced whenever it is read is given up', async () => {
  const upstream = freshKey();
  let inPlace = pinRecord({ text: randomJson(500_000) });
  await pinsOver(connect).write(upstream, inPlace, undefined);
  const pins = interrupted(async () => {
    const next = pinRecord({ text: inPlace.text });
    await pinsOver(connect).write(upstream, next, inPlace.version);
    inPlace = next;
  });
  await expect(pins.read(upstream)).rejects.toMatchObject({ name: 'StoreError', operation: 'pins.read' });
});
