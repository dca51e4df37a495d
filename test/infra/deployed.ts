/**
 * What was synthesized, run as its template says: the built functions with their handlers, variables and timeouts, over a
 * table of the template's layout, behind the grants of their roles.
 */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CreateTableCommand, DynamoDBClient, type CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { Template } from 'aws-cdk-lib/assertions';
import { openApp } from '../../infra/app.ts';
import { withFunctionCode } from '../../infra/code.ts';
import { SluiceStack } from '../../infra/stack.ts';
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { clientAddress } from '../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { VARIABLES } from '../../lib/adapters/lambda/names.ts';
import type { GatewayConfig } from '../../lib/config/schema.ts';
import { startEmulator } from '../../lib/local/emulator/emulator.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import { startDynalite } from '../support/dynalite.ts';
import { grantsOf } from './grants.ts';
import { resourceOf, type Properties } from './kit.ts';
import { openPolicyDoor, type PolicyDoor } from './policy-door.ts';

export interface Deployed {
  readonly url: string;
  /** Before the table, for the gateway. */
  readonly gatewayDoor: PolicyDoor;
  /** Before the table, for housekeeping. */
  readonly housekeeperDoor: PolicyDoor;
  /** Before no door. */
  readonly stores: Stores;
  /** What housekeeping returns; by default through its own door. Rejects when the handler does. */
  keepHouse(door?: PolicyDoor): Promise<unknown>;
  /** The folder that is deployed for a function. */
  codeOf(role: Role): string;
  close(): Promise<void>;
}

type Role = 'Gateway' | 'Housekeeper';

const TABLE = 'deployed';

/** Calls the handler as the platform does, and prints what it returns. */
const INVOKE = `
  const handler = (await import(process.argv[1]))[process.argv[2]];
  const context = { awsRequestId: 'scheduled', getRemainingTimeInMillis: () => 60_000 };
  console.log(JSON.stringify(await handler({}, context)));
`;

/** `folder` is for the cloud assembly. */
export async function deploy(config: GatewayConfig, folder: string): Promise<Deployed> {
  const app = openApp({ outdir: folder });
  const stack = await withFunctionCode(config, (code) => new SluiceStack(app, 'Sluice', { config, code }));
  const template = Template.fromStack(stack);
  const functionOf = (role: Role): DeployedFunction => readFunction(template, role, folder);

  const database = await startDynalite();
  await createTable(resourceOf(template, 'AWS::DynamoDB::Table'), database.endpoint);
  const gatewayDoor = await openPolicyDoor(database.endpoint, grantsOf(template, 'Gateway'));
  const housekeeperDoor = await openPolicyDoor(database.endpoint, grantsOf(template, 'Housekeeper'));

  const gateway = functionOf('Gateway');
  const emulator = await startEmulator({
    handlerFile: gateway.file,
    handlerExport: gateway.handler,
    variables: { ...gateway.variables, [VARIABLES.dynamodbEndpoint]: gatewayDoor.endpoint, [VARIABLES.log]: 'errors' },
    timeoutMs: gateway.timeoutMs,
    limit: 3,
    affinity: false,
    isSigned: resourceOf(template, 'AWS::Lambda::Url')['AuthType'] === 'AWS_IAM',
    report: (line) => process.stderr.write(`${line}\n`),
  });
  const server = createServer((request, response) => emulator.handle(request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    gatewayDoor,
    housekeeperDoor,
    stores: createDynamoStores({
      client: createDynamoClient({ endpoint: database.endpoint }),
      tableName: TABLE,
    })({ requests: 0 }),
    keepHouse: async (door = housekeeperDoor) => {
      const { file, handler, variables, timeoutMs } = functionOf('Housekeeper');
      const args = ['--input-type=module', '-e', INVOKE, pathToFileURL(file).href, handler];
      const env = { ...process.env, ...variables, [VARIABLES.dynamodbEndpoint]: door.endpoint };
      const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: timeoutMs });
      return JSON.parse(stdout.trim().split('\n').at(-1)!) as unknown;
    },
    codeOf: (role) => functionOf(role).folder,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await emulator.close();
      await Promise.all([gatewayDoor.close(), housekeeperDoor.close()]);
      await database.close();
    },
  };
}

interface DeployedFunction {
  readonly folder: string;
  readonly file: string;
  /** Name of the export. */
  readonly handler: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

function readFunction(template: Template, role: Role, assembly: string): DeployedFunction {
  const { Code, Handler, Environment, Timeout } = resourceOf(template, 'AWS::Lambda::Function', role);
  const [module, handler] = String(Handler).split('.') as [string, string];
  const folder = join(assembly, `asset.${String((Code as Properties)['S3Key']).replace(/\.zip$/, '')}`);
  const variables = Object.entries((Environment as { readonly Variables: Properties }).Variables);
  return {
    folder,
    file: join(folder, `${module}.mjs`),
    handler,
    // The only reference among them is that to the table.
    variables: Object.fromEntries(variables.map(([name, value]) => [name, typeof value === 'string' ? value : TABLE])),
    timeoutMs: Number(Timeout) * 1000,
  };
}

/** What is not a matter of the layout is unknown to dynalite. */
async function createTable(properties: Properties, endpoint: string): Promise<void> {
  const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode } = properties;
  const input = { TableName: TABLE, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode };
  const client = new DynamoDBClient(clientAddress({ endpoint }));
  await client.send(new CreateTableCommand(input as CreateTableCommandInput));
  client.destroy();
}
