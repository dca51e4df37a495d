import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { build } from 'esbuild';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { createDynamoClient } from '../../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../../lib/adapters/dynamodb/create-table.ts';
import { clientAddress } from '../../../lib/adapters/dynamodb/sdk.ts';
import { createSockets } from '../../../lib/adapters/dynamodb/sockets.ts';
import { createTableInput } from '../../../lib/adapters/dynamodb/table.ts';
import { startDynalite } from '../../support/dynalite.ts';

describe('the client', () => {
  test('is one for the whole environment', async () => {
    const client = createDynamoClient({ endpoint: 'http://127.0.0.1:1' });
    expect(await client()).toBe(await client());
  });

  test('is not loaded before it is needed, and without what is never sent', async () => {
    const { metafile } = await build({
      entryPoints: { entry: 'lib/adapters/dynamodb/stores.ts', client: 'lib/adapters/dynamodb/client.ts' },
      bundle: true,
      splitting: true,
      treeShaking: true,
      format: 'esm',
      platform: 'node',
      mainFields: ['module', 'main'],
      outdir: 'unused',
      write: false,
      metafile: true,
    });
    const outputs = Object.entries(metafile.outputs);
    const eager = outputs
      .filter(([path]) => /\/(entry|client)\.js$/.test(path))
      .flatMap(([path, output]) => [
        path,
        ...output.imports.filter((i) => i.kind !== 'dynamic-import').map((i) => i.path),
      ])
      .flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {}));
    expect(eager).toContain('lib/adapters/dynamodb/stores.ts');
    expect(eager.filter((input) => input.includes('node_modules'))).toEqual([]);
    const bundled = outputs.flatMap(([, output]) => Object.keys(output.inputs));
    expect(bundled).toContain('lib/adapters/dynamodb/sdk.ts');
    expect(bundled.filter((input) => input.includes('CreateTableCommand'))).toEqual([]);
  });
});

describe('the address', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const withoutEnvironment = () => {
    for (const name of ['AWS_REGION', 'AWS_ACCESS_KEY_ID']) vi.stubEnv(name, undefined);
  };

  test('of the region in use is left to the SDK, credentials included', () => {
    withoutEnvironment();
    expect(clientAddress({})).toEqual({});
    expect(clientAddress({ region: 'eu-north-1' })).toEqual({ region: 'eu-north-1' });
  });

  test('of an emulator comes with a region and with credentials where there are none', () => {
    withoutEnvironment();
    expect(clientAddress({ endpoint: 'http://127.0.0.1:1' })).toEqual({
      endpoint: 'http://127.0.0.1:1',
      region: 'us-east-1',
      credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' },
    });
  });

  test('of an emulator leaves credentials and region of the process alone', () => {
    vi.stubEnv('AWS_REGION', 'eu-north-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'somebody');
    expect(clientAddress({ endpoint: 'http://127.0.0.1:1' })).toEqual({
      endpoint: 'http://127.0.0.1:1',
      region: 'eu-north-1',
    });
  });

  test('of an endpoint over TLS never comes with made-up credentials', () => {
    withoutEnvironment();
    expect(clientAddress({ endpoint: 'https://example.com', region: 'eu-north-1' })).toEqual({
      endpoint: 'https://example.com',
      region: 'eu-north-1',
    });
  });
});

describe('kept-alive connections', () => {
  test('are used again within four seconds of wall clock and closed after', async () => {
    let connections = 0;
    const server = createServer((_, response) => void response.end('answer'));
    server.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const sockets = createSockets('http');
    const ask = async () => {
      const request = get({ port, host: '127.0.0.1', agent: sockets.agent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const { socket } = request;
      response.resume();
      await once(sockets.agent, 'free');
      return socket!;
    };

    const first = await ask();
    sockets.dropStale(Date.now() + 2000);
    expect(await ask()).toBe(first);
    sockets.dropStale(Date.now() + 6000);
    expect(first.destroyed).toBe(true);
    await ask();
    expect(connections).toBe(2);
    // An hour back: how long the connection has been idle cannot be told.
    sockets.dropStale(Date.now() - 3_600_000);
    await ask();
    expect(connections).toBe(3);

    sockets.agent.destroy();
    await new Promise((resolve) => void server.close(resolve));
  });
});

describe('the table', () => {
  test('is created once, whoever asks', async () => {
    const dynalite = await startDynalite();
    const table = { endpoint: dynalite.endpoint, tableName: 'sluice-table' };
    await Promise.all([createTable(table), createTable(table)]);
    await expect(createTable(table)).resolves.toBeUndefined();
    await dynalite.close();
  });

  test('of an earlier layout is not taken for one of this', async () => {
    const dynalite = await startDynalite();
    const { endpoint } = dynalite;
    const { GlobalSecondaryIndexes: _, AttributeDefinitions, ...input } = createTableInput('sluice-table');
    const database = new DynamoDBClient(clientAddress({ endpoint }));
    const keys = AttributeDefinitions!.filter(({ AttributeName }) => ['pk', 'sk'].includes(AttributeName!));
    await database.send(new CreateTableCommand({ ...input, AttributeDefinitions: keys }));
    await expect(createTable({ endpoint, tableName: 'sluice-table' })).rejects.toMatchObject({
      code: 'TABLE_OF_EARLIER_LAYOUT',
    });
    database.destroy();
    await dynalite.close();
  });
});
