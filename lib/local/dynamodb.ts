import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';

/** The table's name, here and in any other DynamoDB that stands in for the embedded one. */
export const TABLE_NAME = 'sluice';

export interface LocalDynamoDb {
  /** Of the embedded one it holds an unguessable path: whoever knows it can read and write the state. */
  readonly endpoint: string;
  /** Ends it, once what was written to a folder is safe there. */
  close(): Promise<void>;
}

/** Given to the worker when it is started. */
export interface DynamoDbData {
  /** The folder, which exists, where the database is kept; in memory when left out. */
  readonly directory: string | undefined;
  readonly tableName: string;
}

export type DynamoDbMessage =
  /** It serves, and the table exists. */
  { readonly kind: 'serving'; readonly endpoint: string } | { readonly kind: 'failed'; readonly reason: string };

/** Where state is to be kept cannot be used; the message says why: what the user can mend. */
export class StateError extends Error {}

/** Starts an embedded DynamoDB with an empty table, or with what a folder holds. */
export async function startDynamoDb(directory?: string): Promise<LocalDynamoDb> {
  if (directory !== undefined) await prepareFolder(directory);
  const worker = new Worker(new URL('dynamodb-worker.ts', import.meta.url), {
    name: 'dynamodb',
    workerData: { directory, tableName: TABLE_NAME } satisfies DynamoDbData,
    execArgv: [],
  });
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
  });
  const message = await firstMessage(worker, exited);
  if (message.kind === 'failed') {
    await worker.terminate();
    throw unusable(directory, message.reason);
  }
  return {
    endpoint: message.endpoint,
    close: () => {
      worker.postMessage('close');
      return exited;
    },
  };
}

async function prepareFolder(directory: string): Promise<void> {
  try {
    await createFolder(resolve(directory));
  } catch (cause) {
    throw unusable(directory, (cause as NodeJS.ErrnoException).message, { cause });
  }
}

/**
 * With all folders above it that are missing, one at a time: Node's recursive `mkdir` never returns, and keeps the
 * process from ending, in a file system that answers ENOENT below a folder that exists, as `/proc` does. What it makes
 * is its owner's alone: state holds the ids of sessions at upstreams.
 */
async function createFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await createFolder(dirname(path));
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else may just have made it.
    if (!(await isFolder(path))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function unusable(directory: string | undefined, reason: string, options?: ErrorOptions): StateError {
  const mend = 'Choose another folder with --state, or leave it out to keep state in memory.';
  return new StateError(`The state folder ${directory} cannot be used: ${reason}. ${mend}`, options);
}

function firstMessage(worker: Worker, exited: Promise<void>): Promise<DynamoDbMessage> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    void exited.then(() => reject(new Error('The embedded DynamoDB ended before it could be used')));
  });
}

/**
 * Uses a DynamoDB that runs already. One in plain `http:` is an emulator, which has the table only if somebody creates
 * it; elsewhere a deployment has.
 */
export async function useDynamoDb(endpoint: string): Promise<LocalDynamoDb> {
  if (!/^https?:\/\/[^/]/.test(endpoint)) throw new StateError(`${endpoint} is no address of a DynamoDB`);
  if (endpoint.startsWith('http:')) await createTableAt(endpoint);
  return { endpoint, close: async () => undefined };
}

async function createTableAt(endpoint: string): Promise<void> {
  const { createTable } = await import('../adapters/dynamodb/create-table.ts');
  try {
    await createTable({ endpoint, tableName: TABLE_NAME });
  } catch (cause) {
    const { name, code } = cause as NodeJS.ErrnoException;
    throw new StateError(`DynamoDB at ${endpoint} cannot be used: ${code ?? name}`, { cause });
  }
}
