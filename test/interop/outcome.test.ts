import { expect, test } from 'vitest';
import { broke, closingLine, exitStatusOf, problemsOf, ran, tableOf, type Part } from './outcome.ts';

const PASSED = { name: 'called', problem: undefined };
const FAILED = { name: 'ended', problem: 'exit 1' };
const REFUSED: Part = { name: 'go-sdk', way: '', outcome: { kind: 'not to be had', reason: 'Go: no such file' } };

test('checks are counted one by one, and what could not be had once', () => {
  const parts = [ran('fastmcp', 'legacy', [PASSED, PASSED, FAILED]), REFUSED];
  expect(closingLine(parts)).toBe('2 passed, 1 failed, 1 not to be had');
  expect(tableOf(parts).slice(1)).toEqual([
    ['fastmcp', 'legacy', '2', '1'],
    ['go-sdk', '', 'not to be had', ''],
  ]);
});

test('what failed and what could not be had is named with its reason', () => {
  expect(problemsOf([ran('fastmcp', 'legacy', [PASSED, FAILED]), REFUSED])).toEqual([
    'failed: fastmcp legacy: ended: exit 1',
    'not to be had: go-sdk: Go: no such file',
  ]);
});

test('a run fails by one failed check, and not by what could not be had', () => {
  expect(exitStatusOf([ran('fastmcp', 'legacy', [PASSED]), REFUSED])).toBe(0);
  expect(exitStatusOf([ran('fastmcp', 'legacy', [PASSED, FAILED]), REFUSED])).toBe(1);
});

test('a peer that breaks has failed, and says how', () => {
  const part = broke('inspector', new TypeError('no such path'));
  expect(exitStatusOf([part])).toBe(1);
  expect(problemsOf([part])[0]).toMatch(/^failed: inspector: run: TypeError: no such path\n/);
});

test('a part that has checked nothing has failed', () => {
  const part = ran('fastmcp', 'legacy', []);
  expect(closingLine([part])).toBe('0 passed, 1 failed, 0 not to be had');
  expect(problemsOf([part])).toEqual(['failed: fastmcp legacy: nothing was checked']);
  expect(exitStatusOf([part])).toBe(1);
});

test('a run without parts has failed', () => {
  expect(exitStatusOf([])).toBe(1);
});
