/** The official SDK's clients, each with the same answers to whatever a server asks. */
import type { Client } from '@modelcontextprotocol/client';
import type { ClientCapabilities, ElicitResult } from '@modelcontextprotocol/client';
import type { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { Era, LegacyVersion } from '../../lib/protocol/era.ts';
import { connectV1, connectV2 } from '../support/sdk-clients.ts';

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
  | 'sendRootsListChanged'
  | 'setLoggingLevel'
>;

export interface ConnectedPeer {
  readonly peer: Peer;
  readonly era: Era;
  /** What the server logged, in order. */
  readonly logs: unknown[];
  close(): Promise<void>;
}

export type ConnectPeer = (url: string, capabilities?: ClientCapabilities) => Promise<ConnectedPeer>;

export const MODERN_PEER = 'SDK v2, 2026-07-28';

export const LEGACY_PEERS: Readonly<Record<string, ConnectPeer>> = {
  'SDK v2, 2025-11-25': (url, capabilities) => connectTwo(url, 'legacy', capabilities, '2025-11-25'),
  'SDK v2, 2025-06-18': (url, capabilities) => connectTwo(url, 'legacy', capabilities, '2025-06-18'),
  'SDK v2, 2025-03-26': (url, capabilities) => connectTwo(url, 'legacy', capabilities, '2025-03-26'),
  'SDK v1': connectOne,
};

export const PEERS: Readonly<Record<string, ConnectPeer>> = {
  [MODERN_PEER]: (url, capabilities) => connectTwo(url, 'modern', capabilities),
  ...LEGACY_PEERS,
};

export const ANSWERS_ALL: ClientCapabilities = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
};

type CallParams = Parameters<ClientV1['callTool']>[0];
type CallOptions = Parameters<ClientV1['callTool']>[2];

async function connectTwo(
  url: string,
  era: Era,
  capabilities: ClientCapabilities = {},
  legacyVersion?: LegacyVersion,
): Promise<ConnectedPeer> {
  const logs: unknown[] = [];
  const { client, close } = await connectV2(url, era, {
    capabilities,
    ...(legacyVersion === undefined ? {} : { legacyVersion }),
    prepare(client) {
      client.setNotificationHandler('notifications/message', ({ params }) => void logs.push(params));
      if (capabilities.sampling) client.setRequestHandler('sampling/createMessage', ({ params }) => sample(params));
      if (capabilities.elicitation) client.setRequestHandler('elicitation/create', ({ params }) => elicit(params));
      if (capabilities.roots) client.setRequestHandler('roots/list', () => ROOTS);
    },
  });
  return { peer: client, era, logs, close };
}

async function connectOne(url: string, capabilities: ClientCapabilities = {}): Promise<ConnectedPeer> {
  const logs: unknown[] = [];
  const { client, close } = await connectV1(url, {
    capabilities,
    prepare(client) {
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params));
      if (capabilities.sampling) client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => sample(params));
      if (capabilities.elicitation) client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicit(params));
      if (capabilities.roots) client.setRequestHandler(ListRootsRequestSchema, () => ROOTS);
    },
  });
  const peer = client as unknown as Peer;
  const callTool = client.callTool.bind(client);
  // The one method of the shared surface that has another parameter in between.
  Object.assign(client, {
    callTool: (params: CallParams, options: CallOptions) => callTool(params, undefined, options),
  });
  return { peer, era: 'legacy', logs, close };
}

const ROOTS = { roots: [{ uri: 'file:///home/peer', name: 'Peer é' }] };

function sample({ messages, maxTokens }: { readonly messages: unknown; readonly maxTokens: number }) {
  const text = `Completed ${JSON.stringify(messages)} with ${maxTokens} tokens`;
  return { model: 'peer', role: 'assistant' as const, content: { type: 'text' as const, text }, stopReason: 'endTurn' };
}

/** A field of a form, as far as a value for it depends on it. */
interface Field {
  readonly type?: string;
  readonly format?: string;
  readonly default?: FieldValue;
  readonly minimum?: number;
  readonly enum?: readonly string[];
  readonly oneOf?: readonly { readonly const: string }[];
  readonly anyOf?: readonly { readonly const: string }[];
  readonly items?: Field;
}

type FieldValue = string | number | boolean | string[];

/** Accepts, with the default or a value of the right type for every field. */
function elicit(question: object): ElicitResult {
  if (!('requestedSchema' in question)) return { action: 'accept' };
  const { properties } = question.requestedSchema as { readonly properties: Readonly<Record<string, Field>> };
  const fields = Object.entries(properties);
  return { action: 'accept', content: Object.fromEntries(fields.map(([name, field]) => [name, valueFor(field)])) };
}

function valueFor(field: Field): FieldValue {
  if (field.default !== undefined) return field.default;
  const choice = field.enum?.[0] ?? (field.oneOf ?? field.anyOf)?.[0]?.const;
  if (choice !== undefined) return choice;
  switch (field.type) {
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return field.minimum ?? 7;
    case 'array':
      return [String(valueFor(field.items ?? {}))];
    default:
      return TEXTS[field.format ?? ''] ?? 'Péer';
  }
}

const TEXTS: Readonly<Record<string, string>> = {
  email: 'peer@example.com',
  uri: 'https://example.com/%C3%A9',
  date: '2026-01-02',
};
