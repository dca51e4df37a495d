/** `sluice check`, on upstreams of each transport and era and on configurations with mistakes. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { fastTest } from '../../lib/local/demo/fast-test.ts';
import { serveUpstream, type ServeOptions } from '../../lib/local/demo/serve.ts';
import { FILE, MISTAKES } from '../config/mistakes.ts';
import { startListingUpstream, tools, type ListingOptions, type ListingUpstream } from '../support/listing-upstream.ts';
import { temporaryFolder } from './kit.ts';
import { folderWith, sluice, startGatewayIn } from './sluice-kit.ts';
import { fixture, openLifelines } from './stdio/kit.ts';

async function serve(options: ServeOptions): Promise<string> {
  const upstream = await serveUpstream(fastTest(), options);
  onTestFinished(() => upstream.close());
  return upstream.url;
}

async function listing(options: ListingOptions): Promise<ListingUpstream> {
  const upstream = await startListingUpstream(options);
  onTestFinished(() => upstream.stop());
  return upstream;
}

/** Shows all of the upstreams. */
function folderOf(upstreams: Readonly<Record<string, object>>): Promise<string> {
  return folderWith({ upstreams, servers: { default: { upstreams: Object.keys(upstreams) } } });
}

/** The line of the table that begins with this name, its columns apart. */
function row(out: string, name: string): string[] | undefined {
  const line = out.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line?.split(/ {2,}/);
}

