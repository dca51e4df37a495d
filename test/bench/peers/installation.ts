/** Where other gateways are installed: outside of what is checked in, once for each version of what is asked for. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const HERE = fileURLToPath(new URL('.', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../../.sluice/bench-peers/', import.meta.url));

/** Says what was installed, once it is complete. */
const MARK = 'installed';

/** Longer than any of them takes, in milliseconds. */
const LIMIT_MS = 10 * 60 * 1000;

/** Returns the folder that holds `node_modules`. Rejects with what npm had to say. */
export async function installPackages(): Promise<string> {
  const wanted = await readFile(join(HERE, 'package-lock.json'), 'utf8');
  return await installInto('npm', wanted, async (folder) => {
    for (const file of ['package.json', 'package-lock.json']) await cp(join(HERE, file), join(folder, file));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, timeout: LIMIT_MS });
  });
}

/** Returns the folder of programs of a virtual environment. Rejects with what Python had to say. */
export async function installPython(name: 'fastmcp' | 'contextforge'): Promise<string> {
  const requirements = join(HERE, 'requirements', `${name}.txt`);
  const wanted = await readFile(requirements, 'utf8');
  const folder = await installInto(name, wanted, async (folder) => {
    await run('python3', ['-m', 'venv', folder], { timeout: LIMIT_MS });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
    await run(join(folder, 'bin', 'python'), pip, { timeout: LIMIT_MS });
  });
  return join(folder, 'bin');
}

async function installInto(name: string, wanted: string, install: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(FOLDER, name);
  const mark = join(folder, MARK);
  const installed = await readFile(mark, 'utf8').catch(() => undefined);
  if (installed === wanted) return folder;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await install(folder);
  await writeFile(mark, wanted);
  return folder;
}
