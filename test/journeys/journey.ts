/** Everything a client does with one server, step by step, so that two ways to it can be compared. */
import type { Traveller } from './clients.ts';
import { URIS } from './surface.ts';

/** What the names of tools and prompts begin with on this way. */
export interface Way {
  readonly traveller: Traveller;
  readonly prefix: string;
}

export type Step = (way: Way) => Promise<unknown>;

interface Named {
  readonly name: string;
}

/** What a modern client says with a call that it wants to hear of. */
const WARNINGS = { 'io.modelcontextprotocol/logLevel': 'warning' };

/** By what a client can say of it. Every outcome is a value: an error too. */
export const STEPS: Readonly<Record<string, Step>> = {
  'is told of the same tools': async ({ traveller: { peer }, prefix }) => own((await peer.listTools()).tools, prefix),
  'is told of the same prompts': async ({ traveller: { peer }, prefix }) =>
    own((await peer.listPrompts()).prompts, prefix),
  'is told of the same resources': async ({ traveller: { peer } }) =>
    ofJourney((await peer.listResources()).resources, ({ uri }) => uri),
  'is told of the same resource templates': async ({ traveller: { peer } }) =>
    ofJourney((await peer.listResourceTemplates()).resourceTemplates, ({ uriTemplate }) => uriTemplate),
  'has a tool answer in text': (way) => call(way, 'echo', { text: 'héllo 🌍' }),
  'has a tool answer in a structure': (way) => call(way, 'add', { a: 1, b: 0.5 }),
  'hears that a tool has failed': (way) => call(way, 'fail'),
  'hears that arguments are wrong': (way) => call(way, 'add', { a: 'one', b: 2 }),
  'hears that there is no such tool': (way) => call(way, 'missing'),
  'gets a prompt with its arguments': ({ traveller: { peer }, prefix }) =>
    peer.getPrompt({ name: `${prefix}greet`, arguments: { name: 'Ada' } }),
  'hears that there is no such prompt': ({ traveller: { peer }, prefix }) =>
    outcome(peer.getPrompt({ name: `${prefix}missing` })),
  'has an argument of a prompt completed': ({ traveller: { peer }, prefix }) =>
    peer.complete({ ref: { type: 'ref/prompt', name: `${prefix}greet` }, argument: { name: 'name', value: 'A' } }),
  'has a variable of a template completed': ({ traveller: { peer } }) =>
    peer.complete({ ref: { type: 'ref/resource', uri: URIS.template }, argument: { name: 'name', value: 'G' } }),
  'reads a resource that is listed': ({ traveller: { peer } }) => peer.readResource({ uri: URIS.one }),
  'reads a resource that is not text': ({ traveller: { peer } }) => peer.readResource({ uri: URIS.blob }),
  'reads a resource of a template': ({ traveller: { peer } }) => peer.readResource({ uri: URIS.ofTemplate }),
};

/** Over a transport that is one stream for everything, the SDK forgets reports that arrive together with the answer. */
export async function hearProgress(way: Way): Promise<unknown[]> {
  const reports: unknown[] = [];
  await call(way, 'steps', { count: 3 }, { onprogress: (report) => void reports.push(report) });
  return reports;
}

/** The warning, and nothing less, unless the server keeps no level. */
export async function hearWarnings(way: Way): Promise<unknown[]> {
  const { peer, era, logs } = way.traveller;
  if (era === 'legacy') await peer.setLoggingLevel('warning');
  logs.length = 0;
  await peer.callTool({
    name: `${way.prefix}talk`,
    arguments: {},
    ...(era === 'modern' ? { _meta: WARNINGS } : {}),
  });
  return [...logs];
}

/** Runs the steps in order; outcomes by step. */
export async function travel(way: Way): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, step] of Object.entries(STEPS)) found[name] = comparable(await outcome(step(way)), way.prefix);
  return found;
}

export async function call(
  { traveller: { peer }, prefix }: Way,
  name: string,
  args: Record<string, unknown> = {},
  options: Parameters<Traveller['peer']['callTool']>[1] = {},
): Promise<any> {
  return await outcome(peer.callTool({ name: prefix + name, arguments: args }, options));
}

export async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
    return { error: { code, message, data } };
  }
}

export function own<Item extends Named>(items: readonly Item[], prefix: string): Item[] {
  return items
    .filter(({ name }) => name.startsWith(prefix))
    .map((item) => ({ ...item, name: item.name.slice(prefix.length) }));
}

/** Those of the upstream beside it are left out. */
function ofJourney<Item>(items: readonly Item[], uriOf: (item: Item) => string): Item[] {
  return items.filter((item) => uriOf(item).startsWith('journey://'));
}

/** Who says it, and for how long, is not what is said: eras and the gateway differ in it. */
const OF_THE_WAY = ['resultType', 'ttlMs', 'cacheScope', '_meta', 'execution'];

/** What SDK v1 puts before the messages of errors that it receives. */
const V1_ERROR = /"message":"MCP error -?\d+: /g;

/** Without what eras, SDKs and the gateway change, and without the prefix, which an SDK repeats in its errors. */
export function comparable(found: unknown, prefix: string): unknown {
  const written = JSON.stringify(found ?? null, (key, value: unknown) =>
    OF_THE_WAY.includes(key) ? undefined : value,
  );
  const text = written.replaceAll(V1_ERROR, '"message":"');
  return JSON.parse(prefix === '' ? text : text.replaceAll(prefix, '')) as unknown;
}
