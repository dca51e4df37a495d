import type { CallToolResult, McpServer, ServerEventBus } from '@modelcontextprotocol/server';
import { fromJsonSchema } from '@modelcontextprotocol/server';
import { setTimeout as sleep } from 'node:timers/promises';
import { AUDIO, IMAGE } from './samples.ts';

/** The scenarios ask for pauses between the messages of a call, so that a relay has to stream them one by one. */
const PAUSE_MS = 50;

/** Tools that answer by themselves: every kind of content, progress, logging, errors, schemas, changes of the lists. */
export function registerContentTools(server: McpServer, bus: ServerEventBus): void {
  registerContents(server);
  registerNotifiers(server);
  registerFailures(server);
  registerSchemas(server);
  registerTriggers(server, bus);
}

function registerContents(server: McpServer): void {
  const plain = (name: string, description: string, content: CallToolResult['content']): void => {
    server.registerTool(name, { description }, () => ({ content }));
  };
  plain('test_simple_text', 'Returns text', [{ type: 'text', text: 'This is a simple text response for testing.' }]);
  plain('test_image_content', 'Returns an image', [IMAGE]);
  plain('test_audio_content', 'Returns audio', [AUDIO]);
  plain('test_embedded_resource', 'Returns an embedded resource', [
    {
      type: 'resource',
      resource: {
        uri: 'test://embedded-resource',
        mimeType: 'text/plain',
        text: 'This is an embedded resource content.',
      },
    },
  ]);
  plain('test_multiple_content_types', 'Returns text, an image and a resource', [
    { type: 'text', text: 'Multiple content types test:' },
    IMAGE,
    {
      type: 'resource',
      resource: {
        uri: 'test://mixed-content-resource',
        mimeType: 'application/json',
        text: JSON.stringify({ test: 'data', value: 123 }),
      },
    },
  ]);
}

function registerNotifiers(server: McpServer): void {
  server.registerTool('test_tool_with_logging', { description: 'Logs three messages' }, async (context) => {
    await context.mcpReq.log('info', 'Tool execution started');
    await sleep(PAUSE_MS);
    await context.mcpReq.log('info', 'Tool processing data');
    await sleep(PAUSE_MS);
    await context.mcpReq.log('info', 'Tool execution completed');
    return text('Logged three messages');
  });
  server.registerTool('test_logging_tool', { description: 'Logs one message' }, async (context) => {
    await context.mcpReq.log('info', 'Logged only for a client that asked for a log level');
    return text('Logged one message');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports progress' }, async (context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progress > 0) await sleep(PAUSE_MS);
      if (progressToken === undefined) continue;
      const params = { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` };
      await context.mcpReq.notify({ method: 'notifications/progress', params });
    }
    return text('Reported progress');
  });
}

function registerFailures(server: McpServer): void {
  server.registerTool('test_error_handling', { description: 'Always fails' }, () => ({
    content: [{ type: 'text', text: 'This tool intentionally returns an error for testing' }],
    isError: true,
  }));
}

/** Uses every keyword that SEP-1613 and SEP-2106 want to survive the way to the client. */
const JSON_SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
} as const;

/** `x-mcp-header` makes the client repeat the argument in a header (2026-07-28, basic/transports, `Mcp-Param`). */
const MIRRORED_ARGUMENT = {
  type: 'object',
  properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
} as const;

function registerSchemas(server: McpServer): void {
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'Has a schema of JSON Schema 2020-12', inputSchema: fromJsonSchema(JSON_SCHEMA_2020_12) },
    (input) => text(JSON.stringify(input)),
  );
  server.registerTool(
    'test_mirrored_argument',
    { description: 'Has an argument that is repeated in a header', inputSchema: fromJsonSchema(MIRRORED_ARGUMENT) },
    (input) => text(JSON.stringify(input)),
  );
}

/** A real change of the lists would disturb scenarios that run meanwhile, so only the event is real. */
function registerTriggers(server: McpServer, bus: ServerEventBus): void {
  server.registerTool('test_trigger_tool_change', { description: 'Says that the tools have changed' }, () => {
    bus.publish({ kind: 'tools_list_changed' });
    return text('Published');
  });
  server.registerTool('test_trigger_prompt_change', { description: 'Says that the prompts have changed' }, () => {
    bus.publish({ kind: 'prompts_list_changed' });
    return text('Published');
  });
}

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}
