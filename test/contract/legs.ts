import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';

import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../lib/adapters/dynamodb/create-table.ts';
import { clientAddress } from '../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import type { Stores, StoreTally } from '../../lib/ports/stores.ts';
import { startDynalite } from '../support/dynalite.ts';
import { startDynamodbProxy } from '../support/dynamodb-proxy.ts';
import { freshKey } from './samples.ts';

export interface StartedLeg {
  /** Stores over the same state as all others of this leg, but with connections of their own. */
  open(tally: StoreTally): Stores;
  stop(): Promise<void>;
}

export interface Leg {
  readonly name: string;
  /** Whether a write that is refused is told what is in place, as DynamoDB tells it. */
  readonly tellsRefused?: boolean;
  start(): Promise<StartedLeg>;
}

/** As many clients, each with its own connections, as environments take part in a race. */
const ENVIRONMENTS = 4;

const memoryLeg: Leg = {
  name: 'memory',
  start: async () => ({ open: createMemoryStores(), stop: async () => {} }),
};

const dynaliteLeg: Leg = {
  name: 'dynalite',
  start: async () => {
    const dynalite = await startDynalite();
    const tableName = `sluice-contract-${freshKey()}`;
    await createTable({ endpoint: dynalite.endpoint, tableName });
    return { open: openIn(dynalite.endpoint, tableName), stop: () => dynalite.close() };
  },
};

const proxiedLeg: Leg = {
  name: 'dynalite that answers refusals as DynamoDB does',
  tellsRefused: true,
  start: async () => {
    const dynalite = await startDynalite();
    const proxy = await startDynamodbProxy(dynalite.endpoint);
    const tableName = `sluice-contract-${freshKey()}`;
    await createTable({ endpoint: dynalite.endpoint, tableName });
    return {
      open: openIn(proxy.endpoint, tableName),
      stop: async () => {
        await proxy.close();
        await dynalite.close();
      },
    };
  },
};

function otherLeg(endpoint: string): Leg {
  return {
    name: endpoint,
    tellsRefused: true,
    start: async () => {
      const tableName = `sluice-contract-${freshKey()}`;
      await createTable({ endpoint, tableName });
      return {
        open: openIn(endpoint, tableName),
        stop: async () => {
          await new DynamoDBClient(clientAddress({ endpoint })).send(new DeleteTableCommand({ TableName: tableName }));
        },
      };
    },
  };
}

function openIn(endpoint: string, tableName: string): StartedLeg['open'] {
  const environments = Array.from({ length: ENVIRONMENTS }, () =>
    createDynamoStores({ client: createDynamoClient({ endpoint }), tableName }),
  );
  let turn = 0;
  return (tally) => {
    turn += 1;
    return environments[turn % ENVIRONMENTS]!(tally);
  };
}

/** What it names is tested alone; the others have their turn in `npm test`. */
const otherEndpoint = process.env['SLUICE_TEST_DYNAMODB_ENDPOINT'];

export const databaseLegs: readonly Leg[] =
  otherEndpoint === undefined ? [dynaliteLeg, proxiedLeg] : [otherLeg(otherEndpoint)];

export const legs: readonly Leg[] = otherEndpoint === undefined ? [memoryLeg, ...databaseLegs] : databaseLegs;
