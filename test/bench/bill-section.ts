/** What the gateway costs, in words and tables. */
import type { Assumptions, BillFigures, CallUsage, ListeningUsage, ScheduleUsage } from './bill.ts';
import type { TracedUsage } from './tracing.ts';
import { billOf, FORMULA, times, totalOf, type Bill, type Usage } from './price.ts';
import type { Section, Sheet } from './sheet.ts';
import { milliseconds } from './table.ts';

const MILLION = 1e6;
const MB = 2 ** 20;

/** The schedule runs once a minute. */
const RUNS_A_MONTH = 730 * 60;

/** What Lambda gives a whole core for, in MB. */
const CORE_MB = 1769;

/** Dollars for a million invocations of Amazon Bedrock AgentCore Gateway, as listed in November 2026. */
const AGENTCORE_DOLLARS = 5;

export function billSection(figures: BillFigures, assumptions: Assumptions): Section {
  const { calls, mostMemoryBytes, traced } = figures;
  const { memoryMb, coldShare, tracedShare } = assumptions;
  const slower = slownessOf(assumptions);
  const words = [
    `Prices as listed for us-east-1: ${FORMULA}. GB of memory as Lambda counts them, other GB of 10^9 bytes.`,
    `Measured: time, units (DynamoDB's own word, ReturnConsumedCapacity; a refused condition by the size of what is in ` +
      `place; dynalite does not send the record along with a refusal, so the same key again reads it with one unit more ` +
      `than at DynamoDB), lines of the log as written (actions and metrics), bytes sent to clients and upstreams as TCP carries them. Assumed: ${memoryMb} MB ` +
      `(a process of the core held ${(mostMemoryBytes / MB).toFixed(0)} MB at most), ${percent(coldShare)} cold starts, ` +
      `${percent(tracedShare)} of the calls traced, and the wait for the upstream.`,
    `A traced call takes ${milliseconds(traced.callMs)} ms longer, and the first one of an environment ` +
      `${milliseconds(traced.firstMs)} ms besides; ${percent(shareThatLoads(assumptions))} of environments have one, ` +
      'where each serves as many calls as there are to a cold start. X-Ray takes its price for what is recorded; what it ' +
      'takes for traces that are looked at is not in the figures.',
    `Time is that of a whole core of this machine and a DynamoDB beside it, and "dollars" are with that time. Lambda gives ` +
      `${memoryMb} MB a share of ${(1 / slower).toFixed(2)} of a core, for which the last column is: all of the gateway's own ` +
      `time, its waits for the store included, and all of a cold start ${slower.toFixed(1)} times as long. What a ` +
      `deployment pays for time lies between the two, or above where its DynamoDB is slower than this one.`,
    'Units, bytes and time of a call are means of many; the stream that is held, the poll, and each run of the schedule ' +
      "are single samples. Not in the figures: Lambda's own log lines, and the overhead of its runtime and extensions in " +
      'what it bills as duration; writes to the index of the table, what lies in the table, encryption, what CloudWatch ' +
      'takes by the month for metrics, the dashboard and alarms (docs/operations.md), and whatever else is deployed.',
  ];
  return {
    heading: 'What it costs',
    words,
    sheets: [usageSheet(calls), callSheet(figures, assumptions), timeSheet(figures, assumptions)],
  };
}

/** How many times as long as on a whole core something takes on the share that comes with the memory. */
function slownessOf({ memoryMb }: Assumptions): number {
  return Math.max(1, CORE_MB / memoryMb);
}

function usageSheet(calls: readonly CallUsage[]): Sheet {
  return {
    title: 'A call',
    meaning:
      'Measured for each call: milliseconds of the gateway and its stores with what is done after the answer, ' +
      'milliseconds that a cold start takes more, write and read units of DynamoDB, bytes of log and bytes sent.',
    header: ['what', 'gateway ms', 'cold start ms', 'write units', 'read units', 'log bytes', 'bytes sent'],
    rows: calls.map((call) => [
      call.what,
      milliseconds(call.gatewayMs),
      milliseconds(call.coldMs),
      units(call.writeUnits),
      units(call.readUnits),
      call.logBytes.toFixed(0),
      call.sentBytes.toFixed(0),
    ]),
  };
}

const PARTS = ['requests', 'time', 'store', 'traces', 'log', 'sent'] as const;

/** The same as dollars, with time as it may be on a share of a core. */
function shareColumn(assumptions: Assumptions): string {
  return `dollars at ${(1 / slownessOf(assumptions)).toFixed(2)} of a core`;
}

