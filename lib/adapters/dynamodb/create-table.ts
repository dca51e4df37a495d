import {
  CreateTableCommand,
  type DescribeTableCommandOutput,
  DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';

import type { DynamoClientOptions } from './client.ts';
import { clientAddress } from './sdk.ts';
import { createTableInput, EXPIRY_INDEX } from './table.ts';

interface NewTable extends Pick<DynamoClientOptions, 'endpoint' | 'region'> {
  readonly tableName: string;
}

/** There is a table of this name, made for an earlier layout. */
class OtherTableLayout extends Error {
  override readonly name = 'OtherTableLayout';
  readonly code = 'TABLE_OF_EARLIER_LAYOUT';
}

/**
 * Creates the table unless it exists, and returns once it can be used; for emulators, where no deployment did it.
 * Rejects with the SDK's exceptions, and when the table that exists is of an earlier layout.
 */
export async function createTable({ tableName, ...address }: NewTable): Promise<void> {
  const client = new DynamoDBClient({
    ...clientAddress(address),
    requestHandler: { connectionTimeout: 3000, socketTimeout: 10_000 },
  });
  try {
    await client.send(new CreateTableCommand(createTableInput(tableName)));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  // Seconds: emulators are ready within milliseconds.
  const patience = { client, maxWaitTime: 60, minDelay: 0.02, maxDelay: 1 };
  const { reason } = await waitUntilTableExists(patience, { TableName: tableName });
  client.destroy();
  const { Table: table } = reason as DescribeTableCommandOutput;
  if (!table?.GlobalSecondaryIndexes?.some(({ IndexName }) => IndexName === EXPIRY_INDEX)) {
    throw new OtherTableLayout(`Table ${tableName} has no index ${EXPIRY_INDEX}`);
  }
}
