import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { GatewayConfig, SecretReference } from '../lib/config/schema.ts';
import { secretReferences } from '../lib/config/secrets.ts';
import type { LoggedFunction } from './logged-function.ts';

/** To read each secret that the configuration refers to, and no other. */
export function allowSecrets(grantee: LoggedFunction, config: GatewayConfig): void {
  const references = secretReferences(config).map(({ reference }) => reference);
  const stored = new Map(references.map((reference) => [`${reference.store} ${reference.secret}`, reference]));
  for (const reference of stored.values()) allowSecret(grantee, reference);
}

function allowSecret(grantee: LoggedFunction, { store, secret }: SecretReference): void {
  const stack = Stack.of(grantee);
  switch (store) {
    case 'secretsmanager': {
      // The ARN ends with six characters that Secrets Manager chooses.
      const place = { service: 'secretsmanager', resource: 'secret', resourceName: `${secret}-??????` };
      const arn = stack.formatArn({ ...place, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
      return grantee.allow(['secretsmanager:GetSecretValue'], arn);
    }
    case 'ssm': {
      const place = { service: 'ssm', resource: 'parameter', resourceName: secret.replace(/^\//, '') };
      return grantee.allow(['ssm:GetParameter'], stack.formatArn(place));
    }
  }
}
