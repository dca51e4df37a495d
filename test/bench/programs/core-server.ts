import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createNodeServer } from '../../../lib/adapters/node/server.ts';
import type { GatewayConfig } from '../../../lib/config/schema.ts';
import type { Gateway } from '../../../lib/gateway.ts';

/** Serves behind a plain Node server on a free port of 127.0.0.1, and returns its origin. */
export async function serveCore(gateway: Gateway, { limits }: GatewayConfig): Promise<string> {
  const server = createNodeServer(gateway, {
    allowedHosts: ['127.0.0.1'],
    requestBytes: limits.requestBytes,
    onError: (error) => console.error(error),
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
