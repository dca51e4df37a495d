/** The command behind `npm start`: the local gateway, from its options to its end. */
import { stop as stopBuilding } from 'esbuild';
import { ConfigurationError, openConfiguration, type Configuration } from './configuration.ts';
import { StateError } from './dynamodb.ts';
import { startLocalGateway } from './gateway.ts';
import { endWithSignalsAndParent } from './lifetime.ts';
import { parseOptions, USAGE, type Options } from './options.ts';
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
  const gateway = await closedAtEnd(startGateway(options, configuration));
  await stopBuilding();
  if (ending) return;
  if (!options.quiet) print(welcome(configuration, gateway.origin));
  print(`ready ${gateway.origin}/mcp`);
}

function startGateway(options: Options, { config }: Configuration) {
  const { port, environments, affinity, stateDirectory, quiet, log } = options;
  return startLocalGateway({
    config,
    port,
    environments,
    affinity,
    stateDirectory,
    dynamodbEndpoint: process.env['SLUICE_DYNAMODB_ENDPOINT'] || undefined,
    log: log ?? (process.stdout.isTTY ? 'pretty' : 'json'),
    report: complain,
    // Most of what servers write there is no error.
    ...(quiet && { onStderr: () => undefined }),
  });
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
    complain(`${parsed.problem}\n\n${USAGE}`);
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
