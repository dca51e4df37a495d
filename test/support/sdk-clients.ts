/**
 * The official SDK's clients as independent peers: SDK v2 in either era and SDK v1, each connected and ready. Closing a
 * connection ends its session on the server, too.
 */
import type { ClientCapabilities } from '@modelcontextprotocol/client';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportHttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Era, LegacyVersion } from '../../lib/protocol/era.ts';
import { LATEST_MODERN } from '../../lib/protocol/era.ts';

export interface ConnectOptions<C> {
  readonly capabilities?: ClientCapabilities;
  /** Called before connecting: the place to register handlers. */
  readonly prepare?: (client: C) => void;
  readonly fetch?: typeof fetch;
  readonly headers?: Readonly<Record<string, string>>;
  /** The only legacy revision the client accepts; any when left out. */
  readonly legacyVersion?: LegacyVersion;
}

export interface Connection<C, T> {
  readonly client: C;
  readonly transport: T;
  close(): Promise<void>;
}

const INFO = { name: 'test-client', version: '1.0.0' };

export async function connectV2(
  url: string,
  era: Era,
  options: ConnectOptions<Client> = {},
): Promise<Connection<Client, StreamableHTTPClientTransport>> {
  const client = new Client(INFO, {
    capabilities: options.capabilities ?? {},
    versionNegotiation: { mode: era === 'legacy' ? 'legacy' : { pin: LATEST_MODERN } },
    ...(options.legacyVersion === undefined ? {} : { supportedProtocolVersions: [options.legacyVersion] }),
  });
  options.prepare?.(client);
  const transport = new StreamableHTTPClientTransport(new URL(url), transportOptions(options));
  await client.connect(transport);
  const close = async (): Promise<void> => {
    if (transport.sessionId !== undefined) await transport.terminateSession();
    await client.close();
  };
  return { client, transport, close };
}

export async function connectV1(
  url: string,
  options: Omit<ConnectOptions<ClientV1>, 'legacyVersion'> = {},
): Promise<Connection<ClientV1, TransportHttpV1>> {
  const client = new ClientV1(INFO, { capabilities: options.capabilities ?? {} });
  options.prepare?.(client);
  const transport = new TransportHttpV1(new URL(url), transportOptions(options));
  await client.connect(transport);
  const close = async (): Promise<void> => {
    if (transport.sessionId !== undefined) await transport.terminateSession();
    await client.close();
  };
  return { client, transport, close };
}

function transportOptions({ fetch, headers }: ConnectOptions<never>): {
  fetch?: typeof globalThis.fetch;
  requestInit?: RequestInit;
} {
  return {
    ...(fetch === undefined ? {} : { fetch }),
    ...(headers === undefined ? {} : { requestInit: { headers } }),
  };
}
