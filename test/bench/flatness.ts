/**
 * Whether a call takes as long among many as it does alone: many tools behind the same URL, many sessions in the table.
 * All in one run, call by call; the same call twice says how much of a difference is chance.
 */
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import type { Era } from '../../lib/protocol/era.ts';
import type { ClientSessionStore } from '../../lib/ports/client-sessions.ts';
import type { Aim } from './aim.ts';
import { costOf, divide, formatCost, ofEachCall, type Cost, type Counted } from './cost.ts';
import { CALLED, FLEET, prefixOf, TOOLS_EACH } from './fleet.ts';
import { McpClient } from './mcp-client.ts';
import { startProgram, type Program } from './programs/program.ts';
import type { Section } from './sheet.ts';
import { SIZE_HEADER, SIZE_TABLES, type Size } from './sizes.ts';
import type { Stage } from './stage.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import { formatRatios, ratios, takeTurns, type TurnOptions } from './turns.ts';
import { VERSIONS } from './workload.ts';

export interface FlatnessOptions extends TurnOptions {
  /** How many sessions are in the table that holds many. */
  readonly sessions: number;
}

/** What a call is among. The first one of each era is what the others are held against. */
interface Company {
  readonly era: Era;
  readonly size: Size;
  /** The same as the first one: what differs is chance. */
  readonly isTwin?: true;
}

const COMPANIES: readonly Company[] = [
  { era: 'modern', size: 'small' },
  { era: 'modern', size: 'small', isTwin: true },
  { era: 'modern', size: 'tools' },
  { era: 'legacy', size: 'small' },
  { era: 'legacy', size: 'small', isTwin: true },
  { era: 'legacy', size: 'tools' },
  { era: 'legacy', size: 'sessions' },
];

interface CompanyLatency {
  readonly company: Company;
  readonly p50: number;
  /** To the first one of its era, of each round. */
  readonly ratios: readonly number[];
  readonly cost: Cost;
}

export interface FlatnessFigures {
  readonly sessions: number;
  readonly calls: readonly CompanyLatency[];
}

/** As long, but for noise. */
const FLAT_RATIO = 1.1;

/** Sessions that are written at once. */
const WRITERS = 16;

const DAY_MS = 24 * 60 * 60 * 1000;

export async function measureFlatness(stage: Stage, options: FlatnessOptions): Promise<FlatnessFigures> {
  const programs: Program[] = [];
  const start = async (file: URL, data: object): Promise<Program> => {
    const program = await startProgram(file, data);
    programs.push(program);
    return program;
  };
  try {
    const tableNames = Object.values(SIZE_TABLES);
    const dynamodb = await start(new URL('programs/dynamodb.ts', import.meta.url), { tableNames });
    await fillSessions(dynamodb.origin, options.sessions);
    const data = { upstream: stage.upstream.origin, dynamodb: dynamodb.origin };
    const gateways = await start(new URL('programs/sizes.ts', import.meta.url), data);
    const counted = { upstream: stage.upstream, dynamodb, gateways: [gateways] };
    return { sessions: options.sessions, calls: await measureCalls(counted, gateways, options) };
  } finally {
    for (const program of programs.toReversed()) await program.close();
  }
}

async function fillSessions(endpoint: string, sessions: number): Promise<void> {
  const client = createDynamoClient({ endpoint, region: 'us-east-1' });
  const stores = createDynamoStores({ client, tableName: SIZE_TABLES.many })({ requests: 0 });
  let written = 0;
  const writeRepeatedly = async (): Promise<void> => {
    while (written < sessions) {
      written += 1;
      await stores.clientSessions.create(newSession());
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writeRepeatedly));
}

