/** What reusing an upstream session saves: a call that opens one first, beside a call that finds one. */
import type { Era } from '../../lib/protocol/era.ts';
import { BOTH, divide, formatBoth, type Cost } from './cost.ts';
import { McpClient } from './mcp-client.ts';
import type { Section } from './sheet.ts';
import type { Route, Stage, UpstreamForm } from './stage.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import { formatRatios, ratios, takeTurns, type TurnOptions } from './turns.ts';
import { INITIALIZE_MS, ROUND_TRIP_MS } from './workload.ts';

type Distance = keyof typeof ROUND_TRIP_MS;

const DISTANCES: readonly Distance[] = ['near', 'far'];

const ROUTE: Route = 'core, DynamoDB';

interface SessionLatency {
  readonly era: Era;
  readonly distance: Distance;
  readonly session: 'new' | 'reused';
  readonly p50: number;
  /** What the new session takes as a multiple of the reused one, of each round; of new ones only. */
  readonly ratios: readonly number[] | undefined;
  readonly cost: Cost;
}

export type SessionFigures = readonly SessionLatency[];

/** One call in a session of the given kind. */
interface Caller {
  readonly era: Era;
  readonly distance: Distance;
  readonly session: SessionLatency['session'];
  readonly call: () => Promise<void>;
}

export async function measureUpstreamSessions(stage: Stage, options: TurnOptions): Promise<SessionFigures> {
  const clients: McpClient[] = [];
  const connect = async (form: UpstreamForm, era: Era): Promise<McpClient> => {
    const client = await McpClient.connect(stage.place(ROUTE, form), era);
    clients.push(client);
    return client;
  };
  try {
    const callers: Caller[] = [];
    for (const distance of DISTANCES) {
      callers.push(...(await modernCallers(distance, connect)));
      callers.push(...(await legacyCallers(distance, connect, (options.rounds + 2) * options.calls)));
    }
    const calls = callers.map(({ call }) => call);
    await takeTurns(calls, { rounds: 1, calls: options.calls });
    const taken = await takeTurns(calls, options);
    const figures: SessionLatency[] = [];
    for (const [index, { era, distance, session, call }] of callers.entries()) {
      const cost = await stage.costBy(ROUTE, async () => {
        for (let sent = 0; sent < options.calls; sent += 1) await call();
      });
      // A reused one follows the new one that it is compared with.
      const times = session === 'new' ? ratios(taken[index]!, taken[index + 1]!) : undefined;
      const p50 = median(taken[index]!);
      figures.push({ era, distance, session, p50, ratios: times, cost: divide(cost, options.calls) });
    }
    return figures;
  } finally {
    for (const client of clients) client.close();
  }
}

type Connect = (form: UpstreamForm, era: Era) => Promise<McpClient>;

async function modernCallers(distance: Distance, connect: Connect): Promise<readonly Caller[]> {
  const era = 'modern';
  const alone = await connect(`${distance}-new`, era);
  const sharing = await connect(`${distance}-reused`, era);
  return [
    { era, distance, session: 'new', call: () => alone.call('small') },
    { era, distance, session: 'reused', call: () => sharing.call('small') },
  ];
}

/** A client opens one with its first call, so it takes `firsts` clients to see as many first calls. */
async function legacyCallers(distance: Distance, connect: Connect, firsts: number): Promise<readonly Caller[]> {
  const era = 'legacy';
  const form: UpstreamForm = `${distance}-new`;
  // The very first client has the upstream introduced, and gets a session by that.
  const used = await connect(form, era);
  const unused: McpClient[] = [];
  while (unused.length < firsts) unused.push(await connect(form, era));
  const callFirst = async (): Promise<void> => {
    const client = unused.pop();
    if (client === undefined) throw new Error('There are more first calls than clients');
    await client.call('small');
  };
  return [
    { era, distance, session: 'new', call: callFirst },
    { era, distance, session: 'reused', call: () => used.call('small') },
  ];
}

const WHAT: Readonly<Record<Era, Readonly<Record<SessionLatency['session'], string>>>> = {
  modern: { new: 'a session for each call', reused: 'one session for all' },
  legacy: { new: "a client's first call", reused: 'its later calls' },
};

export function upstreamSessionSection(figures: SessionFigures): Section {
  const header = ['client', 'round trip', 'upstream session', 'p50', 'times reused (least to most)', ...BOTH];
  const rows = figures.map(({ era, distance, session, p50, ratios: times, cost }) => [
    era,
    `${ROUND_TRIP_MS[distance]} ms`,
    WHAT[era][session],
    milliseconds(p50),
    times === undefined ? '' : formatRatios(times),
    ...formatBoth(cost),
  ]);
  const meaning =
    `A small call to a legacy upstream that takes ${INITIALIZE_MS} ms to open a session, by the route "${ROUTE}", in ` +
    'milliseconds, medians of rounds in which the calls took turns. Requests to the upstream + to DynamoDB, where they ' +
    'arrive (closing a session included), and as the action log has them, which ends with the answer.';
  return { heading: 'Upstream sessions, new and reused', sheets: [{ meaning, header, rows, leftColumns: 3 }] };
}
