import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface Options {
  /** Undefined when none was named: then the usual file, or the demo when there is none. */
  readonly configFile: string | undefined;
  readonly port: number;
  readonly environments: number;
  readonly affinity: boolean;
  /** Undefined for memory. */
  readonly stateDirectory: string | undefined;
  readonly quiet: boolean;
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
  --quiet            print only the ready line and errors
  --help             print this

The environment variable SLUICE_DYNAMODB_ENDPOINT names another DynamoDB than the embedded one.`;

const MOST_ENVIRONMENTS = 1000;

export function parseOptions(args: readonly string[]): OptionsResult {
  try {
    return read(args);
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Throws an error whose message is for whoever typed the options. */
function read(args: readonly string[]): OptionsResult {
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: 'string' },
      port: { type: 'string', default: '8787' },
      environments: { type: 'string', default: '10' },
      affinity: { type: 'boolean', default: false },
      state: { type: 'string', default: 'memory' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.config === '') throw new Error('--config expects the name of a file');
  if (values.state === '') throw new Error('--state expects "memory" or the name of a folder');
  return {
    kind: 'options',
    options: {
      configFile: values.config,
      port: wholeNumber('--port', values.port, 0, 65_535),
      environments: wholeNumber('--environments', values.environments, 1, MOST_ENVIRONMENTS),
      affinity: values.affinity,
      stateDirectory: values.state === 'memory' ? undefined : values.state,
      quiet: values.quiet,
    },
  };
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`${name} expects a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
}
