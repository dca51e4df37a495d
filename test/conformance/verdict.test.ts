import { expect, test } from 'vitest';
import type { ScenarioResult } from './suite.ts';
import { judge } from './verdict.ts';

const PAIR = '2026-07-28 -> modern';

function result(scenario: string, ...statuses: ('SUCCESS' | 'FAILURE' | 'SKIPPED' | 'WARNING')[]): ScenarioResult {
  const checks = statuses.map((status) => ({ id: `${scenario}-check`, status, errorMessage: 'because' }));
  return { scenario, notScored: undefined, checks };
}

const GOOD = [result('ping', 'SUCCESS'), result('caching', 'SUCCESS', 'SKIPPED')];

test('a run in which everything passes has no problems', () => {
  expect(judge(PAIR, 2, GOOD, 3, {})).toEqual({
    pair: PAIR,
    passed: 2,
    total: 2,
    checksPassed: 2,
    checksSkipped: 1,
    environments: 3,
    problems: [],
    remarks: [],
  });
});

test('a failed check is a problem that says why', () => {
  const verdict = judge(PAIR, 2, [result('ping', 'FAILURE'), result('caching', 'SUCCESS')], 3, {});
  expect(verdict).toMatchObject({ passed: 1, problems: ['ping: ping-check: because'] });
});

test('an expected failure is a remark with its reason', () => {
  const expected = { ping: 'the wire cannot carry it' };
  const verdict = judge(PAIR, 2, [result('ping', 'FAILURE'), result('caching', 'SUCCESS')], 3, expected);
  expect(verdict).toMatchObject({
    passed: 1,
    problems: [],
    remarks: ['ping failed as expected: the wire cannot carry it'],
  });
});

test('an expected failure that passes is a problem', () => {
  const { problems } = judge(PAIR, 2, GOOD, 3, { ping: 'was broken' });
  expect(problems).toEqual(['ping passes or is not run, but is listed as an expected failure']);
});

test('a suite that ends before its last scenario is a problem', () => {
  expect(judge(PAIR, 37, GOOD, 3, {}).problems).toEqual(['2 scenarios were scored instead of 37']);
});

test('a scenario that is not scored changes nothing', () => {
  const extra = { ...result('tasks', 'FAILURE'), notScored: 'extension' };
  expect(judge(PAIR, 2, [...GOOD, extra], 3, {}).problems).toEqual([]);
});

test('a gateway that used one environment only is a problem', () => {
  expect(judge(PAIR, 2, GOOD, 1, {}).problems).toHaveLength(1);
  expect(judge(PAIR, 2, GOOD, undefined, {}).problems).toEqual([]);
});

test('a warning is a remark', () => {
  const verdict = judge(PAIR, 1, [result('ping', 'SUCCESS', 'WARNING')], 3, {});
  expect(verdict).toMatchObject({ problems: [], remarks: ['warning: ping: ping-check: because'] });
});
