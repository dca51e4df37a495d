/** Translations as the official SDKs judge them: version 1 reads legacy messages, version 2 modern ones. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, fromJsonSchema, McpServer, type McpHttpHandler } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, test } from 'vitest';
import { LATEST_MODERN } from '../../../lib/protocol/era.ts';
import { isObject, type JsonObject } from '../../../lib/protocol/message.ts';
import { requestRule } from '../../../lib/protocol/methods.ts';
import { META } from '../../../lib/protocol/modern/envelope.ts';
import { errorToModern } from '../../../lib/protocol/translation/error.ts';
import { paramHeadersOf } from '../../../lib/protocol/translation/param-headers.ts';
import { requestToModern } from '../../../lib/protocol/translation/request.ts';
import { resultToLegacy, resultToModern } from '../../../lib/protocol/translation/result.ts';
import { toolToLegacy, toolToModern } from '../../../lib/protocol/translation/tool.ts';
import { requestOf, requestText } from '../samples.ts';

const INFO = { name: 'peer', version: '1.0.0' };

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

type Respond = (method: string) => { readonly result: unknown } | { readonly error: unknown };

/** A client of SDK v1 that gets these answers. */
async function legacyClient(respond: Respond): Promise<ClientV1> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const answer = (message: JSONRPCMessage): void => {
    if (!('method' in message) || !('id' in message)) return;
    const hello = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: INFO };
    const body = message.method === 'initialize' ? { result: hello } : respond(message.method);
    void far.send({ jsonrpc: '2.0', id: message.id, ...body } as JSONRPCMessage);
  };
  Object.assign(far, { onmessage: answer });
  await far.start();
  const client = new ClientV1(INFO);
  await client.connect(near);
  closers.push(() => client.close());
  return client;
}

/** A client of SDK v2 that gets these answers. */
async function modernClient(respond: Respond): Promise<Client> {
  const fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    const { id, method } = JSON.parse(init?.body as string) as { id: number; method: string };
    const discovered = { supportedVersions: [LATEST_MODERN], capabilities: { tools: {}, prompts: {}, resources: {} } };
    const answer =
      method === 'server/discover'
        ? { result: { ...discovered, resultType: 'complete', ttlMs: 0, cacheScope: 'private' } }
        : respond(method);
    return Response.json({ jsonrpc: '2.0', id, ...answer });
  };
  const client = new Client(INFO, {
    capabilities: { elicitation: { form: {}, url: {} } },
    versionNegotiation: { mode: { pin: LATEST_MODERN } },
  });
  await client.connect(new StreamableHTTPClientTransport(new URL('http://127.0.0.1/mcp'), { fetch }));
  closers.push(() => client.close());
  return client;
}

const cacheableOf = (method: string): boolean => requestRule(method, 'modern')?.cacheable === true;

function legacyOf(method: string, value: JsonObject): { result: unknown } {
  const written = { text: JSON.stringify(value), value };
  return {
    result: JSON.parse(resultToLegacy(method, written, { cacheable: cacheableOf(method), version: '2025-11-25' })),
  };
}

function modernOf(method: string, value: JsonObject): { result: unknown } {
  const written = { text: JSON.stringify(value), value };
  return { result: JSON.parse(resultToModern(method, written, { cacheable: cacheableOf(method), serverInfo: INFO })) };
}

/** Tools one by one, as they are put into lists that the gateway writes itself. */
function translated(tools: readonly JsonObject[], translate: (text: string) => string | undefined): unknown[] {
  return tools.flatMap((tool) => {
    const text = translate(JSON.stringify(tool));
    return text === undefined ? [] : [JSON.parse(text) as unknown];
  });
}

describe('a client of SDK v1', () => {
  const TOOLS = [
    { name: 'list', inputSchema: { type: 'object' }, outputSchema: { type: 'array', items: { type: 'integer' } } },
    { name: 'any', inputSchema: { type: 'object', properties: { a: true } }, outputSchema: { anyOf: [{}] } },
  ];
  const CALLED = { resultType: 'complete', content: [], structuredContent: [1, 2] };

  test('does not take what the modern era allows', async () => {
    const client = await legacyClient((method) => ({ result: method === 'tools/list' ? { tools: TOOLS } : CALLED }));
    await expect(client.listTools()).rejects.toThrow(/invalid/i);
    await expect(client.callTool({ name: 'list' })).rejects.toThrow(/invalid/i);
  });

  test('takes it translated, and finds the result to match its schema', async () => {
    const client = await legacyClient((method) =>
      method === 'tools/list' ? { result: { tools: translated(TOOLS, toolToLegacy) } } : legacyOf(method, CALLED),
    );
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['list', 'any']);
    for (const name of ['list', 'any']) {
      expect(await client.callTool({ name })).toEqual({ content: [], structuredContent: { result: [1, 2] } });
    }
  });
});

