import { parseArgs } from 'node:util';

/** Whose state to look at; what is undefined was not said. */
export interface PlaceOptions {
  readonly state: 'local' | undefined;
  readonly configFile: string | undefined;
  readonly table: string | undefined;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
}

/** Which held tools to accept: those of the name, of the digest, or of both; at least one is there. */
export interface ToolChoice {
  /** As clients see it. */
  readonly name: string | undefined;
  /** Of the definition that was looked at. */
  readonly digest: string | undefined;
}

export type Command =
  | {
      readonly kind: 'check';
      readonly configFile: string | undefined;
      readonly isDeployed: boolean;
      readonly asJson: boolean;
    }
  | { readonly kind: 'list-tools'; readonly server: string | undefined; readonly place: PlaceOptions }
  | { readonly kind: 'diff-tools'; readonly place: PlaceOptions }
  | { readonly kind: 'accept-tools'; readonly choices: readonly ToolChoice[] | 'all'; readonly place: PlaceOptions }
  | { readonly kind: 'list-sessions'; readonly place: PlaceOptions }
  | { readonly kind: 'end-session'; readonly hash: string; readonly place: PlaceOptions }
  /** Of a trace or of a request, or `latest`. */
  | { readonly kind: 'trace'; readonly id: string };

export type CommandResult =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string };

export const USAGE = `Usage: npm run sluice -- COMMAND [options]

  check                         validates the configuration, asks every upstream what it is, and prints both
    --deployed                  also names what cannot be reached from where the gateway is deployed
    --json                      prints JSON
  tools list [--server NAME]    the tools as clients see them, from the upstreams themselves
  tools diff                    tools of pinned upstreams that are held back: what was accepted, and what is found
  tools accept NAME@DIGEST...   accepts what was found of them, if it is still what tools diff showed
  tools accept NAME... | --all  accepts whatever is found of them now, and shows what that is
  sessions list                 the sessions of legacy clients
  sessions end HASH             ends one, and its sessions at upstreams; 8 characters of the hash or more
  trace ID | latest             where the time of a call went, at the local gateway that runs in this folder; ID is
                                a traceId or a requestId of its log

Whose tools and sessions:
  --state local                 the local gateway that runs in this folder (default when there is one)
  --table NAME                  the DynamoDB table of a deployed gateway (default: SLUICE_TABLE)
  --region NAME                 its region (default: AWS_REGION)
  --endpoint URL                another DynamoDB than the region's own (default: SLUICE_DYNAMODB_ENDPOINT)
  --config FILE                 configuration, for check and with a table (default: gateway.config.json)

Exit status: 0; 1 when something is wrong; 2 when the command line is. Names that are too long and claims that are lost
are warnings, and leave it as it is.`;

/** The hash of a session is never shorter than this on the command line, in characters. */
const LEAST_HASH_CHARS = 8;

