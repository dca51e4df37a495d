/** `sluice check`: what is wrong with a configuration, and what its upstreams are when they are asked now. */
import { createMemoryStores } from '../../adapters/memory/stores.ts';
import { deploymentProblems } from '../../config/deployment.ts';
import { formatProblems, type Problem } from '../../config/problems.ts';
import type { AuthConfig, GatewayConfig } from '../../config/schema.ts';
import { secretReferences, secretVariable } from '../../config/secrets.ts';
import type { Operator, ShownTools, Survey } from '../../operator.ts';
import { UNSAID, type ConfigResult } from '../../config/load.ts';
import { parseFile } from '../configuration.ts';
import { hostStdioUpstreams } from '../stdio/host.ts';
import { operate } from './operate.ts';
import type { Command } from './options.ts';
import type { Output } from './output.ts';
import { findConfiguration, OperatorError, type Surroundings } from './place.ts';
import { count, printable, table, visibleJson } from './text.ts';
import { describeWarnings } from './warnings.ts';

type CheckCommand = Extract<Command, { kind: 'check' }>;

/** What was found out; as `--json` prints it. */
interface Finding {
  /** Or "The demo". */
  readonly file: string;
  /** Whether nothing is wrong; warnings do not count. */
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  readonly upstreams: readonly UpstreamFinding[];
  readonly servers: readonly ServerFinding[];
  /** Upstreams that no virtual server shows: they are not asked. */
  readonly unused: readonly string[];
}

interface UpstreamFinding extends Pick<Survey, 'versions' | 'capabilities' | 'troubles'> {
  readonly name: string;
  /** Null when it could not be heard. */
  readonly era: Survey['era'] | null;
  readonly transport: Survey['transport'] | 'stdio';
  /** How many; null when they could not be had. */
  readonly tools: number | null;
  /** Until it had introduced itself, in milliseconds. */
  readonly latencyMs: number;
  /** The first error and the last lines of a command that is in trouble. */
  readonly said: readonly string[];
}

interface ServerFinding extends Pick<ShownTools, 'lost' | 'tooLong'> {
  readonly name: string;
  readonly tools: number;
}

/** No more lines of a command than these are shown. */
const MOST_SAID = 5;
const STACK_FRAME = / says: at /;
/** In place of the name of a file. */
const DEMO = 'The demo';
const NO_ANSWER = ' gave no answer';

/** Resolves with the exit status. */
export async function check(command: CheckCommand, surroundings: Surroundings, output: Output): Promise<number> {
  const finding = await find(command, surroundings);
  if (command.asJson) output.print(visibleJson(finding));
  else output.print(describe(finding).join('\n'));
  return finding.ok ? 0 : 1;
}

async function find({ configFile, isDeployed }: CheckCommand, { folder, variables }: Surroundings): Promise<Finding> {
  const { file, result } = await readCheckedConfiguration(
    configFile,
    isDeployed ? UNSAID.deployed : UNSAID.local,
    folder,
  );
  if (!result.ok) {
    return { file, ok: false, problems: result.problems, upstreams: [], servers: [], unused: [] };
  }
  const { config } = result;
  const problems = isDeployed ? deploymentProblems(config) : [];
  const { upstreams, servers } = await probe(config, variables);
  const ok = problems.length === 0 && upstreams.every(({ troubles }) => troubles.length === 0);
  const asked = new Set(upstreams.map(({ name }) => name));
  const unused = Object.keys(config.upstreams).filter((name) => !asked.has(name));
  return { file, ok, problems, upstreams, servers, unused };
}

async function readCheckedConfiguration(
  configFile: string | undefined,
  unsaid: AuthConfig,
  folder: string,
): Promise<{ readonly file: string; readonly result: ConfigResult }> {
  const found = findConfiguration(configFile, folder);
  if (found.kind === 'demo') return { file: DEMO, result: { ok: true, config: found.config } };
  const result = await parseFile(found.name, found.path, unsaid);
  if (result === undefined) throw new OperatorError(found.missing);
  return { file: found.name, result };
}

/** Asks every upstream. Needs no state, and leaves none; commands run for as long as it takes. */
async function probe(
  config: GatewayConfig,
  variables: Surroundings['variables'],
): Promise<Pick<Finding, 'upstreams' | 'servers'>> {
  const said: string[] = [];
  const unread: UnreadSecrets = new Map();
  const host = await hostStdioUpstreams(config, { report: (line) => said.push(line) });
  const look = async (operator: Operator) => {
    const surveys = await operator.survey();
    return {
      upstreams: surveys.map((survey) => toUpstreamFinding(survey, config, { said, unread })),
      servers: operator
        .toolsOf(surveys)
        .map(({ server, tools, lost, tooLong }) => ({ name: server, tools: tools.length, lost, tooLong })),
    };
  };
  try {
    return await operate({ config: host.config, openStores: createMemoryStores(), variables }, look, (notice) => {
      if (notice.kind === 'secret-unavailable') unread.set(notice.secret, notice.reason);
    });
  } finally {
    await host.close();
  }
}

