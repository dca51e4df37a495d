/** The command as it is used: in a process of its own, through npm and without. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, watch } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { openLegacySession, postModern } from '../support/wire.ts';
import { cleanUpAfterTest, temporaryFolder } from './kit.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'lib/local/main.ts');

interface Command {
  readonly child: ChildProcess;
  /** Settles when the command has made its temporary folder, long before it is ready. */
  readonly begun: Promise<void>;
  /** Settles when the command has said that it is ready; rejects when it ended before. */
  readonly ready: Promise<string>;
  /** Settles when the command and all that it started have ended: whoever holds its output is gone. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** What of its own is left in the folder for temporary files; Node keeps a cache there for npm. */
  leftovers(): string[];
}

interface RunOptions {
  readonly cwd?: string;
  readonly detached?: boolean;
  readonly variables?: Readonly<Record<string, string>>;
}

async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Command> {
  const temporary = await temporaryFolder();
  const begun = Promise.withResolvers<void>();
  const watcher = watch(temporary, (_event, name) => {
    if (name?.startsWith('sluice')) begun.resolve();
  });
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    detached: options.detached ?? false,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, ...options.variables },
  });
  const output = { stdout: '', stderr: '' };
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const ready = Promise.withResolvers<string>();
  ready.promise.catch(() => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    output.stdout += `${line}\n`;
    const url = /^ready (http:\S+)$/.exec(line)?.[1];
    if (url !== undefined) ready.resolve(url);
  });
  const ended = once(child, 'close').then(([code]) => {
    ready.reject(new Error(`The command ended with ${code}: ${output.stderr}`));
    return { code: code as number | null, ...output };
  });
  cleanUpAfterTest(async () => {
    watcher.close();
    if (child.exitCode === null) child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    begun: begun.promise,
    ready: ready.promise,
    ended,
    leftovers: () => readdirSync(temporary).filter((name) => name.startsWith('sluice')),
  };
}

const direct = (args: readonly string[], options?: RunOptions): Promise<Command> =>
  run(process.execPath, [MAIN, '--port', '0', ...args], options);

const throughNpm = (args: readonly string[], options?: RunOptions): Promise<Command> =>
  run('npm', ['start', '--', '--port', '0', ...args], options);

/** A folder to start in that has no configuration file, and none that the project would find. */
async function emptyFolder(): Promise<string> {
  const folder = join(await temporaryFolder(), 'empty');
  await mkdir(folder);
  return folder;
}

/** The status of the answer; undefined when the tool has not answered. */
async function call(url: string): Promise<number | undefined> {
  const { status, messages } = await postModern(url, 'tools/call', { name: 'time__get_system_time', arguments: {} });
  return messages.at(-1)?.result?.content === undefined ? undefined : status;
}

describe('npm start', () => {
  test('serves a demo in both eras without a configuration file, and says how to connect', async () => {
    const command = await throughNpm([]);
    const url = await command.ready;
    expect(await call(url)).toBe(200);
    const session = await openLegacySession(url);
    const echo = await session.request('tools/call', { name: 'test__echo', arguments: { message: 'hello' } });
    expect(echo.messages[0].result.content[0].text).toContain('hello');
    const { messages } = await postModern(`${url}/time`, 'tools/list');
    const tools: { name: string }[] = messages[0].result.tools;
    const names = tools.map(({ name }) => name);
    expect(names).toContain('time__get_system_time');
    expect(names).not.toContain('test__echo');
    command.child.kill('SIGTERM');
    const { stdout } = await command.ended;
    expect(stdout).toContain(`${url}/time`);
    expect(stdout).toContain('claude mcp add');
    expect(stdout.split('\n').filter((line) => line.startsWith('{"time"'))).toHaveLength(5);
  });

  test('prints nothing of its own but the ready line with --quiet', async () => {
    const command = await throughNpm(['--quiet']);
    const url = await command.ready;
    expect(await call(url)).toBe(200);
    command.child.kill('SIGTERM');
    const { stdout, stderr } = await command.ended;
    const own = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('> '));
    expect(own).toEqual([`ready ${url}`]);
    expect(stderr.split('\n').filter((line) => line !== '' && !line.startsWith('npm '))).toEqual([]);
  });

  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends with all it started on %s to npm', async (signal) => {
    const command = await throughNpm(['--quiet']);
    await command.ready;
    command.child.kill(signal);
    await command.ended;
    expect(command.leftovers()).toEqual([]);
  });

  test.for(['SIGTERM', 'SIGINT'] as const)('ends with all it started on %s to the process group', async (signal) => {
    const command = await throughNpm(['--quiet'], { detached: true });
    await command.ready;
    process.kill(-command.child.pid!, signal);
    await command.ended;
    expect(command.leftovers()).toEqual([]);
  });

  test('ends when npm is gone without a word', async () => {
    const command = await throughNpm(['--quiet']);
    await command.ready;
    command.child.kill('SIGKILL');
    await command.ended;
    expect(command.leftovers()).toEqual([]);
  });
});

