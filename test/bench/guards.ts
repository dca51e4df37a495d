/** What it adds to a call that its upstream has a breaker, a limit of calls at once, or both. */
import type { Era } from '../../lib/protocol/era.ts';
import { BOTH, divide, formatBoth, type Cost } from './cost.ts';
import { FINDS_HEADER, type Finds } from './fleet.ts';
import { McpClient } from './mcp-client.ts';
import type { Section } from './sheet.ts';
import type { Route, Stage, UpstreamForm } from './stage.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import { formatRatios, ratios, takeTurns, type Rounds, type TurnOptions } from './turns.ts';

const ERAS: readonly Era[] = ['modern', 'legacy'];

interface Guard {
  readonly what: string;
  readonly form: UpstreamForm;
}

/** The first one is what the others are held against. */
const GUARDS: readonly Guard[] = [
  { what: 'none', form: 'unguarded' },
  { what: 'a breaker', form: 'breaker' },
  { what: 'maxConcurrent', form: 'slots' },
  { what: 'both', form: 'guarded' },
];

/** Where calls arrive: an environment looks at a breaker once a second, so a busy one hardly ever does. */
interface Where {
  readonly route: Route;
  readonly finds: Finds;
  readonly environment: string;
}

const WHERE: readonly Where[] = [
  { route: 'core, DynamoDB', finds: 'memory', environment: 'busy' },
  { route: 'core, DynamoDB', finds: 'table', environment: 'a new one for each call' },
  { route: 'emulator', finds: 'memory', environment: 'several, in turn' },
];

/** For a slot to be given back, in milliseconds. */
const PAUSE_MS = 4;

interface GuardLatency {
  readonly era: Era;
  readonly where: Where;
  readonly guard: Guard;
  readonly p50: number;
  /** Above the call without any. */
  readonly added: number;
  readonly ratios: readonly number[];
  readonly cost: Cost;
}

export type GuardFigures = readonly GuardLatency[];

export async function measureGuards(stage: Stage, options: TurnOptions): Promise<GuardFigures> {
  const figures: GuardLatency[] = [];
  for (const where of WHERE) for (const era of ERAS) figures.push(...(await measureHere(stage, where, era, options)));
  return figures;
}

async function measureHere(
  stage: Stage,
  where: Where,
  era: Era,
  options: TurnOptions,
): Promise<readonly GuardLatency[]> {
  const { route, finds } = where;
  const clients: McpClient[] = [];
  try {
    for (const { form } of GUARDS) {
      clients.push(await McpClient.connect({ ...stage.place(route, form), headers: { [FINDS_HEADER]: finds } }, era));
    }
    const callers = clients.map((client) => () => client.call('small'));
    await takeTurns(callers, { rounds: 1, calls: options.calls });
    const taken = await takeTurns(callers, { ...options, pauseMs: PAUSE_MS });
    const figures: GuardLatency[] = [];
    for (const [index, guard] of GUARDS.entries()) {
      const cost = await stage.costBy(route, async () => {
        for (let sent = 0; sent < options.calls; sent += 1) await callers[index]!();
      });
      const compared = beside(taken[index]!, taken[0]!);
      figures.push({ era, where, guard, ...compared, cost: divide(cost, options.calls) });
    }
    return figures;
  } finally {
    for (const client of clients) client.close();
  }
}

function beside(rounds: Rounds, unguarded: Rounds): Pick<GuardLatency, 'p50' | 'added' | 'ratios'> {
  const added = median(rounds.map((p50, round) => p50 - unguarded[round]!));
  return { p50: median(rounds), added, ratios: ratios(rounds, unguarded) };
}

export function guardSection(figures: GuardFigures): Section {
  const header = ['client', 'guard', 'route', 'environment', 'p50', 'added', 'times (least to most)', ...BOTH];
  const rows = figures.map(({ era, where, guard, p50, added, ratios: times, cost }) => {
    const compared = guard === GUARDS[0] ? ['', ''] : [milliseconds(added), formatRatios(times)];
    return [era, guard.what, where.route, where.environment, milliseconds(p50), ...compared, ...formatBoth(cost)];
  });
  const meaning =
    'A small call in milliseconds, medians of rounds in which the guards took turns call by call. Requests to the ' +
    'upstream + to DynamoDB, where they arrive, and as the action log has them. Nobody waits for a slot to be given back.';
  return { heading: 'Breakers and slots', sheets: [{ meaning, header, rows, leftColumns: 4 }] };
}
