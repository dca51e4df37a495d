import { createRequestStateCodec, InMemoryServerEventBus, McpServer } from '@modelcontextprotocol/server';
import { randomBytes } from 'node:crypto';
import type { Era } from '../../lib/protocol/era.ts';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import { registerContentTools } from './upstream-content-tools.ts';
import { registerPrompts } from './upstream-prompts.ts';
import { registerQuestionTools } from './upstream-question-tools.ts';
import { announceChanges, registerResources, serveSubscriptions } from './upstream-resources.ts';

export interface ConformanceUpstream {
  /** Ends in `/mcp`. */
  readonly url: string;
  close(): Promise<void>;
}

const LISTS = { ttlMs: 60_000, cacheScope: 'public' } as const;

/**
 * A server that offers everything the official suite's scenarios call, by the names they call it. Its modern form asks
 * the client through `input_required`, its legacy form holds sessions and asks through requests of its own; both are
 * the same handlers, which the SDK carries into either era.
 */
export async function startConformanceUpstream({ form }: { form: Era }): Promise<ConformanceUpstream> {
  const bus = new InMemoryServerEventBus();
  const state = createRequestStateCodec({ key: randomBytes(32) });

  const createMcpServer = (): McpServer => {
    const server = new McpServer(
      { name: `conformance-${form}`, version: '1.0.0' },
      {
        capabilities: { logging: {}, resources: { subscribe: true } },
        cacheHints: {
          'server/discover': LISTS,
          'tools/list': LISTS,
          'prompts/list': LISTS,
          'resources/list': LISTS,
          'resources/templates/list': LISTS,
        },
        requestState: { verify: state.verify },
      },
    );
    registerContentTools(server, bus);
    registerQuestionTools(server, state);
    registerResources(server);
    registerPrompts(server);
    if (form === 'legacy') {
      serveSubscriptions(server);
      announceChanges(server, bus);
    }
    return server;
  };

  return await serveUpstream(createMcpServer, { bus, eras: [form] });
}
