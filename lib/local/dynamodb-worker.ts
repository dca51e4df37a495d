/** The embedded DynamoDB, in a worker thread, so that it and the main thread do not wait for each other. */
import type { Server } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import dynalite from 'dynalite';
import { createTable } from '../adapters/dynamodb/create-table.ts';
import { cryptoIds } from '../adapters/node/ids.ts';
import { addressOf, putDoorBefore } from './dynamodb-door.ts';
import type { DynamoDbData, DynamoDbMessage } from './dynamodb.ts';

const { directory, tableName } = workerData as DynamoDbData;

function tell(message: DynamoDbMessage): void {
  parentPort?.postMessage(message);
}

/**
 * Until it serves, the reason is either the file system's, with a code, or the database's: dynalite says no more than
 * that it is closed, when it could not open it.
 */
function fail(error: unknown): void {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const reason = typeof code === 'string' ? code : 'its database cannot be opened; perhaps another gateway has it open';
  tell({ kind: 'failed', reason });
}

function serve(): void {
  const server = dynalite({ createTableMs: 0, ...(directory !== undefined && { path: directory }) });
  const path = `/${cryptoIds.random()}`;
  putDoorBefore(server, path);
  server.listen(0, '127.0.0.1', () => void prepare(server, path).catch(fail));
}

async function prepare(server: Server, path: string): Promise<void> {
  const endpoint = `http://${addressOf(server)}${path}`;
  await createTable({ endpoint, region: 'us-east-1', tableName });
  process.off('uncaughtException', fail);
  parentPort?.once('message', () => {
    server.close();
    server.closeAllConnections();
  });
  tell({ kind: 'serving', endpoint });
}

process.on('uncaughtException', fail);
serve();
