/** What a call costs in requests to the upstream and to DynamoDB, for each kind of client, counted where they arrive. */
import type { Era } from '../../lib/protocol/era.ts';
import type { Aim } from './aim.ts';
import { costOf, divide, formatCost, ofEachCall, type Cost } from './cost.ts';
import { McpClient, type Answer } from './mcp-client.ts';
import type { Route, Stage, UpstreamForm } from './stage.ts';
import type { Section } from './sheet.ts';

interface Kind {
  readonly client: string;
  readonly era: Era;
  readonly form: UpstreamForm;
  /** Whether it has a session, and the aim is for it. */
  readonly session: boolean;
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
  { client: 'modern, legacy upstream with one session for all', era: 'modern', form: 'shared', session: false },
  { client: 'legacy, upstream configured as modern', era: 'legacy', form: 'modern', session: true },
  { client: 'modern, HTTP+SSE upstream', era: 'modern', form: 'sse', session: false },
  { client: 'legacy, HTTP+SSE upstream', era: 'legacy', form: 'sse', session: false },
];

const ROUTES: readonly Route[] = ['core, DynamoDB', 'emulator'];

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

interface JsonRpc {
  readonly error?: { readonly code: number; readonly message: string };
}

function describeAnswer({ status, text }: Answer): string {
  const { error } = JSON.parse(text) as JsonRpc;
  return error === undefined ? 'answered' : `refused for now: HTTP ${status}, ${error.code} "${error.message}"`;
}

export function requestSection(figures: RequestFigures): Section {
  const header = ['client', 'route', 'to connect', 'a steady call', 'which is'];
  const rows = figures.map(({ kind, route, connect, steadyCall, answer }) => [
    kind.client,
    route,
    formatCost(connect),
    formatCost(steadyCall),
    answer,
  ]);
  const meaning =
    'Requests to the upstream + to DynamoDB, among them one look at the breaker for each second and environment.';
  return { heading: 'Requests per call', sheets: [{ meaning, header, rows, leftColumns: 5 }] };
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
        what: `DynamoDB requests a steady call, but looks at the breaker: ${kind.client}, ${route}`,
        measured: ofEachCall(steadyCall),
        atMost: 1,
        unit: 'requests',
      },
    ]);
}
