/**
 * Servers that ask, report and log within their calls, in either era: real clients answer them through the gateway as
 * they would directly, wherever the answers land.
 */
import { McpServer } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { serveUpstream, type ServedUpstream } from '../../lib/local/demo/serve.ts';
import { startConformanceUpstream, type ConformanceUpstream } from '../conformance/upstream.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { ANSWERS_ALL, LEGACY_PEERS, MODERN_PEER, PEERS, type ConnectPeer } from './clients.ts';
import { failedSteps, survey, type Arguments, type Plan } from './survey.ts';

const NOTHING: readonly Arguments[] = [{}];

const PLAN: Plan = {
  tools: {
    test_simple_text: NOTHING,
    test_image_content: NOTHING,
    test_audio_content: NOTHING,
    test_embedded_resource: NOTHING,
    test_multiple_content_types: NOTHING,
    test_tool_with_logging: NOTHING,
    test_logging_tool: NOTHING,
    test_tool_with_progress: NOTHING,
    test_error_handling: NOTHING,
    json_schema_2020_12_tool: [{ name: 'é', contactMethod: 'phone', phone: '1' }, { contactMethod: 'phone' }],
    test_mirrored_argument: [{ region: 'Zürich' }, { region: ' padded ' }, {}],
    test_trigger_tool_change: NOTHING,
    test_trigger_prompt_change: NOTHING,
    test_sampling: [{ prompt: 'é?' }],
    test_elicitation: [{ message: 'Who?' }],
    test_missing_capability: NOTHING,
    test_streaming_elicitation: NOTHING,
    test_elicitation_sep1034_defaults: NOTHING,
    test_elicitation_sep1330_enums: NOTHING,
    test_input_required_result_elicitation: NOTHING,
    test_input_required_result_sampling: NOTHING,
    test_input_required_result_list_roots: NOTHING,
    test_input_required_result_capabilities: NOTHING,
    test_input_required_result_request_state: NOTHING,
    test_input_required_result_tampered_state: NOTHING,
    test_input_required_result_multiple_inputs: NOTHING,
    test_input_required_result_multi_round: NOTHING,
  },
  prompts: {
    test_simple_prompt: [{}],
    test_prompt_with_arguments: [{ arg1: 'a', arg2: 'é' }],
    test_prompt_with_embedded_resource: [{ resourceUri: 'test://é' }],
    test_prompt_with_image: [{}],
    test_input_required_result_prompt: [{}],
  },
  uris: ['test://template/7/data', 'test://none'],
  completions: [{ ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, name: 'arg1', value: 'par' }],
  logs: true,
};

/** A tool that stays inside until its call is cancelled; `who` tells the calls apart. */
class HeldServer {
  readonly entered = new Notes();
  readonly cancelled = new Notes();

  readonly create = (): McpServer => {
    const server = new McpServer({ name: 'held', version: '1.0.0' });
    const inputSchema = z.object({ who: z.string() });
    server.registerTool('wait', { description: 'Waits to be cancelled', inputSchema }, async ({ who }, { mcpReq }) => {
      mcpReq.signal.addEventListener('abort', () => this.cancelled.add(who));
      this.entered.add(who);
      await this.cancelled.wait(who);
      return { content: [{ type: 'text', text: `${who} was cancelled` }] };
    });
    return server;
  };
}

/** Names that were noted, for those who wait for one. */
class Notes {
  readonly #notes = new Map<string, PromiseWithResolvers<void>>();

  add(name: string): void {
    this.#of(name).resolve();
  }

  wait(name: string): Promise<void> {
    return this.#of(name).promise;
  }

  #of(name: string): PromiseWithResolvers<void> {
    const known = this.#notes.get(name) ?? Promise.withResolvers<void>();
    this.#notes.set(name, known);
    return known;
  }
}

