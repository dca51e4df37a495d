import { basename, extname } from 'node:path';
import {
  MEMORY_MB,
  platformVariables,
  startFunction,
  type Emulator,
  type EmulatorOptions,
} from '../../lib/local/emulator/emulator.ts';
import { RuntimeProcess } from './environment.ts';

export interface RuntimeFunctionOptions extends Omit<EmulatorOptions, 'onMessage'> {
  /** The program of the runtime, for Node. */
  readonly program: string;
  /** What an environment writes on its standard output, a line at a time. */
  readonly onLine: (line: string) => void;
}

export interface RuntimeFunction extends Emulator {
  /** So many environments were started so far. */
  readonly coldStarts: number;
  /** So many invocations were given to them. */
  readonly invocations: number;
}

/** A function with a URL in environments of a real runtime, a process each. Rejects when the first one cannot be used. */
export async function startRuntimeFunction(options: RuntimeFunctionOptions): Promise<RuntimeFunction> {
  const started: RuntimeProcess[] = [];
  const emulator = await startFunction(options, (id) => {
    const environment = startProcess(id, options);
    started.push(environment);
    return environment;
  });
  return {
    handle: emulator.handle,
    kill: emulator.kill,
    close: emulator.close,
    get environments() {
      return emulator.environments;
    },
    get coldStarts() {
      return started.length;
    },
    get invocations() {
      return started.reduce((sum, { invocations }) => sum + invocations, 0);
    },
  };
}

function startProcess(id: string, options: RuntimeFunctionOptions): RuntimeProcess {
  const { handlerFile, handlerExport, program, timeoutMs, report, onLine } = options;
  const platform = platformVariables(id, options);
  const { AWS_REGION: region, AWS_LAMBDA_FUNCTION_NAME: name } = platform;
  return new RuntimeProcess({
    id,
    // Lambda leaves the heap a little less than the environment has.
    program: [`--max-old-space-size=${Math.floor(MEMORY_MB * 0.9)}`, program],
    variables: {
      ...platform,
      ...PROCESS_VARIABLES,
      _HANDLER: `${basename(handlerFile, extname(handlerFile))}.${handlerExport}`,
      ...options.variables,
    },
    functionArn: `arn:aws:lambda:${region}:000000000000:function:${name}`,
    timeoutMs,
    report,
    onLine,
  });
}

/** What Lambda sets besides, of which some only matters to a process. The credentials open nothing. */
const PROCESS_VARIABLES: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_SESSION_TOKEN: 'local',
  LANG: 'en_US.UTF-8',
  PATH: '/usr/local/bin:/usr/bin/:/bin:/opt/bin',
  TZ: ':UTC',
};
