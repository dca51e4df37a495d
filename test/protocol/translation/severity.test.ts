import { describe, expect, test } from 'vitest';
import { isLogLevel } from '../../../lib/protocol/methods.ts';
import { isLoggedAt } from '../../../lib/protocol/translation/severity.ts';

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

describe('a log message', () => {
  test('is sent at the level that was asked for and above, and not below', () => {
    for (const [wantedAt, wanted] of LEVELS.entries()) {
      for (const [at, level] of LEVELS.entries()) expect(isLoggedAt(level, wanted)).toBe(at >= wantedAt);
    }
  });

  test.each([[undefined], [null], [3], ['verbose'], ['ERROR'], [''], [['error']], [{}]])(
    'of the level %j is not sent',
    (level) => {
      expect(isLoggedAt(level, 'debug')).toBe(false);
    },
  );

  test('is not sent to whom asks for a level that does not exist', () => {
    expect(isLoggedAt('emergency', 'verbose')).toBe(false);
  });

  test('has every level that may be asked for', () => {
    expect(LEVELS.filter(isLogLevel)).toEqual(LEVELS);
    expect(LEVELS.filter((level) => !isLoggedAt(level, level))).toEqual([]);
  });
});
