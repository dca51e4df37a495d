/**
 * Measures what the gateway adds, in one run, and prints it beside the aims: latency on each route, calls at once,
 * requests per call, calls between the eras, calls with a key, upstream sessions, breakers and slots, many upstreams, cold
 * start, size. Exit status 0 whether or not the aims are
 * met, unless something failed to run, or a call sends more requests because there are many upstreams.
 *
 *   --quick       a rough look in about ten seconds
 *   --json FILE   also writes every figure to a file
 */
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { formatAims } from './aim.ts';
import { formatBundle } from './bundle-size.ts';
import { coldStartAims, formatColdStart, measureColdStart } from './cold-start.ts';
import { formatCrossEra, measureCrossEra } from './cross-era.ts';
import { formatGuards, measureGuards } from './guards.ts';
import { formatKeyed, measureKeyed } from './keyed.ts';
import { formatLatency, latencyAims, measureLatency } from './latency.ts';
import { fleetAims, formatFleet, measureFleet, requireEqualCosts } from './many-upstreams.ts';
import { formatParallel, measureParallel } from './parallel.ts';
import { formatRequests, measureRequests, requestAims } from './requests.ts';
import { openStage, SHARING, type Stage } from './stage.ts';
import { formatUpstreamSessions, measureUpstreamSessions } from './upstream-sessions.ts';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});

const extent = options.quick
  ? {
      calls: 10,
      rounds: 2,
      turns: 1,
      turnMs: 30,
      warmUpMs: { small: 100, large: 40 },
      eras: ['legacy'] as const,
      repetitions: 1,
      coldStarts: 1,
      crossEra: { rounds: 2, calls: 10 },
      keyed: { rounds: 1, calls: 10, joins: 1 },
      sessions: { rounds: 1, calls: 1 },
      guards: { rounds: 1, calls: 10 },
      fleet: { lists: 2, rounds: 2, calls: 20 },
    }
  : {
      calls: 60,
      rounds: 5,
      turns: 3,
      turnMs: 100,
      warmUpMs: { small: 2000, large: 500 },
      eras: ['modern', 'legacy'] as const,
      repetitions: 3,
      coldStarts: 9,
      crossEra: { rounds: 5, calls: 60 },
      keyed: { rounds: 5, calls: 20, joins: 1 },
      sessions: { rounds: 3, calls: 2 },
      guards: { rounds: 5, calls: 20 },
      fleet: { lists: 7, rounds: 5, calls: 60 },
    };

function print(heading: string, text: string): void {
  console.log(`\n${heading}\n${'-'.repeat(heading.length)}\n${text}`);
}

function describeMachine(): string {
  const [processor] = cpus();
  const load = loadavg().map((value) => value.toFixed(1));
  return `Node ${process.version}, ${cpus().length} x ${processor?.model ?? 'unknown processor'}, load ${load.join(' ')}`;
}

async function measure(stage: Stage) {
  const requests = await measureRequests(stage, extent.calls);
  print('Requests per call', formatRequests(requests));
  const latency = await measureLatency(stage, extent);
  print('Latency', formatLatency(latency));
  const parallel = await measureParallel(stage, extent.eras, extent.repetitions);
  print('Calls at once', formatParallel(parallel));
  const crossEra = await measureCrossEra(stage, extent.crossEra);
  print('Calls between the eras', formatCrossEra(crossEra));
  const keyed = await measureKeyed(stage, extent.keyed);
  print('Calls with a key', formatKeyed(keyed));
  const sessions = await measureUpstreamSessions(stage, extent.sessions);
  print('Upstream sessions, new and reused', formatUpstreamSessions(sessions));
  const guards = await measureGuards(stage, extent.guards);
  print('Breakers and slots', formatGuards(guards));
  const fleet = await measureFleet(stage, extent.fleet);
  print('Many upstreams', formatFleet(fleet));
  requireEqualCosts(fleet);
  const { coldStart, bundle } = await measureColdStart(stage, extent.coldStarts);
  print('Cold start', formatColdStart(coldStart));
  print('Size of the function', formatBundle(bundle));
  return { requests, latency, parallel, crossEra, keyed, sessions, guards, fleet, coldStart, bundle };
}

const machine = describeMachine();
console.log([machine, ...SHARING].join('\n'));
const stage = await openStage();
try {
  const figures = await measure(stage);
  const aims = [
    ...latencyAims(figures.latency),
    ...requestAims(figures.requests),
    ...fleetAims(figures.fleet),
    ...coldStartAims(figures.coldStart),
  ];
  print('Aims', formatAims(aims));
  console.log(
    `\nLoad at the end: ${loadavg()
      .map((value) => value.toFixed(1))
      .join(' ')}`,
  );
  if (options.json !== undefined) await writeFile(options.json, JSON.stringify({ machine, ...figures, aims }, null, 2));
} finally {
  await stage.close();
}
