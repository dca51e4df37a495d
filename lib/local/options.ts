import { parseArgs } from 'node:util';
import { VARIABLES } from '../adapters/lambda/names.ts';
import type { ActionLogFormat } from '../adapters/logging/action-log.ts';

/** What the command line and the environment variables ask for. */
export interface Options {
  /** Undefined when none was named: then the usual file, or the demo when there is none. */
  readonly configFile: string | undefined;
  readonly port: number;
  readonly environments: number;
  readonly affinity: boolean;
  /** Undefined for memory. */
  readonly stateDirectory: string | undefined;
  readonly quiet: boolean;
  /** Whether there is a console, and calls are traced for it. */
  readonly hasConsole: boolean;
  /** Undefined when neither decides: then it depends on who reads. */
  readonly log: ActionLogFormat | undefined;
}

export type OptionsResult =
  | { readonly kind: 'options'; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string };

export const USAGE = `Usage: npm start -- [options]

Starts the local gateway: the function as it is deployed, in emulated Lambda environments.

  --config FILE      configuration (default: gateway.config.json; without that file, two demo upstreams)
  --port N           port on 127.0.0.1 (default: 8787; 0 picks a free one)
  --environments N   most environments at once (default: 10)
  --affinity         send consecutive requests to the same environment, instead of to different ones
  --state PLACE      "memory" (default), or a folder that keeps sessions over restarts
  --no-console       neither serve the console at /console nor trace calls for it
  --quiet            print only the ready line and errors
  --help             print this

The environment variable SLUICE_DYNAMODB_ENDPOINT names another DynamoDB than the embedded one, and SLUICE_LOG says how
the log is written: json, pretty or errors (default: pretty on a terminal, json otherwise; --quiet goes before it).`;

const LOG_FORMATS: readonly string[] = ['json', 'pretty', 'errors'] satisfies ActionLogFormat[];

const MOST_ENVIRONMENTS = 1000;

export function parseOptions(args: readonly string[], variables: NodeJS.ProcessEnv): OptionsResult {
  try {
    return read(args, variables);
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Throws an error whose message is for whoever typed the options. */
function read(args: readonly string[], variables: NodeJS.ProcessEnv): OptionsResult {
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: 'string' },
      port: { type: 'string', default: '8787' },
      environments: { type: 'string', default: '10' },
      affinity: { type: 'boolean', default: false },
      state: { type: 'string', default: 'memory' },
      'no-console': { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.config === '') throw new Error('--config expects the name of a file');
  if (values.state === '') throw new Error('--state expects "memory" or the name of a folder');
  const log = logFormat(variables[VARIABLES.log]);
  return {
    kind: 'options',
    options: {
      configFile: values.config,
      port: wholeNumber('--port', values.port, 0, 65_535),
      environments: wholeNumber('--environments', values.environments, 1, MOST_ENVIRONMENTS),
      affinity: values.affinity,
      stateDirectory: values.state === 'memory' ? undefined : values.state,
      quiet: values.quiet,
      hasConsole: !values['no-console'],
      log: values.quiet ? 'errors' : log,
    },
  };
}

/** Of an empty variable as of one that is not set: undefined. */
function logFormat(text: string | undefined): ActionLogFormat | undefined {
  if (text === undefined || text === '') return undefined;
  if (LOG_FORMATS.includes(text)) return text as ActionLogFormat;
  throw new Error(`${VARIABLES.log} expects json, pretty or errors, not ${JSON.stringify(text)}`);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`${name} expects a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
}
