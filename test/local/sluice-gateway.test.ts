/** `sluice` beside local gateways that run in processes of their own. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RunningGateway } from '../../lib/local/operator/running-gateway.ts';
import { openTable } from '../../lib/local/ports.ts';
import type { ClientSession } from '../../lib/ports/client-sessions.ts';
import {
  startListingUpstream,
  tool,
  tools,
  type ListingOptions,
  type ListingUpstream,
} from '../support/listing-upstream.ts';
import { postOneByOne, toolNamesAt } from '../support/one-by-one.ts';
import { openLegacySession } from '../support/wire.ts';
import { temporaryFolder } from './kit.ts';
import { folderWith, sluice, startGatewayIn } from './sluice-kit.ts';
import { fixture, openLifelines } from './stdio/kit.ts';

const ONE_BY_ONE = ['--quiet', '--environments', '1'];

async function listing(options: ListingOptions): Promise<ListingUpstream> {
  const upstream = await startListingUpstream(options);
  onTestFinished(() => upstream.stop());
  return upstream;
}

async function readRecord(folder: string): Promise<RunningGateway> {
  return JSON.parse(await readFile(join(folder, '.sluice/local.json'), 'utf8')) as RunningGateway;
}

describe('sluice tools', () => {
  test('lists what clients see, held tools marked', async () => {
    const one = await listing({
      tools: [tool('a', { description: `First ${'line '.repeat(40)}\nsecond` }), tool('b')],
    });
    const two = await listing({ era: 'legacy', tools: tools('a') });
    const folder = await folderWith({
      upstreams: { one: { url: one.url, pin: true }, two: { url: two.url } },
      servers: { default: { upstreams: ['one', 'two'] }, few: { upstreams: ['one'], tools: ['one__b'] } },
    });
    const gateway = await startGatewayIn(folder, ONE_BY_ONE);
    await toolNamesAt(gateway.url);
    const { status, out } = await sluice(folder, ['tools', 'list']);
    const lines = out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 2).join(' '));
    expect(lines).toEqual([
      'virtual server default: 3 tools',
      'TOOL UPSTREAM',
      'one__a one',
      'one__b one',
      'two__a two',
      '',
      'virtual server few: 1 tool',
      'TOOL UPSTREAM',
      'one__b one',
    ]);
    expect(out).toMatch(/First line .{1,80}\.\.\.$/m);
    expect(out).not.toContain('second');
    expect(status).toBe(0);
    one.lists = { tools: [tool('a'), tool('b', { description: 'Does something else' })] };
    await toolNamesAt(gateway.url);
    await toolNamesAt(gateway.url);
    const later = await sluice(folder, ['tools', 'list', '--server', 'few']);
    expect(later.out).toBe(
      'virtual server few: 1 tool\nTOOL    UPSTREAM  DESCRIPTION\none__b  one       (held back) Does something else',
    );
  });

  test('works without any state, and says which upstream is missing', async () => {
    const one = await listing({ tools: tools('a') });
    const gone = await listing({});
    await gone.stop();
    const folder = await folderWith({
      upstreams: { one: { url: one.url }, gone: { url: gone.url } },
      servers: { default: { upstreams: ['one', 'gone'] } },
    });
    const { status, out, err } = await sluice(folder, ['tools', 'list']);
    expect(out).toContain('one__a');
    expect(err).toBe('upstream gone: Upstream gone could not be reached');
    expect(status).toBe(1);
  });

  test('knows the virtual servers', async () => {
    const folder = await folderWith({
      upstreams: { up: { url: 'http://127.0.0.1:1' } },
      servers: { one: { upstreams: ['up'] } },
    });
    const { status, err } = await sluice(folder, ['tools', 'list', '--server', 'two']);
    expect({ status, err }).toEqual({ status: 1, err: 'There is no virtual server two; there is one' });
  });

  test.for(['modern', 'legacy'] as const)(
    'shows how a held tool of a %s upstream changed, and lets it be seen again',
    async (era) => {
      const upstream = await listing({ era, tools: [tool('a', { description: 'Adds\nnumbers' }), tool('b')] });
      const folder = await folderWith({
        upstreams: { up: { url: upstream.url, pin: true, listTtlMs: 1 } },
        servers: { default: { upstreams: ['up'] } },
      });
      const { url } = await startGatewayIn(folder, ONE_BY_ONE);
      expect(await toolNamesAt(url)).toEqual(['up__a', 'up__b']);
      expect((await sluice(folder, ['tools', 'diff'])).out).toBe('No tool is held back');

      upstream.lists = { tools: [tool('a', { description: 'Adds\nsecrets\u202e' }), tool('b')] };
      expect(await toolNamesAt(url)).toEqual(['up__b']);
      const refused = await postOneByOne(url, 'tools/call', { name: 'up__a', arguments: {} });
      expect(refused.messages[0].error.code).toBe(1021);
      const { out } = await sluice(folder, ['tools', 'diff']);
      expect(out.split('\n')).toEqual([
        `up__a of upstream up, in revision ${era === 'modern' ? '2026-07-28' : '2025-11-25'}`,
        '--- accepted',
        '+++ found',
        '  {',
        '    "description": "Adds\\n',
        '-       numbers",',
        '+       secrets\\u202e",',
        '    "inputSchema": {',
        '      "type": "object"',
        '  ...',
        expect.stringMatching(/^to accept it: npm run sluice -- tools accept up__a@[\w-]{43}$/),
      ]);

      const wrong = await sluice(folder, ['tools', 'accept', 'up__a', 'up__b']);
      expect(wrong).toEqual({
        status: 1,
        out: '',
        err: 'Nothing was accepted, because not held back: up__b. Held back: up__a',
      });
      const accepted = await sluice(folder, printedCommand(out));
      expect(accepted.out).toMatch(/^accepted up__a of upstream up, in revision \S+$/);
      expect(accepted.status).toBe(0);
      expect(await toolNamesAt(url)).toEqual(['up__a', 'up__b']);
      const called = await postOneByOne(url, 'tools/call', { name: 'up__a', arguments: {} });
      expect(called.messages[0].result.content[0].text).toContain('a');
      expect((await sluice(folder, ['tools', 'accept', '--all'])).out).toBe('No tool is held back');
    },
  );

  test('accepts no definition that nobody looked at, and shows it', async () => {
    const { folder, become, shownAt } = await pinnedTools(['a', 'b']);
    await become('Harmless');
    const before = await sluice(folder, ['tools', 'diff']);
    const [ofA, ofB] = before.out.split('\n\n').map(printedCommand);
    await become('Harmful');
    for (const args of [ofA!, [...ofB!, ofA!.at(-1)!]]) {
      const { status, out, err } = await sluice(folder, args);
      expect({ status, out }).toEqual({ status: 1, out: '' });
      expect(err).toMatch(/^Nothing was accepted, because no longer found so: up__/);
      expect(err).toContain('+   "description": "Harmful",');
      expect(err).not.toContain('Harmless');
    }
    expect(await shownAt()).toEqual([]);

    const now = (await sluice(folder, ofA!)).err;
    expect(now).not.toContain('up__b');
    expect((await sluice(folder, printedCommand(now))).status).toBe(0);
    expect(await shownAt()).toEqual(['up__a']);
  });

  test('accepts nothing when one of several definitions has changed since', async () => {
    const { folder, become, shownAt } = await pinnedTools(['a', 'b']);
    await become('New');
    const { out } = await sluice(folder, ['tools', 'diff']);
    const [ofA] = out.split('\n\n').map(printedCommand);
    const stale = `up__b@${'0'.repeat(43)}`;
    const refused = await sluice(folder, [...ofA!, stale]);
    expect(refused.err.split('\n')[0]).toBe(`Nothing was accepted, because no longer found so: ${stale}. Found now:`);
    expect(refused.status).toBe(1);
    expect(await shownAt()).toEqual([]);
  });

  test.for([['--all'], ['up__a']])('shows what it accepts with %s before it says so', async (args) => {
    const { folder, become, shownAt } = await pinnedTools(['a']);
    await become('New');
    const { status, out } = await sluice(folder, ['tools', 'accept', ...args]);
    const [shown, said] = out.split('\n\n');
    expect(shown).toMatch(/^up__a of upstream up, in revision \S+\n--- accepted\n\+\+\+ found\n/);
    expect(shown).toContain('+   "description": "New",');
    expect(said).toMatch(/^accepted up__a of upstream up, in revision \S+$/);
    expect(status).toBe(0);
    expect(await shownAt()).toEqual(['up__a']);
  });

  test('lets no name into a command that a shell could read in its own way', async () => {
    const names = ["a'; touch b", 'a$(touch b)', 'a b', 'a\u202e', '-a', 'x'.repeat(300)];
    const { folder, become, shownAt } = await pinnedTools(names, { prefix: '' });
    await become('New');
    const { out } = await sluice(folder, ['tools', 'diff']);
    const commands = out.split('\n\n').map(printedCommand);
    expect(commands).toHaveLength(names.length);
    for (const command of commands) {
      expect(command).toEqual(['tools', 'accept', expect.stringMatching(/^@[\w-]{43}$/)]);
    }
    expect((await sluice(folder, commands[1]!)).status).toBe(0);
    expect(await shownAt()).toEqual([names[1]]);
    await become('Newer');
    expect((await sluice(folder, commands[0]!)).err.split('to accept it: ')).toHaveLength(1 + names.length);
  });

  test('names in the command whose tools were looked at', async () => {
    const { folder, become } = await pinnedTools(['a']);
    await become('New');
    const { dynamodbEndpoint: endpoint, table } = await readRecord(folder);
    const elsewhere = await temporaryFolder();
    const config = join(elsewhere, "it's here.json");
    await writeFile(config, await readFile(join(folder, 'gateway.config.json'), 'utf8'));
    const place = ['--config', config, '--table', table, '--region', 'eu-west-1', '--endpoint', endpoint];
    const { out } = await sluice(elsewhere, ['tools', 'diff', ...place]);
    const command = out.split('\n').at(-1)!.replace('to accept it: npm run sluice -- ', '');
    const { stdout } = await promisify(execFile)('sh', ['-c', `printf '%s\\n' ${command}`]);
    const [, , , ...named] = stdout.trimEnd().split('\n');
    expect(named).toEqual(place);
    expect((await sluice(elsewhere, stdout.trimEnd().split('\n'))).status).toBe(0);
  });
});

/** A gateway in a folder, in front of a pinned upstream whose tools were seen and can become something else. */
async function pinnedTools(names: readonly string[], options: object = {}) {
  const upstream = await listing({ era: 'modern', tools: tools(...names) });
  const folder = await folderWith({
    upstreams: { up: { url: upstream.url, pin: true, ...options } },
    servers: { default: { upstreams: ['up'] } },
  });
  const { url } = await startGatewayIn(folder, ONE_BY_ONE);
  await toolNamesAt(url);
  return {
    folder,
    /** Resolves when the gateway has found it, and holds it back. */
    become: async (description: string) => {
      upstream.lists = { tools: names.map((name) => tool(name, { description })) };
      expect(await toolNamesAt(url)).toEqual([]);
      // One by one: what it had to keep of the first list is kept before it takes the next request.
      await toolNamesAt(url);
    },
    shownAt: () => toolNamesAt(url),
  };
}

