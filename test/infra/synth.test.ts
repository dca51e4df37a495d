/** The command that users type, in a shell that knows nothing of AWS. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderOfThisFile } from './kit.ts';
import { LEAST } from './samples.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** For a busy machine: each run takes three to six seconds of its processor. */
const LONGEST_MS = 180_000;

const folder = folderOfThisFile();

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the CDK with a proxy that nothing listens at in the place of the network, and a home of its own. */
function cdk(...args: readonly string[]): Promise<Ended> {
  const nowhere = 'http://127.0.0.1:9';
  const env = {
    PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}`,
    HOME: mkdtempSync(join(folder, 'home-')),
    HTTPS_PROXY: nowhere,
    HTTP_PROXY: nowhere,
    NO_COLOR: '1',
    CI: '1',
  };
  return new Promise((resolve) => {
    execFile('cdk', [...args], { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

function fileWith(config: object): string {
  const path = join(mkdtempSync(join(folder, 'config-')), 'gateway.config.json');
  writeFileSync(path, JSON.stringify(config));
  return path;
}

describe('cdk synth', { timeout: LONGEST_MS }, () => {
  const first = join(folder, 'first');
  const second = join(folder, 'second');
  let ended: Ended;

  beforeAll(async () => {
    const config = fileWith(LEAST);
    [ended] = await Promise.all([
      cdk('synth', '-c', `config=${config}`, '--output', first),
      cdk('synth', '--quiet', '-c', `config=${config}`, '--output', second),
    ]);
  }, LONGEST_MS);

  const template = (output: string) => readFileSync(join(output, 'Sluice.template.json'), 'utf8');
  const assets = (output: string) => readdirSync(output).filter((name) => name.startsWith('asset.'));

  it('works without a network, without credentials and without a region', () => {
    expect(ended).toMatchObject({ status: 0, stdout: expect.stringContaining('AWS::Lambda::Url') as string });
  });

  it('has nothing to complain about', () => {
    expect(ended.stderr.trim()).toBe('');
  });

  it('puts the configuration beside each function, and no source maps', () => {
    const files = assets(first).map((asset) => readdirSync(join(first, asset)));
    expect(files).toHaveLength(2);
    for (const names of files) {
      expect(names).toContain('config.json');
      expect(names.filter((name) => name.endsWith('.map'))).toEqual([]);
    }
    const entries = files.flatMap((names) => names.filter((name) => /^(?:mcp|refresh)\.mjs$/.test(name)));
    expect(entries.toSorted()).toEqual(['mcp.mjs', 'refresh.mjs']);
  });

  it('deploys the same again when nothing has changed', () => {
    expect(template(second)).toBe(template(first));
    expect(assets(second)).toEqual(assets(first));
  });

  it('names what cannot be deployed by its path, and nothing else', async () => {
    const upstreams = { local: { command: 'npx' }, demo: { url: 'http://127.0.0.1:9081/mcp' } };
    const config = fileWith({ upstreams, servers: { default: { upstreams: ['local', 'demo'] } } });
    const { status, stdout, stderr } = await cdk(
      'synth',
      '-c',
      `config=${config}`,
      '--output',
      join(folder, 'refused'),
    );
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.split('\n').slice(0, 3)).toEqual([
      `${config}: 2 problems`,
      '  upstreams.local.command: expected a url in its place: commands are run by the local gateway only',
      '  upstreams.demo.url: expected an address that can be reached from where the gateway is deployed, found a loopback address',
    ]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