describe('a client of SDK v2 that is modern', () => {
  const RESULTS: Record<string, JsonObject> = {
    'tools/call': { structuredContent: { a: 1 }, resultType: 'own' },
    'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text: 't' } }] },
    'resources/read': { contents: [{ uri: 'file:///a', text: 't' }], ttlMs: 'never' },
  };
  const ask = {
    'tools/call': (client) => client.callTool({ name: 'a' }),
    'prompts/get': (client) => client.getPrompt({ name: 'a' }),
    'resources/read': (client) => client.readResource({ uri: 'file:///a' }),
  } satisfies Record<string, (client: Client) => Promise<unknown>>;

  test.each(Object.entries(ask))('does not take what a legacy upstream answers to %s', async (_method, asked) => {
    const client = await modernClient((method) => ({ result: RESULTS[method] }));
    await expect(asked(client)).rejects.toThrow(/result/i);
  });

  test.each(Object.entries(ask))('takes the answer to %s translated', async (method, asked) => {
    const client = await modernClient((of) => modernOf(of, RESULTS[of] ?? {}));
    const { resultType: _type, ttlMs: _ttl, ...known } = RESULTS[method] ?? {};
    expect(await asked(client)).toMatchObject(known);
  });

  test('takes a tool translated', async () => {
    const inputSchema = { type: 'object' };
    const tools = translated([{ name: 'a', inputSchema, execution: { taskSupport: 'optional' } }], toolToModern);
    const client = await modernClient(() => ({
      result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools },
    }));
    expect((await client.listTools()).tools).toEqual([{ name: 'a', inputSchema }]);
  });

  test('asks its user to visit a URL that a legacy upstream requires, and calls again', async () => {
    const elicitations = [{ mode: 'url', elicitationId: 'e', url: 'https://example.com/', message: 'Sign in' }];
    const error = { code: -32042, message: 'm', data: { elicitations } };
    let calls = 0;
    const visited: unknown[] = [];
    const client = await modernClient((method) => {
      calls += 1;
      if (calls > 1) return modernOf(method, { content: [{ type: 'text', text: 'in' }] });
      const answer = errorToModern(method, error, JSON.stringify(error), { elicitation: { url: {} } });
      return { [answer.kind]: JSON.parse(answer.text) as unknown } as ReturnType<Respond>;
    });
    client.setRequestHandler('elicitation/create', ({ params }) => {
      visited.push(params);
      return { action: 'accept' };
    });
    expect(await client.callTool({ name: 'a' })).toMatchObject({ content: [{ text: 'in' }] });
    expect(visited).toMatchObject([{ mode: 'url', url: 'https://example.com/', message: 'Sign in' }]);
  });
});

describe('a server of SDK v2', () => {
  const inputSchema = {
    type: 'object' as const,
    properties: {
      region: { type: 'string' as const, 'x-mcp-header': 'Region' },
      deep: {
        type: 'object' as const,
        properties: {
          count: { type: 'integer' as const, 'x-mcp-header': 'Count' },
          dry: { type: 'boolean' as const, 'x-mcp-header': 'Dry' },
        },
      },
    },
  };

  function serve(): McpHttpHandler {
    const handler = createMcpHandler(
      () => {
        const server = new McpServer(INFO);
        server.registerTool('mirror', { inputSchema: fromJsonSchema(inputSchema) }, (args) => ({
          content: [{ type: 'text', text: JSON.stringify(args) }],
        }));
        return server;
      },
      { legacy: 'reject' },
    );
    closers.push(() => handler.close());
    return handler;
  }

  /** The server's answer to a legacy client's call. */
  async function call(args: JsonObject, headers: Record<string, string>): Promise<JsonObject> {
    const body = requestToModern(requestOf(requestText('tools/call', { name: 'mirror', arguments: args })), {
      clientInfo: INFO,
      clientCapabilities: {},
      logLevel: undefined,
    });
    const request = new Request('http://127.0.0.1/mcp', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': LATEST_MODERN,
        'mcp-method': 'tools/call',
        'mcp-name': 'mirror',
        ...headers,
      },
      body,
    });
    return (await (await serve().fetch(request)).json()) as JsonObject;
  }

  test.each([
    [{ region: 'us-west1' }],
    [{ region: 'Hello, 世界', deep: { count: -7, dry: false } }],
    [{ region: ' padded ', deep: {} }],
    [{ region: '' }],
    [{ region: '=?base64?literal?=' }],
    [{}],
  ])('takes the headers and the envelope of a call with %j', async (args) => {
    const answer = await call(args, paramHeadersOf(inputSchema, args) ?? {});
    expect(answer).toMatchObject({ result: { content: [{ type: 'text', text: JSON.stringify(args) }] } });
    expect(isObject(answer['result']) && answer['result']['_meta']).toEqual({ [META.serverInfo]: INFO });
  });

  test('refuses the same call without them', async () => {
    expect(await call({ region: 'us-west1' }, {})).toMatchObject({ error: { code: -32020 } });
  });
});
