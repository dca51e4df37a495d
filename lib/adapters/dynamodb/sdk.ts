/**
 * All of the AWS SDK that runs. Imported by `client.ts` when it is first needed, and by name rather than as a whole, so
 * that a bundler keeps what is used and puts it in a chunk of its own.
 */
import {
  BatchGetItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

import { createSockets } from './sockets.ts';
import { DEFAULT_LIMITS, type DynamoClient, type DynamoClientOptions } from './client.ts';

export function connect(options: DynamoClientOptions): DynamoClient {
  const limits = options.limits ?? DEFAULT_LIMITS;
  const sockets = createSockets(isEmulator(options.endpoint) ? 'http' : 'https');
  const client = new DynamoDBClient({
    ...clientAddress(options),
    maxAttempts: limits.attempts,
    retryMode: 'standard',
    requestHandler: {
      [isEmulator(options.endpoint) ? 'httpAgent' : 'httpsAgent']: sockets.agent,
      connectionTimeout: limits.connectMs,
      socketTimeout: limits.silenceMs,
    },
  });
  const limited = () => {
    sockets.dropStale(Date.now());
    return { abortSignal: AbortSignal.timeout(limits.totalMs) };
  };
  return {
    getItem: (input) => client.send(new GetItemCommand(input), limited()),
    batchGetItem: (input) => client.send(new BatchGetItemCommand(input), limited()),
    query: (input) => client.send(new QueryCommand(input), limited()),
    putItem: (input) => client.send(new PutItemCommand(input), limited()),
    updateItem: (input) => client.send(new UpdateItemCommand(input), limited()),
    deleteItem: (input) => client.send(new DeleteItemCommand(input), limited()),
  };
}

/** Where to connect and as whom. What is left out is found by the SDK. */
export function clientAddress({ endpoint, region }: DynamoClientOptions): DynamoDBClientConfig {
  const chosenRegion = region ?? process.env['AWS_REGION'] ?? (isEmulator(endpoint) ? 'us-east-1' : undefined);
  const madeUpCredentials = isEmulator(endpoint) && process.env['AWS_ACCESS_KEY_ID'] === undefined;
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(chosenRegion !== undefined && { region: chosenRegion }),
    ...(madeUpCredentials && { credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' } }),
  };
}

function isEmulator(endpoint: string | undefined): boolean {
  return endpoint !== undefined && new URL(endpoint).protocol === 'http:';
}
