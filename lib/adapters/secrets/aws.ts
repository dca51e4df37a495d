import type { GetParameterCommandOutput } from '@aws-sdk/client-ssm';
import { SecretError, type ReadSecret, type StoredSecret } from './secret.ts';

/** All attempts together, in milliseconds: a call waits for this once in five minutes. */
const TOTAL_MS = 5000;
const LIMITS = { maxAttempts: 3, requestHandler: { connectionTimeout: 1000, socketTimeout: 2000 } };

/**
 * From AWS Secrets Manager and from parameters of AWS Systems Manager, each with the client that it needs, loaded when it
 * is first used.
 */
export function createAwsSecrets(): ReadSecret {
  const clients: Partial<Record<StoredSecret['store'], Promise<ReadByName>>> = {};
  return async ({ secret, store }, signal) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TOTAL_MS)]);
    const load = store === 'ssm' ? connectParameters : connectSecrets;
    try {
      const read = await (clients[store] ??= load());
      const value = await read(secret, limited);
      if (value !== undefined) return value;
    } catch (error) {
      // The name says what is wrong; the message of an exception of AWS has roles and accounts in it.
      throw new SecretError(error instanceof Error ? error.name : 'unknown', { cause: error });
    }
    throw new SecretError('it has no text');
  };
}

type ReadByName = (name: string, abortSignal: AbortSignal) => Promise<string | undefined>;

async function connectSecrets(): Promise<ReadByName> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient(LIMITS);
  return async (SecretId, abortSignal) =>
    (await client.send(new GetSecretValueCommand({ SecretId }), { abortSignal })).SecretString;
}

async function connectParameters(): Promise<ReadByName> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const client = new SSMClient(LIMITS);
  return async (Name, abortSignal) => {
    const output: GetParameterCommandOutput = await client.send(
      new GetParameterCommand({ Name, WithDecryption: true }),
      { abortSignal },
    );
    return output.Parameter?.Value;
  };
}
