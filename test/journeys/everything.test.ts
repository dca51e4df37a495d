/**
 * `@modelcontextprotocol/server-everything`, which nobody here has written, over Streamable HTTP and as a command: every
 * client gets from it what a legacy client gets from it directly.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Address } from '../support/journey-upstreams.ts';
import { startEverything, type Everything } from '../support/upstreams.ts';
import { CLIENTS, LEGACY, type Traveller } from './clients.ts';
import { call, comparable, outcome, own, type Way } from './journey.ts';
import { startPlatform, type Platform } from './platform.ts';

// A modern client of a legacy command has a process started for each of its calls.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const COMMAND = {
  command: process.execPath,
  args: [fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js')), 'stdio'],
  env: {},
};

const TEXT = 'demo://resource/dynamic/text/1';

/** What differs between two moments. */
const TIME = /\d{1,2}:\d\d:\d\d\s[AP]M/g;

const ofDemo = <Item extends object>(items: readonly Item[]): Item[] =>
  items.filter((item) => JSON.stringify(item).includes('demo://'));

const TOOLS_STEP = 'is told of the same tools';

const STEPS: Readonly<Record<string, (way: Way) => Promise<unknown>>> = {
  [TOOLS_STEP]: async ({ traveller: { peer }, prefix }) => own((await peer.listTools()).tools, prefix),
  'is told of the same prompts': async ({ traveller: { peer }, prefix }) =>
    own((await peer.listPrompts()).prompts, prefix),
  'is told of the same resources': async ({ traveller: { peer } }) => ofDemo((await peer.listResources()).resources),
  'is told of the same resource templates': async ({ traveller: { peer } }) =>
    ofDemo((await peer.listResourceTemplates()).resourceTemplates),
  'has a tool answer in text': (way) => call(way, 'echo', { message: 'héllo 🌍' }),
  'has a tool answer in a structure': (way) => call(way, 'get-structured-content', { location: 'Chicago' }),
  'has a tool answer with an image': (way) => call(way, 'get-tiny-image'),
  'has a tool answer with annotations': (way) => call(way, 'get-annotated-message', { messageType: 'error' }),
  'has a tool answer with links': (way) => call(way, 'get-resource-links', { count: 3 }),
  'has a tool answer with a resource': (way) => call(way, 'get-resource-reference', { resourceId: 2 }),
  'hears that arguments are wrong': (way) => call(way, 'get-sum', { a: 'x', b: 1 }),
  'hears that there is no such tool': (way) => call(way, 'missing'),
  'has a tool that takes its time answer': (way) =>
    call(way, 'trigger-long-running-operation', { duration: 0.03, steps: 3 }),
  'gets a prompt': ({ traveller: { peer }, prefix }) =>
    peer.getPrompt({ name: `${prefix}args-prompt`, arguments: { city: 'Zürich' } }),
  'gets a prompt that holds a resource': ({ traveller: { peer }, prefix }) =>
    peer.getPrompt({ name: `${prefix}resource-prompt`, arguments: { resourceType: 'Text', resourceId: '1' } }),
  'has an argument of a prompt completed': ({ traveller: { peer }, prefix }) =>
    peer.complete({
      ref: { type: 'ref/prompt', name: `${prefix}completable-prompt` },
      argument: { name: 'department', value: 'S' },
    }),
  'reads a resource of a template': ({ traveller: { peer } }) => peer.readResource({ uri: TEXT }),
  'hears that there is no such resource': ({ traveller: { peer } }) =>
    peer.readResource({ uri: 'demo://resource/dynamic/text/none' }),
};

/**
 * Tools that a modern client is not told of: one that everything has only for clients that can be asked across eras, and
 * one that only runs as a task (2025-11-25, basic/utilities/tasks), which the modern era cannot ask for.
 */
const LEGACY_ONLY = ['trigger-elicitation-request', 'simulate-research-query'];

function withoutLegacyOnly(tools: unknown): unknown {
  return (tools as { name: string }[]).filter(({ name }) => !LEGACY_ONLY.includes(name));
}

async function travel(way: Way): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, step] of Object.entries(STEPS)) {
    const text = JSON.stringify(comparable(await outcome(step(way)), way.prefix)).replaceAll(TIME, '<time>');
    found[name] = JSON.parse(text);
  }
  return found;
}

let everything: Everything;
let platform: Platform;

function addressOf(server: string): Address {
  return server === 'web' ? { kind: 'http', url: everything.url } : { kind: 'stdio', ...COMMAND };
}

beforeAll(async () => {
  everything = await startEverything();
  platform = await startPlatform({
    web: { address: addressOf('web'), config: { url: everything.url } },
    command: { address: addressOf('command'), config: COMMAND },
  });
});

afterAll(async () => {
  await platform?.close();
  await everything?.close();
});

describe.each(['web', 'command'])('everything (%s)', (server) => {
  describe.each(CLIENTS)('for a $name', (client) => {
    let direct: Record<string, unknown>;
    let found: Record<string, unknown>;
    let traveller: Traveller;

    beforeAll(async () => {
      const itself = await (client.era === 'legacy' ? client : LEGACY).connect(addressOf(server));
      direct = await travel({ traveller: itself, prefix: '' });
      await itself.close();
      traveller = await client.connect(platform.addressOf(server), platform.fetch);
      found = await travel({ traveller, prefix: `${server}__` });
    });

    afterAll(async () => {
      await traveller?.close();
    });

    test.each(Object.keys(STEPS))('%s as it does from the server itself', (step) => {
      const fewer = client.era === 'modern' && step === TOOLS_STEP;
      expect(found[step]).toEqual(fewer ? withoutLegacyOnly(direct[step]) : direct[step]);
    });
  });
});
