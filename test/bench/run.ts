/**
 * Measures what the gateway adds, in one run, and prints it beside the aims: latency on each route, calls at once,
 * requests per call, calls between the eras, calls with a key, upstream sessions, breakers and slots, many upstreams, many
 * sessions, cold start, size, tracing, what it costs in dollars, and how peers do. A full run writes all of it to
 * docs/performance.md. Exit status 0 whether or not the aims are met, unless something failed to run, or a call sends more
 * requests because there are many upstreams.
 *
 * SLUICE_SEED repeats the order of turns, which is by chance.
 *
 *   --quick             a rough look, which writes no document
 *   --peers             installs other gateways into .sluice/ and measures them, too
 *   --json FILE         also writes every figure to a file
 *   --cold-share 0.01   the share of calls that find no environment, for the dollars
 *   --traced-share 0.05 the share of calls that are traced, for the dollars
 */
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { aimSection, type Aim } from './aim.ts';
import { billSection } from './bill-section.ts';
import { measureBill, type Assumptions } from './bill.ts';
import { bundleAims, bundleSection } from './bundle-size.ts';
import { coldStartAims, coldStartSection, measureColdStart } from './cold-start.ts';
import { crossEraSection, measureCrossEra } from './cross-era.ts';
import { performanceDocument } from './document.ts';
import { FULL, QUICK, type Extent } from './extent.ts';
import { flatnessAims, flatnessSection, measureFlatness } from './flatness.ts';
import { guardSection, measureGuards } from './guards.ts';
import { keyedSection, measureKeyed } from './keyed.ts';
import { latencyAims, latencySection, measureLatency } from './latency.ts';
import { fleetAims, fleetSection, measureFleet, requireEqualCosts } from './many-upstreams.ts';
import { measureParallel, parallelSection } from './parallel.ts';
import { seed } from './order.ts';
import { measurePeers } from './peers/measure.ts';
import { otherPeers } from './peers/others.ts';
import { ownPeers } from './peers/own.ts';
import { NO_PEERS, peerSection } from './peers/section.ts';
import { measureRequests, requestAims, requestSection } from './requests.ts';
import { formatSection, wrap, type Section } from './sheet.ts';
import { openStage, SHARING, type Stage } from './stage.ts';
import { measureTracing } from './tracing.ts';
import { tracingAims, tracingSection } from './tracing-section.ts';
import { measureUpstreamSessions, upstreamSessionSection } from './upstream-sessions.ts';

const DOCUMENT = new URL('../../docs/performance.md', import.meta.url);

/** The shares, where the command line says nothing. */
const DEFAULTS = { cold: '0.01', traced: '0.05' };

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    json: { type: 'string' },
    'cold-share': { type: 'string', default: DEFAULTS.cold },
    'traced-share': { type: 'string', default: DEFAULTS.traced },
  },
});

// What it has started ends with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const assumptions: Assumptions = {
  memoryMb: 512,
  upstreamMs: [50, 500],
  coldShare: shareOf('cold-share'),
  tracedShare: shareOf('traced-share'),
};

function shareOf(name: 'cold-share' | 'traced-share'): number {
  const share = Number(options[name]);
  if (share >= 0 && share <= 1) return share;
  throw new Error(`--${name} is a share from 0 to 1, not ${options[name]}`);
}

function describeMachine(): string {
  const [processor] = cpus();
  return `${cpus().length} x ${processor?.model ?? 'unknown processor'}, Node ${process.version}`;
}

/** As it would be typed to repeat this run, without what leaves no trace in the figures. */
function describeCommand(): string {
  const { peers, 'cold-share': cold, 'traced-share': traced } = options;
  const given = [
    ...(peers ? ['--peers'] : []),
    ...(cold === DEFAULTS.cold ? [] : [`--cold-share ${cold}`]),
    ...(traced === DEFAULTS.traced ? [] : [`--traced-share ${traced}`]),
  ];
  const seeded = process.env['SLUICE_SEED'] === undefined ? '' : `SLUICE_SEED=${seed} `;
  return `${seeded}npm run bench${given.length === 0 ? '' : ' --'}${given.map((part) => ` ${part}`).join('')}`;
}

function describeLoad(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
}

function print(section: Section): Section {
  console.log(`\n${formatSection(section)}`);
  return section;
}

async function measure(stage: Stage, extent: Extent) {
  const requests = await measureRequests(stage, extent.calls);
  const sections = [print(requestSection(requests))];
  const latency = await measureLatency(stage, extent.latency);
  sections.push(print(latencySection(latency)));
  const parallel = await measureParallel(stage, extent.parallel.eras, extent.parallel.repetitions);
  sections.push(print(parallelSection(parallel)));
  const flatness = await measureFlatness(stage, extent.flatness);
  sections.push(print(flatnessSection(flatness)));
  const crossEra = await measureCrossEra(stage, extent.crossEra);
  sections.push(print(crossEraSection(crossEra)));
  const keyed = await measureKeyed(stage, extent.keyed);
  sections.push(print(keyedSection(keyed)));
  const sessions = await measureUpstreamSessions(stage, extent.sessions);
  sections.push(print(upstreamSessionSection(sessions)));
  const guards = await measureGuards(stage, extent.guards);
  sections.push(print(guardSection(guards)));
  const fleet = await measureFleet(stage, extent.fleet);
  sections.push(print(fleetSection(fleet)));
  requireEqualCosts(fleet);
  const { coldStart, bundle } = await measureColdStart(stage, extent.coldStarts);
  sections.push(print(coldStartSection(coldStart)), print(bundleSection(bundle)));
  const tracing = await measureTracing(stage, extent.tracing);
  sections.push(print(tracingSection(tracing)));
  const bill = await measureBill(stage, { coldStart, tracing }, extent.bill);
  sections.push(print(billSection(bill, assumptions)));
  const peers = options.peers
    ? await measurePeers([...ownPeers(stage), ...otherPeers(stage)], extent.peers)
    : undefined;
  sections.push(print(peers === undefined ? NO_PEERS : peerSection(peers)));
  const aims: Aim[] = [
    ...latencyAims(latency),
    ...flatnessAims(flatness),
    ...requestAims(requests),
    ...fleetAims(fleet),
    ...coldStartAims(coldStart),
    ...tracingAims(tracing),
    ...bundleAims(bundle),
  ];
  const figures = { requests, latency, parallel, flatness, crossEra, keyed, sessions, guards, fleet };
  return { figures: { ...figures, coldStart, bundle, tracing, bill, peers }, sections, aims };
}

const machine = describeMachine();
const began = new Date();
const loadBefore = describeLoad();
console.log([`${machine}, load ${loadBefore}, SLUICE_SEED=${seed}`, wrap(SHARING)].join('\n'));
const stage = await openStage();
try {
  const { figures, sections, aims } = await measure(stage, options.quick ? QUICK : FULL);
  print(aimSection(aims));
  const load = `Load when it began: ${loadBefore}; when it ended: ${describeLoad()} (of the last 1, 5 and 15 minutes).`;
  console.log(`\n${load}`);
  if (options.json !== undefined) {
    await writeFile(options.json, JSON.stringify({ machine, assumptions, ...figures, aims }, null, 2));
  }
  if (!options.quick) {
    const date = began.toISOString().slice(0, 10);
    const run = { machine, date, command: describeCommand(), words: [load, SHARING], aims, sections };
    await writeFile(DOCUMENT, performanceDocument(run));
  }
} finally {
  await stage.close();
}