/** As one is that has called its upstream. */
function newSession(): Parameters<ClientSessionStore['create']>[0] {
  const now = Date.now();
  const upstreamSession = { generation: cryptoIds.random(), id: cryptoIds.random(), attachedAt: now };
  return {
    key: cryptoIds.digest(cryptoIds.random()),
    server: 'default',
    caller: 'anonymous',
    protocolVersion: VERSIONS.legacy,
    clientInfo: { name: 'bench', version: '1.0.0' },
    clientCapabilities: {},
    logLevel: undefined,
    upstreamSessions: { single: { ...upstreamSession, protocolVersion: VERSIONS.legacy } },
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + DAY_MS,
  };
}

async function measureCalls(
  counted: Counted,
  { origin }: Program,
  options: FlatnessOptions,
): Promise<readonly CompanyLatency[]> {
  const clients: McpClient[] = [];
  try {
    for (const { era, size } of COMPANIES) {
      const place = { url: `${origin}/mcp`, prefix: `${prefixOf(CALLED)}__`, headers: { [SIZE_HEADER]: size } };
      const client = await McpClient.connect(place, era);
      clients.push(client);
      // All tools that there are have been seen.
      await client.listTools();
    }
    const callers = clients.map((client) => () => client.call('small'));
    await takeTurns(callers, { rounds: 1, calls: options.calls });
    const taken = await takeTurns(callers, options);
    const figures: CompanyLatency[] = [];
    for (const [index, company] of COMPANIES.entries()) {
      const alone = COMPANIES.findIndex(({ era }) => era === company.era);
      const cost = await costOf(counted, async () => {
        for (let sent = 0; sent < options.calls; sent += 1) await callers[index]!();
      });
      const [own, others] = [taken[index]!, taken[alone]!];
      figures.push({ company, p50: median(own), ratios: ratios(own, others), cost: divide(cost, options.calls) });
    }
    return figures;
  } finally {
    for (const client of clients) client.close();
  }
}

function describe({ size, isTwin }: Company, sessions: number): string {
  if (isTwin) return 'the same once more: noise';
  if (size === 'small') return '1 tool, few sessions';
  return size === 'tools' ? `${FLEET * TOOLS_EACH} tools` : `${sessions} sessions`;
}

export function flatnessSection({ sessions, calls }: FlatnessFigures): Section {
  const rows = calls.map(({ company, p50, ratios: times, cost }) => {
    const isFirst = company.size === 'small' && !company.isTwin;
    const compared = isFirst ? '' : formatRatios(times);
    return [company.era, describe(company, sessions), milliseconds(p50), compared, formatCost(cost)];
  });
  const meaning =
    'A small call through the core with stores in DynamoDB, in milliseconds, beside the same call with one tool and few ' +
    'sessions: medians of rounds in which all of them took turns call by call, all gateways in one process. Requests are ' +
    'those to the upstream + to DynamoDB. Two sizes of each are no curve: what lies between and beyond them is not ' +
    'measured. The aim for requests compares them to a twentieth of one.';
  const header = ['client', 'among', 'p50', 'times as long (least to most)', 'requests'];
  return { heading: 'Flatness', sheets: [{ meaning, header, rows, leftColumns: 2 }] };
}

export function flatnessAims({ sessions, calls }: FlatnessFigures): Aim[] {
  const compared = calls.filter(({ company }) => company.size !== 'small');
  return compared.flatMap(({ company, ratios: times, cost }) => {
    const alone = calls.find(({ company: { era } }) => era === company.era)!.cost;
    const what = `${company.era}, ${describe(company, sessions)}`;
    return [
      {
        what: `a call takes as long as with one tool and few sessions: ${what}`,
        measured: median(times),
        atMost: FLAT_RATIO,
        unit: 'x',
      },
      {
        what: `a call sends as many requests as with one tool and few sessions: ${what}`,
        measured: requestsOf(cost),
        atMost: requestsOf(alone),
        unit: 'requests',
      },
    ];
  });
}

/** To a twentieth of a request: a write that comes now and then, and not with each call, is not what this is about. */
function requestsOf(cost: Cost): number {
  return Math.round((cost.upstream + ofEachCall(cost)) * STEPS) / STEPS;
}

const STEPS = 20;
