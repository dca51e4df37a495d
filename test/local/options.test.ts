import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../lib/local/options.ts';

describe('the options', () => {
  test('have defaults', () => {
    expect(parseOptions([], {})).toEqual({
      kind: 'options',
      options: {
        configFile: undefined,
        port: 8787,
        environments: 10,
        affinity: false,
        stateDirectory: undefined,
        hasConsole: true,
        quiet: false,
        log: undefined,
      },
    });
  });

  test('are read', () => {
    const args = [
      '--config',
      'a.json',
      '--port=0',
      '--environments',
      '3',
      '--affinity',
      '--state',
      'dir',
      '--quiet',
      '--no-console',
    ];
    expect(parseOptions(args, {})).toEqual({
      kind: 'options',
      options: {
        configFile: 'a.json',
        port: 0,
        environments: 3,
        affinity: true,
        stateDirectory: 'dir',
        hasConsole: false,
        quiet: true,
        log: 'errors',
      },
    });
  });

  test('keep state in memory when asked to', () => {
    expect(parseOptions(['--state', 'memory'], {})).toMatchObject({ options: { stateDirectory: undefined } });
  });

  test.for(['json', 'pretty', 'errors'])('take the form of the log from SLUICE_LOG=%s', (log) => {
    expect(parseOptions([], { SLUICE_LOG: log })).toMatchObject({ options: { log } });
  });

  test('leave the form of the log open when SLUICE_LOG is empty', () => {
    expect(parseOptions([], { SLUICE_LOG: '' })).toMatchObject({ options: { log: undefined } });
  });

  test('let --quiet decide before SLUICE_LOG', () => {
    expect(parseOptions(['--quiet'], { SLUICE_LOG: 'json' })).toMatchObject({ options: { log: 'errors' } });
  });

  test.for([[[]], [['--quiet']]] as const)('are refused with a SLUICE_LOG that does not exist: %j', ([args]) => {
    const problem = 'SLUICE_LOG expects json, pretty or errors, not "JSON"';
    expect(parseOptions(args, { SLUICE_LOG: 'JSON' })).toEqual({ kind: 'wrong', problem });
  });

  test('ask for help', () => {
    expect(parseOptions(['--help'], {})).toEqual({ kind: 'help' });
  });

  test.for([
    [['--nonsense'], '--nonsense'],
    [['file.json'], 'file.json'],
    [['--port'], '--port'],
    [['--port', '70000'], '--port'],
    [['--port', '-1'], '--port'],
    [['--port', '1e3'], '--port'],
    [['--port', ''], '--port'],
    [['--environments', '0'], '--environments'],
    [['--environments', 'many'], '--environments'],
    [['--affinity=yes'], '--affinity'],
    [['--config', ''], '--config'],
    [['--state', ''], '--state'],
  ] as const)('are refused by name when they are wrong: %j', ([args, name]) => {
    const result = parseOptions(args, {});
    expect(result).toMatchObject({ kind: 'wrong', problem: expect.stringContaining(name) });
  });
});
