/** `sluice` as it is used: in a process of its own, through npm and without. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { endWithThisProcess } from '../support/child-process.ts';
import { folderWith } from './sluice-kit.ts';
import { fixture, openLifelines } from './stdio/kit.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SLUICE = fileURLToPath(new URL('../../lib/local/sluice.ts', import.meta.url));

function run(command: string, args: readonly string[], cwd: string) {
  return new Promise<{ status: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(command, args, { cwd }, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode ?? -1, stdout, stderr });
    });
    endWithThisProcess(child);
  });
}

describe('npm run sluice', () => {
  test('prints what is wrong with a configuration, and ends with status 1', async () => {
    const folder = await folderWith({ upstreams: {}, speed: 1 });
    const args = ['run', '--silent', 'sluice', '--', 'check', '--config', `${folder}/gateway.config.json`];
    const { status, stdout, stderr } = await run('npm', args, ROOT);
    expect(stdout.split('\n')[0]).toBe(`${folder}/gateway.config.json: 3 problems`);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  });
});

describe('the program sluice', () => {
  test('ends with status 2 when it is not understood', async () => {
    const { status, stdout, stderr } = await run(process.execPath, [SLUICE, 'tool'], await folderWith({}));
    expect(stderr).toMatch(/^Usage: [^]*\n\nThere is no command "tool"\n$/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test('asks commands that it runs itself, and leaves none behind', async () => {
    const lifelines = await openLifelines();
    const folder = await folderWith({
      upstreams: { command: fixture('sdk-v2', 'v2', lifelines) },
      servers: { default: { upstreams: ['command'] } },
    });
    const { status, stdout } = await run(process.execPath, [SLUICE, 'check'], folder);
    expect(stdout).toContain('All is well');
    expect(status).toBe(0);
    await (
      await lifelines.next('v2')
    ).ended;
  });

  test('ends on a signal with all that it runs, and not with status 0', async () => {
    const lifelines = await openLifelines();
    const folder = await folderWith({
      upstreams: { command: fixture('raw', 'raw', lifelines) },
      servers: { default: { upstreams: ['command'] } },
    });
    const child = spawn(process.execPath, [SLUICE, 'check'], { cwd: folder, stdio: 'ignore' });
    endWithThisProcess(child);
    const ended = once(child, 'close');
    const server = await lifelines.next('raw');
    child.kill('SIGTERM');
    expect(await ended).toEqual([143, null]);
    await server.ended;
  });

  test('goes quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [SLUICE, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    endWithThisProcess(child);
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    await once(child, 'close');
    expect(stderr).toBe('');
  });
});
