/**
 * What is fetched from the package registries, at exact versions, and kept below `node_modules` for the next run. A
 * registry that refuses something, a tool that is missing, or either of them not answering in time, rejects with
 * `NotToBeHad`, which says what it was.
 */
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolchainFor } from './go-toolchain.ts';
import { runProgram, type Ended } from './program.ts';

/** A program and its leading arguments. */
export type Command = readonly [file: string, ...args: string[]];

export class NotToBeHad extends Error {
  override readonly name = 'NotToBeHad';
}

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/sluice-interop/', import.meta.url));
const LIMIT_MS = 4 * 60_000;

/** A folder without a `go.mod`: in one that has it, a Go does as that says. */
const OUTSIDE = fileURLToPath(new URL('.', import.meta.url));

const folderOf = (name: string): string => fileURLToPath(new URL(`${name}/`, import.meta.url));

/** A Python that has what `python/requirements.txt` names. Nothing is built, so that nothing runs on installation. */
export async function obtainPython(): Promise<Command> {
  const requirements = join(folderOf('python'), 'requirements.txt');
  const version = await answerOf('Python 3', ['python3', '--version']);
  const folder = await kept('python', [version, await readFile(requirements, 'utf8')], async (place) => {
    await answerOf('a virtual environment of Python', ['python3', '-m', 'venv', place]);
    const pip: Command = [join(place, 'bin', 'python'), '-m', 'pip', '--disable-pip-version-check', 'install'];
    await answerOf('the Python clients', [...pip, '-q', '--no-deps', '--only-binary', ':all:', '-r', requirements]);
  });
  return [join(folder, 'bin', 'python'), '-B'];
}

/** The client that is written in Go, built. Rejects with another error when it does not compile. */
export async function obtainGoClient(): Promise<Command> {
  const source = folderOf('go');
  const go = await findGo(await readFile(join(source, 'go.mod'), 'utf8'));
  const version = await answerOf('Go', [go, 'version'], source);
  const texts = await Promise.all(['go.mod', 'go.sum', 'main.go'].map((file) => readFile(join(source, file), 'utf8')));
  const folder = await kept('go', [version, ...texts], async (place) => {
    await mkdir(place, { recursive: true });
    await answerOf('the Go client', [go, 'mod', 'download'], source);
    const built = await run([go, 'build', '-mod=readonly', '-o', join(place, 'client'), '.'], source);
    if (built.ending !== 'exit 0')
      throw new Error(`The Go client does not compile (${built.ending}): ${wordsOf(built)}`);
  });
  return [join(folder, 'client')];
}

/** Where the packages of `<name>/package-lock.json` are installed. */
export async function obtainPackages(name: string): Promise<string> {
  const files = ['package.json', 'package-lock.json'].map((file) => join(folderOf(name), file));
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const folder = await kept(name, [process.platform, process.arch, process.version, ...texts], async (place) => {
    await mkdir(place, { recursive: true });
    await Promise.all(files.map((file) => cp(file, join(place, basename(file)))));
    await answerOf(`the packages of ${name}`, ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], place);
  });
  return join(folder, 'node_modules');
}

/** One that is new enough for that `go.mod`, as it is installed or as an older one gets it. */
async function findGo(goMod: string): Promise<string> {
  const installed = await findInstalledGo();
  const toolchain = toolchainFor(goMod, await answerOf('Go', [installed, 'version'], OUTSIDE));
  if (toolchain === undefined) return installed;
  const download: Command = [installed, 'mod', 'download', '-json', toolchain];
  const { Dir: root } = JSON.parse(await answerOf('a newer Go', download, OUTSIDE)) as { readonly Dir: string };
  // Modules have no executable files, so whoever is the first to use one of these makes them so, as Go itself does.
  const tools = join(root, 'pkg', 'tool');
  for (const folder of [join(root, 'bin'), ...(await readdir(tools)).map((machine) => join(tools, machine))]) {
    for (const file of await readdir(folder)) await chmod(join(folder, file), 0o755);
  }
  return join(root, 'bin', 'go');
}

/** Where it is usually installed, it need not be on the path. */
async function findInstalledGo(): Promise<string> {
  const usual = '/usr/local/go/bin/go';
  const onPath = await run(['go', 'version'], OUTSIDE);
  return onPath.ending === 'exit 0' || (await stat(usual).catch(() => undefined)) === undefined ? 'go' : usual;
}

/** The folder of that name and of these ingredients; made once, and removed with others of its name that came before. */
async function kept(
  name: string,
  ingredients: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(ingredients)).digest('hex').slice(0, 12);
  const folder = join(CACHE, `${name}-${digest}`);
  const complete = join(folder, '.complete');
  if ((await stat(complete).catch(() => undefined)) !== undefined) return folder;
  for (const other of await readdir(CACHE).catch(() => [])) {
    if (other.startsWith(`${name}-`)) await rm(join(CACHE, other), { recursive: true, force: true });
  }
  await mkdir(CACHE, { recursive: true });
  await make(folder);
  await writeFile(complete, '');
  return folder;
}

/** What a command prints; rejects with `NotToBeHad` when it fails. */
async function answerOf(what: string, command: Command, cwd?: string): Promise<string> {
  const ended = await run(command, cwd);
  if (ended.ending === 'exit 0') return ended.stdout.trim();
  throw new NotToBeHad(`${what}: ${command[0]} ${ended.ending}: ${wordsOf(ended)}`);
}

async function run(command: Command, cwd?: string): Promise<Ended> {
  return await runProgram(command, { limitMs: LIMIT_MS, ...(cwd !== undefined && { cwd }) });
}

/** Tools say what is wrong in their first lines or in their last ones. */
const MOST_WORDS = 300;

function wordsOf({ stdout, stderr }: Ended): string {
  const said = (stderr.trim() === '' ? stdout : stderr).trim().replaceAll(/\s*\n\s*/g, '; ');
  if (said === '') return 'without a word';
  return said.length <= 2 * MOST_WORDS ? said : `${said.slice(0, MOST_WORDS)} … ${said.slice(-MOST_WORDS)}`;
}
