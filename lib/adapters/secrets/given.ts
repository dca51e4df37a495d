/**
 * Secrets that were handed over with the environment, so that no store has to be asked: on one's own machine. Each
 * reference has a value of its own, members of JSON objects included.
 */
import type { SecretReference } from '../../ports/transport.ts';

/** By `secretId`. */
export type GivenSecrets = Readonly<Record<string, string>>;

export function secretId({ store, secret, key }: SecretReference): string {
  return JSON.stringify([store, secret, ...(key === undefined ? [] : [key])]);
}
