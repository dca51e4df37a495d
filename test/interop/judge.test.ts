import { expect, test } from 'vitest';
import { judgeJourney, type Check } from './judge.ts';

const EXPECTED = { connected: { version: '2025-11-25' }, called: { text: 'hé', parts: [1, 2] } };
const CONNECTED = '{"check":"connected","saw":{"version":"2025-11-25"}}';
const CALLED = '{"check":"called","saw":{"parts":[1.0,2],"text":"h\\u00e9"}}';

function judge(lines: readonly string[], ending = 'exit 0', stderr = ''): readonly Check[] {
  return judgeJourney({ stdout: lines.map((line) => `${line}\n`).join(''), stderr, ending }, EXPECTED);
}

function problems(checks: readonly Check[]): readonly string[] {
  return checks.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]));
}

test('a client that has seen everything passes each check and the end', () => {
  const checks = judge([CONNECTED, CALLED]);
  expect(checks.map(({ name }) => name)).toEqual(['connected', 'called', 'end']);
  expect(problems(checks)).toEqual([]);
});

test('a client that prints nothing fails every check, however well it ends', () => {
  expect(problems(judge([]))).toEqual(['connected: reported 0 times', 'called: reported 0 times']);
});

test('a client that ends badly fails, whatever it has reported', () => {
  const checks = judge([CONNECTED, CALLED], 'exit 1', 'Traceback: it broke\n');
  expect(problems(checks)).toEqual(['end: exit 1: Traceback: it broke']);
});

test('a client that is killed in the middle fails what is missing, and its end', () => {
  const checks = judge([CONNECTED], 'was killed after 60 s');
  expect(problems(checks)).toEqual(['called: reported 0 times', 'end: was killed after 60 s: ']);
});

test('a client that has seen something else fails, and both are told', () => {
  const checks = judge(['{"check":"connected","saw":{"version":"2024-11-05"}}', CALLED]);
  expect(problems(checks)).toEqual(['connected: saw {"version":"2024-11-05"} instead of {"version":"2025-11-25"}']);
});

test('a client that has seen more than it should fails', () => {
  const checks = judge([CONNECTED, '{"check":"called","saw":{"text":"hé","parts":[1,2],"more":true}}']);
  expect(problems(checks)).toHaveLength(1);
});

test('a report that comes twice fails', () => {
  expect(problems(judge([CONNECTED, CALLED, CALLED]))).toEqual(['called: reported 2 times']);
});

test.each([
  ['a line that is no JSON', 'Hello'],
  ['JSON that is no report', '{"check":"called"}'],
  ['a report of what nobody expects', '{"check":"toString","saw":{}}'],
])('%s fails', (_, line) => {
  expect(problems(judge([CONNECTED, CALLED, line]))).toEqual([`report: unexpected: ${line}`]);
});
