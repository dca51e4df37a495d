/** Six calls of half a second at once, in one session: none may wait for another. */
import type { Era } from '../../lib/protocol/era.ts';
import { McpClient } from './mcp-client.ts';
import { ROUTES, type Route, type Stage } from './stage.ts';
import type { Section } from './sheet.ts';
import { median } from './statistics.ts';
import { milliseconds } from './table.ts';
import { SLOW_MS } from './workload.ts';

const CALLS = 6;

interface RouteParallel {
  readonly era: Era;
  readonly route: Route;
  /** Until all of them were answered, in milliseconds: the median of the repetitions. */
  readonly allMs: number;
}

export type ParallelFigures = readonly RouteParallel[];

export async function measureParallel(
  stage: Stage,
  eras: readonly Era[],
  repetitions: number,
): Promise<ParallelFigures> {
  const figures: RouteParallel[] = [];
  for (const era of eras) {
    for (const route of ROUTES[era]) {
      const client = await McpClient.connect(stage.place(route), era);
      const samples: number[] = [];
      while (samples.length < repetitions) samples.push(await runAll(client));
      client.close();
      figures.push({ era, route, allMs: median(samples) });
    }
  }
  return figures;
}

async function runAll(client: McpClient): Promise<number> {
  const began = performance.now();
  await Promise.all(Array.from({ length: CALLS }, () => client.callFast('slow')));
  return performance.now() - began;
}

export function parallelSection(figures: ParallelFigures): Section {
  const header = ['client', 'route', 'all answered after', 'more than direct'];
  const rows = figures.map(({ era, route, allMs }) => {
    const direct = figures.find((other) => other.era === era && other.route === 'direct');
    const more = route === 'direct' ? '' : milliseconds(allMs - (direct?.allMs ?? 0));
    return [era, route, milliseconds(allMs), more];
  });
  const meaning = `Milliseconds until ${CALLS} calls of ${SLOW_MS} ms, sent at once in one session, were all answered.`;
  return { heading: 'Calls at once', sheets: [{ meaning, header, rows, leftColumns: 2 }] };
}