/** Why secrets could not be had, by name. */
type UnreadSecrets = Map<string, string>;

interface Heard {
  /** By the host of commands. */
  readonly said: readonly string[];
  readonly unread: UnreadSecrets;
}

function toUpstreamFinding(survey: Survey, config: GatewayConfig, { said, unread }: Heard): UpstreamFinding {
  const { upstream, era, versions, transport, capabilities, lists, latencyMs, troubles } = survey;
  const { name } = upstream;
  const isCommand = config.upstreams[name]?.stdio !== undefined;
  return {
    name,
    era: era ?? null,
    versions,
    transport: isCommand ? 'stdio' : transport,
    capabilities,
    tools: lists.tools?.length ?? null,
    latencyMs: Math.round(latencyMs),
    troubles: isCommand ? troubles.map(withoutStatus) : troubles,
    said: troubles.length === 0 ? [] : [...lastWords(name, said), ...remedies(name, config, unread)],
  };
}

function remedies(name: string, config: GatewayConfig, unread: UnreadSecrets): string[] {
  return secretReferences(config).flatMap(({ keys: [, upstream], reference }) => {
    const reason = unread.get(reference.secret);
    if (upstream !== name || reason === undefined) return [];
    return [`secret ${reference.secret}: ${reason}; on this machine ${secretVariable(reference)} can have it`];
  });
}

/** A command has no HTTP status: it is that of the host which runs it. */
function withoutStatus(trouble: string): string {
  return trouble.replace(
    / (?:answered with HTTP status \d+|asks to be called less often \(HTTP status 429\))$/,
    NO_ANSWER,
  );
}

/**
 * What was said of a command, and by it, last; and of what it calls an error the first, which others often follow from.
 * A command may be run several times, and say the same each time.
 */
function lastWords(name: string, said: readonly string[]): readonly string[] {
  const starts = [`upstream ${name}: `, `upstream ${name} says: `];
  const own = said.filter((line) => starts.some((start) => line.startsWith(start)) && !STACK_FRAME.test(line));
  const lines = [...new Set(own)];
  const last = lines.slice(-MOST_SAID);
  const error = lines.find((line) => /error/i.test(line.slice(starts[0]!.length)));
  return error === undefined || last.includes(error) ? last : [error, ...last.slice(1)];
}

// ------------------------------------------------------------------------------------------------------------- text

function describe({ file, ok, problems, upstreams, servers, unused }: Finding): string[] {
  if (upstreams.length === 0) return [formatProblems(problems, file)];
  const heading = problems.length === 0 ? `${file} is well formed` : formatProblems(problems, file);
  const warnings = [
    ...servers.flatMap(({ name, lost, tooLong }) => describeWarnings({ server: name, lost, tooLong })),
    ...unused.map((name) => `upstream ${name}: no virtual server shows it, so it was not asked`),
  ];
  return [
    heading,
    '',
    ...describeUpstreams(upstreams),
    '',
    ...table([['VIRTUAL SERVER', 'TOOLS'], ...servers.map(({ name, tools }) => [name, String(tools)])]),
    ...(warnings.length === 0 ? [] : ['', ...warnings.map((line) => `warning: ${line}`)]),
    '',
    summary(ok, upstreams, warnings.length),
  ];
}

const COLUMNS = ['UPSTREAM', 'ERA', 'REVISIONS', 'TRANSPORT', 'CAPABILITIES', 'TOOLS', 'LATENCY', 'WRONG'];

/** What is wrong has lines of its own where it is more than one thing. */
function describeUpstreams(upstreams: readonly UpstreamFinding[]): string[] {
  const rows = upstreams.flatMap((finding): string[][] => {
    const { name, era, versions, transport, capabilities, tools, latencyMs, troubles, said } = finding;
    const revisions = [...new Set([...(versions.modern ?? []), ...(versions.legacy ?? [])])];
    const [wrong = '', ...more] = [...troubles, ...said].map((line) => printable(line));
    return [
      [
        name,
        era ?? '-',
        wordsOf(revisions),
        era === null && transport !== 'stdio' ? '-' : transport,
        wordsOf(capabilities),
        tools === null ? '-' : String(tools),
        `${latencyMs} ms`,
        wrong,
      ],
      ...more.map((line) => ['', '', '', '', '', '', '', line]),
    ];
  });
  return table([COLUMNS, ...rows]);
}

const MOST_WORDS = 8;

function wordsOf(words: readonly string[]): string {
  const shown = words.slice(0, MOST_WORDS).map((word) => printable(word, 24));
  return words.length === 0 ? '-' : [...shown, ...(words.length > MOST_WORDS ? ['...'] : [])].join(' ');
}

function summary(ok: boolean, upstreams: readonly UpstreamFinding[], warnings: number): string {
  const failing = upstreams.filter(({ troubles }) => troubles.length > 0).length;
  const warned = warnings === 0 ? '' : `, ${count(warnings, 'warning')}`;
  if (failing > 0) return `${failing} of ${count(upstreams.length, 'upstream')} in trouble${warned}`;
  return ok ? `All is well${warned}` : `The configuration cannot be deployed as it is${warned}`;
}
