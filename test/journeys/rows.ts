/** The upstreams that clients travel to, and one that stands beside each of them. */
import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import {
  startStatelessUpstream,
  startStdioUpstream,
  startV1SseUpstream,
  startV2SseUpstream,
  startV2Upstream,
  type JourneyUpstream,
} from '../support/journey-upstreams.ts';
import { LEGACY, MODERN, type ClientKind } from './clients.ts';

export interface Row {
  /** Of the upstream and of the virtual server that shows it. */
  readonly name: string;
  readonly says: string;
  start(): Promise<JourneyUpstream>;
  /** What a legacy client has there: a session of its own, one for each call, or none. */
  readonly sessions: 'kept' | 'of-each-call' | 'none';
  /**
   * What a legacy client is told of a resource that does not exist: the code of its era (2025-11-25, server/resources,
   * "Error Handling"), unless a server of that era says something else; SDK v2 has the modern code in both eras.
   */
  readonly missing: -32002 | -32602;
}

export const ROWS: readonly Row[] = [
  {
    name: 'modern',
    says: 'a modern upstream',
    start: () => startV2Upstream(['modern']),
    sessions: 'none',
    missing: -32002,
  },
  {
    name: 'legacy',
    says: 'a legacy upstream with sessions',
    start: () => startV2Upstream(['legacy']),
    sessions: 'kept',
    missing: -32602,
  },
  {
    name: 'stateless',
    says: 'a legacy upstream without sessions',
    start: startStatelessUpstream,
    sessions: 'none',
    missing: -32002,
  },
  {
    name: 'both',
    says: 'an upstream of both eras',
    start: () => startV2Upstream(['modern', 'legacy']),
    sessions: 'kept',
    missing: -32602,
  },
  { name: 'sse', says: 'an HTTP+SSE upstream', start: startV1SseUpstream, sessions: 'of-each-call', missing: -32002 },
  {
    name: 'found-sse',
    says: 'an HTTP+SSE upstream found out',
    start: startV2SseUpstream,
    sessions: 'of-each-call',
    missing: -32602,
  },
  {
    name: 'stdio',
    says: 'a legacy stdio upstream',
    start: () => startStdioUpstream('v1'),
    sessions: 'kept',
    missing: -32002,
  },
  {
    name: 'stdio-both',
    says: 'a stdio upstream of both eras',
    start: () => startStdioUpstream('v2'),
    sessions: 'kept',
    missing: -32602,
  },
];

export interface Beside {
  readonly url: string;
  close(): Promise<void>;
}

/** It has everything that the others have, under other URIs, and claims nothing that is theirs. */
export async function startBeside(): Promise<Beside> {
  return await serveUpstream(() => {
    const server = new McpServer({ name: 'beside', version: '1.0.0' }, { instructions: 'Stay beside.' });
    server.registerTool('echo', { description: 'Says it back' }, () => ({
      content: [{ type: 'text', text: 'beside' }],
    }));
    server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, () => ({ messages: [] }));
    server.registerResource('one', 'beside://one', {}, ({ href }) => ({ contents: [{ uri: href, text: 'beside' }] }));
    return server;
  });
}

/** A client of the upstream's own era, the same one where it can be. */
export function directClient(client: ClientKind, { eras }: JourneyUpstream): ClientKind {
  if (eras.includes(client.era)) return client;
  return client.era === 'modern' ? LEGACY : MODERN;
}

/** A virtual server for each row, of the same name, with another upstream beside it. */
export function fileOf(upstreams: Readonly<Record<string, object>>, beside: Beside) {
  const names = Object.keys(upstreams);
  return {
    upstreams: { ...upstreams, beside: { url: beside.url } },
    servers: {
      default: { upstreams: names.slice(0, 1) },
      ...Object.fromEntries(names.map((name) => [name, { upstreams: [name, 'beside'] }])),
    },
  };
}