function callSheet({ calls, traced }: BillFigures, assumptions: Assumptions): Sheet {
  const rows = calls.flatMap((call) => {
    const waits = call.waits ? assumptions.upstreamMs : [0];
    return waits.map((waitMs) => {
      const billAt = (slowness: number): Bill =>
        billOf(times(usageOfCall(call, traced, waitMs, assumptions, slowness), MILLION), assumptions.memoryMb);
      const total = dollars(totalOf(billAt(slownessOf(assumptions))));
      return [call.what, call.waits ? `${waitMs} ms` : 'none', ...partsOf(billAt(1)), total];
    });
  });
  const peer = [
    'Amazon Bedrock AgentCore Gateway: its list price, not measured',
    '',
    ...PARTS.map(() => ''),
    dollars(AGENTCORE_DOLLARS),
    '',
  ];
  return {
    title: 'A million calls',
    meaning: 'Dollars for a million of each, with what they are made up of.',
    header: ['a million times', 'upstream wait', ...PARTS, 'dollars', shareColumn(assumptions)],
    rows: [...rows, peer],
    leftColumns: 2,
  };
}

/** The share of environments in which a call is traced before they end. */
function shareThatLoads({ coldShare, tracedShare }: Assumptions): number {
  return coldShare === 0 ? 0 : 1 - (1 - tracedShare) ** (1 / coldShare);
}

function usageOfCall(
  call: CallUsage,
  traced: TracedUsage,
  waitMs: number,
  assumptions: Assumptions,
  slowness: number,
): Usage {
  const { coldShare, tracedShare } = assumptions;
  const { writeUnits, readUnits, logBytes, sentBytes } = call;
  const tracingMs = tracedShare * traced.callMs + coldShare * shareThatLoads(assumptions) * traced.firstMs;
  const ownMs = call.gatewayMs + coldShare * call.coldMs + tracingMs;
  const seconds = (slowness * ownMs + (call.waits ? waitMs : 0)) / 1000;
  return { requests: 1, seconds, writeUnits, readUnits, traces: tracedShare, logBytes, sentBytes };
}

function timeSheet({ listening, schedule }: BillFigures, assumptions: Assumptions): Sheet {
  const { memoryMb, upstreamMs, tracedShare } = assumptions;
  const hours = listening.map((usage) => [
    usage.what,
    'hour',
    ...partsOf(billOf(usageOfListening(usage, tracedShare), memoryMb)),
    '',
  ]);
  const months = schedule.flatMap((run) => {
    const waits = run.waits > 0 ? upstreamMs : [0];
    return waits.map((waitMs) => {
      const billAt = (slowness: number): Bill =>
        billOf(times(usageOfRun(run, waitMs, slowness), RUNS_A_MONTH), memoryMb);
      const total = dollars(totalOf(billAt(slownessOf(assumptions))));
      const waiting = run.waits > 0 ? `, upstream wait ${waitMs} ms` : '';
      return [`the schedule: ${run.what}${waiting}`, 'month', ...partsOf(billAt(1)), total];
    });
  });
  return {
    title: 'By the hour and by the month',
    meaning:
      'Dollars for an hour of one client that listens for changes, and for a month of the schedule, once a minute; with ' +
      'nobody calling, the schedule, which is not traced, is all that an idle month costs. What listens waits, on any share of a core.',
    header: ['what', 'for each', ...PARTS, 'dollars', shareColumn(assumptions)],
    rows: [...hours, ...months],
    leftColumns: 2,
  };
}

function usageOfListening({ what: _what, ...usage }: ListeningUsage, tracedShare: number): Usage {
  return { ...usage, traces: usage.requests * tracedShare };
}

/** The schedule is not traced. */
function usageOfRun(run: ScheduleUsage, waitMs: number, slowness: number): Usage {
  const { writeUnits, readUnits, logBytes, sentBytes } = run;
  const seconds = (slowness * run.gatewayMs + run.waits * waitMs) / 1000;
  return { requests: 1, seconds, writeUnits, readUnits, traces: 0, logBytes, sentBytes };
}

function partsOf(bill: Bill): string[] {
  return [...PARTS.map((part) => dollars(bill[part])), dollars(totalOf(bill))];
}

/** Cents, or of less than a dollar the first two digits that are not zero. */
function dollars(amount: number): string {
  if (amount === 0) return '0';
  return amount.toFixed(Math.min(MOST_DIGITS, Math.max(2, 1 - Math.floor(Math.log10(amount)))));
}

const MOST_DIGITS = 7;

function units(amount: number): string {
  return Number.isInteger(amount) ? String(amount) : amount.toFixed(2);
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}
