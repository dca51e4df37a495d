import type {
  BatchGetItemCommandInput,
  BatchGetItemCommandOutput,
  DeleteItemCommandInput,
  DeleteItemCommandOutput,
  GetItemCommandInput,
  GetItemCommandOutput,
  PutItemCommandInput,
  PutItemCommandOutput,
  QueryCommandInput,
  QueryCommandOutput,
  UpdateItemCommandInput,
  UpdateItemCommandOutput,
} from '@aws-sdk/client-dynamodb';

/** The requests that the stores send. Each rejects with the SDK's exceptions. */
export interface DynamoClient {
  getItem(input: GetItemCommandInput): Promise<GetItemCommandOutput>;
  batchGetItem(input: BatchGetItemCommandInput): Promise<BatchGetItemCommandOutput>;
  query(input: QueryCommandInput): Promise<QueryCommandOutput>;
  putItem(input: PutItemCommandInput): Promise<PutItemCommandOutput>;
  updateItem(input: UpdateItemCommandInput): Promise<UpdateItemCommandOutput>;
  deleteItem(input: DeleteItemCommandInput): Promise<DeleteItemCommandOutput>;
}

/** Limits in milliseconds. Together they make sure that a store answers or fails, but never hangs. */
export interface DynamoLimits {
  /** TCP and TLS of one attempt. */
  readonly connectMs: number;
  /** How long nothing may come, once connected, before an attempt is given up. */
  readonly silenceMs: number;
  /** All attempts together, with the pauses between them. */
  readonly totalMs: number;
  /** How often a request is sent at most, when DynamoDB throttles it or it fails on the way. */
  readonly attempts: number;
}

export const DEFAULT_LIMITS: DynamoLimits = { connectMs: 1000, silenceMs: 2000, totalMs: 5000, attempts: 3 };

export interface DynamoClientOptions {
  /**
   * Another place than the region's own DynamoDB. One in plain `http:` is an emulator, which wants credentials and a
   * region without looking at them, so it is given made-up ones where the process environment has none.
   */
  readonly endpoint?: string | undefined;
  /** By default the SDK finds it, as the Lambda runtime sets it. */
  readonly region?: string | undefined;
  readonly limits?: DynamoLimits | undefined;
}

/**
 * A function that gives the environment's one client. The SDK, 50 ms of a cold start, is loaded when it is first
 * called and not before.
 */
export function createDynamoClient(options: DynamoClientOptions = {}): () => Promise<DynamoClient> {
  let client: Promise<DynamoClient> | undefined;
  const load = async () => (await import('./sdk.ts')).connect(options);
  return () => {
    client ??= load().catch((cause: unknown) => {
      client = undefined;
      throw cause;
    });
    return client;
  };
}