describe('the command', () => {
  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends cleanly within a second on %s', async (signal) => {
    const command = await direct(['--quiet']);
    await call(await command.ready);
    const startedAt = performance.now();
    command.child.kill(signal);
    expect(await command.ended).toMatchObject({ code: 0, stderr: '' });
    expect(performance.now() - startedAt).toBeLessThan(1500);
    expect(command.leftovers()).toEqual([]);
  });

  test('ends cleanly while a call is under way', async () => {
    const command = await direct(['--quiet']);
    const url = await command.ready;
    const params = { name: 'test__echo', arguments: { message: 'late', delay: 30_000 } };
    const call = postModern(url, 'tools/call', params, { progressToken: 1 });
    const broken = call.then(
      () => 'answered',
      () => 'broken off',
    );
    await postModern(url, 'tools/list');
    command.child.kill('SIGTERM');
    expect(await command.ended).toMatchObject({ code: 0 });
    expect(await broken).toBe('broken off');
  });

  test('ends cleanly while it is starting', async () => {
    const command = await direct(['--quiet']);
    await command.begun;
    command.child.kill('SIGTERM');
    expect(await command.ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(command.leftovers()).toEqual([]);
  });

  test('explains itself', async () => {
    const command = await run(process.execPath, [MAIN, '--help']);
    const { code, stdout } = await command.ended;
    expect(code).toBe(0);
    for (const option of ['--config', '--port', '--environments', '--affinity', '--state', '--quiet']) {
      expect(stdout).toContain(option);
    }
  });

  test('refuses an option that it does not have', async () => {
    const command = await direct(['--colour']);
    const { code, stderr } = await command.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Usage:.*\n\n[^\n]*--colour[^\n]*\n$/s);
  });

  test('refuses a configuration with the path of every bad value', async () => {
    const cwd = await emptyFolder();
    const config = { upstreams: { time: { url: 'nowhere' } }, servers: { default: { upstreams: ['clock'] } }, more: 1 };
    await writeFile(join(cwd, 'gateway.config.json'), JSON.stringify(config));
    const { code, stdout, stderr } = await (await direct([], { cwd })).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const path of ['gateway.config.json', 'upstreams.time.url', 'servers.default.upstreams[0]', 'more']) {
      expect(stderr).toContain(path);
    }
    expect(stderr).not.toContain('    at ');
  });

  test('refuses a named configuration file that does not exist', async () => {
    const { code, stderr } = await (await direct(['--config', 'none.json'])).ended;
    expect(code).toBe(1);
    expect(stderr).toBe('none.json: there is no such file\n');
  });

  test('serves the configuration file that it is given', async () => {
    const demo = await direct(['--quiet']);
    const upstream = await demo.ready;
    const cwd = await emptyFolder();
    const config = { upstreams: { demo: { url: upstream } }, servers: { default: { upstreams: ['demo'] } } };
    await writeFile(join(cwd, 'my.json'), JSON.stringify(config));
    const command = await direct(['--quiet', '--config', 'my.json'], { cwd });
    const listed = await postModern(await command.ready, 'tools/list');
    expect(listed.messages[0].result.tools).toContainEqual(
      expect.objectContaining({ name: 'demo__time__get_system_time' }),
    );
  });

  test('says which port is in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    cleanUpAfterTest(async () => server.close());
    const { port } = server.address() as AddressInfo;
    const command = await run(process.execPath, [MAIN, '--port', String(port)]);
    const { code, stderr } = await command.ended;
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
    expect(stderr).toContain('--port');
    expect(command.leftovers()).toEqual([]);
  });

  test('says why a state folder cannot be used', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    const { code, stderr } = await (await direct(['--state', join(folder, 'file')])).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The state folder .*file cannot be used: EEXIST: .* --state.*\n$/);
  });

  test('says why a state folder cannot be made, and leaves nothing behind', async () => {
    const command = await direct(['--state', '/proc/sluice']);
    const { code, stdout, stderr } = await command.ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^The state folder \/proc\/sluice cannot be used: .* --state.*\n$/);
    expect(command.leftovers()).toEqual([]);
  });

  test('writes the log as SLUICE_LOG says', async () => {
    const command = await direct([], { variables: { SLUICE_LOG: 'pretty' } });
    await call(await command.ready);
    command.child.kill('SIGTERM');
    const { stdout } = await command.ended;
    expect(stdout).toMatch(/ok.* tools\/call .*time__get_system_time/);
    expect(stdout).not.toContain('{"time"');
  });

  test('writes no log of what went well with --quiet, whatever SLUICE_LOG says', async () => {
    const command = await direct(['--quiet'], { variables: { SLUICE_LOG: 'pretty' } });
    const url = await command.ready;
    await call(url);
    command.child.kill('SIGTERM');
    expect(await command.ended).toMatchObject({ stdout: `ready ${url}\n` });
  });

  test('refuses a SLUICE_LOG that it does not know', async () => {
    const { code, stdout, stderr } = await (await direct([], { variables: { SLUICE_LOG: 'loud' } })).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/\n\nSLUICE_LOG expects json, pretty or errors, not "loud"\n$/);
  });
});
