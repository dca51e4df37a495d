/** A legacy server by the official SDK v1. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as z from 'zod/v4';
import { heard, say } from './lifeline.ts';

const server = new McpServer({ name: 'sdk-v1', version: '1.0.0' }, { capabilities: { logging: {} } });
const text = (words: string) => ({ content: [{ type: 'text' as const, text: words }] });

let calls = 0;
server.registerTool('count', { description: 'How many times this process was asked' }, () => text(String(++calls)));

server.registerTool('environment', { description: 'Names of the environment variables' }, () =>
  text(JSON.stringify(Object.keys(process.env))),
);

server.registerTool('variable', { inputSchema: { name: z.string() } }, ({ name }) => text(process.env[name] ?? ''));

server.registerTool(
  'wait',
  { inputSchema: { word: z.string() } },
  async ({ word }, { signal, sendNotification, _meta }) => {
    const told = heard(word);
    signal.addEventListener('abort', () => say('cancelled'));
    say(`waits-for-${word}`);
    if (_meta?.progressToken !== undefined) {
      const params = { progressToken: _meta.progressToken, progress: 1, message: word };
      await sendNotification({ method: 'notifications/progress', params });
    }
    await told;
    return text(word);
  },
);

server.registerTool('log', { inputSchema: { word: z.string() } }, async ({ word }) => {
  await server.sendLoggingMessage({ level: 'info', data: word });
  return text(word);
});

server.registerTool('ask', { description: 'Asks the user' }, async () => {
  const answer = await server.server.elicitInput({
    message: 'Who is there?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
  });
  return text(JSON.stringify(answer));
});

server.registerTool('ping-client', { description: 'Pings the client' }, async () => {
  await server.server.ping();
  return text('pong');
});

await server.connect(new StdioServerTransport());
