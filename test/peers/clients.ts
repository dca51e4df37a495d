/** The official SDK's clients, each with the same answers to whatever a server asks. */
import type { Client } from '@modelcontextprotocol/client';
import type { ClientCapabilities, ElicitResult } from '@modelcontextprotocol/client';
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

export const ANSWERS_ALL: ClientCapabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

/** JSON as questions carry it. */
type AnyJson = any;

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
  const callTool: Peer['callTool'] = (params, options) => client.callTool(params, undefined, options) as AnyJson;
  const peer = new Proxy(client as unknown as Peer, {
    get: (target, name) => (name === 'callTool' ? callTool : (target as AnyJson)[name].bind(target)),
  });
  return { peer, era: 'legacy', logs, close };
}

const ROOTS = { roots: [{ uri: 'file:///home/peer', name: 'Peer é' }] };

function sample({ messages, maxTokens }: AnyJson) {
  const text = `Completed ${JSON.stringify(messages)} with ${maxTokens} tokens`;
  return { model: 'peer', role: 'assistant' as const, content: { type: 'text' as const, text }, stopReason: 'endTurn' };
}

/** Accepts, with the default or a value of the right type for every field. */
function elicit({ mode, requestedSchema }: AnyJson): ElicitResult {
  if (mode === 'url') return { action: 'accept' };
  const fields = Object.entries<AnyJson>(requestedSchema.properties);
  const content = Object.fromEntries(fields.map(([name, field]) => [name, field.default ?? valueFor(field)]));
  return { action: 'accept', content };
}

function valueFor(field: AnyJson): string | number | boolean | string[] {
  if (field.type === 'boolean') return true;
  if (field.type === 'integer' || field.type === 'number') return field.minimum ?? 7;
  if (field.type === 'array') return [field.items.enum?.[0] ?? field.items.anyOf[0].const];
  if (field.enum !== undefined || field.oneOf !== undefined) return field.enum?.[0] ?? field.oneOf[0].const;
  const byFormat: Readonly<Record<string, string>> = {
    email: 'peer@example.com',
    uri: 'https://example.com/é',
    date: '2026-01-02',
  };
  return byFormat[field.format] ?? 'Péer';
}
