/**
 * The local gateway for tests: the function as it is deployed, in emulated environments, over HTTP.
 *
 * A test that wants to end an environment at a certain point of a call gives an `entry` of its own: a function like
 * `functions/mcp.ts` whose ports are wrapped so that they call `blocked('store.read')` of `signals.ts`. The call arrives
 * at `onMessage` together with the environment's id while the environment stands still at that point, and the test either
 * lets it go on, `openGate(signal)`, or ends it there, `gateway.emulator.kill(environment)`.
 */
import { openSync, closeSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import type { Emulator } from '../../lib/local/emulator/emulator.ts';
import { startLocalGateway, type LocalGatewayOptions } from '../../lib/local/gateway.ts';
import type { Action } from '../../lib/ports/action-log.ts';

export interface TestGatewayOptions extends Partial<
  Pick<
    LocalGatewayOptions,
    | 'secrets'
    | 'environments'
    | 'affinity'
    | 'stateDirectory'
    | 'dynamodbEndpoint'
    | 'entry'
    | 'timeoutMs'
    | 'onMessage'
    | 'startFunction'
    | 'consolePage'
  >
> {}

/** An action as the log holds it. */
export type LoggedAction = Omit<Action, 'time'> & { readonly time: string };

export interface TestGateway {
  /** Without a path. */
  readonly origin: string;
  /** Address of a virtual server, `default` when none is named. */
  url(server?: string): string;
  readonly emulator: Emulator;
  /** What environments have logged so far, those included that are gone. */
  logLines(): string[];
  /** The lines that are actions, in the order in which they ended. */
  actions(): LoggedAction[];
  /** What the emulated platform has reported so far: failed invocations, timeouts, crashes. */
  readonly reports: readonly string[];
  close(): Promise<void>;
}

/** `config` is what a configuration file would hold. By default up to 10 environments take turns. */
export async function startTestGateway(config: object, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const resolved = resolveConfig(config, UNSAID.local);
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'test configuration'));
  const log = openLog();
  const reports: string[] = [];
  const gateway = await startLocalGateway({
    environments: 10,
    affinity: false,
    ...options,
    config: resolved.config,
    port: 0,
    log: 'json',
    logFd: log.fd,
    report: (line) => reports.push(line),
  }).catch((error: unknown) => {
    log.close();
    throw error;
  });
  return {
    origin: gateway.origin,
    url: (server = 'default') => `${gateway.origin}/mcp${server === 'default' ? '' : `/${server}`}`,
    emulator: gateway.emulator,
    logLines: log.lines,
    actions: () => log.lines().flatMap(readAction),
    reports,
    close: async () => {
      await gateway.close();
      log.close();
    },
  };
}

/** A file that environments write to themselves, so that a line is there as soon as it was written. */
function openLog(): { readonly fd: number; lines(): string[]; close(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-log-'));
  const file = join(folder, 'log');
  const fd = openSync(file, 'a');
  return {
    fd,
    lines: () => readFileSync(file, 'utf8').split('\n').slice(0, -1),
    close: () => {
      closeSync(fd);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function readAction(line: string): LoggedAction[] {
  const value = JSON.parse(line) as LoggedAction | object;
  return 'outcome' in value ? [value] : [];
}
