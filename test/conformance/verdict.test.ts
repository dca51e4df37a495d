import { expect, test } from 'vitest';
import type { ScenarioResult } from './suite.ts';
import { judge } from './verdict.ts';

const PAIR = '2026-07-28 -> modern';

function result(scenario: string, ...statuses: ('SUCCESS' | 'FAILURE' | 'SKIPPED' | 'WARNING')[]): ScenarioResult {
  const checks = statuses.map((status) => ({ id: `${scenario}-check`, status, errorMessage: 'because' }));
  return { scenario, notScored: undefined, checks };
}

const SERVED = { environments: 3, troubles: [] };
const GOOD = [result('ping', 'SUCCESS'), result('caching', 'SUCCESS', 'SKIPPED')];

test('a run in which everything passes has no problems', () => {
  expect(judge(PAIR, 2, GOOD, SERVED, {})).toEqual({
    pair: PAIR,
    passed: 2,
    total: 2,
    checksPassed: 2,
    checksFailed: 0,
    checksSkipped: 1,
    service: SERVED,
    problems: [],
    remarks: [],
  });
});

test('a failed check is a problem that says why', () => {
  const verdict = judge(PAIR, 2, [result('ping', 'FAILURE'), result('caching', 'SUCCESS')], SERVED, {});
  expect(verdict).toMatchObject({ passed: 1, problems: ['ping: ping-check: because'] });
});

const EXPECTED = { ping: { checks: ['ping-check'], reason: 'the wire cannot carry it' } };

test('an expected failure is a remark with its reason', () => {
  const verdict = judge(PAIR, 2, [result('ping', 'FAILURE'), result('caching', 'SUCCESS')], SERVED, EXPECTED);
  expect(verdict).toMatchObject({
    passed: 1,
    problems: [],
    remarks: ['ping failed as expected: the wire cannot carry it'],
  });
});

test('an expected failure that passes is a problem', () => {
  const { problems } = judge(PAIR, 2, GOOD, SERVED, EXPECTED);
  expect(problems).toEqual(['ping: ping-check passes or is not run, but is listed as an expected failure']);
});

test('of a scenario that is expected to fail, a check that is not is a problem', () => {
  const [{ checks, ...ping }] = [result('ping', 'FAILURE')];
  const other = { id: 'wire-check', status: 'FAILURE', errorMessage: 'no response' } as const;
  const results = [{ ...ping, checks: [...checks, other] }, result('caching', 'SUCCESS')];
  expect(judge(PAIR, 2, results, SERVED, EXPECTED).problems).toEqual(['ping: wire-check: no response']);
});

test('a check of announced changes that is skipped is a problem', () => {
  const skipped = { id: 'server-sends-tools-list-changed', status: 'SKIPPED' } as const;
  const results = [result('ping', 'SUCCESS'), { scenario: 'stateless', notScored: undefined, checks: [skipped] }];
  expect(judge(PAIR, 2, results, SERVED, {}).problems).toEqual([
    'stateless: server-sends-tools-list-changed was skipped: changes are not announced',
  ]);
});

test('a suite that ends before its last scenario is a problem', () => {
  expect(judge(PAIR, 37, GOOD, SERVED, {}).problems).toEqual(['2 scenarios were scored instead of 37']);
});

test('a scenario that is not scored changes nothing', () => {
  const extra = { ...result('tasks', 'FAILURE'), notScored: 'extension' };
  expect(judge(PAIR, 2, [...GOOD, extra], SERVED, {}).problems).toEqual([]);
});

test('a gateway that used one environment only is a problem', () => {
  expect(judge(PAIR, 2, GOOD, { ...SERVED, environments: 1 }, {}).problems).toHaveLength(1);
  expect(judge(PAIR, 2, GOOD, undefined, {}).problems).toEqual([]);
});

test('what a gateway tells its operator is a problem', () => {
  const troubles = ['an upstream was left out'];
  expect(judge(PAIR, 2, GOOD, { ...SERVED, troubles }, {}).problems).toEqual(['trouble: an upstream was left out']);
});

test('a warning is a remark', () => {
  const verdict = judge(PAIR, 1, [result('ping', 'SUCCESS', 'WARNING')], SERVED, {});
  expect(verdict).toMatchObject({ problems: [], remarks: ['warning: ping: ping-check: because'] });
});
