import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { Environment, type EnvironmentState, type ExecutionEnvironment } from './environment.ts';
import type { LogCapture } from './frames.ts';
import { serveFunctionUrl } from './function-url.ts';
import { Pool } from './pool.ts';

export interface EmulatorOptions {
  /** Path of the bundled module. */
  readonly handlerFile: string;
  /** Its export that is the handler; it must have gone through `awslambda.streamifyResponse`. */
  readonly handlerExport: string;
  /** The function's own environment variables, besides those that Lambda sets. */
  readonly variables: Readonly<Record<string, string>>;
  /** Most environments at once; a request for which there is none is answered 429. */
  readonly limit: number;
  /** Whether consecutive requests go to the same environment when they can, instead of to different ones. */
  readonly affinity: boolean;
  /** Whether the function URL takes signed requests only; every request then counts as signed by one local user. */
  readonly isSigned: boolean;
  /** Longest an invocation may take, in milliseconds; then its environment is ended. */
  readonly timeoutMs: number;
  /** The platform's own log, a line at a time: failed invocations, timeouts, crashes. */
  readonly report: (line: string) => void;
  /** What code in an environment posts on `parentPort` of `node:worker_threads`. */
  readonly onMessage?: (environment: string, message: unknown) => void;
  /**
   * Where the function sends its X-Ray documents, as `AWS_XRAY_DAEMON_ADDRESS` has it. Every invocation is traced then,
   * unless its client says otherwise; without it, none is.
   */
  readonly xrayDaemon?: string | undefined;
  /** Captures the logs of environments, which are to be in JSON. Nobody does when it is left out. */
  readonly log?: (LogCapture & { readonly onLine: (line: string) => void }) | undefined;
  /** Told of each environment whenever its state is another one. */
  readonly onEnvironment?: ((environment: EnvironmentView) => void) | undefined;
}

export interface EnvironmentView {
  readonly id: string;
  readonly state: EnvironmentState;
  /** How many invocations it was given so far. */
  readonly invocations: number;
}

/** Lambda with a function URL: any bundled handler that streams, in as many environments as requests need. */
export interface Emulator {
  /** Serves one request; a listener for `http.createServer`. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Those that exist now, the oldest first. */
  readonly environments: readonly EnvironmentView[];
  /** Ends an environment at once, whatever it is doing. False when there is none of that id. */
  kill(id: string): Promise<boolean>;
  /** Ends all environments. */
  close(): Promise<void>;
}

/** Of every environment. */
export const MEMORY_MB = 512;
const FUNCTION_NAME = 'sluice-local';

/** Starts the first environment. Rejects when the module cannot be loaded. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const program = await compileProgram();
  return startFunction(options, (id) => startEnvironment(id, program, options));
}

/** A function with a URL whose environments are what `start` makes. Rejects when the first one cannot be used. */
export async function startFunction(
  { limit, affinity, isSigned, xrayDaemon }: Pick<EmulatorOptions, 'limit' | 'affinity' | 'isSigned' | 'xrayDaemon'>,
  start: (id: string) => ExecutionEnvironment,
): Promise<Emulator> {
  const pool = new Pool({ limit, affinity, start });
  await pool.warm();
  const settings = { isSigned, isTraced: xrayDaemon !== undefined };
  return {
    handle(request, response) {
      void serveFunctionUrl(pool, request, response, settings);
    },
    get environments() {
      return pool.environments.map(({ id, state, invocations }) => ({ id, state, invocations }));
    },
    async kill(id) {
      const environment = pool.environments.find((candidate) => candidate.id === id);
      await environment?.kill();
      return environment !== undefined;
    },
    close: () => pool.close(),
  };
}

function startEnvironment(id: string, program: URL, options: EmulatorOptions): Environment {
  return new Environment({
    id,
    program,
    handlerUrl: pathToFileURL(options.handlerFile).href,
    handlerExport: options.handlerExport,
    variables: { ...platformVariables(id, options), ...options.variables },
    memoryMb: MEMORY_MB,
    timeoutMs: options.timeoutMs,
    report: options.report,
    onMessage: (message) => options.onMessage?.(id, message),
    log: options.log,
    onState: (state, invocations) => options.onEnvironment?.({ id, state, invocations }),
  });
}

/** As JavaScript in a URL: Node would need 20 ms in every new environment to strip the types. */
async function compileProgram(): Promise<URL> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('environment-worker.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  return new URL(`data:text/javascript,${encodeURIComponent(outputFiles[0]!.text)}`);
}

/** What Lambda sets in an environment of that id. Credentials and region are the developer's own, if there are any. */
export function platformVariables(
  id: string,
  { handlerFile, xrayDaemon }: Pick<EmulatorOptions, 'handlerFile' | 'xrayDaemon'>,
): Record<string, string> {
  const passedOn = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'NO_COLOR'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(passedOn),
    AWS_REGION: process.env['AWS_REGION'] ?? 'us-east-1',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: FUNCTION_NAME,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MEMORY_MB),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${FUNCTION_NAME}`,
    AWS_LAMBDA_LOG_STREAM_NAME: id,
    LAMBDA_TASK_ROOT: dirname(handlerFile),
    ...(xrayDaemon !== undefined && { AWS_XRAY_DAEMON_ADDRESS: xrayDaemon }),
  };
}
