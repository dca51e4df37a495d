/** The surface as served by the official SDK v2, in either era. */
import {
  acceptedContent,
  completable,
  inputRequired,
  McpServer,
  ResourceNotFoundError,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import {
  contentsOf,
  greeting,
  INSTRUCTIONS,
  namesLike,
  outcomeOf,
  QUESTION,
  says,
  TOOLS,
  URIS,
  type ToolResult,
} from './surface.ts';
import { CLOSED, OPENED, type Watch } from './witness.ts';

const QUESTION_KEY = 'who';

/** A server of one modern request, or of one legacy session. */
export function createV2Server(watch: Watch, era: 'modern' | 'legacy'): McpServer {
  const server = new McpServer(
    { name: 'journey-v2', version: '1.0.0' },
    { capabilities: { logging: {} }, instructions: INSTRUCTIONS },
  );
  noteSessions(server.server, watch);
  let count = 0;
  for (const [name, { description, input, output, run }] of Object.entries(TOOLS)) {
    const schemas = {
      inputSchema: z.object(input),
      ...(output === undefined ? {} : { outputSchema: z.object(output) }),
    };
    server.registerTool(name, { description, ...schemas }, async (args, { mcpReq }) => {
      const ask = (): Promise<ToolResult> => {
        if (era === 'legacy') return outcomeOf(mcpReq.send({ method: 'elicitation/create', params: QUESTION }));
        const given = acceptedContent(mcpReq.inputResponses, QUESTION_KEY, z.object({ name: z.string() }));
        return given === undefined
          ? (inputRequired({ inputRequests: { [QUESTION_KEY]: inputRequired.elicit(QUESTION) } }) as never)
          : Promise.resolve(says(`accept ${JSON.stringify(given)}`));
      };
      return await run(args, {
        signal: mcpReq.signal,
        watch,
        // A modern server keeps nothing between requests, though one process may serve all of them.
        counted: () => (era === 'modern' ? 1 : ++count),
        async progress(progress, total) {
          const progressToken = mcpReq._meta?.progressToken;
          if (progressToken === undefined) return;
          await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } });
        },
        log: (level, data) => mcpReq.log(level, data),
        ask,
      });
    });
  }
  server.registerPrompt(
    'greet',
    { description: 'Greets', argsSchema: z.object({ name: completable(z.string(), namesLike) }) },
    ({ name }) => greeting(name),
  );
  for (const key of ['one', 'blob'] as const) {
    server.registerResource(key, URIS[key], { description: `The ${key}` }, ({ href }) => contentsOf(href));
  }
  const template = new ResourceTemplate(URIS.template, { list: undefined, complete: { name: namesLike } });
  server.registerResource('notes', template, { description: 'Notes' }, ({ href }) => {
    if (href === URIS.missing) throw new ResourceNotFoundError(href);
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
