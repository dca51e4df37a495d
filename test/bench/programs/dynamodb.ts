/** DynamoDB in JavaScript, in memory, with the gateway's tables; counts the requests that reach it, or what they cost. */
import type { IncomingMessage, Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import dynalite from 'dynalite';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { BREAKER_LOOK } from '../cost.ts';
import { countCapacity } from './capacity.ts';
import { runProgram } from './program.ts';

interface Data {
  readonly tableNames: readonly string[];
  /** Whether to count what requests consume instead of the requests. */
  readonly billed?: boolean;
}

await runProgram(async (data) => {
  const { tableNames, billed = false } = data as Data;
  const server: Server = dynalite({ createTableMs: 0 });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const tableName of tableNames) await createTable({ endpoint, region: 'us-east-1', tableName });
  if (billed) return { origin: endpoint, ...countCapacity(server) };
  const counts: Record<string, number> = {};
  server.on('request', (request: IncomingMessage) => {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const count = (what: string): void => {
      counts[what] = (counts[what] ?? 0) + 1;
    };
    if (operation !== 'GetItem') return count(operation);
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => count(body.includes('"sk":{"S":"breaker"}') ? BREAKER_LOOK : operation));
  });
  return { origin: endpoint, counts };
});