/** The arguments that a shell would make of the command for a held tool, which has nothing to quote. */
function printedCommand(text: string): string[] {
  const [, words] = /\nto accept it: npm run sluice -- ([\w@ ./-]+)$/.exec(text)!;
  return words!.split(' ');
}

describe('sluice sessions', () => {
  test('lists sessions as the action log names them, and ends one with its upstream sessions', async () => {
    const upstream = await listing({ era: 'legacy', tools: tools('a') });
    const folder = await folderWith({
      upstreams: { up: { url: upstream.url } },
      servers: { default: { upstreams: ['up'] } },
    });
    const { url } = await startGatewayIn(folder);
    expect((await sluice(folder, ['sessions', 'list'])).out).toBe('There are no sessions');
    const session = await openLegacySession(url);
    await session.request('tools/call', { name: 'up__a', arguments: {} });
    const other = await openLegacySession(url, { version: '2025-06-18' });
    await other.request('tools/call', { name: 'up__a', arguments: {} });

    const { out } = await sluice(folder, ['sessions', 'list']);
    const [, first, second] = out.split('\n').map((line) => line.split(/ {2,}/));
    const time = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const hash = expect.stringMatching(/^[\w-]{12}$/);
    expect(first).toEqual([hash, 'default', 'wire 1.0.0', '2025-11-25', time, time, time, 'up']);
    expect(second).toEqual([hash, 'default', 'wire 1.0.0', '2025-06-18', time, time, time, 'up']);

    expect(upstream.sessions).toBe(2);
    const ended = await sluice(folder, ['sessions', 'end', first![0]!.slice(0, 8)]);
    expect(ended).toEqual({ status: 0, out: `ended ${first![0]}, and its sessions at up`, err: '' });
    expect(upstream.heard.filter(({ httpMethod }) => httpMethod === 'DELETE')).toHaveLength(1);
    expect(upstream.sessions).toBe(1);
    expect((await session.request('tools/list')).status).toBe(404);
    expect((await other.request('tools/list')).status).toBe(200);
    expect(await sluice(folder, ['sessions', 'end', first![0]!])).toMatchObject({
      status: 1,
      err: `There is no session ${first![0]}`,
    });
  });

  test('ends none when several begin alike, but shows them whole', async () => {
    const upstream = await listing({});
    const folder = await folderWith({
      upstreams: { up: { url: upstream.url } },
      servers: { default: { upstreams: ['up'] } },
    });
    await startGatewayIn(folder);
    const { dynamodbEndpoint: endpoint, table } = await readRecord(folder);
    const { clientSessions } = openTable({ endpoint, table })({ requests: 0 });
    const keys = ['a', 'b'].map((last) => `-hostile${'0'.repeat(34)}${last}`);
    for (const key of keys) await clientSessions.create(sessionOf(key, 'evil\u001b[31m\u0000'));
    const { status, err } = await sluice(folder, ['sessions', 'end', '-hostile']);
    expect(status).toBe(1);
    expect(err.split('\n')[0]).toBe('2 sessions begin with -hostile; nothing was ended:');
    for (const key of keys) expect(err).toContain(key);
    expect(err).toContain('evil?[31m?');
    expect((await sluice(folder, ['sessions', 'end', keys[1]!])).status).toBe(0);
    expect(await clientSessions.read(keys[0]!)).toBeDefined();
    expect(await clientSessions.read(keys[1]!)).toBeUndefined();
  });

  test('ends the process of a command that a session had', async () => {
    const lifelines = await openLifelines();
    const folder = await folderWith({
      upstreams: { command: fixture('sdk-v1', 'v1', lifelines) },
      servers: { default: { upstreams: ['command'] } },
    });
    const { url } = await startGatewayIn(folder);
    const session = await openLegacySession(url);
    await session.request('tools/call', { name: 'command__count', arguments: {} });
    const server = await lifelines.next('v1');
    const { out } = await sluice(folder, ['sessions', 'list']);
    expect((await sluice(folder, ['sessions', 'end', out.split('\n')[1]!.slice(0, 12)])).status).toBe(0);
    await server.ended;
    expect((await readRecord(folder)).configFile).toBe(join(folder, 'gateway.config.json'));
  });
});