const OPTIONS = {
  config: { type: 'string' },
  deployed: { type: 'boolean' },
  json: { type: 'boolean' },
  server: { type: 'string' },
  all: { type: 'boolean' },
  state: { type: 'string' },
  table: { type: 'string' },
  region: { type: 'string' },
  endpoint: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type OptionName = keyof typeof OPTIONS;

const PLACE: readonly OptionName[] = ['config', 'state', 'table', 'region', 'endpoint'];

/** What each command takes. */
const TAKEN: Readonly<Record<string, readonly OptionName[]>> = {
  check: ['config', 'deployed', 'json'],
  'tools list': ['server', ...PLACE],
  'tools diff': PLACE,
  'tools accept': ['all', ...PLACE],
  'sessions list': PLACE,
  'sessions end': PLACE,
  trace: [],
};

export function parseCommand(args: readonly string[]): CommandResult {
  try {
    return read(args);
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Throws an error whose message is for whoever typed the command. */
function read(args: readonly string[]): CommandResult {
  const { values, positionals } = parseArgs({
    args: withHashesMarked(args),
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help) return { kind: 'help' };
  const [group = '', action = ''] = positionals;
  const name = [group, `${group} ${action}`].find((candidate) => Object.hasOwn(TAKEN, candidate));
  if (name === undefined) {
    const typed = positionals.slice(0, 2).join(' ');
    throw new Error(typed === '' ? 'A command is missing' : `There is no command ${JSON.stringify(typed)}`);
  }
  const stray = Object.keys(values).find((option) => !TAKEN[name]!.includes(option as OptionName));
  if (stray !== undefined) throw new Error(`${name} has no option --${stray}`);
  const empty = Object.entries(values).find(([, value]) => value === '');
  if (empty !== undefined) throw new Error(`--${empty[0]} expects a value`);
  const rest = positionals.slice(name.split(' ').length);
  return { kind: 'command', command: toCommand(name, values, rest) };
}

type Values = {
  readonly [Name in OptionName]?: (typeof OPTIONS)[Name]['type'] extends 'string' ? string : boolean;
};

function toCommand(name: string, values: Values, rest: readonly string[]): Command {
  if (!['tools accept', 'sessions end', 'trace'].includes(name)) expectNoMore(name, rest);
  switch (name) {
    case 'check':
      return {
        kind: 'check',
        configFile: values.config,
        isDeployed: values.deployed ?? false,
        asJson: values.json ?? false,
      };
    case 'tools list':
      return { kind: 'list-tools', server: values.server, place: toPlace(values) };
    case 'tools diff':
      return { kind: 'diff-tools', place: toPlace(values) };
    case 'tools accept': {
      if (values.all === rest.length > 0) throw new Error('tools accept expects names of tools, or --all');
      return { kind: 'accept-tools', choices: values.all ? 'all' : choicesIn(rest), place: toPlace(values) };
    }
    case 'sessions list':
      return { kind: 'list-sessions', place: toPlace(values) };
    case 'trace': {
      const [id = '', ...more] = rest;
      expectNoMore(name, more);
      if (!/^[\w-]{1,64}$/.test(id)) throw new Error('trace expects "latest", a traceId or a requestId of the log');
      return { kind: 'trace', id };
    }
    default: {
      const [hash = '', ...more] = rest;
      expectNoMore(name, more);
      if (!/^[\w-]{8,43}$/.test(hash)) {
        throw new Error(`sessions end expects the hash of a session, ${LEAST_HASH_CHARS} characters of it or more`);
      }
      return { kind: 'end-session', hash, place: toPlace(values) };
    }
  }
}

function choicesIn(rest: readonly string[]): readonly ToolChoice[] {
  if (rest.length === 0 || rest.includes('')) throw new Error('tools accept expects names of tools, or --all');
  return rest.map(toChoice);
}

/** A name may contain anything; what follows its last `@` is a digest when it looks like one. */
function toChoice(text: string): ToolChoice {
  const [, name = text, digest] = /^(.*)@([\w-]{43})$/s.exec(text) ?? [];
  return { name: name === '' ? undefined : name, digest };
}

/** The options that name this place. */
export function placeArguments({ state, configFile, table, region, endpoint }: PlaceOptions): string[] {
  const named = { state, config: configFile, table, region, endpoint };
  return Object.entries(named).flatMap(([option, value]) => (value === undefined ? [] : [`--${option}`, value]));
}

function toPlace({ state, config, table, region, endpoint }: Values): PlaceOptions {
  if (state !== undefined && state !== 'local') throw new Error('--state expects "local"');
  const elsewhere = Object.entries({ config, table, region, endpoint }).find(([, value]) => value !== undefined);
  if (state === 'local' && elsewhere !== undefined) {
    throw new Error(`--${elsewhere[0]} does not go with --state local: the local gateway has its own`);
  }
  if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(endpoint)) {
    throw new Error('--endpoint expects a URL of http: or https:');
  }
  return { state, configFile: config, table, region, endpoint };
}

function expectNoMore(name: string, [stray]: readonly string[]): void {
  if (stray !== undefined) throw new Error(`${name} does not know what to do with ${JSON.stringify(stray)}`);
}

/** A hash may begin with a hyphen. All options are words, so what is none of them after `sessions end` is a hash. */
function withHashesMarked(args: readonly string[]): string[] {
  const at = args.findIndex((arg, index) => arg === 'end' && args[index - 1] === 'sessions') + 1;
  const hash = args[at];
  const isHash =
    at > 0 && hash !== undefined && /^-[\w-]{7,42}$/.test(hash) && !Object.hasOwn(OPTIONS, hash.replace(/^--/, ''));
  return isHash ? [...args.slice(0, at), ...args.slice(at + 1), '--', hash] : [...args];
}
