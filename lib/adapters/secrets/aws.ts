import { SecretError, type ReadSecret, type StoredSecret } from './secret.ts';

/** All attempts together, finding credentials included, in milliseconds: a call waits for this once in five minutes. */
const TOTAL_MS = 5000;

/**
 * No connection is kept: minutes pass between two requests, most of them frozen, and a connection that died meanwhile
 * would cost its time limit before anybody noticed.
 */
const CLIENT = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1000, socketTimeout: 2000, httpsAgent: { keepAlive: false } },
};

/**
 * From AWS Secrets Manager and from parameters of AWS Systems Manager, each with the client that it needs, loaded when it
 * is first used.
 */
export function createAwsSecrets(): ReadSecret {
  const clients = new Map<StoredSecret['store'], Promise<ReadByName>>();

  const clientOf = (store: StoredSecret['store']): Promise<ReadByName> => {
    const known = clients.get(store);
    if (known !== undefined) return known;
    const loading = store === 'ssm' ? connectParameters() : connectSecrets();
    clients.set(store, loading);
    loading.catch(() => clients.delete(store));
    return loading;
  };

  return async ({ secret, store }, signal) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TOTAL_MS)]);
    const value = await within(limited, async () => (await clientOf(store))(secret, limited));
    if (value === undefined) throw new SecretError('it has no text', { isAnswer: true });
    return value;
  };
}

type ReadByName = (name: string, abortSignal: AbortSignal) => Promise<string | undefined>;

/** The SDK listens to a signal once it sends, and not while it looks for credentials. */
async function within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([work(), aborted.promise]);
  } catch (error) {
    throw new SecretError(reasonOf(error), { isAnswer: isAnswer(error), cause: error });
  }
}

/** The name says what is wrong; the message of an exception of AWS has roles and accounts in it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error) || error.name === 'Error') return 'the AWS SDK cannot ask for it: is there a region?';
  return error.name;
}

/** Whether the store has said no, rather than nothing. */
function isAnswer(error: unknown): boolean {
  const { $metadata, name = '' } = error as { $metadata?: { httpStatusCode?: number }; name?: string };
  const status = $metadata?.httpStatusCode ?? 0;
  return status >= 400 && status < 500 && status !== 429 && !/throttl|toomanyrequests|limitexceeded/i.test(name);
}

async function connectSecrets(): Promise<ReadByName> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient(CLIENT);
  return async (SecretId, abortSignal) =>
    (await client.send(new GetSecretValueCommand({ SecretId }), { abortSignal })).SecretString;
}

async function connectParameters(): Promise<ReadByName> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const client = new SSMClient(CLIENT);
  return async (Name, abortSignal) =>
    (await client.send(new GetParameterCommand({ Name, WithDecryption: true }), { abortSignal })).Parameter?.Value;
}
