import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../lib/local/options.ts';

describe('the options', () => {
  test('have defaults', () => {
    expect(parseOptions([])).toEqual({
      kind: 'options',
      options: {
        configFile: undefined,
        port: 8787,
        environments: 10,
        affinity: false,
        stateDirectory: undefined,
        quiet: false,
      },
    });
  });

  test('are read', () => {
    const args = ['--config', 'a.json', '--port=0', '--environments', '3', '--affinity', '--state', 'dir', '--quiet'];
    expect(parseOptions(args)).toEqual({
      kind: 'options',
      options: {
        configFile: 'a.json',
        port: 0,
        environments: 3,
        affinity: true,
        stateDirectory: 'dir',
        quiet: true,
      },
    });
  });

  test('keep state in memory when asked to', () => {
    expect(parseOptions(['--state', 'memory'])).toMatchObject({ options: { stateDirectory: undefined } });
  });

  test('ask for help', () => {
    expect(parseOptions(['--help'])).toEqual({ kind: 'help' });
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
    const result = parseOptions(args);
    expect(result).toMatchObject({ kind: 'wrong', problem: expect.stringContaining(name) });
  });
});
