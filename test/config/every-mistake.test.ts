import { describe, expect, it } from 'vitest';
import { FILE, MISTAKES } from './mistakes.ts';
import { problemsOfText } from './sample.ts';

describe('a file with every kind of mistake', () => {
  it('has all of them named by one run, each at its place and only there', () => {
    const expected = MISTAKES.map(([path, text]): unknown => ({
      path,
      expected: typeof text === 'string' ? text : expect.stringMatching(text),
    }));
    expect(problemsOfText(FILE).map(({ path, expected }) => ({ path, expected }))).toEqual(expected);
  });
});
