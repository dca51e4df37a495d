import { describe, expect, test } from 'vitest';
import { parseCommand, USAGE } from '../../lib/local/operator/options.ts';
import { temporaryFolder } from './kit.ts';
import { sluice } from './sluice-kit.ts';

const NOWHERE = { state: undefined, configFile: undefined, table: undefined, region: undefined, endpoint: undefined };

describe('the command line of sluice', () => {
  test('takes each command with its options', () => {
    const commandOf = (line: string) => {
      const parsed = parseCommand(line.split(' '));
      return parsed.kind === 'command' ? parsed.command : parsed;
    };
    expect(commandOf('check --config a.json --deployed --json')).toEqual({
      kind: 'check',
      configFile: 'a.json',
      isDeployed: true,
      asJson: true,
    });
    expect(commandOf('tools list --server default')).toEqual({ kind: 'list-tools', server: 'default', place: NOWHERE });
    expect(commandOf('tools diff --state local')).toEqual({
      kind: 'diff-tools',
      place: { ...NOWHERE, state: 'local' },
    });
    expect(commandOf('tools accept --all')).toEqual({ kind: 'accept-tools', choices: 'all', place: NOWHERE });
    expect(commandOf('sessions list --table t --region r --endpoint http://e')).toEqual({
      kind: 'list-sessions',
      place: { ...NOWHERE, table: 't', region: 'r', endpoint: 'http://e' },
    });
    expect(commandOf('trace latest')).toEqual({ kind: 'trace', id: 'latest' });
    expect(commandOf('sessions end abcdefgh')).toEqual({ kind: 'end-session', hash: 'abcdefgh', place: NOWHERE });
  });

  const DIGEST = `-${'aB_9'.repeat(10)}-z`;

  test.for([
    ['up__a', 'up__a', undefined],
    [`up__a@${DIGEST}`, 'up__a', DIGEST],
    [`@${DIGEST}`, undefined, DIGEST],
    [`a@b@${DIGEST}`, 'a@b', DIGEST],
    [`a@${DIGEST}@${DIGEST}`, `a@${DIGEST}`, DIGEST],
    [`a\n@${DIGEST}`, 'a\n', DIGEST],
    ['a@b', 'a@b', undefined],
    [`a@${DIGEST.slice(1)}`, `a@${DIGEST.slice(1)}`, undefined],
    [`a@${DIGEST} `, `a@${DIGEST} `, undefined],
  ] as const)('takes %j for the tools to accept', ([text, name, digest]) => {
    const command = {
      kind: 'accept-tools',
      choices: [
        { name: 'other', digest: undefined },
        { name, digest },
      ],
    };
    expect(parseCommand(['tools', 'accept', 'other', text])).toEqual({
      kind: 'command',
      command: { ...command, place: NOWHERE },
    });
  });

  test('refuses an empty name of a tool', () => {
    const problem = 'tools accept expects names of tools, or --all';
    expect(parseCommand(['tools', 'accept', ''])).toEqual({ kind: 'wrong', problem });
  });

  test.for(['-bcdefgh', '--cdefghijkl', '-------------'])(
    'takes the hash %s for one, although it begins with a hyphen',
    (hash) => {
      const command = { kind: 'end-session', hash, place: { ...NOWHERE, state: 'local' } };
      expect(parseCommand(['sessions', 'end', hash, '--state', 'local'])).toEqual({ kind: 'command', command });
    },
  );

  test.for([
    ['', 'A command is missing'],
    ['chek', 'There is no command "chek"'],
    ['tools', 'There is no command "tools"'],
    ['tools drop', 'There is no command "tools drop"'],
    ['check --speed', /Unknown option '--speed'/],
    ['check --all', 'check has no option --all'],
    ['check now', 'check does not know what to do with "now"'],
    ['tools accept', 'tools accept expects names of tools, or --all'],
    ['tools accept a --all', 'tools accept expects names of tools, or --all'],
    ['sessions end', /^sessions end expects the hash of a session, 8 characters/],
    ['sessions end abcdefg', /^sessions end expects the hash of a session, 8 characters/],
    ['sessions end abcdefgh more', 'sessions end does not know what to do with "more"'],
    ['sessions list --state here', '--state expects "local"'],
    ['sessions list --table=', '--table expects a value'],
    ['sessions list --endpoint example', '--endpoint expects a URL of http: or https:'],
    ['tools diff --state local --table t', /^--table does not go with --state local/],
    ['tools diff --state local --config c', /^--config does not go with --state local/],
  ] as const)('refuses "%s" with status 2 and how it is used', async ([line, problem]) => {
    const { status, out, err } = await sluice(await temporaryFolder(), line === '' ? [] : line.split(' '));
    expect(err.split('\n\n').at(-1)).toMatch(problem);
    expect(err).toContain(USAGE);
    expect({ status, out }).toEqual({ status: 2, out: '' });
  });

  test('prints how it is used on --help', async () => {
    expect(await sluice(await temporaryFolder(), ['--help'])).toEqual({ status: 0, out: USAGE, err: '' });
  });
});
