/** The whole deployment: a function behind a URL, the table, a function that keeps house every minute, and what watches them. */
import { Stack, Tags } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { functionTimeoutMs } from '../lib/config/load.ts';
import type { GatewayConfig } from '../lib/config/schema.ts';
import type { FunctionCode } from './code.ts';
import { Endpoint } from './endpoint.ts';
import { EveryMinute } from './every-minute.ts';
import { GatewayFunction } from './gateway-function.ts';
import { Monitoring } from './monitoring.ts';
import { addOutputs } from './outputs.ts';
import { addSavedQueries } from './saved-queries.ts';
import { StateTable } from './state-table.ts';
import { allowExpiryIndex } from './table-grants.ts';
import { Traces } from './traces.ts';

export interface SluiceStackProps {
  /** Resolved, and found fit to be deployed. */
  readonly config: GatewayConfig;
  readonly code: FunctionCode;
}

/** The CDK also writes dependencies down that follow from the template. */
const LINTING = { 'cfn-lint': { config: { ignore_checks: ['W3005'] } } };

/** By then the next one begins. */
const HOUSEKEEPING_SECONDS = 60;

/** For no account and no region in particular. */
export class SluiceStack extends Stack {
  constructor(scope: Construct, name: string, { config, code }: SluiceStackProps) {
    super(scope, name, { description: 'Sluice, a gateway for the Model Context Protocol' });
    Tags.of(this).add('sluice:gateway', name);
    this.templateOptions.metadata = LINTING;
    const { table } = new StateTable(this, 'State');

    const timeoutSeconds = Math.ceil(functionTimeoutMs(config) / 1000);
    const gateway = new GatewayFunction(this, 'Gateway', {
      name: 'mcp',
      description: 'The gateway',
      code: code.mcp,
      config,
      table,
      timeoutSeconds,
      reservedConcurrency: config.deployment.reservedConcurrency,
    });
    const endpoint = new Endpoint(this, 'Url', gateway.function, config.auth);

    const housekeeper =
      config.refresh === 'every-minute' ? this.#addHousekeeper({ config, code: code.refresh, table }) : undefined;

    if (config.deployment.tracing !== 'off') new Traces(this, 'Tracing', gateway, config.deployment.tracing);
    if (config.deployment.monitoring) {
      const { memoryMb, alarmTopicArn } = config.deployment;
      new Monitoring(this, 'Monitoring', { gateway, housekeeper, table, timeoutSeconds, memoryMb, alarmTopicArn });
    }
    addSavedQueries(this, gateway.logGroup, housekeeper?.logGroup);
    addOutputs(this, { config, endpoint, gateway: gateway.function, table, timeoutSeconds });
  }

  #addHousekeeper({ config, code, table }: HousekeeperInput): GatewayFunction {
    const housekeeper = new GatewayFunction(this, 'Housekeeper', {
      name: 'refresh',
      description: 'Keeps lists fresh and ends expired sessions',
      code,
      config,
      table,
      timeoutSeconds: HOUSEKEEPING_SECONDS,
    });
    allowExpiryIndex(housekeeper, table);
    new EveryMinute(this, 'Schedule', housekeeper.function);
    return housekeeper;
  }
}

interface HousekeeperInput {
  readonly config: GatewayConfig;
  readonly code: string;
  readonly table: Table;
}
