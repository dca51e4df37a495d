/** 2,000 tools behind one URL: what it costs to list them, to call one, and to find one resource among all of them. */
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { upstreamKey } from '../../lib/upstream/eras.ts';
import type { Era } from '../../lib/protocol/era.ts';
import type { Aim } from './aim.ts';
import { costOf, divide, formatCost, ofEachCall, type Cost, type Counted } from './cost.ts';
import { CALLED, FINDS_HEADER, FLEET, prefixOf, RESOURCES_EACH, resourceUri, TOOLS_EACH, type Finds } from './fleet.ts';
import { McpClient, type Place } from './mcp-client.ts';
import { gatewayConfig } from './programs/gateway-data.ts';
import { startProgram, type Program } from './programs/program.ts';
import type { Section } from './sheet.ts';
import type { Route, Stage } from './stage.ts';
import { median, percentile } from './statistics.ts';
import { milliseconds } from './table.ts';
import { formatRatios, ratios, takeTurns, timeOf, type TurnOptions } from './turns.ts';

type FleetRoute = Extract<Route, 'core, memory' | 'core, DynamoDB' | 'emulator'>;

const ROUTES: readonly FleetRoute[] = ['core, memory', 'core, DynamoDB', 'emulator'];
const ERAS: readonly Era[] = ['modern', 'legacy'];

/** Lists that are in the memory of their environment cost little, so there can be more of them. */
const MEMORY_LISTS = 4;

/** Until the engine has compiled what lists need, in each environment of the emulator, too. */
const WARM_UP_LISTS = 60;

export interface FleetOptions extends TurnOptions {
  /** Lists of each kind. */
  readonly lists: number;
}

/** Lists of two environments that remember as much are the same. */
type ListFinds = Exclude<Finds, 'elsewhere'>;

interface Lists {
  readonly era: Era;
  readonly route: FleetRoute;
  readonly finds: ListFinds;
  readonly p50: number;
  readonly cost: Cost;
  /** Of the response's body. */
  readonly bytes: number;
}

/** A request to the fleet beside the same one to a gateway's view of a single upstream. */
interface Beside {
  readonly what: 'tools/call' | 'resources/read';
  readonly era: Era;
  readonly route: FleetRoute;
  readonly p50: number;
  readonly aloneP50: number;
  readonly ratios: readonly number[];
  readonly cost: Cost;
  readonly aloneCost: Cost;
}

export interface FleetFigures {
  readonly lists: readonly Lists[];
  readonly requests: readonly Beside[];
  /** Of the lists of tools as they are kept in the table, compressed: all upstreams of the fleet, for one audience. */
  readonly catalogBytes: number;
  /** Of the same texts. */
  readonly listedBytes: number;
}

/** The gateways of the fleet. */
interface FleetStage extends Counted {
  place(route: FleetRoute, server: 'default' | 'one', finds?: Finds): Place;
  close(): Promise<void>;
}

export async function measureFleet(stage: Stage, options: FleetOptions): Promise<FleetFigures> {
  const fleet = await openFleet(stage);
  try {
    const lists = await measureLists(fleet, options);
    const requests: Beside[] = [];
    for (const route of ROUTES) {
      for (const era of ERAS) requests.push(...(await measureRequests(fleet, route, era, options)));
    }
    return { lists, requests, ...(await catalogSize(stage)) };
  } finally {
    await fleet.close();
  }
}

