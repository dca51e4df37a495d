import { expect, test } from 'vitest';
import { judgeSuite } from './dynamodb.ts';

type Status = 'passed' | 'failed' | 'pending';

function reportOf(...statuses: readonly Status[]): string {
  const assertionResults = statuses.map((status, number) => ({
    fullName: `test ${number}`,
    status,
    failureMessages: status === 'failed' ? ['expected 1 to be 2'] : [],
  }));
  return JSON.stringify({ testResults: [{ name: 'file', status: 'passed', message: 'no suite', assertionResults }] });
}

function judge(report: string | undefined, ending = 'exit 0') {
  return judgeSuite(report, ending, 'on stderr').map(({ name, problem }) => [name, problem]);
}

test('each test that has passed is a check that passes', () => {
  expect(judge(reportOf('passed', 'passed'))).toEqual([
    ['test 0', undefined],
    ['test 1', undefined],
  ]);
});

test('a test that has failed, or was left out, is a check that fails', () => {
  expect(judge(reportOf('failed', 'pending'), 'exit 1')).toEqual([
    ['test 0', 'failed: expected 1 to be 2'],
    ['test 1', 'pending'],
  ]);
});

test('a run that leaves no report has failed', () => {
  expect(judge(undefined, 'was killed after 900 s')).toEqual([
    ['suite', 'left no report: was killed after 900 s: on stderr'],
  ]);
});

test('a file without tests has failed', () => {
  expect(judge(reportOf(), 'exit 1')[0]).toEqual(['file', 'holds no test: no suite']);
});

test('a run that ends badly has failed, although all its tests passed', () => {
  expect(judge(reportOf('passed'), 'exit 1')).toEqual([
    ['test 0', undefined],
    ['suite', 'exit 1 with 1 tests: on stderr'],
  ]);
});

test('a run without files has failed', () => {
  expect(judge('{"testResults":[]}')).toEqual([['suite', 'exit 0 with 0 tests: on stderr']]);
});
