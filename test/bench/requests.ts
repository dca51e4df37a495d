/** What a call costs in requests to the upstream and to DynamoDB, for each kind of client, counted where they arrive. */
import { setTimeout } from 'node:timers/promises';
import type { Era } from '../../lib/protocol/era.ts';
import type { Aim } from './aim.ts';
import { McpClient, type Answer } from './mcp-client.ts';
import type { Counts } from './programs/program.ts';
import type { Route, Stage, UpstreamForm } from './stage.ts';
import { formatTable } from './table.ts';

interface Kind {
  readonly client: string;
  readonly era: Era;
  readonly form: UpstreamForm;
  /** Whether it has a session, and the aim is for it. */
  readonly session: boolean;
}

interface Cost {
  readonly upstream: number;
  readonly dynamodb: number;
  /** What was sent, by method or operation. */
  readonly detail: Counts;
}

interface KindRequests {
  readonly kind: Kind;
  readonly route: Route;
  /** To get ready: `initialize` and `notifications/initialized` of a legacy client, nothing of a modern one. */
  readonly connect: Cost;
  readonly steadyCall: Cost;
  readonly answer: string;
}

export type RequestFigures = readonly KindRequests[];

const KINDS: readonly Kind[] = [
  { client: 'legacy, upstream of both eras', era: 'legacy', form: 'both', session: true },
  { client: 'legacy, legacy upstream', era: 'legacy', form: 'legacy', session: true },
  { client: 'modern, upstream of both eras', era: 'modern', form: 'both', session: false },
  { client: 'modern, upstream configured as modern', era: 'modern', form: 'modern', session: false },
  { client: 'modern and anonymous, legacy upstream with sessions', era: 'modern', form: 'legacy', session: false },
];

const ROUTES: readonly Route[] = ['core, DynamoDB', 'emulator'];

/** Between two looks at what has arrived, in milliseconds. */
const SETTLE_MS = 25;

/** Calls `calls` times until every environment has served and remembers what it may, and as often again to count. */
export async function measureRequests(stage: Stage, calls: number): Promise<RequestFigures> {
  const figures: KindRequests[] = [];
  for (const kind of KINDS) for (const route of ROUTES) figures.push(await measureKind(stage, kind, route, calls));
  return figures;
}

async function measureKind(stage: Stage, kind: Kind, route: Route, calls: number): Promise<KindRequests> {
  let client: McpClient | undefined;
  const connect = await costOf(stage, async () => {
    client = await McpClient.connect(stage.place(route, kind.form), kind.era);
  });
  const connected = client!;
  const repeat = async (): Promise<Answer> => {
    let answer = await connected.send('small');
    for (let call = 1; call < calls; call += 1) answer = await connected.send('small');
    return answer;
  };
  await repeat();
  let answer: Answer | undefined;
  const all = await costOf(stage, async () => {
    answer = await repeat();
  });
  connected.close();
  return { kind, route, connect, steadyCall: divide(all, calls), answer: describeAnswer(answer!) };
}

async function costOf(stage: Stage, work: () => Promise<void>): Promise<Cost> {
  const before = await settledCounts(stage);
  await work();
  const after = await settledCounts(stage);
  const upstream = difference(before.upstream, after.upstream);
  const dynamodb = difference(before.dynamodb, after.dynamodb);
  return { upstream: sum(upstream), dynamodb: sum(dynamodb), detail: { ...upstream, ...dynamodb } };
}

interface StageCounts {
  readonly upstream: Counts;
  readonly dynamodb: Counts;
}

/** Some work outlives its answer; it is over when two looks see the same. */
async function settledCounts(stage: Stage): Promise<StageCounts> {
  let counts = await countsOf(stage);
  for (;;) {
    await setTimeout(SETTLE_MS);
    const again = await countsOf(stage);
    if (sum(again.upstream) === sum(counts.upstream) && sum(again.dynamodb) === sum(counts.dynamodb)) return again;
    counts = again;
  }
}

async function countsOf({ upstream, dynamodb }: Stage): Promise<StageCounts> {
  return { upstream: await upstream.counts(), dynamodb: await dynamodb.counts() };
}

function difference(before: Counts, after: Counts): Counts {
  const changed = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(changed.filter(([, count]) => count !== 0));
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function divide({ upstream, dynamodb, detail }: Cost, calls: number): Cost {
  const shares = Object.entries(detail).map(([name, count]) => [name, count / calls] as const);
  return { upstream: upstream / calls, dynamodb: dynamodb / calls, detail: Object.fromEntries(shares) };
}

interface JsonRpc {
  readonly error?: { readonly code: number; readonly message: string };
}

function describeAnswer({ status, text }: Answer): string {
  const { error } = JSON.parse(text) as JsonRpc;
  return error === undefined ? 'answered' : `refused for now: HTTP ${status}, ${error.code} "${error.message}"`;
}

export function formatRequests(figures: RequestFigures): string {
  const header = ['client', 'route', 'to connect', 'a steady call', 'which is'];
  const rows = figures.map(({ kind, route, connect, steadyCall, answer }) => [
    kind.client,
    route,
    `${connect.upstream} + ${connect.dynamodb}`,
    `${steadyCall.upstream} + ${steadyCall.dynamodb}`,
    answer,
  ]);
  return `Requests to the upstream + to DynamoDB.\n${formatTable([header, ...rows], 5)}`;
}

export function requestAims(figures: RequestFigures): Aim[] {
  return figures
    .filter(({ kind }) => kind.session)
    .flatMap(({ kind, route, steadyCall }) => [
      {
        what: `upstream requests a steady call: ${kind.client}, ${route}`,
        measured: steadyCall.upstream,
        atMost: 1,
        unit: 'requests',
      },
      {
        what: `DynamoDB requests a steady call: ${kind.client}, ${route}`,
        measured: steadyCall.dynamodb,
        atMost: 1,
        unit: 'requests',
      },
    ]);
}
