import { bundleFunction } from '../adapters/lambda/bundle.ts';
import { HANDLER_EXPORT, VARIABLES } from '../adapters/lambda/names.ts';
import type { ActionLogFormat } from '../adapters/logging/action-log.ts';
import type { GivenSecrets } from '../adapters/secrets/given.ts';
import { functionTimeoutMs } from '../config/load.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { Console } from './console/console.ts';
import type { Insight } from './console/insight.ts';
import type { ConsolePage } from './console/page.ts';
import { startDynamoDb, TABLE_NAME, useDynamoDb, type LocalDynamoDb } from './dynamodb.ts';
import { startEmulator, type Emulator, type EmulatorOptions } from './emulator/emulator.ts';
import { LOCAL_ORIGINS, openFront } from './front.ts';
import { hostStdioUpstreams } from './stdio/host.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

export interface LocalGatewayOptions {
  /** Resolved. */
  readonly config: GatewayConfig;
  /** In place of what is in the secret stores. */
  readonly secrets?: GivenSecrets | undefined;
  /** On 127.0.0.1; 0 picks a free one. */
  readonly port: number;
  /** Most environments at once. */
  readonly environments: number;
  /** Whether consecutive requests go to the same environment when they can, instead of to different ones. */
  readonly affinity: boolean;
  /** Where the embedded DynamoDB keeps its data; in memory when left out. */
  readonly stateDirectory?: string | undefined;
  /** A running DynamoDB instead of the embedded one. */
  readonly dynamodbEndpoint?: string | undefined;
  readonly log: ActionLogFormat;
  /** Where environments write their log lines: a file descriptor of this process, 1 by default. */
  readonly logFd?: number | undefined;
  /** What the emulated platform and the host of stdio upstreams have to say, a line at a time. */
  readonly report: (line: string) => void;
  /** What stdio upstreams write on their standard error, a line at a time; by default it is reported. */
  readonly onStderr?: ((line: string) => void) | undefined;
  /** Another function than `functions/mcp.ts`, with the same export. */
  readonly entry?: string | undefined;
  /** The function's timeout, in milliseconds; by default what the configuration needs. */
  readonly timeoutMs?: number | undefined;
  /**
   * The page of the console; without it there is no console, and nothing is traced. The console hears of emulated
   * environments only.
   */
  readonly consolePage?: (() => Promise<ConsolePage>) | undefined;
  /** What runs the function, instead of emulated environments. */
  readonly startFunction?: ((options: EmulatorOptions) => Promise<Emulator>) | undefined;
  /** What code in an environment posts on `parentPort` of `node:worker_threads`. */
  readonly onMessage?: ((environment: string, message: unknown) => void) | undefined;
}

export interface LocalGateway {
  /** Without a path. */
  readonly origin: string;
  readonly emulator: Emulator;
  /** Undefined unless it was asked for. */
  readonly console: Console | undefined;
  /** What its environments run with: a URL in place of each command that it hosts. */
  readonly config: GatewayConfig;
  /** Where its state is. */
  readonly dynamodb: { readonly endpoint: string; readonly table: string };
  /** Ends everything that was started. What is under way is broken off. */
  close(): Promise<void>;
}

/**
 * Starts the gateway as it is deployed, on this machine: the built function in emulated environments, DynamoDB, stdio
 * upstreams behind URLs, and an HTTP server in front. Rejects, once it has ended what it had started, with the system's
 * error when the port cannot be had, with a `StateError`, or with esbuild's `BuildFailure`.
 */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const { environments: limit, affinity, report, onStderr, onMessage, startFunction = startEmulator } = options;
  const front = await openFront(options.port);
  const folder = openTemporaryFolder();
  const hosting = hostStdioUpstreams(options.config, { report, onStderr });
  const building = hosting.then(({ config }) =>
    bundleFunction({
      ...(options.entry !== undefined && { entry: options.entry }),
      outdir: folder.path,
      config: { ...config, origins: [...config.origins, ...LOCAL_ORIGINS] },
    }),
  );
  const dynamodb = openDynamoDb(options);
  const opening = openInsightInto(options);
  const emulator = Promise.all([building, dynamodb, opening]).then(([{ file }, { endpoint }, insight]) =>
    startFunction({
      handlerFile: file,
      handlerExport: HANDLER_EXPORT,
      variables: functionVariables(options, endpoint, insight),
      limit,
      affinity,
      isSigned: options.config.auth.mode === 'iam',
      timeoutMs: options.timeoutMs ?? functionTimeoutMs(options.config),
      report,
      ...(onMessage !== undefined && { onMessage }),
      ...insight?.watched,
    }),
  );
  const close = async () => {
    front.close();
    await emulator.then((running) => running.close(), neverStarted);
    await Promise.all([
      hosting.then((host) => host.close(), neverStarted),
      dynamodb.then((running) => running.close(), neverStarted),
      building.catch(neverStarted),
      opening.then((insight) => insight?.close(), neverStarted),
    ]);
    folder.remove();
  };
  try {
    const running = await emulator;
    const [{ config }, { endpoint }, insight] = await Promise.all([hosting, dynamodb, opening]);
    const state = { endpoint, table: TABLE_NAME };
    insight?.openState(state);
    front.serve((request, response) => {
      if (insight?.routes(request, response) !== true) running.handle(request, response);
    });
    return {
      origin: front.origin,
      emulator: running,
      console: insight?.console,
      config,
      dynamodb: state,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Why it did not start is what `startLocalGateway` rejects with. */
function neverStarted(): void {}

function openDynamoDb({ dynamodbEndpoint, stateDirectory }: LocalGatewayOptions): Promise<LocalDynamoDb> {
  return dynamodbEndpoint === undefined ? startDynamoDb(stateDirectory) : useDynamoDb(dynamodbEndpoint);
}

/** Loaded by those who want it. */
async function openInsightInto({
  config,
  consolePage: page,
  log: format,
  logFd: fd = 1,
  report,
}: LocalGatewayOptions): Promise<Insight | undefined> {
  if (page === undefined) return undefined;
  const { openInsight } = await import('./console/insight.ts');
  return openInsight({ config, page, log: { fd, format, colour: !process.env['NO_COLOR'] }, report });
}

function functionVariables(
  { secrets = {}, log, logFd = 1 }: LocalGatewayOptions,
  endpoint: string,
  insight: Insight | undefined,
): Record<string, string> {
  return {
    [VARIABLES.table]: TABLE_NAME,
    [VARIABLES.dynamodbEndpoint]: endpoint,
    [VARIABLES.secrets]: JSON.stringify(secrets),
    // The console reads it too; whoever captures it for the console writes it in the form that was asked for.
    [VARIABLES.log]: insight === undefined ? log : ('json' satisfies ActionLogFormat),
    [VARIABLES.logFd]: String(logFd),
  };
}
