/** A server by the official SDK v2; of both eras, or of the modern one only when that is said. */
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod/v4';
import { heard, say } from './lifeline.ts';

const text = (words: string) => ({ content: [{ type: 'text' as const, text: words }] });

let calls = 0;

function createMcpServer({ era }: { readonly era: string }): McpServer {
  const server = new McpServer({ name: 'sdk-v2', version: '1.0.0' });
  server.registerTool('count', { description: 'How many times this process was asked' }, () => text(String(++calls)));
  server.registerTool('era', { description: 'Which era is spoken' }, () => text(era));
  server.registerTool('wait', { inputSchema: z.object({ word: z.string() }) }, async ({ word }, { mcpReq }) => {
    const told = heard(word);
    mcpReq.signal.addEventListener('abort', () => say('cancelled'));
    say(`waits-for-${word}`);
    const { progressToken } = mcpReq._meta ?? {};
    if (progressToken !== undefined) {
      const params = { progressToken, progress: 1, message: word };
      await mcpReq.notify({ method: 'notifications/progress', params });
    }
    await told;
    return text(word);
  });
  return server;
}

serveStdio(createMcpServer, { legacy: process.argv[2] === 'modern-only' ? 'reject' : 'serve' });