describe('sluice check', () => {
  test('names every mistake of a configuration in one run', async () => {
    const { status, out } = await sluice(await folderWith(FILE), ['check']);
    expect(status).toBe(1);
    const paths = out
      .split('\n')
      .slice(1)
      .map((line) => /^ {2}(.*?): expected /.exec(line)?.[1]);
    expect(out.split('\n')[0]).toBe(`gateway.config.json: ${MISTAKES.length} problems`);
    expect(paths).toEqual(MISTAKES.map(([path]) => path));
  });

  test('says of a secret that cannot be had why, and which variable can have it', async () => {
    vi.stubEnv('AWS_REGION', '');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    onTestFinished(() => void vi.unstubAllEnvs());
    const headers = { authorization: { secret: 'time-token', prefix: 'Bearer ' } };
    const folder = await folderOf({ time: { url: await serve({}), headers } });
    const without = await sluice(folder, ['check']);
    expect(without.status).toBe(1);
    expect(without.out).toContain('Upstream time needs credentials that the gateway could not read; it was not called');
    expect(without.out).toMatch(/secret time-token: .*; on this machine SLUICE_SECRET_TIME_TOKEN can have it/);
    expect((await sluice(folder, ['check'], { SLUICE_SECRET_TIME_TOKEN: 'any' })).status).toBe(0);
  });

  test('shows upstreams of every transport and era as they are', async () => {
    const lifelines = await openLifelines();
    const folder = await folderOf({
      modern: { url: await serve({ eras: ['modern'] }) },
      legacy: { url: await serve({ eras: ['legacy'] }) },
      both: { url: await serve({}) },
      fixed: { url: await serve({}), era: 'legacy' },
      stream: { url: await serve({ transport: 'sse' }) },
      command: fixture('sdk-v1', 'v1', lifelines, { maxProcesses: 1 }),
    });
    const { status, out } = await sluice(folder, ['check']);
    const of = (name: string) => row(out, name)?.slice(1, 6);
    expect(out).toContain('All is well');
    expect(of('modern')).toEqual(['modern', '2026-07-28', 'http', 'tools', '3']);
    expect(of('legacy')).toEqual(['legacy', '2025-11-25', 'http', 'tools', '3']);
    expect(of('both')).toEqual(['modern', '2026-07-28', 'http', 'tools', '3']);
    expect(of('fixed')).toEqual(['legacy', '2025-11-25', 'http', 'tools', '3']);
    expect(of('stream')).toEqual(['legacy', '2025-11-25', 'sse', 'tools', '3']);
    expect(of('command')?.slice(0, 3)).toEqual(['legacy', '2025-11-25', 'stdio']);
    expect(status).toBe(0);
    await (
      await lifelines.next('v1')
    ).ended;
  });

  test('shows what is wrong with an upstream that is down, beside the others, and fails', async () => {
    const gone = await listing({});
    await gone.stop();
    const up = await listing({ tools: tools('a', 'b') });
    const { status, out } = await sluice(await folderOf({ gone: { url: gone.url }, up: { url: up.url } }), ['check']);
    expect(row(out, 'gone')?.at(-1)).toBe('Upstream gone could not be reached');
    expect(row(out, 'up')?.[5]).toBe('2');
    expect(out).toContain('1 of 2 upstreams in trouble');
    expect(status).toBe(1);
  });

  test('shows the last words of a command that fails', async () => {
    const folder = await folderOf({
      odd: { command: process.execPath, args: ['-e', 'console.error("no key"); process.exit(3)'] },
    });
    const { status, out } = await sluice(folder, ['check']);
    expect(out).toContain('upstream odd says: no key');
    expect(out).toContain('upstream odd: its process ended (exit code 3)');
    expect(status).toBe(1);
  });

  test('keeps the first error of a command among its last words', async () => {
    const script =
      "console.error('one'); console.error('KeyError: no key'); console.error('error two');" +
      'for (let i = 0; i < 9; i += 1) console.error(`line ${i}`); process.exit(3)';
    const folder = await folderOf({ odd: { command: process.execPath, args: ['-e', script], era: 'modern' } });
    const { out } = await sluice(folder, ['check', '--json']);
    const [finding] = (JSON.parse(out) as { upstreams: { said: string[] }[] }).upstreams;
    expect(finding?.said).toHaveLength(5);
    expect(finding?.said[0]).toBe('upstream odd says: KeyError: no key');
    expect(finding?.said).toContain('upstream odd says: line 8');
    expect(finding?.said.join('\n')).not.toContain('error two');
  });

  test.for(['auto', 'modern', 'legacy'])(
    'says what is wrong with a command of era %s, not the status of its host',
    async (era) => {
      const folder = await folderOf({
        spaced: { command: 'npx -y foo', era },
        lost: { command: process.execPath, cwd: 'no/such/folder', era },
      });
      const { status, out } = await sluice(folder, ['check']);
      expect(row(out, 'spaced')?.at(-1)).toBe('Upstream spaced gave no answer');
      expect(out).toContain(
        'upstream spaced: its command cannot be started (ENOENT): "command" is one program, and its arguments go into "args"',
      );
      expect(out).toMatch(/upstream lost: .*: there is no folder .*, which is its cwd/);
      expect(out).not.toContain('HTTP status');
      expect(out.split('\n')[0]).toBe('gateway.config.json is well formed');
      expect(status).toBe(1);
    },
  );

  test('shows the status of an upstream that is no command', async () => {
    const upstream = await listing({});
    for (const method of ['server/discover', 'initialize']) {
      upstream.on(method, ({ response }) => void response.writeHead(502).end());
    }
    const { out } = await sluice(await folderOf({ up: { url: upstream.url } }), ['check']);
    expect(row(out, 'up')?.at(-1)).toBe('Upstream up answered with HTTP status 502');
  });

  test('takes the demo that runs in the folder when no configuration is named', async () => {
    const folder = await temporaryFolder();
    const gateway = await startGatewayIn(folder);
    const { status, out } = await sluice(folder, ['check']);
    expect(out.split('\n')[0]).toBe('The demo is well formed');
    expect(row(out, 'time')?.[1]).toBe('modern');
    expect(row(out, 'test')?.[1]).toBe('modern');
    expect(status).toBe(0);
    await gateway.end();
    expect(await sluice(folder, ['check'])).toEqual({
      status: 1,
      out: '',
      err:
        'There is nothing to check: gateway.config.json does not exist, and no local gateway runs in this folder.\n' +
        'Name a configuration with --config FILE, or start a gateway with "npm start".',
    });
  });

  test('takes the file of the gateway that runs in the folder, unless another is named', async () => {
    const [usual, running] = [await listing({}), await listing({})];
    const folder = await folderOf({ usual: { url: usual.url } });
    const other = { upstreams: { running: { url: running.url } }, servers: { default: { upstreams: ['running'] } } };
    await writeFile(join(folder, 'other.json'), JSON.stringify(other));
    const gateway = await startGatewayIn(folder, ['--quiet', '--config', 'other.json']);
    const { out } = await sluice(folder, ['check']);
    expect(out.split('\n')[0]).toBe('other.json is well formed');
    expect(row(out, 'running')).toBeDefined();
    await rm(join(folder, 'other.json'));
    expect((await sluice(folder, ['check'])).err).toBe(
      'other.json: there is no such file any more; the local gateway that runs in this folder was started with it',
    );
    const named = await sluice(folder, ['check', '--config', 'gateway.config.json']);
    expect(row(named.out, 'usual')).toBeDefined();
    await gateway.end();
    expect(row((await sluice(folder, ['check'])).out, 'usual')).toBeDefined();
  });

  test('warns of names that are too long and of lost claims, and is content all the same', async () => {
    const long = 'x'.repeat(62);
    const one = await listing({ tools: tools(long, 'two__taken') });
    const two = await listing({ tools: tools('taken') });
    const folder = await folderWith({
      upstreams: { one: { url: one.url, prefix: '' }, two: { url: two.url }, three: { url: two.url } },
      servers: { default: { upstreams: ['one', 'two'] }, long: { upstreams: ['two', 'three'] } },
    });
    one.lists = { tools: tools(`${long}-${long}`, 'two__taken') };
    const { status, out } = await sluice(folder, ['check']);
    expect(out).toContain(
      `warning: virtual server default: ${long}-${long} of upstream one has 125 characters; some clients take no more than 64`,
    );
    expect(out).toContain(
      'warning: virtual server default: upstream one does not get two__taken, which upstream two has',
    );
    expect(row(out, 'default')).toEqual(['default', '2']);
    expect(row(out, 'long')).toEqual(['long', '2']);
    expect(out).toContain('All is well, 2 warnings');
    expect(status).toBe(0);
  });

  test('warns of an upstream that no virtual server shows, and does not ask it', async () => {
    const shown = await listing({});
    const idle = await listing({});
    const folder = await folderWith({
      upstreams: { shown: { url: shown.url }, idle: { url: idle.url } },
      servers: { default: { upstreams: ['shown'] } },
    });
    const { status, out } = await sluice(folder, ['check']);
    expect(out).toContain('warning: upstream idle: no virtual server shows it');
    expect(idle.heard).toEqual([]);
    expect(status).toBe(0);
  });

  test('asks a legacy upstream in one session, and ends it', async () => {
    const upstream = await listing({ era: 'legacy', tools: tools('a') });
    await sluice(await folderOf({ up: { url: upstream.url } }), ['check']);
    expect(upstream.of('initialize')).toHaveLength(1);
    expect(upstream.sessions).toBe(0);
  });

  test('names what could not be deployed with --deployed, and only then', async () => {
    const upstream = await listing({});
    const folder = await folderOf({ up: { url: upstream.url } });
    expect((await sluice(folder, ['check'])).status).toBe(0);
    const { status, out } = await sluice(folder, ['check', '--deployed']);
    expect(out).toContain(
      'upstreams.up.url: expected an address that can be reached from where the gateway is deployed',
    );
    expect(row(out, 'up')?.[1]).toBe('modern');
    expect(status).toBe(1);
  });

  test('lets nothing of an upstream move the cursor', async () => {
    const upstream = await listing({ tools: tools('a'), era: 'legacy' });
    upstream.on('tools/list', (asked) => asked.answer({ tools: tools(`a\u001b[2J\u009b1m\u202e${'x'.repeat(80)}`) }));
    upstream.on('prompts/list', (asked) => asked.fail(-32603, `worse \u001b]0;title\u0007\n${'y'.repeat(5000)}`));
    const folder = await folderOf({ up: { url: upstream.url } });
    for (const args of [['check'], ['check', '--json'], ['tools', 'list']]) {
      const { out, err } = await sluice(folder, args);
      expect(out + err).not.toMatch(/[^\n\x20-\x7e]/);
    }
    const { out } = await sluice(folder, ['check']);
    expect(out.split('\n').every((line) => line.length < 400)).toBe(true);
  });

  test('prints the same as JSON', async () => {
    const gone = await listing({});
    await gone.stop();
    const up = await listing({ tools: tools('a', 'ö'.repeat(80)) });
    const folder = await folderOf({ gone: { url: gone.url }, up: { url: up.url } });
    const { status, out } = await sluice(folder, ['check', '--json']);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      upstreams: [
        { name: 'gone', era: null, tools: null, troubles: ['Upstream gone could not be reached'] },
        { name: 'up', era: 'modern', tools: 2, troubles: [] },
      ],
      servers: [{ name: 'default', tools: 2, tooLong: [{ upstream: 'up', name: `up__${'ö'.repeat(80)}` }] }],
    });
    expect(status).toBe(1);
  });

  test('says which file is missing', async () => {
    const folder = await folderOf({});
    const { status, err } = await sluice(folder, ['check', '--config', 'other.json']);
    expect(err).toBe('other.json: there is no such file');
    expect(status).toBe(1);
  });
});
