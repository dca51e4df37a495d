/** `npm run test:interop`; `--help` says what it does. */
import { parseArgs } from 'node:util';
import { formatTable } from '../bench/table.ts';
import { CLIENTS, travel } from './clients.ts';
import { obtainDatabase, runContract } from './dynamodb.ts';
import { inspect, obtainInspector, questionsOf } from './inspector.ts';
import { NotToBeHad } from './obtained.ts';
import { broke, closingLine, exitStatusOf, problemsOf, ran, tableOf, type Part } from './outcome.ts';
import { stay } from './staying.ts';
import { startWorld, type World } from './world.ts';

const USAGE = `npm run test:interop [-- --only NAME]

Sends clients that others wrote through the local gateway, and runs the contract suite of the stores on a DynamoDB other
than the one that npm test uses. What it needs is fetched from the package registries at exact versions, and kept below
node_modules for the next run.

  dynamodb     test/contract on Dynoxide, or on the DynamoDB that SLUICE_TEST_DYNAMODB_ENDPOINT names
  python-sdk   the official Python SDK's client, in each era; needs Python 3 with venv
  fastmcp      the FastMCP client, likewise
  go-sdk       the official Go SDK's client, likewise; needs a Go, which fetches a newer one where it is too old
  staying      those three, with a legacy session that they keep for longer than they use it
  inspector    MCP Inspector's command line, in each era

Each client lists all tools, calls some, sees progress step by step while the call goes on, answers a question of its
server, meets a tool that fails, one that does not exist and a question that does not cross the eras, and ends its
session.

SLUICE_TEST_DYNAMODB_ENDPOINT is the URL of an emulator that is running, such as Amazon's DynamoDB Local where you accept
its terms, or of DynamoDB itself: https://dynamodb.REGION.amazonaws.com, with AWS_REGION and credentials in the
environment. The suite creates a table for each group of its tests and deletes it again.

What could not be had, because a registry refused it or a tool is missing, is named and counted apart. Exit status 0 when
nothing failed. The last line is "N passed, N failed, N not to be had".`;

/** Longer than the limits within a peer; so that the others have their turn whatever hangs. */
const PEER_LIMIT_MS = 20 * 60_000;

/** A peer that has been obtained. */
type Run = () => Promise<readonly Part[]>;

interface Peer {
  readonly name: string;
  /** Rejects with `NotToBeHad`. */
  obtain(): Promise<Run>;
}

const { values: options } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
let world: Promise<World> | undefined;

if (options.help === true) console.log(USAGE);
// Whatever a peer that broke has left running ends with this process.
else process.exit(await main(peers().filter(({ name }) => [undefined, name].includes(options.only))));

async function main(wanted: readonly Peer[]): Promise<number> {
  if (wanted.length === 0) {
    console.error(
      `Nothing is called ${options.only}; there are: ${peers()
        .map(({ name }) => name)
        .join(', ')}`,
    );
    return 1;
  }
  // All are fetched at the same time; what has been fetched runs one after the other.
  const obtained = wanted.map(({ name, obtain }) => ({ name, run: settled(obtain()) }));
  const parts: Part[] = [];
  for (const { name, run } of obtained) {
    const started = performance.now();
    const done = await run.then((ready) => inTime(ready())).catch((error: unknown) => [partOf(name, error)]);
    parts.push(...done);
    console.log(`${name}: ${closingLine(done)}, in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  await (await world)?.close();
  console.log(['', formatTable(tableOf(parts), 2), '', ...problemsOf(parts), closingLine(parts)].join('\n'));
  return exitStatusOf(parts);
}

function peers(): readonly Peer[] {
  return [
    { name: 'dynamodb', obtain: obtainContract },
    ...CLIENTS.map((client): Peer => {
      const { name, ways } = client;
      const obtain = async (): Promise<Run> => {
        const command = await client.obtain();
        return async () => {
          const parts: Part[] = [];
          for (const way of ways) {
            const label = way.mode === way.version ? way.mode : `${way.mode}, ${way.version}`;
            parts.push(ran(name, label, await travel(client, way, command, await openWorld())));
          }
          return parts;
        };
      };
      return { name, obtain };
    }),
    { name: 'staying', obtain: obtainStaying },
    { name: 'inspector', obtain: obtainInspection },
  ];
}

async function obtainContract(): Promise<Run> {
  const start = await obtainDatabase();
  return async () => {
    const database = await start();
    try {
      return [ran('dynamodb', database.name, await runContract(database))];
    } finally {
      await database.stop();
    }
  };
}

/** All at the same time, with those that can be had. */
async function obtainStaying(): Promise<Run> {
  const commands = await Promise.allSettled(CLIENTS.map((client) => client.obtain()));
  const had = CLIENTS.flatMap((client, index) => {
    const command = commands[index];
    return command?.status === 'fulfilled' ? [{ client, command: command.value }] : [];
  });
  const missing = CLIENTS.flatMap(({ name }, index) => {
    const command = commands[index];
    return command?.status === 'rejected' ? [{ ...partOf('staying', command.reason), way: name }] : [];
  });
  return async () => {
    const judged = had.length === 0 ? [] : await stay(had);
    return [...had.map(({ client }, index) => ran('staying', client.name, judged[index] ?? [])), ...missing];
  };
}

async function obtainInspection(): Promise<Run> {
  const command = await obtainInspector();
  return async () => {
    const there = await openWorld();
    const parts: Part[] = [];
    for (const era of ['legacy', 'modern'] as const) {
      const checks = [];
      for (const question of questionsOf(era, there)) checks.push(await inspect(question, command, there));
      parts.push(ran('inspector', era, checks));
    }
    return parts;
  };
}

function openWorld(): Promise<World> {
  world ??= startWorld();
  return world;
}

async function inTime<T>(running: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<T>();
  const limit = setTimeout(
    () => reject(new Error(`was not over after ${PEER_LIMIT_MS / 60_000} minutes`)),
    PEER_LIMIT_MS,
  );
  return await Promise.race([running, promise]).finally(() => clearTimeout(limit));
}

/** It is looked at later, whatever becomes of it meanwhile. */
function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function partOf(name: string, error: unknown): Part {
  if (!(error instanceof NotToBeHad)) return broke(name, error);
  return { name, way: '', outcome: { kind: 'not to be had', reason: error.message } };
}
