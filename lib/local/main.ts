/** The command behind `npm start`: the local gateway, from its options to its end. */
import { resolve } from 'node:path';
import { stop as stopBuilding } from 'esbuild';
import type { ActionLogFormat } from '../adapters/logging/action-log.ts';
import type { GivenSecrets } from '../adapters/secrets/given.ts';
import type { UpstreamConfig } from '../config/schema.ts';
import type { ConsolePage } from './console/page.ts';
import { ConfigurationError, openConfiguration, type Configuration } from './configuration.ts';
import { StateError } from './dynamodb.ts';
import { startLocalGateway, type LocalGateway } from './gateway.ts';
import { startLocalHousekeeping } from './housekeeping.ts';
import { endWithSignalsAndParent } from './lifetime.ts';
import { digestOf } from './operator/place.ts';
import { announceGateway } from './operator/running-gateway.ts';
import { parseOptions, USAGE, type Options } from './options.ts';
import { requireSecrets } from './secrets.ts';
import { welcome } from './welcome.ts';

/** What has been started and is to be ended, the latest first. */
const closers: (() => Promise<void>)[] = [];
let ending = false;

async function closeAll(): Promise<void> {
  ending = true;
  for (const close of closers.splice(0).toReversed()) await close();
}

/** What is still being started at the end is waited for, so that it leaves nothing behind. */
function closedAtEnd<Part extends { close(): Promise<void> }>(starting: Promise<Part>): Promise<Part> {
  closers.push(() =>
    starting.then(
      (part) => part.close(),
      () => undefined,
    ),
  );
  return starting;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function start(options: Options): Promise<void> {
  const configuration = await closedAtEnd(openConfiguration(options.configFile));
  const secrets = requireSecrets(configuration.config, process.env);
  const gateway = await closedAtEnd(startGateway(options, configuration, secrets));
  await stopBuilding();
  if (ending) return;
  announce(configuration, gateway);
  startHousekeeping(options, gateway, secrets);
  if (!options.quiet) print(welcome(configuration, gateway.origin, gateway.console !== undefined));
  print(`ready ${gateway.origin}/mcp`);
}

function startGateway(options: Options, { config }: Configuration, secrets: GivenSecrets) {
  const { port, environments, affinity, stateDirectory, quiet, hasConsole } = options;
  return startLocalGateway({
    config,
    secrets,
    port,
    environments,
    affinity,
    stateDirectory,
    dynamodbEndpoint: process.env['SLUICE_DYNAMODB_ENDPOINT'] || undefined,
    log: logFormat(options),
    report: complain,
    ...(hasConsole && { consolePage }),
    // Most of what servers write there is no error.
    ...(quiet && { onStderr: () => undefined }),
  });
}

let page: Promise<ConsolePage> | undefined;

/** Built when somebody first wants it; if that fails, when somebody wants it again. */
function consolePage(): Promise<ConsolePage> {
  page ??= buildPage().catch((error: unknown) => {
    page = undefined;
    throw error;
  });
  return page;
}

async function buildPage(): Promise<ConsolePage> {
  const { buildConsolePage } = await import('./console/page.ts');
  try {
    return await buildConsolePage();
  } finally {
    await stopBuilding();
  }
}

function logFormat({ log }: Options): ActionLogFormat {
  return log ?? (process.stdout.isTTY ? 'pretty' : 'json');
}

/** So that the operator's command finds it. A folder that cannot be written to is no reason not to run. */
function announce({ config, file }: Configuration, { origin, console, dynamodb, config: hosted }: LocalGateway): void {
  const isOwn = ([name, { url }]: [string, UpstreamConfig]) =>
    file === undefined || url !== config.upstreams[name]?.url;
  const urls = Object.entries(hosted.upstreams)
    .filter(isOwn)
    .map(([name, { url }]) => [name, url]);
  try {
    const remove = announceGateway(process.cwd(), {
      pid: process.pid,
      origin,
      hasConsole: console !== undefined,
      dynamodbEndpoint: dynamodb.endpoint,
      table: dynamodb.table,
      configFile: file === undefined ? null : resolve(file),
      configDigest: digestOf(config),
      urls: Object.fromEntries(urls),
    });
    closers.push(async () => remove());
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    complain(`The command sluice will not find this gateway: .sluice/local.json cannot be written (${code})`);
  }
}

function startHousekeeping(options: Options, { config, console, dynamodb }: LocalGateway, secrets: GivenSecrets): void {
  const schedule = startLocalHousekeeping({
    config,
    secrets,
    state: dynamodb,
    log: logFormat(options),
    ...(console !== undefined && { onLine: (line: string) => console.hearLine(line) }),
    ...(!options.quiet && { report: complain }),
  });
  closers.push(() => schedule.close());
}

/** What to say of an error that the user can mend; undefined for any other. */
function explain(error: unknown, { port }: Options): string | undefined {
  if (error instanceof ConfigurationError || error instanceof StateError) return error.message;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen') return undefined;
  const fault = code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${code})`;
  return `Port ${port} on 127.0.0.1 ${fault}. Choose another with --port N; 0 picks a free one.`;
}

async function main(): Promise<void> {
  const parsed = parseOptions(process.argv.slice(2), process.env);
  if (parsed.kind === 'help') return print(USAGE);
  if (parsed.kind === 'wrong') {
    complain(`${USAGE}\n\n${parsed.problem}`);
    process.exitCode = 1;
    return;
  }
  endWithSignalsAndParent(closeAll);
  try {
    await start(parsed.options);
  } catch (error) {
    complain(
      explain(error, parsed.options) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    await closeAll();
    process.exit(1);
  }
}

await main();
