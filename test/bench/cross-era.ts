/** What it adds to a call that its upstream speaks the other era, beside the same call within one era. */
import type { Era } from '../../lib/protocol/era.ts';
import { McpClient } from './mcp-client.ts';
import type { Route, Stage, UpstreamForm } from './stage.ts';
import type { Section } from './sheet.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import { formatRatios, ratios, takeTurns, type Rounds, type TurnOptions } from './turns.ts';

interface Pair {
  readonly client: Era;
  readonly upstream: string;
  readonly form: UpstreamForm;
}

/** The first of each client is what the others are held against. */
const PAIRS: Readonly<Record<Era, readonly Pair[]>> = {
  modern: [
    { client: 'modern', upstream: 'modern', form: 'modern' },
    { client: 'modern', upstream: 'legacy, one session for all', form: 'shared' },
    { client: 'modern', upstream: 'legacy, a session for each call', form: 'legacy' },
    { client: 'modern', upstream: 'HTTP+SSE', form: 'sse' },
  ],
  legacy: [
    { client: 'legacy', upstream: 'legacy', form: 'legacy' },
    { client: 'legacy', upstream: 'modern', form: 'modern' },
    { client: 'legacy', upstream: 'HTTP+SSE', form: 'sse' },
  ],
};

const ROUTES: readonly Route[] = ['core, memory', 'core, DynamoDB', 'emulator'];

interface PairLatency {
  readonly pair: Pair;
  readonly route: Route;
  readonly p50: number;
  /** Above the call within one era. */
  readonly added: number;
  readonly ratios: readonly number[];
}

export type CrossEraFigures = readonly PairLatency[];

export async function measureCrossEra(stage: Stage, options: TurnOptions): Promise<CrossEraFigures> {
  const figures: PairLatency[] = [];
  for (const route of ROUTES) {
    for (const pairs of Object.values(PAIRS)) figures.push(...(await measurePairs(stage, route, pairs, options)));
  }
  return figures;
}

async function measurePairs(
  stage: Stage,
  route: Route,
  pairs: readonly Pair[],
  options: TurnOptions,
): Promise<readonly PairLatency[]> {
  const clients: McpClient[] = [];
  try {
    for (const { client, form } of pairs) clients.push(await McpClient.connect(stage.place(route, form), client));
    const callers = clients.map((client) => () => client.call('small'));
    await takeTurns(callers, { rounds: 1, calls: options.calls });
    const taken = await takeTurns(callers, options);
    return pairs.map((pair, index) => latencyOf(pair, route, taken[index]!, taken[0]!));
  } finally {
    for (const client of clients) client.close();
  }
}

function latencyOf(pair: Pair, route: Route, rounds: Rounds, same: Rounds): PairLatency {
  const added = median(rounds.map((p50, round) => p50 - same[round]!));
  return { pair, route, p50: median(rounds), added, ratios: ratios(rounds, same) };
}

export function crossEraSection(figures: CrossEraFigures): Section {
  const header = ['client', 'upstream', 'route', 'p50', 'added', 'times as long (least to most)'];
  const rows = figures.map(({ pair, route, p50, added, ratios: times }) => {
    const isOther = pair !== PAIRS[pair.client][0];
    const beside = isOther ? [milliseconds(added), formatRatios(times)] : ['', ''];
    return [pair.client, pair.upstream, route, milliseconds(p50), ...beside];
  });
  const meaning =
    'A small call in milliseconds, medians of rounds in which the upstreams took turns call by call; what it adds that ' +
    'the upstream is of the other era.';
  return { heading: 'Calls between the eras', sheets: [{ meaning, header, rows, leftColumns: 3 }] };
}
