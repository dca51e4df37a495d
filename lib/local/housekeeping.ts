/**
 * What the local gateway does beside its environments, in the main process and over the same table: it keeps house every
 * minute, as the scheduled function does, and looks at every upstream once when it starts.
 */
import { createActionLog, type ActionLogFormat } from '../adapters/logging/action-log.ts';
import { createLineWriter } from '../adapters/logging/line-writer.ts';
import { systemClock } from '../adapters/node/clock.ts';
import type { PlainHttpTransport } from '../adapters/node/http-exchange.ts';
import { createHttpTransport } from '../adapters/node/http-transport.ts';
import { cryptoIds } from '../adapters/node/ids.ts';
import type { GivenSecrets } from '../adapters/secrets/given.ts';
import type { GatewayConfig } from '../config/schema.ts';
import { createHousekeeper } from '../housekeeping.ts';
import { Operator } from '../operator.ts';
import type { Clock, Ports } from '../ports.ts';
import type { ActionLog } from '../ports/action-log.ts';
import type { Invocation } from '../ports/invocation.ts';
import { createLinePrinter } from './log/printer.ts';
import { describeWarnings } from './operator/warnings.ts';
import { printable } from './operator/text.ts';
import { createLocalPorts, openTable, type TableAddress } from './ports.ts';
import { startSchedule, type Schedule } from './schedule.ts';

const EVERY_MS = 60_000;

export interface LocalHousekeepingOptions {
  /** Resolved, with the URLs of hosted upstreams. */
  readonly config: GatewayConfig;
  /** In place of what is in the secret stores. */
  readonly secrets?: GivenSecrets | undefined;
  readonly state: TableAddress;
  readonly log: ActionLogFormat;
  /** Where log lines go: a file descriptor of this process, 1 by default. */
  readonly logFd?: number | undefined;
  /** Hears every log line in JSON, however it is written. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Hears what is wrong with upstreams and names at the start, a line at a time; nobody looks when it is left out. */
  readonly report?: ((line: string) => void) | undefined;
  /** What the timer goes by. Its timers need not keep the process alive. */
  readonly clock?: Pick<Clock, 'elapsed' | 'schedule'> | undefined;
}

/** Begins at once, and makes nobody wait. When it is closed, what is under way at upstreams is broken off. */
export function startLocalHousekeeping(options: LocalHousekeepingOptions): Schedule {
  const { config, secrets = {}, state, report, clock = unrefClock } = options;
  const ending = new AbortController();
  const actionLog = untilAborted(ending.signal, openLog(options));
  const http = endingWith(ending.signal, createHttpTransport());
  const ports = createLocalPorts(openTable(state), actionLog, secrets, http);
  const looking = report === undefined ? Promise.resolve() : lookAround(config, ports, ending.signal, report);
  const schedule = config.refresh === 'off' ? undefined : scheduleHousekeeper(config, ports, clock);
  return {
    close: async () => {
      ending.abort();
      await Promise.all([looking, schedule?.close()]);
    },
  };
}

function openLog({ log: format, logFd = 1, onLine }: LocalHousekeepingOptions): ActionLog {
  const write = createLineWriter(logFd);
  if (onLine === undefined) return createActionLog({ format, write });
  const print = createLinePrinter({ format, colour: false }, write);
  return createActionLog({
    format: 'json',
    write: (line) => {
      print(line);
      onLine(line);
    },
  });
}

function scheduleHousekeeper(
  config: GatewayConfig,
  ports: Ports,
  clock: Pick<Clock, 'elapsed' | 'schedule'>,
): Schedule {
  const keepHouse = createHousekeeper(config, ports);
  let cold = true;
  return startSchedule(clock, EVERY_MS, async () => {
    const invocation = newInvocation(cold);
    cold = false;
    try {
      await keepHouse(invocation);
    } catch (error) {
      ports.actionLog.defect(invocation.requestId, error);
    }
  });
}

async function lookAround(
  config: GatewayConfig,
  ports: Ports,
  ending: AbortSignal,
  report: (line: string) => void,
): Promise<void> {
  const invocation = newInvocation(true);
  try {
    const operator = new Operator(config, ports, invocation);
    const surveys = await operator.survey();
    if (!ending.aborted) {
      for (const { upstream, troubles } of surveys) {
        for (const trouble of troubles) report(`upstream ${upstream.name}: ${printable(trouble)}`);
      }
      for (const shown of operator.toolsOf(surveys)) for (const line of describeWarnings(shown)) report(line);
    }
    await operator.settle();
  } catch (error) {
    ports.actionLog.defect(invocation.requestId, error);
  }
}

function newInvocation(cold: boolean): Invocation {
  const arrivedAt = systemClock.now();
  return {
    requestId: cryptoIds.random(),
    trace: undefined,
    environment: 'schedule',
    cold,
    arrivedAt,
    endsAt: arrivedAt + EVERY_MS,
  };
}

const unrefClock: Pick<Clock, 'elapsed' | 'schedule'> = {
  elapsed: systemClock.elapsed,
  schedule: (ms, callback) => {
    const timer = setTimeout(callback, ms).unref();
    return () => clearTimeout(timer);
  },
};

function endingWith(ending: AbortSignal, transport: PlainHttpTransport): PlainHttpTransport {
  return {
    send: (request) => transport.send({ ...request, signal: AbortSignal.any([request.signal, ending]) }),
  };
}

/** What was broken off on purpose is nobody's trouble. */
function untilAborted(ending: AbortSignal, log: ActionLog): ActionLog {
  return {
    notice: (requestId, notice) => {
      if (!ending.aborted) log.notice(requestId, notice);
    },
    write: (action) => log.write(action),
    defect: (requestId, error) => {
      if (!ending.aborted) log.defect(requestId, error);
    },
  };
}
