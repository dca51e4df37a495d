/** `sluice check`, on upstreams of each transport and era and on configurations with mistakes. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { fastTest } from '../../lib/local/demo/fast-test.ts';
import { serveUpstream, type ServeOptions } from '../../lib/local/demo/serve.ts';
import { FILE, MISTAKES } from '../config/mistakes.ts';
import { startListingUpstream, tools, type ListingOptions, type ListingUpstream } from '../support/listing-upstream.ts';
import { folderWith, sluice } from './sluice-kit.ts';
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
    expect(err).toBe('other.json: there is no such file; name the configuration with --config FILE');
    expect(status).toBe(1);
  });
});