async function openFleet({ upstream, dynamodb, tableName }: Stage): Promise<FleetStage> {
  const programs: Program[] = [];
  const start = async (file: string, data: object): Promise<Program> => {
    const program = await startProgram(new URL(`programs/${file}`, import.meta.url), data);
    programs.push(program);
    return program;
  };
  const close = async (): Promise<void> => {
    for (const program of programs.splice(0).toReversed()) await program.close();
  };
  try {
    const inMemory = { upstream: upstream.origin, fleet: true };
    const inDynamoDb = { ...inMemory, dynamodb: { endpoint: dynamodb.origin, tableName } };
    const gateways: Readonly<Record<FleetRoute, Program>> = {
      'core, memory': await start('core.ts', inMemory),
      'core, DynamoDB': await start('core.ts', inDynamoDb),
      emulator: await start('emulator.ts', inDynamoDb),
    };
    const place: FleetStage['place'] = (route, server, finds = 'memory') => ({
      url: gateways[route].origin + (server === 'default' ? '/mcp' : `/mcp/${server}`),
      prefix: `${prefixOf(CALLED)}__`,
      headers: { [FINDS_HEADER]: finds },
    });
    const counted = [gateways['core, memory'], gateways['core, DynamoDB']];
    return { upstream, dynamodb, gateways: counted, place, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// ---------------------------------------------------------------------------------------------------------- lists

interface Lister {
  readonly era: Era;
  readonly route: FleetRoute;
  readonly finds: ListFinds;
  readonly client: McpClient;
  readonly times: number[];
  cost: Cost;
  bytes: number;
}

/** An environment of the emulator cannot be made to forget what it remembers. */
function findsOf(route: FleetRoute): readonly ListFinds[] {
  return route === 'emulator' ? ['memory'] : ['nothing', 'table', 'memory'];
}

async function measureLists(fleet: FleetStage, { lists }: FleetOptions): Promise<readonly Lists[]> {
  const listers: Lister[] = [];
  try {
    for (const era of ERAS) {
      for (const route of ROUTES) {
        for (const finds of findsOf(route)) {
          const client = await McpClient.connect(fleet.place(route, 'default', finds), era);
          listers.push({ era, route, finds, client, times: [], cost: NO_COST, bytes: 0 });
        }
      }
    }
    for (const { client } of listers.filter(({ finds }) => finds === 'memory')) {
      for (let list = 0; list < WARM_UP_LISTS; list += 1) await client.listTools();
    }
    for (let turn = 0; turn < lists; turn += 1) for (const lister of listers) await takeLists(fleet, lister);
    return listers.map(({ era, route, finds, times, cost, bytes }) => {
      return { era, route, finds, p50: percentile(times, 0.5), cost: divide(cost, times.length), bytes };
    });
  } finally {
    for (const { client } of listers) client.close();
  }
}

const NO_COST: Cost = { upstream: 0, dynamodb: 0, logged: undefined, detail: {} };

/** What one list leaves to be done is over before the next one begins. */
async function takeLists(fleet: FleetStage, lister: Lister): Promise<void> {
  const { finds, client, times } = lister;
  const cost = await costOf(fleet, async () => {
    for (let list = 0; list < (finds === 'memory' ? MEMORY_LISTS : 1); list += 1) {
      times.push(
        await timeOf(async () => {
          const { text } = await client.listTools();
          lister.bytes = Buffer.byteLength(text);
        }),
      );
    }
  });
  lister.cost = plus(lister.cost, cost);
}

function plus(left: Cost, right: Cost): Cost {
  const names = new Set([...Object.keys(left.detail), ...Object.keys(right.detail)]);
  const detail = [...names].map((name) => [name, (left.detail[name] ?? 0) + (right.detail[name] ?? 0)] as const);
  return {
    upstream: left.upstream + right.upstream,
    dynamodb: left.dynamodb + right.dynamodb,
    logged: undefined,
    detail: Object.fromEntries(detail),
  };
}

async function catalogSize({ upstream, dynamodb, tableName }: Stage) {
  const client = createDynamoClient({ endpoint: dynamodb.origin, region: 'us-east-1' });
  const { catalog } = createDynamoStores({ client, tableName })({ requests: 0 });
  const { upstreams } = gatewayConfig({ upstream: upstream.origin, fleet: true });
  const heads = await Promise.all(
    Object.values(upstreams).map((config) => catalog.headsOf(upstreamKey({ config }, cryptoIds))),
  );
  // Those of one audience: the others have the same texts.
  const kept = heads.flatMap((own) => own.find(({ key }) => key.member === 'tools') ?? []);
  const texts = await catalog.texts(kept);
  return {
    catalogBytes: kept.reduce((sum, { head }) => sum + head.bytes, 0),
    listedBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0),
  };
}

// ------------------------------------------------------------------------------------- requests beside the same alone

async function measureRequests(
  fleet: FleetStage,
  route: FleetRoute,
  era: Era,
  options: FleetOptions,
): Promise<readonly Beside[]> {
  const many = await McpClient.connect(fleet.place(route, 'default'), era);
  const one = await McpClient.connect(fleet.place(route, 'one'), era);
  try {
    const call = (client: McpClient) => () => client.call('small');
    return [
      { what: 'tools/call', era, route, ...(await measureBeside(fleet, call(many), call(one), options)) },
      { what: 'resources/read', era, route, ...(await measureBeside(fleet, reader(many), reader(one), options)) },
    ];
  } finally {
    many.close();
    one.close();
  }
}

/** Reads the resources of the called upstream in turn. */
function reader(client: McpClient): () => Promise<unknown> {
  let reads = 0;
  return () => client.readResource(resourceUri(CALLED, (reads += 1) % RESOURCES_EACH));
}

async function measureBeside(
  fleet: FleetStage,
  many: () => Promise<unknown>,
  one: () => Promise<unknown>,
  options: FleetOptions,
): Promise<Omit<Beside, 'what' | 'era' | 'route'>> {
  await takeTurns([many, one], { rounds: 1, calls: options.calls });
  const [rounds = [], alone = []] = await takeTurns([many, one], options);
  const steadyCost = async (call: () => Promise<unknown>): Promise<Cost> => {
    const cost = await costOf(fleet, async () => {
      for (let sent = 0; sent < options.calls; sent += 1) await call();
    });
    return divide(cost, options.calls);
  };
  return {
    p50: median(rounds),
    aloneP50: median(alone),
    ratios: ratios(rounds, alone),
    cost: await steadyCost(many),
    aloneCost: await steadyCost(one),
  };
}

// ---------------------------------------------------------------------------------------------------------- words

const FOUND: Readonly<Record<ListFinds, string>> = {
  nothing: 'nothing: upstreams not seen before',
  table: 'what is in the table, as a new environment',
  memory: 'what its environment remembers',
};

export function fleetSection({ lists, requests, catalogBytes, listedBytes }: FleetFigures): Section {
  const listRows = lists.map(({ era, route, finds, p50, cost, bytes }) => {
    return [era, route, FOUND[finds], milliseconds(p50), formatCost(cost), String(bytes)];
  });
  const requestRows = requests.map((beside) => {
    const { what, era, route, p50, aloneP50, cost, aloneCost } = beside;
    const times = [milliseconds(p50), milliseconds(aloneP50), formatRatios(beside.ratios)];
    return [what, era, route, ...times, formatCost(cost), formatCost(aloneCost)];
  });
  const listSheet = {
    title: 'Lists',
    meaning:
      'All tools at once: milliseconds, and requests to the upstreams + to DynamoDB with all that a request leaves to be ' +
      `done after its answer. The catalog in the table takes ${catalogBytes} bytes for ${listedBytes} bytes of tools, for ` +
      'each audience.',
    header: ['client', 'route', 'tools/list finds', 'p50', 'requests', 'bytes answered'],
    rows: listRows,
    leftColumns: 3,
  };
  const requestSheet = {
    title: 'Requests',
    meaning:
      'Beside the same request to a virtual server with one of these upstreams, in turns call by call: milliseconds, ' +
      'and requests to the upstreams + to DynamoDB.',
    header: ['method', 'client', 'route', 'p50', 'one upstream', 'ratio (least to most)', 'requests', 'one upstream'],
    rows: requestRows,
    leftColumns: 3,
  };
  const words =
    `${FLEET} upstreams with ${TOOLS_EACH} tools and ${RESOURCES_EACH} resources each, of both eras. Stores in memory ` +
    'count no requests.';
  return { heading: 'Many upstreams', words: [words], sheets: [listSheet, requestSheet] };
}

/** As long, but for noise. */
const CALL_RATIO = 1.1;

export function fleetAims({ requests }: FleetFigures): Aim[] {
  return callsOf(requests).map(({ era, route, ratios: times }) => ({
    what: `a call takes as long as with one upstream: ${era}, ${FLEET} upstreams, ${route}`,
    measured: median(times),
    atMost: CALL_RATIO,
    unit: 'x',
  }));
}

/** A call needs no catalog, however many upstreams there are. Throws when it sent more than one upstream's. */
export function requireEqualCosts({ requests }: FleetFigures): void {
  for (const { era, route, cost, aloneCost } of callsOf(requests)) {
    if (cost.upstream === aloneCost.upstream && sameOfEachCall(cost, aloneCost)) continue;
    const costs = `${JSON.stringify(cost.detail)} and ${JSON.stringify(aloneCost.detail)}`;
    throw new Error(`A call sent other requests among ${FLEET} upstreams than with one (${era}, ${route}): ${costs}`);
  }
}

/** But for rounding. */
function sameOfEachCall(cost: Cost, other: Cost): boolean {
  return Math.abs(ofEachCall(cost) - ofEachCall(other)) < 1e-6;
}

function callsOf(requests: readonly Beside[]): readonly Beside[] {
  return requests.filter(({ what }) => what === 'tools/call');
}