let modern: ConformanceUpstream;
let legacy: ConformanceUpstream;
let held: HeldServer;
let served: ServedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  held = new HeldServer();
  [modern, legacy, served] = await Promise.all([
    startConformanceUpstream({ form: 'modern' }),
    startConformanceUpstream({ form: 'legacy' }),
    serveUpstream(() => held.create()),
  ]);
  const config = {
    upstreams: { modern: { url: modern.url, prefix: 'm' }, legacy: { url: legacy.url }, held: { url: served.url } },
    servers: { default: { upstreams: ['modern'] }, legacy: { upstreams: ['legacy'] }, held: { upstreams: ['held'] } },
  };
  gateway = await startTestGateway(config, { environments: 24 });
});

afterAll(async () => {
  await gateway?.close();
  await Promise.all([modern?.close(), legacy?.close(), served?.close()]);
});

/** What the client answered is in what the tools say. */
function expectAnswers(found: object): void {
  const text = JSON.stringify(found);
  for (const answer of ['Completed [', 'Hello, Péer!', 'file:///home/peer', 'action=accept', 'Favorite color: Péer']) {
    expect(text).toContain(answer);
  }
}

describe.each(Object.entries(PEERS))('%s', (name, connect) => {
  test('answers every question and hears every notification as from the server itself', async () => {
    const [server, url, prefix] =
      name === MODERN_PEER ? ['default', modern.url, 'm__'] : ['legacy', legacy.url, 'legacy__'];
    const through = await connect(gateway.url(server), ANSWERS_ALL);
    const found = await survey(through, PLAN, prefix);
    await through.close();
    const direct = await connect(url, ANSWERS_ALL);
    expect(found).toEqual(await survey(direct, PLAN));
    await direct.close();
    expect(failedSteps(found, /test:\/\/none/)).toEqual([]);
    expectAnswers(found);
    expect(found['tool test_tool_with_progress {}']).toMatchObject({
      progress: [{ progress: 0 }, { progress: 50 }, { progress: 100 }],
    });
  });
});

test('every legacy client cancels a call in the server itself', async () => {
  const cancelOne = async ([who, connect]: [string, ConnectPeer]): Promise<void> => {
    const { peer, close } = await connect(gateway.url('held'));
    const cancelling = new AbortController();
    const call = peer.callTool({ name: 'held__wait', arguments: { who } }, { signal: cancelling.signal });
    const failure = call.catch((error: unknown) => error);
    await held.entered.wait(who);
    cancelling.abort();
    expect(await failure).toBeInstanceOf(Error);
    await held.cancelled.wait(who);
    await close();
  };
  await Promise.all(Object.entries(LEGACY_PEERS).map(cancelOne));
});

describe('a modern client', () => {
  test('hears log messages with the call that asks for them', async () => {
    const { peer, logs, close } = await PEERS[MODERN_PEER]!(gateway.url());
    const _meta = { 'io.modelcontextprotocol/logLevel': 'info' };
    await peer.callTool({ name: 'm__test_tool_with_logging', arguments: {}, _meta });
    expect(logs).toHaveLength(3);
    await peer.callTool({ name: 'm__test_tool_with_logging', arguments: {} });
    expect(logs).toHaveLength(3);
    await close();
  });

  test('is rid of a call that it gives up, and goes on', async () => {
    const { peer, close } = await PEERS[MODERN_PEER]!(gateway.url('held'));
    const cancelling = new AbortController();
    const call = peer.callTool({ name: 'held__wait', arguments: { who: 'modern' } }, { signal: cancelling.signal });
    const failure = call.catch((error: unknown) => error);
    await held.entered.wait('modern');
    cancelling.abort();
    expect(await failure).toBeInstanceOf(Error);
    expect((await peer.listTools()).tools).toHaveLength(1);
    // A function URL hides that the client has gone, so the call would go on to its deadline.
    held.cancelled.add('modern');
    await close();
  });
});

test('no environment failed', () => {
  expect(gateway.reports).toEqual([]);
});
