/** The official SDK's clients, over whatever transport a server has. Each answers what it is asked with the same name. */
import {
  Client,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { LATEST_MODERN, type Era } from '../../lib/protocol/era.ts';
import type { Address } from '../support/journey-upstreams.ts';

/** The part of the surface that SDK v1 and v2 share. */
export type Peer = Pick<
  Client,
  | 'callTool'
  | 'complete'
  | 'getInstructions'
  | 'getPrompt'
  | 'getServerCapabilities'
  | 'listPrompts'
  | 'listResources'
  | 'listResourceTemplates'
  | 'listTools'
  | 'ping'
  | 'readResource'
  | 'setLoggingLevel'
>;

export interface Traveller {
  readonly peer: Peer;
  readonly era: Era;
  /** What the server logged, in order. */
  readonly logs: unknown[];
  /** Ends its session as well. */
  close(): Promise<void>;
}

export interface ClientKind {
  readonly name: string;
  readonly era: Era;
  connect(address: Address, fetch?: typeof globalThis.fetch): Promise<Traveller>;
}

export const MODERN: ClientKind = {
  name: 'modern client (SDK v2)',
  era: 'modern',
  connect: (address, fetch) => connectV2('modern', address, fetch),
};
export const LEGACY: ClientKind = {
  name: 'legacy client (SDK v2)',
  era: 'legacy',
  connect: (address, fetch) => connectV2('legacy', address, fetch),
};
export const LEGACY_V1: ClientKind = { name: 'legacy client (SDK v1)', era: 'legacy', connect: connectV1 };

export const CLIENTS: readonly ClientKind[] = [MODERN, LEGACY, LEGACY_V1];

const INFO = { name: 'traveller', version: '1.0.0' };
const CAPABILITIES = { elicitation: { form: {} } };
const ANSWER = { action: 'accept' as const, content: { name: 'Péer' } };

async function connectV2(era: Era, address: Address, fetch?: typeof globalThis.fetch): Promise<Traveller> {
  const mode = era === 'legacy' ? ('legacy' as const) : { pin: LATEST_MODERN };
  const client = new Client(INFO, { capabilities: CAPABILITIES, versionNegotiation: { mode } });
  const logs: unknown[] = [];
  client.setNotificationHandler('notifications/message', ({ params }) => void logs.push(params));
  client.setRequestHandler('elicitation/create', () => ANSWER);
  const transport = transportV2(address, fetch);
  await client.connect(transport);
  return { peer: client, era, logs, close: () => end(client, transport) };
}

async function connectV1(address: Address, fetch?: typeof globalThis.fetch): Promise<Traveller> {
  const client = new ClientV1(INFO, { capabilities: CAPABILITIES });
  const logs: unknown[] = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params));
  client.setRequestHandler(ElicitRequestSchema, () => ANSWER);
  const transport = transportV1(address, fetch);
  await client.connect(transport);
  return { peer: likeV2(client), era: 'legacy', logs, close: () => end(client, transport) };
}

/** `callTool` of SDK v1 takes a schema between its parameters and its options; the rest is alike. */
function likeV2(client: ClientV1): Peer {
  type Call = Parameters<ClientV1['callTool']>;
  const callTool = (params: Call[0], options?: Call[2]) => client.callTool(params, undefined, options);
  return new Proxy(client as unknown as Peer, {
    get(target, name) {
      if (name === 'callTool') return callTool;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function end(client: { close(): Promise<void> }, transport: object): Promise<void> {
  if (transport instanceof StreamableHTTPClientTransport || transport instanceof HttpV1) {
    if (transport.sessionId !== undefined) await transport.terminateSession();
  }
  await client.close();
}

function transportV2(address: Address, fetch?: typeof globalThis.fetch): Transport {
  const options = fetch === undefined ? {} : { fetch };
  switch (address.kind) {
    case 'http':
      return new StreamableHTTPClientTransport(new URL(address.url), options);
    case 'sse':
      return new SSEClientTransport(new URL(address.url), options);
    case 'stdio':
      return new StdioClientTransport({ ...address, args: [...address.args] });
  }
}

function transportV1(address: Address, fetch?: typeof globalThis.fetch): HttpV1 | SseV1 | StdioV1 {
  const options = fetch === undefined ? {} : { fetch };
  switch (address.kind) {
    case 'http':
      return new HttpV1(new URL(address.url), options);
    case 'sse':
      return new SseV1(new URL(address.url), options);
    case 'stdio':
      return new StdioV1({ ...address, args: [...address.args] });
  }
}
