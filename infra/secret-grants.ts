import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import type { SecretReference } from '../lib/config/secrets.ts';
import type { LoggedFunction } from './logged-function.ts';

/** To read each secret that the configuration refers to, and no other. */
export function allowSecrets(grantee: LoggedFunction, references: readonly SecretReference[]): void {
  for (const reference of references) allowSecret(grantee, reference);
}

function allowSecret(grantee: LoggedFunction, { store, name }: SecretReference): void {
  const stack = Stack.of(grantee);
  switch (store) {
    case 'secretsmanager':
      // Its ARN ends with six characters that Secrets Manager chooses.
      return grantee.allow(
        ['secretsmanager:GetSecretValue'],
        stack.formatArn({
          service: 'secretsmanager',
          resource: 'secret',
          resourceName: `${name}-??????`,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      );
    case 'ssm':
      return grantee.allow(
        ['ssm:GetParameter'],
        stack.formatArn({ service: 'ssm', resource: 'parameter', resourceName: name.replace(/^\//, '') }),
      );
  }
}
