import { describe, expect, it } from 'vitest';
import { formatProblems } from '../../lib/config/problems.ts';
import { pathsOf, problemsOf, withTop, withUpstream } from './sample.ts';

describe('problems', () => {
  it('are printed one per line under the name of the file', () => {
    const problems = [
      { path: 'upstreams.time.timeoutMs', expected: 'a whole number', found: '0' },
      { path: 'speed', expected: 'no such key' },
    ];
    expect(formatProblems(problems, 'gateway.config.json')).toBe(
      [
        'gateway.config.json: 2 problems',
        '  upstreams.time.timeoutMs: expected a whole number, found 0',
        '  speed: expected no such key',
      ].join('\n'),
    );
  });

  it('are counted in the singular when there is one', () => {
    expect(formatProblems([{ path: 'a', expected: 'b' }], 'f').split('\n')[0]).toBe('f: 1 problem');
  });

  it('quote keys that are not plain words', () => {
    expect(pathsOf(withTop({ 'a b': 1, 'a.b': 2, '': 3, a_b: 4, 'a-b': 5 }))).toEqual([
      '["a b"]',
      '["a.b"]',
      '[""]',
      'a_b',
      'a-b',
    ]);
  });

  it('let no control or invisible character of the file reach the terminal', () => {
    const hostile = '\u001b[31m\u0007\u009b\u202e\u2028\ud800';
    const shown = formatProblems(
      [...problemsOf(withTop({ [hostile]: 1 })), ...problemsOf(withUpstream({ era: hostile }))],
      'f',
    );
    expect(shown.replaceAll('\n', '')).toMatch(/^\P{C}*$/u);
    expect(shown).not.toContain('\u2028');
  });

  it('tell values of the wrong kind by their kind', () => {
    const found = (era: unknown) => problemsOf(withUpstream({ era }))[0]?.found;
    expect([[], [1], {}, null, true, 5, ''].map(found)).toEqual([
      'an empty list',
      'a list',
      'an object',
      'null',
      'true',
      '5',
      '""',
    ]);
  });
});
