/** The official SDK's server with the tools `small` and `slow`, served as the SDK's documentation says. */
import { setTimeout } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { serveUpstream } from '../../../lib/local/demo/serve.ts';
import { SLOW_MS } from '../workload.ts';
import { runProgram } from './program.ts';

const PONG = { content: [{ type: 'text' as const, text: 'pong' }] };

function createServer(): McpServer {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  const inputSchema = z.object({ text: z.string() });
  server.registerTool('small', { inputSchema }, () => PONG);
  server.registerTool('slow', { inputSchema }, async () => {
    await setTimeout(SLOW_MS);
    return PONG;
  });
  return server;
}

await runProgram(async () => ({ origin: new URL((await serveUpstream(createServer)).url).origin }));
