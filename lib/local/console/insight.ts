/** What the local gateway is given to look into it: the console, and everything that tells it what happens. */
import { systemClock } from '../../adapters/node/clock.ts';
import { cryptoIds } from '../../adapters/node/ids.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { Operator } from '../../operator.ts';
import type { EmulatorOptions } from '../emulator/emulator.ts';
import type { LogCapture } from '../emulator/frames.ts';
import { createLocalPorts, openTable, type TableAddress } from '../ports.ts';
import { startXrayDaemon } from '../xray/daemon.ts';
import { Console } from './console.ts';
import type { ConsolePage } from './page.ts';
import { createConsoleRoutes, type ConsoleRoutes } from './routes.ts';
import { lookUp } from './state.ts';

export interface InsightOptions {
  readonly config: GatewayConfig;
  readonly page: () => Promise<ConsolePage>;
  /** Where environments write their log, and how. */
  readonly log: LogCapture;
  /** What the emulated platform, and the console itself, have to say, a line at a time. */
  readonly report: (line: string) => void;
}

export interface Insight {
  readonly console: Console;
  readonly routes: ConsoleRoutes;
  /** What the function is to be run with, so that the console hears of it. Its log is to be in JSON. */
  readonly watched: Pick<EmulatorOptions, 'xrayDaemon' | 'log' | 'onEnvironment' | 'report'>;
  /** Says where the state of the gateway is. */
  openState(table: TableAddress): void;
  close(): Promise<void>;
}

/** Rejects with the system's error when there is no port for X-Ray documents. */
export async function openInsight({ config, page, log, report }: InsightOptions): Promise<Insight> {
  const shown = Object.values(config.servers).flatMap(({ upstreams }) => upstreams);
  const upstreams = Object.keys(config.upstreams).filter((name) => shown.includes(name));
  const console = new Console({ clock: systemClock, upstreams });
  const daemon = await startXrayDaemon({ onDocument: (document) => console.hearDocument(document), report });
  return {
    console,
    routes: createConsoleRoutes({ console, page, clock: systemClock, report }),
    watched: {
      xrayDaemon: daemon.address,
      log: { ...log, onLine: (line) => console.hearLine(line) },
      onEnvironment: ({ id: name, state, invocations }) =>
        console.hearEnvironment(
          state === 'gone' ? { name, state } : { name, state: state === 'idle' ? 'frozen' : state, invocations },
        ),
      report: (line) => {
        report(line);
        console.hearPlatform(line);
      },
    },
    openState: (table) => {
      const operator = operatorOf(config, table, report);
      console.openTable(() => lookUp(operator));
    },
    close: async () => {
      await Promise.all([console.close(), daemon.close()]);
    },
  };
}

/** Looks things up, for as long as the gateway runs, and does nothing else: so it needs no secrets, and logs nothing. */
function operatorOf(config: GatewayConfig, table: TableAddress, report: (line: string) => void): Operator {
  const actionLog = {
    notice: () => undefined,
    write: () => undefined,
    defect: (_requestId: string, error: unknown) => report(`The console: ${String(error)}`),
  };
  return new Operator(config, createLocalPorts(openTable(table), actionLog, {}), {
    requestId: cryptoIds.random(),
    trace: undefined,
    environment: 'console',
    cold: true,
    arrivedAt: systemClock.now(),
    endsAt: Infinity,
  });
}
