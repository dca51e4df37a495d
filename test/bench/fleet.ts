/** Many upstreams: what each of them lists, and the configuration of a gateway in front of all of them. */
import { SLOW_MS, SMALL, type Tool } from './workload.ts';

/** Upstreams of the fleet. */
export const FLEET = 20;
export const TOOLS_EACH = 100;
export const RESOURCES_EACH = 20;

/** Longer than the bench takes: lists grow old only where that is what is measured. */
export const LIST_TTL_MS = 60 * 60 * 1000;

/** The upstream that is called, alone and among the others. */
export const CALLED = 13;

export function prefixOf(index: number): string {
  return `fleet-${index}`;
}

/**
 * What a request finds at the gateway: what its environment remembers; what another environment remembers; what others
 * have left in the table, because its environment is a new one; nothing, because its upstreams are new, too.
 */
export type Finds = 'memory' | 'elsewhere' | 'table' | 'nothing';

/** Says so, in requests to the core. */
export const FINDS_HEADER = 'x-bench-finds';

/** What tools are called, in as many words as those of issue trackers and the like. */
const VERBS = ['create', 'update', 'list', 'search', 'close', 'assign', 'label', 'export', 'archive', 'compare'];
const NOUNS = ['issue', 'commit', 'branch', 'release', 'review', 'comment', 'project', 'workflow', 'team', 'secret'];

const WORDS = (
  'account address amount archive author balance branch budget calendar category channel cluster column comment company ' +
  'contact content country currency customer dashboard date deadline department device document domain duration email ' +
  'endpoint event factor field file filter folder format gateway group header history identifier image index invoice ' +
  'item key label language layout limit link location member message metric milestone model module network note object ' +
  'offset order owner page parent path payment period permission phone plan policy port price priority process product ' +
  'profile project query queue range rate reason record region report request resource result review role route rule ' +
  'sample schedule schema scope score section segment sender sequence server session shape signal size sort source stage ' +
  'status step stock store stream subject subscription summary table tag target task team template tenant text thread ' +
  'ticket time title token topic total trace type unit update user value vendor version view volume warehouse webhook'
).split(' ');

/** Words that are always the same for the same seed, and hardly ever for another: definitions are no copies. */
function wordsOf(seed: number): () => string {
  let state = seed + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return WORDS[state % WORDS.length]!;
  };
}

const SMALL_TOOL = { name: SMALL, description: 'Answers at once.', inputSchema: { type: 'object' } };

const SLOW: Tool = 'slow';

const SLOW_TOOL = { name: SLOW, description: `Answers after ${SLOW_MS} ms.`, inputSchema: { type: 'object' } };

/** The lists of an upstream that lists all that can be called there, and no more; as `fleetLists`. */
export const FEW_LISTS: Readonly<Record<string, string>> = {
  'tools/list': `"tools":${JSON.stringify([SMALL_TOOL, SLOW_TOOL])}`,
};

/** The lists of an upstream with one tool; as `fleetLists`. */
export const SINGLE_LISTS: Readonly<Record<string, string>> = {
  'tools/list': `"tools":${JSON.stringify([SMALL_TOOL])}`,
};

/** A definition of about 600 bytes. */
function definition(index: number) {
  const verb = VERBS[index % VERBS.length]!;
  const noun = NOUNS[Math.floor(index / VERBS.length) % NOUNS.length]!;
  const word = wordsOf(index);
  const [first, second, third, fourth] = [word(), word(), word(), word()];
  return {
    name: `${verb}_${noun}_${index}`,
    title: `${verb} ${noun}`,
    description:
      `Use this to ${verb} the ${first} of a ${noun} by ${second} and ${third}. Without a ${fourth} it is about the ` +
      `latest ${word()}; the ${word()} and the ${word()} stay as they are.`,
    inputSchema: {
      type: 'object',
      properties: {
        [`${first}Id`]: { type: 'string', description: `Which ${first}, by its ${word()}` },
        [second]: { type: 'string', description: `The ${word()} of the ${noun}, or its ${word()}` },
        [`${third}Count`]: { type: 'integer', minimum: 1 },
        [fourth]: { type: 'string', enum: [word(), word(), word()] },
        [`${word()}s`]: { type: 'array', items: { type: 'string' }, maxItems: 20 },
      },
      required: [`${first}Id`, second],
      additionalProperties: false,
    },
  };
}

export function resourceUri(upstream: number, index: number): string {
  return `fleet://${upstream}/documents/${index}.md`;
}

/** The members of each list of one upstream of the fleet, as JSON text, by method; no other lists are there. */
export function fleetLists(upstream: number): Readonly<Record<string, string>> {
  const tools = Array.from({ length: TOOLS_EACH - 1 }, (_, index) => definition(upstream * TOOLS_EACH + index));
  const resources = Array.from({ length: RESOURCES_EACH }, (_, index) => ({
    uri: resourceUri(upstream, index),
    name: `document-${upstream}-${index}`,
    title: `Document ${index} of ${upstream}`,
    mimeType: 'text/markdown',
  }));
  return {
    'tools/list': `"tools":${JSON.stringify([SMALL_TOOL, ...tools])}`,
    'resources/list': `"resources":${JSON.stringify(resources)}`,
    'resources/templates/list': '"resourceTemplates":[]',
  };
}

/**
 * `default` shows the whole fleet, `one` a single upstream of it. Upstreams of another generation are new to a gateway,
 * though they are the same.
 */
export function fleetConfiguration(origin: string, generation = 0) {
  const names = Array.from({ length: FLEET }, (_, index) => prefixOf(index));
  const upstreams = names.map((prefix, index) => {
    const url = `${origin}/both/${index}?generation=${generation}`;
    return [prefix, { url, prefix, listTtlMs: LIST_TTL_MS }] as const;
  });
  return {
    upstreams: Object.fromEntries(upstreams),
    servers: { default: { upstreams: names }, one: { upstreams: [prefixOf(CALLED)] } },
  };
}
