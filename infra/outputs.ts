import { CfnOutput, type Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { GatewayConfig } from '../lib/config/schema.ts';
import { clientSnippet } from './client-snippet.ts';
import type { Endpoint } from './endpoint.ts';

export interface Outputs {
  readonly config: GatewayConfig;
  readonly endpoint: Endpoint;
  readonly gateway: Function;
  readonly table: Table;
  /** Timeout of the gateway's function. */
  readonly timeoutSeconds: number;
}

/** What `cdk deploy` prints in the end: where the gateway is, and how to reach it. */
export function addOutputs(stack: Stack, { config, endpoint, gateway, table, timeoutSeconds }: Outputs): void {
  const servers = Object.keys(config.servers);
  for (const [server, name] of endpointNames(servers)) {
    new CfnOutput(stack, name, { description: `Virtual server ${server}`, value: endpoint.of(server) });
  }
  const snippet = clientSnippet({
    auth: config.auth,
    url: endpoint.of(servers.includes('default') ? 'default' : servers[0]!),
    region: stack.region,
    timeoutSeconds,
  });
  new CfnOutput(stack, 'ClientSnippet', {
    description: 'For the configuration of an MCP client',
    value: stack.toJsonString(snippet),
  });
  new CfnOutput(stack, 'FunctionArn', {
    description: 'What callers are allowed to invoke',
    value: gateway.functionArn,
  });
  new CfnOutput(stack, 'TableName', { description: 'For the command sluice', value: table.tableName });
}

/** `Endpoint` for the default virtual server, `EndpointTeamA` for `team-a`; a number follows where names would meet. */
function endpointNames(servers: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const server of servers) {
    const name = server === 'default' ? 'Endpoint' : `Endpoint${pascal(server)}`;
    const taken = new Set(names.values());
    let free = name;
    for (let count = 2; taken.has(free); count += 1) free = `${name}N${count}`;
    names.set(server, free);
  }
  return names;
}

function pascal(name: string): string {
  return name.replace(/(?:^|-+)([a-z0-9]?)/g, (_, first: string) => first.toUpperCase());
}