function sessionOf(key: string, clientName: string): ClientSession {
  const now = Date.now();
  return {
    key,
    server: 'default',
    caller: 'anonymous',
    protocolVersion: '2025-11-25',
    clientInfo: { name: clientName, version: '1' },
    clientCapabilities: {},
    logLevel: undefined,
    upstreamSessions: {},
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + 60_000,
  };
}

describe('the state that sluice looks at', () => {
  test('is that of the demo that runs in the folder', async () => {
    const folder = await temporaryFolder();
    const { url } = await startGatewayIn(folder);
    await openLegacySession(url);
    expect((await sluice(folder, ['sessions', 'list', '--state', 'local'])).out.split('\n')).toHaveLength(2);
    expect((await sluice(folder, ['tools', 'list', '--server', 'time'])).out).toContain('time__convert_time');
  });

  test('is announced to the owner alone, without a secret, and only while the gateway runs', async () => {
    const upstream = await listing({});
    const folder = await folderWith({
      upstreams: { up: { url: upstream.url, headers: { 'x-key': 'secret' } } },
      servers: { default: { upstreams: ['up'] } },
    });
    const gateway = await startGatewayIn(folder);
    const file = join(folder, '.sluice/local.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, '.sluice'))).mode & 0o777).toBe(0o700);
    expect(await readRecord(folder)).toMatchObject({ pid: gateway.pid, origin: new URL(gateway.url).origin, urls: {} });
    expect(await readFile(file, 'utf8')).not.toContain('secret');
    await gateway.end();
    expect(existsSync(join(folder, '.sluice'))).toBe(false);
  });

  test('is not that of a gateway that was killed', async () => {
    const folder = await temporaryFolder();
    const gateway = await startGatewayIn(folder);
    const file = await readFile(join(folder, '.sluice/local.json'), 'utf8');
    await gateway.end();
    await mkdir(join(folder, '.sluice'));
    await writeFile(join(folder, '.sluice/local.json'), file);
    const { status, err } = await sluice(folder, ['sessions', 'list']);
    expect(err.split('\n')).toEqual([
      'There is no state to look at: no local gateway runs in this folder, and no table is named.',
      'Start one with "npm start", or name the table of a deployed gateway with --table NAME (or SLUICE_TABLE).',
    ]);
    expect(status).toBe(1);
    expect((await sluice(folder, ['tools', 'diff', '--state', 'local'])).err).toBe(
      'No local gateway runs in this folder; start one with "npm start"',
    );
  });

  test('is that of the last gateway, when two were started in the folder', async () => {
    const folder = await temporaryFolder();
    const [one, two] = [await startGatewayIn(folder), await startGatewayIn(folder)];
    await openLegacySession(two.url);
    await one.end();
    expect((await sluice(folder, ['sessions', 'list'])).out.split('\n')).toHaveLength(2);
  });

  test('comes with a remark when the configuration has changed since', async () => {
    const upstream = await listing({});
    const config = { upstreams: { up: { url: upstream.url } }, servers: { default: { upstreams: ['up'] } } };
    const folder = await folderWith(config);
    await startGatewayIn(folder);
    expect((await sluice(folder, ['sessions', 'list'])).err).toBe('');
    await writeFile(join(folder, 'gateway.config.json'), JSON.stringify({ ...config, refresh: 'off' }));
    expect((await sluice(folder, ['sessions', 'list'])).err).toMatch(/has changed since the local gateway was started/);
  });

  test.for(['options', 'variables'] as const)('is that of a table named by %s', async (by) => {
    const upstream = await listing({});
    const config = { upstreams: { up: { url: upstream.url } }, servers: { default: { upstreams: ['up'] } } };
    const folder = await folderWith(config);
    const { url } = await startGatewayIn(folder);
    await openLegacySession(url);
    const { dynamodbEndpoint: endpoint, table } = await readRecord(folder);
    const elsewhere = await folderWith(config);
    const { status, out } =
      by === 'options'
        ? await sluice(elsewhere, [
            'sessions',
            'list',
            '--table',
            table,
            '--endpoint',
            endpoint,
            '--region',
            'eu-west-1',
          ])
        : await sluice(elsewhere, ['sessions', 'list'], { SLUICE_TABLE: table, SLUICE_DYNAMODB_ENDPOINT: endpoint });
    expect(out.split('\n')).toHaveLength(2);
    expect(status).toBe(0);
  });

  test('that does not answer is told in one line', async () => {
    const upstream = await listing({});
    await upstream.stop();
    const folder = await folderWith({
      upstreams: { up: { url: upstream.url } },
      servers: { default: { upstreams: ['up'] } },
    });
    const endpoint = new URL(upstream.url).origin;
    const { status, out, err } = await sluice(folder, ['sessions', 'list', '--table', 't', '--endpoint', endpoint]);
    expect(err).toMatch(/^The state cannot be had: clientSessions\.expiringBetween: .*ECONNREFUSED[^\n]*$/);
    expect({ status, out }).toEqual({ status: 1, out: '' });
  });

  test('needs a configuration beside a table', async () => {
    const { status, err } = await sluice(await temporaryFolder(), ['tools', 'diff', '--table', 't']);
    expect({ status, err }).toEqual({ status: 1, err: 'gateway.config.json: there is no such file' });
  });
});

describe('npm start', () => {
  test('reports at its start which upstream is not available and which names are too long', async () => {
    const upstream = await listing({ tools: tools('x'.repeat(70)) });
    const gone = await listing({});
    await gone.stop();
    const folder = await folderWith({
      upstreams: { up: { url: upstream.url }, gone: { url: gone.url } },
      servers: { default: { upstreams: ['up', 'gone'] } },
    });
    const gateway = await startGatewayIn(folder, []);
    expect(await gateway.complained(/^upstream gone: /)).toBe('upstream gone: Upstream gone could not be reached');
    expect(await gateway.complained(/^virtual server default: /)).toMatch(
      / up__x{70} of upstream up has 74 characters/,
    );
  });

  test('asks no upstream at its start with --quiet', async () => {
    const upstream = await listing({ tools: tools('x'.repeat(70)) });
    const folder = await folderWith({
      upstreams: { up: { url: upstream.url } },
      servers: { default: { upstreams: ['up'] } },
    });
    const gateway = await startGatewayIn(folder);
    await gateway.end();
    expect(upstream.heard).toEqual([]);
    expect(gateway.complaints()).toBe('');
  });
});
