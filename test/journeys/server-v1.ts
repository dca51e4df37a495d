/** The surface as served by the official SDK v1, which knows the legacy era only. */
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ElicitResultSchema, McpError, SetLevelRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod/v4';
import { contentsOf, greeting, INSTRUCTIONS, namesLike, outcomeOf, QUESTION, says, TOOLS, URIS } from './surface.ts';
import { CLOSED, OPENED, type Watch } from './witness.ts';

export function createV1Server(watch: Watch): McpServer {
  const server = new McpServer(
    { name: 'journey-v1', version: '1.0.0' },
    { capabilities: { logging: {} }, instructions: INSTRUCTIONS },
  );
  noteSessions(server.server, watch);
  let count = 0;
  let quiet = false;
  server.server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    quiet = params.level !== 'debug';
    return {};
  });
  for (const [name, { description, input, output, run }] of Object.entries(TOOLS)) {
    const schemas = { inputSchema: input, ...(output === undefined ? {} : { outputSchema: output }) };
    server.registerTool(
      name,
      { description, ...schemas },
      async (args, { signal, _meta, sendNotification, sendRequest }) =>
        await run(args, {
          signal,
          watch,
          counted: () => ++count,
          async progress(progress, total) {
            const progressToken = _meta?.progressToken;
            if (progressToken === undefined) return;
            await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total } });
          },
          async log(level, data) {
            if (quiet && level === 'debug') return;
            await sendNotification({ method: 'notifications/message', params: { level, data } });
          },
          ask: () =>
            server.server.getClientCapabilities() === undefined
              ? Promise.resolve(says('refused, as it is not known who asks'))
              : outcomeOf(sendRequest({ method: 'elicitation/create', params: QUESTION }, ElicitResultSchema)),
        }),
    );
  }
  server.registerPrompt(
    'greet',
    { description: 'Greets', argsSchema: { name: completable(z.string(), namesLike) } },
    ({ name }) => greeting(name),
  );
  for (const key of ['one', 'blob'] as const) {
    server.registerResource(key, URIS[key], { description: `The ${key}` }, ({ href }) => contentsOf(href));
  }
  const template = new ResourceTemplate(URIS.template, { list: undefined, complete: { name: namesLike } });
  server.registerResource('notes', template, { description: 'Notes' }, ({ href }) => {
    if (href === URIS.missing) throw new McpError(-32002, 'Resource not found', { uri: href });
    return contentsOf(href);
  });
  return server;
}

function noteSessions(server: McpServer['server'], watch: Watch): void {
  server.oninitialized = () => {
    watch.note(OPENED);
    Object.assign(server, { onclose: () => watch.note(CLOSED) });
  };
}
