import { Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { VARIABLES } from '../lib/adapters/lambda/names.ts';
import type { GatewayConfig } from '../lib/config/schema.ts';
import { LoggedFunction, type LoggedFunctionProps } from './logged-function.ts';
import { allowSecrets } from './secret-grants.ts';
import { allowRecords } from './table-grants.ts';

export interface GatewayFunctionProps extends Pick<LoggedFunctionProps, 'name' | 'description' | 'code'> {
  readonly config: GatewayConfig;
  readonly table: Table;
  readonly timeoutSeconds: number;
  readonly reservedConcurrency?: number | undefined;
}

/** A function that does the gateway's work: it knows the table, and calls upstreams with their secrets. */
export class GatewayFunction extends LoggedFunction {
  constructor(scope: Construct, id: string, { config, table, ...props }: GatewayFunctionProps) {
    const { memoryMb, logRetentionDays, monitoring } = config.deployment;
    const variables = {
      [VARIABLES.table]: table.tableName,
      ...(monitoring && { [VARIABLES.service]: Stack.of(scope).stackName }),
    };
    super(scope, id, { ...props, memoryMb, logRetentionDays, variables });
    allowRecords(this, table);
    allowSecrets(this, config);
  }
}
