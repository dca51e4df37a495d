/** Peers beside each other, in words and tables. */
import type { Section, Sheet } from '../sheet.ts';
import { median } from '../statistics.ts';
import { milliseconds } from '../table.ts';
import { formatRatios, ratios } from '../turns.ts';
import { PEER_LOAD, type MeasuredPeer, type PeerLatency } from './measure.ts';
import type { UpstreamKind } from './peer.ts';

const HEADING = 'Beside others';

/** What stands here when no peer was measured. */
export const NO_PEERS: Section = {
  heading: HEADING,
  words: ['Not measured in this run; `npm run bench -- --peers` installs other gateways and measures them, too.'],
  sheets: [],
};

const KINDS: readonly UpstreamKind[] = ['Streamable HTTP', 'stdio'];

export function peerSection(measured: readonly MeasuredPeer[]): Section {
  const groups = KINDS.map((kind) => measured.filter(({ peer }) => peer.upstream === kind));
  const words =
    'The same calls to each, in the same rounds, in turns: legacy clients of the revision 2025-11-25, which all of them ' +
    'serve, on one machine with the upstream. Turns come in an order of chance, each by fresh connections. Nothing here says what else a gateway can do, or what it checks on the way.';
  const sheets = groups.flatMap((group, index) => (group.length === 0 ? [] : sheetsOf(KINDS[index]!, group)));
  return { heading: HEADING, words: [words], sheets: [...sheets, setupSheet(measured)] };
}

function sheetsOf(kind: UpstreamKind, group: readonly MeasuredPeer[]): readonly Sheet[] {
  return [latencySheet(kind, group), restSheet(kind, group)];
}

function latencySheet(kind: UpstreamKind, group: readonly MeasuredPeer[]): Sheet {
  const first = group[0]!.figures;
  const rows = group.map((one) => {
    const { figures } = one;
    if (figures === undefined) return [one.peer.name, 'not measured'];
    const columns = (['alone', 'together'] as const).flatMap((load) =>
      latencyColumns(figures[load], one === group[0] ? undefined : first?.[load]),
    );
    return [one.peer.name, ...columns];
  });
  const columns = ['p50', 'p99', 'times the first', 'calls'];
  return {
    title: `A small call, upstream over ${kind}`,
    meaning:
      `Milliseconds of a call by one caller, and by ${PEER_LOAD.callers} callers with a session each: medians of rounds ` +
      'in which the rows took turns, and how many times as long as the first row (least to most).',
    header: [
      '',
      ...columns.map((name) => `${name}, 1 caller`),
      ...columns.map((name) => `${name}, ${PEER_LOAD.callers}`),
    ],
    rows,
  };
}

function latencyColumns({ p50s, p99, samples }: PeerLatency, first: PeerLatency | undefined): string[] {
  const compared = first === undefined ? '' : formatRatios(ratios(p50s, first.p50s));
  return [milliseconds(median(p50s)), milliseconds(p99), compared, String(samples)];
}

function restSheet(kind: UpstreamKind, group: readonly MeasuredPeer[]): Sheet {
  const { callers, parallel, slowMs } = PEER_LOAD;
  const rows = group.map((one) => {
    const { figures } = one;
    if (figures === undefined) return [one.peer.name, 'not measured'];
    const { alone, together, startMs, rest } = figures;
    const { requests, memoryBytes } = rest ?? {};
    return [
      one.peer.name,
      alone.perSecond.toFixed(0),
      together.perSecond.toFixed(0),
      requests === undefined ? '' : Number(requests.toFixed(2)).toString(),
      rest === undefined ? '' : milliseconds(rest.parallelMs),
      startMs === undefined ? '' : milliseconds(startMs),
      memoryBytes === undefined ? '' : (memoryBytes / 2 ** 20).toFixed(0),
    ];
  });
  return {
    title: `What else, upstream over ${kind}`,
    meaning:
      `Calls a second by one caller and by ${callers}; messages that reach the upstream for each call; milliseconds until ` +
      `${parallel} calls of ${slowMs} ms, sent at once in one session, were all answered; milliseconds from the start of ` +
      'the process to the answer to a first call, once; resident memory of that process after all of this, in MB, without the ' +
      'processes that it has started or stores data in.',
    header: ['', 'calls/s, 1 caller', `calls/s, ${callers}`, 'messages', `${parallel} at once`, 'start', 'memory'],
    rows,
  };
}

function setupSheet(measured: readonly MeasuredPeer[]): Sheet {
  const rows = measured.map((one) => [one.peer.name, arrangementOf(one)]);
  return {
    title: 'How each was set up',
    meaning:
      'One process each, as its documentation says, without tuning beyond it; what differs from its advice for production ' +
      'is in the row.',
    header: ['', 'arrangement'],
    rows,
    leftColumns: 2,
  };
}

function arrangementOf({ peer, figures, reason }: MeasuredPeer): string {
  if (reason === undefined) return peer.setup;
  const rounds = figures?.alone.p50s.length;
  return rounds === undefined
    ? `Not measured: ${reason} (${peer.setup})`
    : `Measured for ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, and then: ${reason} (${peer.setup})`;
}
