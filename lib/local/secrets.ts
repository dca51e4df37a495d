import { secretId, type GivenSecrets } from '../adapters/secrets/given.ts';
import { secretReferences, secretVariable } from '../config/secrets.ts';
import type { GatewayConfig } from '../config/schema.ts';
import { ConfigurationError } from './configuration.ts';

/** The secrets of a configuration whose environment variables are set. */
export function secretsOfVariables(config: GatewayConfig, variables: NodeJS.ProcessEnv): GivenSecrets {
  return Object.fromEntries(
    secretReferences(config).flatMap(({ reference }) => {
      const value = variables[secretVariable(reference)];
      return value ? [[secretId(reference), value]] : [];
    }),
  );
}

/** As `secretsOfVariables`, where all must be there. Throws `ConfigurationError`. */
export function requireSecrets(config: GatewayConfig, variables: NodeJS.ProcessEnv): GivenSecrets {
  const given = secretsOfVariables(config, variables);
  const missing = secretReferences(config).filter(({ reference }) => !(secretId(reference) in given));
  if (missing.length === 0) return given;
  const names = [...new Set(missing.map(({ reference }) => secretVariable(reference)))];
  throw new ConfigurationError(
    `Secrets come from environment variables here, and these are not set: ${names.join(', ')}`,
  );
}
