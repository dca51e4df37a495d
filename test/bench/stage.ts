/** Everything that takes part in the bench, each in a process of its own. */
import type { Era } from '../../lib/protocol/era.ts';
import type { Place } from './mcp-client.ts';
import { costOf, type Cost, type Counted } from './cost.ts';
import { startProgram, type Program } from './programs/program.ts';
import { PREFIX } from './workload.ts';

/** What a client can be given in place of the upstream itself. */
export type Route = 'direct' | 'proxy' | 'core, memory' | 'core, DynamoDB' | 'emulator';

/** Which form of the upstream is meant; clients that go there directly find the first line only. */
export type UpstreamForm =
  | ('both' | 'modern' | 'legacy' | 'sse')
  /** Of both eras, and what keeps it from being called too often or in vain. */
  | ('unguarded' | 'breaker' | 'slots' | 'guarded')
  /** Modern, without anything to ask the table. */
  | 'alone'
  /** Legacy, and what a modern client gets there: a new session for each call, or the one that all share. */
  | ('shared' | 'near-new' | 'near-reused' | 'far-new' | 'far-reused');

export interface Stage extends Counted {
  readonly tableName: string;
  /** Where a client finds the upstream by this route. */
  place(route: Route, form?: UpstreamForm): Place;
  /** As `costOf`, with the action log of this route, where it can be read. */
  costBy(route: Route, work: () => Promise<void>): Promise<Cost>;
  close(): Promise<void>;
}

/** The table's name, as the local gateway has it. */
const TABLE_NAME = 'sluice';

/** The routes on which a client of this era has something to compare; stores do not matter to a modern call. */
export const ROUTES: Readonly<Record<Era, readonly Route[]>> = {
  modern: ['direct', 'proxy', 'core, memory', 'emulator'],
  legacy: ['direct', 'proxy', 'core, memory', 'core, DynamoDB', 'emulator'],
};

/** What shares what, for whoever reads the figures. */
export const SHARING =
  'Each of these is a process of its own: the client (this one), the upstream, the proxy, the core with stores in ' +
  'memory, the core with stores in DynamoDB, DynamoDB (dynalite), and the emulator, whose environments are threads of ' +
  'its process. Only the client, the upstream, one route between them and, where stores are in it, DynamoDB are busy at ' +
  'a time. Stores of the emulator are in DynamoDB. Dynalite is JavaScript, so its part in a figure is not that of AWS.';

export async function openStage(): Promise<Stage> {
  const programs: Program[] = [];
  const start = async (file: URL, data?: unknown): Promise<Program> => {
    const program = await startProgram(file, data);
    programs.push(program);
    return program;
  };
  const close = async (): Promise<void> => {
    for (const program of programs.splice(0).toReversed()) await program.close();
  };
  try {
    const upstream = await start(new URL('programs/upstream.ts', import.meta.url));
    const dynamodb = await start(new URL('programs/dynamodb.ts', import.meta.url), { tableNames: [TABLE_NAME] });
    const inMemory = { upstream: upstream.origin };
    const inDynamoDb = { ...inMemory, dynamodb: { endpoint: dynamodb.origin, tableName: TABLE_NAME } };
    const core = new URL('programs/core.ts', import.meta.url);
    const gateways: Readonly<Record<Route, Program>> = {
      direct: upstream,
      proxy: await start(new URL('programs/reverse-proxy.ts', import.meta.url), { target: upstream.origin }),
      'core, memory': await start(core, inMemory),
      'core, DynamoDB': await start(core, inDynamoDb),
      emulator: await start(new URL('programs/emulator.ts', import.meta.url), inDynamoDb),
    };
    const place = (route: Route, form: UpstreamForm = 'both'): Place => {
      const { origin } = gateways[route];
      if (route === 'direct' || route === 'proxy') return { url: `${origin}/${form}`, prefix: '' };
      return { url: form === 'both' ? `${origin}/mcp` : `${origin}/mcp/${form}`, prefix: `${PREFIX}__` };
    };
    const counted = { upstream, dynamodb, gateways: [gateways['core, memory'], gateways['core, DynamoDB']] };
    const costBy: Stage['costBy'] = (route, work) =>
      costOf(counted, work, counted.gateways.includes(gateways[route]) ? gateways[route] : undefined);
    return { ...counted, tableName: TABLE_NAME, place, costBy, close };
  } catch (error) {
    await close();
    throw error;
  }
}
