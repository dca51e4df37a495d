/**
 * What a key costs a call: executed for the first time, answered again, or sent twice at once, beside the same call
 * without one.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Era } from '../../lib/protocol/era.ts';
import { BOTH, divide, formatBoth, type Cost } from './cost.ts';
import { FINDS_HEADER, type Finds } from './fleet.ts';
import { McpClient } from './mcp-client.ts';
import type { Route, Stage } from './stage.ts';
import type { Section } from './sheet.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import { formatRatios, ratios, takeTurns, type Rounds, type TurnOptions } from './turns.ts';
import { SLOW_MS } from './workload.ts';

const ERAS: readonly Era[] = ['modern', 'legacy'];
const ROUTES: readonly Route[] = ['core, memory', 'core, DynamoDB', 'emulator'];

/** Calls that are sent twice, at once: fewer than the emulator has environments. */
const JOINED = 6;

const ELSEWHERE: Finds = 'elsewhere';

export interface KeyedOptions extends TurnOptions {
  /** How often calls are sent twice. */
  readonly joins: number;
}

interface KeyedLatency {
  readonly era: Era;
  readonly route: Route;
  readonly what: string;
  readonly p50: number;
  /** Above the call without a key. */
  readonly added: number;
  readonly ratios: readonly number[];
  readonly cost: Cost;
}

interface JoinLatency {
  readonly era: Era;
  readonly route: Route;
  /** From the answer to the first one to that to the second one, in milliseconds, in no order. */
  readonly later: readonly number[];
  /** Of both. */
  readonly cost: Cost;
}

export interface KeyedFigures {
  readonly calls: readonly KeyedLatency[];
  readonly joins: readonly JoinLatency[];
}

export async function measureKeyed(stage: Stage, options: KeyedOptions): Promise<KeyedFigures> {
  const calls: KeyedLatency[] = [];
  const joins: JoinLatency[] = [];
  for (const route of ROUTES) {
    for (const era of ERAS) {
      const client = await McpClient.connect(stage.place(route), era);
      calls.push(...(await measureCalls(stage, route, era, client, options)));
      joins.push(await measureJoins(stage, route, era, client, options.joins));
      client.close();
    }
  }
  return { calls, joins };
}

// --------------------------------------------------------------------------------------------- one after the other

async function measureCalls(
  stage: Stage,
  route: Route,
  era: Era,
  client: McpClient,
  options: TurnOptions,
): Promise<readonly KeyedLatency[]> {
  const kept = randomUUID();
  await client.callKeyed('small', kept, 'executed');
  const kinds = [
    { what: 'without a key', call: () => client.call('small') },
    { what: 'with a key, executed', call: () => client.callKeyed('small', randomUUID(), 'executed') },
    { what: 'with a key, answered again', call: () => client.callKeyed('small', kept, 'replayed') },
  ];
  const callers = kinds.map(({ call }) => call);
  await takeTurns(callers, { rounds: 1, calls: options.calls });
  const taken = await takeTurns(callers, options);
  const figures: KeyedLatency[] = [];
  for (const [index, { what, call }] of kinds.entries()) {
    const cost = await costOfCalls(stage, route, call, options.calls);
    figures.push({ era, route, what, ...beside(taken[index]!, taken[0]!), cost });
  }
  return figures;
}

async function costOfCalls(stage: Stage, route: Route, call: () => Promise<void>, calls: number): Promise<Cost> {
  const cost = await stage.costBy(route, async () => {
    for (let sent = 0; sent < calls; sent += 1) await call();
  });
  return divide(cost, calls);
}

function beside(rounds: Rounds, unkeyed: Rounds): Pick<KeyedLatency, 'p50' | 'added' | 'ratios'> {
  const added = median(rounds.map((p50, round) => p50 - unkeyed[round]!));
  return { p50: median(rounds), added, ratios: ratios(rounds, unkeyed) };
}

// ---------------------------------------------------------------------------------------------------- twice at once

/** The second one is sent to another environment while the first one runs, each time at another moment of it. */
async function measureJoins(
  stage: Stage,
  route: Route,
  era: Era,
  client: McpClient,
  joins: number,
): Promise<JoinLatency> {
  const twin = client.twin({ [FINDS_HEADER]: ELSEWHERE });
  const later: number[] = [];
  // Both environments know the upstream.
  await twin.call('small');
  const cost = await stage.costBy(route, async () => {
    for (let join = 0; join < joins; join += 1) {
      const moments = Array.from(
        { length: JOINED },
        (_, index) => (SLOW_MS * (index + (join + 1) / (joins + 1))) / JOINED,
      );
      later.push(...(await Promise.all(moments.map((afterMs) => callTwice(client, twin, afterMs)))));
    }
  });
  twin.close();
  return { era, route, later, cost: divide(cost, later.length) };
}

/** On a busy machine the second one may overtake the first; one of them is executed, and the other gets its answer. */
async function callTwice(client: McpClient, twin: McpClient, afterMs: number): Promise<number> {
  const key = randomUUID();
  const answered = async (caller: McpClient) => ({
    end: await caller.endOfKeyed('slow', key),
    at: performance.now(),
  });
  const both = await Promise.all([answered(client), setTimeout(afterMs).then(() => answered(twin))]);
  const [executed, ...others] = both.filter(({ end }) => end === 'executed');
  const [replayed] = both.filter(({ end }) => end === 'replayed');
  if (executed === undefined || replayed === undefined || others.length > 0) {
    throw new Error(`Two calls with one key were ${both.map(({ end }) => end).join(' and ')}`);
  }
  return replayed.at - executed.at;
}

// ------------------------------------------------------------------------------------------------------------ words

export function keyedSection({ calls, joins }: KeyedFigures): Section {
  const rows = calls.map(({ era, what, route, p50, added, ratios: times, cost }) => {
    const isKeyed = what !== 'without a key';
    const compared = isKeyed ? [milliseconds(added), formatRatios(times)] : ['', ''];
    return [era, what, route, milliseconds(p50), ...compared, ...formatBoth(cost)];
  });
  const joinRows = joins.map(({ era, route, later, cost }) => {
    const [least, most] = [Math.min(...later), Math.max(...later)];
    const range = `${milliseconds(median(later))} (${milliseconds(least)} to ${milliseconds(most)})`;
    return [era, route, range, ...formatBoth(cost)];
  });
  const alone = {
    title: 'One after the other',
    meaning:
      'Milliseconds, medians of rounds in which the calls took turns. Requests to the upstream + to DynamoDB, where they ' +
      'arrive, and as the action log has them, stores in memory included. Dynalite does not send the record along that ' +
      'a write was refused for, so a call that is answered again reads it with one request more than at DynamoDB.',
    header: ['client', 'a small call', 'route', 'p50', 'added', 'times as long (least to most)', ...BOTH],
    rows,
    leftColumns: 3,
  };
  const twice = {
    title: 'Twice at once',
    meaning:
      `A call of ${SLOW_MS} ms that is sent again to another environment while the first one runs: milliseconds from ` +
      "the first one's answer to the second one's, which is the same. Requests are those of both.",
    header: ['client', 'route', 'later by (least to most)', ...BOTH],
    rows: joinRows,
    leftColumns: 2,
  };
  return { heading: 'Calls with a key', sheets: [alone, twice] };
}
